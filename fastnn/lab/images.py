"""Receptive fields, computed and measured; what shifts of an image cost."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import nn
from ..creation import from_numpy, tensor
from ..grad_mode import no_grad
from ..nn.utils import evaluating
from ..random import Generator

_PIXELWISE = (  # each output sees its own pixel
    nn.BatchNorm2d,
    nn.Dropout,
    nn.Identity,
    nn.LeakyReLU,
    nn.LocalResponseNorm,
    nn.ReLU,
    nn.Sigmoid,
    nn.Tanh,
)

_LOCAL = nn.Conv2d, nn.LocallyConnected2d, nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d


@dataclass(frozen=True)
class ReceptiveField:
    """Which inputs an output sees: output (i, j) sees `size` rows and columns, the first of them at
    start + stride * (i, j).  Each is (vertical, horizontal), in input pixels; start is negative
    with padding.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    start: tuple[int, int]

    def box(self, position: Sequence[int], input_size: Sequence[int]) -> tuple[int, int, int, int]:
        """(top, bottom, left, right) of what the output at `position` (i, j) sees of an input of
        `input_size` (H, W), half open, the padding cut off."""
        box: list[int] = []
        for axis in (0, 1):
            first = self.start[axis] + self.stride[axis] * position[axis]
            last = min(first + self.size[axis], input_size[axis])
            box += [max(first, 0), last]
        return box[0], box[1], box[2], box[3]


def receptive_field(model: nn.Module) -> ReceptiveField:
    """Receptive field of a chain of layers, computed from kernels, strides, paddings and dilations:
    size += (k - 1) dilation * stride so far;  start -= padding * stride so far;  stride *= s.

    model: a layer or a `Sequential`, nested as one likes, of 2-D convolutions, shared or not, and
    pooling, and of layers that work on each pixel by itself.  Raises TypeError that names any other
    layer; ValueError for a padding that shows what lies outside of the field: circular, or reflect
    or replicate by more than their window holds.
    Source: Araujo, Norris, Sim 2019, doi:10.23915/distill.00021.
    """
    size, stride, start = [1, 1], [1, 1], [0, 0]
    for layer in _chain(model):
        if isinstance(layer, _PIXELWISE):
            continue
        kernel, step, padding, dilation = _geometry(layer)
        for axis in (0, 1):
            size[axis] += (kernel[axis] - 1) * dilation[axis] * stride[axis]
            start[axis] -= padding[axis] * stride[axis]
            stride[axis] *= step[axis]
    return ReceptiveField((size[0], size[1]), (stride[0], stride[1]), (start[0], start[1]))


def measured_receptive_field(
    model: nn.Module,
    input_size: Sequence[int],
    position: Sequence[int],
    *,
    trials: int = 256,
    seed: int = 0,
    positive: bool = True,
) -> np.ndarray:
    """Which inputs change the output at `position`, found by differentiation.

    input_size: (C, H, W) of one sample.  position: (i, j) in the output's plane; its channels are
    added up.  Returns bool (H, W): True where the derivative of the output by the input is not 0,
    in any channel, for any of `trials` random inputs in [0, 1).

    positive: measure a copy of the model with the absolute values of its weights, so that no ReLU
    is dead and nothing cancels: then the whole field is found.  Max-pooling lets only the largest
    value through, which is why more than one input is tried.  Raises ValueError for an output that
    is not (N, C, H, W).
    """
    probe = copy.deepcopy(model).eval()
    with no_grad():
        for p in probe.parameters():
            if positive:
                p.copy_(from_numpy(np.abs(p.detach().numpy())))
    generator = Generator(seed)
    values = nn.init.uniform_(tensor(np.empty((trials, *input_size), np.float32)), 0, 1,
                              generator=generator)  # fmt: skip
    x = tensor(values.numpy(), requires_grad=True)
    y = probe(x)
    if y.ndim != 4:
        raise ValueError(
            f"measured_receptive_field: the model's output has shape {tuple(y.shape)}, "
            "expected (N, C, H, W)"
        )
    dy = np.zeros(tuple(y.shape), np.float32)
    dy[:, :, position[0], position[1]] = 1
    y.backward(from_numpy(dy))
    return (x.grad.numpy() != 0).any(axis=(0, 1))


