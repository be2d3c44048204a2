"""Bars of the catalogue that a planted fault must miss."""

import importlib

import numpy as np
import pytest

from fastnn import demos, nn
from fastnn.backend import kernels


def figure(result, part):
    """The one figure whose name holds `part`."""
    (found,) = [f for f in result.figures if part in f.name]
    return found


def quick(name):
    return demos.find(name).run(quick=True, seed=0)


class NoGradient(nn.MaxPool2d):
    """The values of max-pooling, and a gradient of zeros."""

    def forward(self, input):
        return super().forward(input.detach()) + 0.0 * super().forward(input)


def test_ties_without_a_gradient_miss(monkeypatch):
    assert figure(quick("max-pooling"), "four equal maxima").passed
    monkeypatch.setattr(nn, "MaxPool2d", NoGradient)
    result = quick("max-pooling")
    assert not figure(result, "four equal maxima").passed
    assert figure(result, "values that differ").passed


@pytest.mark.parametrize(
    "name", ["max-pooling", "average-pooling", "convolution", "deconvolution", "weight-sharing"]
)
def test_what_a_row_was_given_is_told(name):
    """A count of the row's own settings is no measurement."""
    for f in quick(name).figures:
        if f.name.startswith(("settings", "combinations", "places")):
            assert f.relation is None and f.value in (8, 54, 78, 676)


def test_a_kernel_wrong_in_both_layers_misses(monkeypatch):
    """The transposed convolution and the convolution's input gradient are one kernel: a fault there
    must not be compared with itself."""
    right = kernels.conv2d_backward_input

    def shifted(*args, **kwargs):
        y = right(*args, **kwargs)
        y[...] = np.roll(y, 1, axis=1)
        return y

    assert figure(quick("deconvolution"), "direct loop").passed
    monkeypatch.setattr(kernels, "conv2d_backward_input", shifted)
    assert not figure(quick("deconvolution"), "direct loop").passed


def test_every_output_padding_is_tried():
    """Below the stride or the dilation, as the layer accepts them."""
    assert figure(quick("deconvolution"), "combinations").value == 6 * (1 + 2 + 3 + 2 + 2 + 3)


def test_an_unshared_layer_wrong_somewhere_misses(monkeypatch):
    """Weight sharing is judged by the library's own unshared layer."""
    right = kernels.locally_connected2d_backward_weight

    def without_a_row(*args, **kwargs):
        dweight = right(*args, **kwargs)
        dweight[13] = 0  # the middle row; a digit's corners are dark
        return dweight

    result = quick("weight-sharing")
    assert figure(result, "sum over places").passed
    assert list(result.picture["counts"].values()) == [9, 9 * 676, 784 * 676]
    monkeypatch.setattr(kernels, "locally_connected2d_backward_weight", without_a_row)
    assert not figure(quick("weight-sharing"), "sum over places").passed


def test_the_series_are_hard_enough_to_miss(monkeypatch):
    """Noise keeps the accuracy off 1, and a network that is trained less misses."""
    module = importlib.import_module("fastnn.demos.fully_convolutional")
    assert 0.95 <= figure(quick("fully-convolutional"), "Conv1d: test accuracy").value < 0.99
    fit = module.fit

    def shorter(*args, epochs, **kwargs):
        return fit(*args, epochs=max(1, epochs // 4), **kwargs)

    monkeypatch.setattr(module, "fit", shorter)
    assert not figure(quick("fully-convolutional"), "Conv1d: test accuracy").passed
