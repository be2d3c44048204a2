"""Positional encoding: the paper's formula, both orders of axes, what is refused."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import nn


@pytest.mark.parametrize("d", [1, 6, 7])
def test_formula(d):
    y = nn.PositionalEncoding(d, 20)(fastnn.zeros(20, d)).numpy()
    for t in (0, 1, 19):
        for c in range(d):
            angle = t / 10000 ** (2 * (c // 2) / d)
            want = math.cos(angle) if c % 2 else math.sin(angle)
            assert abs(y[t, c] - want) < 1e-6


def test_axes_gradient_and_state():
    x = fastnn.randn(5, 3, 4, requires_grad=True)
    first = nn.PositionalEncoding(4)
    y = first(x)
    y.sum().backward()
    assert (x.grad.numpy() == 1).all() and not first.state_dict()
    turned = nn.PositionalEncoding(4, batch_first=True)(x.transpose(0, 1)).detach().numpy()
    assert np.array_equal(turned.swapaxes(0, 1), y.detach().numpy())


def test_refused():
    for shape in ((6, 2, 4), (5, 2, 3), (4,)):
        with pytest.raises(ValueError, match="PositionalEncoding: input has shape"):
            nn.PositionalEncoding(4, 5)(fastnn.ones(*shape))
    with pytest.raises(ValueError, match="d_model is 0"):
        nn.PositionalEncoding(0)