def _chain(model: nn.Module) -> list[nn.Module]:
    if isinstance(model, nn.Sequential):
        return [layer for child in model.children() for layer in _chain(child)]
    return [model]


def _geometry(layer: Any) -> tuple[tuple[int, int], ...]:
    """kernel, stride, padding, dilation, each (vertical, horizontal)."""
    name = type(layer).__name__
    if not isinstance(layer, _LOCAL):
        raise TypeError(
            f"receptive_field: {name} is not a 2-D convolution or pooling, nor a layer that works "
            "on each pixel by itself"
        )
    kernel = _pair(layer.kernel_size)
    dilation = _pair(getattr(layer, "dilation", 1))
    padding = getattr(layer, "padding", 0)
    spans = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    before = after = (0, 0)
    if padding == "same":  # what is odd goes to the end
        before = spans[0] // 2, spans[1] // 2
        after = spans[0] - before[0], spans[1] - before[1]
    elif padding != "valid":
        before = after = _pair(padding)
    mode = getattr(layer, "padding_mode", "zeros")
    # The far side is seen, or of the near one what lies beyond the window.
    reach = {"zeros": 0, "replicate": 1, "reflect": 2}.get(mode, math.inf)
    if any(p and p * reach > span for p, span in zip(after, spans, strict=True)):
        raise ValueError(
            f"receptive_field: {name} pads {after} with padding_mode {mode!r}, so its outputs at "
            "the border see inputs outside of the field"
        )
    stride = kernel if layer.stride is None else _pair(layer.stride)
    return kernel, stride, before, dilation


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def shift(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """x (..., H, W) moved by whole pixels, either sign; what comes in is 0. Returns a new array."""
    moved = np.zeros_like(x)
    height, width = x.shape[-2:]
    if abs(down) < height and abs(right) < width:
        to_rows, from_rows = _slices(down, height)
        to_columns, from_columns = _slices(right, width)
        moved[..., to_rows, to_columns] = x[..., from_rows, from_columns]
    return moved


def _slices(n: int, size: int) -> tuple[slice, slice]:
    return slice(max(n, 0), size + min(n, 0)), slice(max(-n, 0), size - max(n, 0))


@dataclass(frozen=True)
class ShiftTest:
    """accuracy[i, j]: with all images moved down by i - m and right by j - m pixels, m the largest
    shift."""

    accuracy: np.ndarray

    @property
    def unshifted(self) -> float:
        """Accuracy where nothing is moved."""
        middle = len(self.accuracy) // 2
        return float(self.accuracy[middle, middle])

    @property
    def shifted(self) -> float:
        """Mean accuracy of all real moves; of none, the unshifted."""
        n = self.accuracy.size - 1
        total = float(self.accuracy.sum()) - self.unshifted
        return total / n if n else self.unshifted

    @property
    def drop(self) -> float:
        """What moving costs: unshifted - shifted."""
        return self.unshifted - self.shifted


def shift_test(
    model: nn.Module, x: np.ndarray, y: np.ndarray, *, max_shift: int = 2, batch_size: int = 500
) -> ShiftTest:
    """Accuracy of a classifier on images moved by up to `max_shift` pixels in both directions.

    x (N, C, H, W), y (N,) labels.  The model, in evaluation mode, gives logits (N, classes).
    Raises ValueError for a negative max_shift, no images or labels of another shape.
    """
    if max_shift < 0:
        raise ValueError(f"shift_test: max_shift is {max_shift}, expected at least 0")
    if not len(x):
        raise ValueError("shift_test: x has no images")
    labels = np.asarray(y)
    if labels.shape != (len(x),):
        raise ValueError(f"shift_test: y has shape {labels.shape}, expected ({len(x)},)")
    n = 2 * max_shift + 1
    right = np.zeros((n, n), np.int64)
    with evaluating(model):
        for i, j in np.ndindex(n, n):
            for k in range(0, len(x), batch_size):
                moved = shift(x[k : k + batch_size], i - max_shift, j - max_shift)
                logits = model(from_numpy(moved)).numpy()
                right[i, j] += int((logits.argmax(axis=1) == labels[k : k + batch_size]).sum())
    return ShiftTest(right / len(x))
