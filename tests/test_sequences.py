"""The made-up sequence problems: shapes, labels, seeds and refusals."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets


def test_first_symbol_is_the_label():
    x, y = datasets.first_symbol_recall(800, 10, generator=fastnn.Generator(3))
    assert x.shape == (800, 11, 8) and x.dtype == np.float32 and y.dtype == np.int64
    assert np.array_equal(x[:, 0].argmax(1), y)
    assert np.array_equal(x.sum(2), np.ones((800, 11), np.float32))
    assert np.bincount(x.argmax(2).ravel(), minlength=8).min() > 8800 / 8 * 0.85


def test_delayed_label_is_the_symbol_ahead():
    x, y = datasets.delayed_label(50, 20, generator=fastnn.Generator(4))
    assert x.shape == (50, 23, 2) and y.shape == (50, 20)
    assert np.array_equal(x[:, 3:].argmax(2), y)
    assert abs((x[:, :20].argmax(2) == y).mean() - 0.5) < 0.06


@pytest.mark.parametrize("make", [datasets.first_symbol_recall, datasets.delayed_label])
def test_seed_noise_and_refusals(make):
    a, b, c = (make(40, 5, noise=1e-3, generator=fastnn.Generator(s)) for s in (1, 1, 2))
    assert np.array_equal(a.x, b.x) and not np.array_equal(a.y, c.y)
    assert 8e-4 < (a.x - np.round(a.x)).std() < 1.2e-3
    assert len(make(0, 5).x) == 0
    for bad in ({"n": -1}, {"steps": -1}, {"symbols": 1}, {"noise": -1.0}, {"noise": np.nan}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} is"):
            make(**{"n": 2, "steps": 5, **bad})
