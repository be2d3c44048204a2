"""Awkward samples of the image operators for tests/op_table.py: convolution and pooling."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from op_inputs import Sample, distinct, normal


class Conv(NamedTuple):
    """N images of C_in channels and (H, W) pixels, C_out filters of (KH, KW)."""

    n: int
    c_in: int
    size: tuple[int, int]
    c_out: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    activation: str | None = None
    has_bias: bool = True


PLAIN = (
    Conv(0, 1, (5, 5), 2, (3, 3)),
    Conv(1, 1, (1, 1), 1, (1, 1)),
    Conv(2, 1, (12, 12), 6, (5, 5), padding=(2, 2)),  # LeNet-5, first layer
    Conv(2, 6, (9, 9), 16, (5, 5)),  # LeNet-5, second layer
    Conv(3, 3, (6, 19), 7, (3, 3), has_bias=False),  # output rows of 17
    Conv(1, 3, (5, 18), 8, (3, 3)),  # of 16
    Conv(1, 3, (4, 35), 9, (2, 3)),  # of 33
    Conv(2, 2, (8, 9), 12, (2, 2)),  # of 8
    Conv(9, 2, (4, 8), 13, (2, 2)),  # of 7; more images than one chunk of the weight gradient
    Conv(17, 1, (3, 3), 4, (3, 3)),  # kernel == image
    Conv(2, 4, (5, 5), 17, (1, 1)),  # 1x1
    Conv(2, 6, (4, 4), 33, (4, 4)),  # kernel == image
    Conv(1, 29, (4, 5), 33, (3, 4), padding=(1, 1)),  # 348 terms: more than one cache block
    Conv(2, 33, (3, 4), 31, (4, 3), padding=(1, 1)),
    Conv(1, 5, (12, 11), 32, (2, 2)),  # more output pixels than an indirect strip
    Conv(2, 40, (7, 8), 50, (6, 6), has_bias=False),  # a weight gradient summed in one chain
    Conv(1, 2, (1, 1), 3, (3, 3), padding=(1, 1)),  # all but one tap in the padding
    Conv(2, 2, (3, 2), 3, (2, 2), padding=(3, 4)),  # windows that see only padding
    Conv(3, 7, (3, 1), 18, (3, 1), stride=(2, 1), dilation=(1, 3)),
    Conv(2, 5, (23, 24), 18, (1, 1)),  # 1x1, more pixels than a block of the weight gradient
    Conv(9, 18, (6, 3), 5, (1, 1)),  # 1x1 with more channels in than out
    Conv(2, 33, (43, 48), 34, (1, 1)),  # 1x1, blocks of pixels brought near
)
STRIDED = (
    Conv(2, 3, (9, 9), 8, (3, 3), stride=(2, 2), padding=(1, 1)),
    Conv(2, 1, (8, 8), 5, (3, 3), stride=(2, 2)),  # the last row and column are not reached
    Conv(1, 2, (11, 11), 3, (2, 2), stride=(3, 3)),  # stride > kernel
    Conv(1, 3, (9, 10), 6, (1, 1), stride=(2, 2)),
    Conv(2, 2, (7, 13), 34, (3, 2), stride=(1, 4), padding=(0, 1)),
    Conv(1, 3, (10, 9), 4, (4, 3), stride=(3, 1), padding=(2, 0), has_bias=False),
    Conv(1, 9, (3, 3), 40, (5, 5), stride=(4, 4), padding=(2, 2)),
    Conv(1, 2, (2, 531), 20, (2, 5), stride=(1, 4), padding=(1, 3)),  # long rows split in four
    Conv(1, 160, (1, 1), 110, (1, 1), stride=(1, 3), padding=(0, 5)),  # phases without pixels
    Conv(1, 256, (1, 33), 64, (1, 3), stride=(1, 2)),  # phases that go different ways
)
DILATED = (
    Conv(2, 3, (9, 8), 5, (3, 3), padding=(2, 2), dilation=(2, 2)),
    Conv(1, 2, (9, 9), 17, (3, 2), dilation=(3, 5)),
    Conv(1, 2, (11, 12), 4, (3, 3), stride=(2, 3), padding=(1, 2), dilation=(2, 3)),
    Conv(1, 1, (8, 8), 3, (2, 2), stride=(2, 2), dilation=(2, 2)),  # odd pixels are not reached
    Conv(1, 3, (9, 7), 35, (2, 2), stride=(4, 2), dilation=(3, 4)),
)
GROUPED = (
    Conv(2, 4, (6, 6), 6, (3, 3), padding=(1, 1), groups=2),
    Conv(2, 6, (7, 12), 6, (3, 3), padding=(1, 1), groups=6),  # depthwise
    Conv(1, 3, (6, 6), 9, (3, 3), stride=(2, 2), groups=3, has_bias=False),
    Conv(1, 4, (5, 5), 80, (2, 2), padding=(1, 0), groups=2),
    Conv(9, 3, (4, 4), 3, (2, 2), dilation=(2, 1), groups=3),
)
DEPTHWISE = (
    Conv(2, 6, (13, 12), 6, (3, 3), padding=(1, 1), groups=6),
    Conv(1, 17, (7, 40), 17, (3, 3), padding=(0, 2), groups=17),
    Conv(2, 5, (10, 35), 5, (3, 5), padding=(1, 3), groups=5, activation="relu"),
    Conv(2, 3, (9, 34), 6, (3, 3), stride=(1, 2), padding=(1, 1), groups=3, activation="tanh"),
    Conv(1, 3, (12, 9), 3, (4, 6), stride=(3, 2), dilation=(2, 1), groups=3),
    Conv(1, 2, (13, 17), 2, (2, 2), padding=(2, 2), groups=2, activation="sigmoid"),
    Conv(3, 2, (2, 1), 2, (1, 1), groups=2, has_bias=False),
)
WINOGRAD = (
    Conv(2, 16, (8, 8), 16, (3, 3), padding=(1, 1)),  # whole tiles
    Conv(1, 17, (9, 13), 33, (3, 3), padding=(1, 1), has_bias=False),
    Conv(2, 16, (5, 6), 48, (3, 3)),  # fewer tiles than channels
    Conv(3, 31, (6, 6), 16, (3, 3), padding=(2, 2), activation="relu"),
    Conv(1, 16, (2, 2), 40, (3, 3), padding=(1, 1)),  # tiles of 2x2
    Conv(9, 40, (1, 5), 32, (3, 3), padding=(1, 2), activation="tanh"),
    Conv(2, 32, (7, 34), 36, (3, 3), padding=(0, 1), groups=2, activation="sigmoid"),
    Conv(1, 130, (3, 4), 20, (3, 3), padding=(1, 1)),  # more channels than a block
    Conv(0, 16, (4, 4), 16, (3, 3)),
    Conv(2, 17, (8, 11), 33, (5, 5), padding=(2, 2), activation="relu"),
    Conv(1, 32, (5, 6), 48, (5, 5), padding=(4, 0), groups=2, has_bias=False),
    Conv(1, 130, (4, 4), 20, (5, 5), padding=(2, 3)),  # few tiles
    Conv(1, 130, (7, 7), 70, (5, 5), padding=(2, 2)),  # tiles are kept, blocks of channels
    Conv(0, 16, (5, 5), 16, (5, 5)),
    Conv(1, 912, (5, 13), 17, (3, 3), padding=(1, 1)),  # more kept tiles than each thread's own
)
POLYPHASE = (  # strided, by Winograd over phases
    Conv(2, 3, (19, 22), 24, (7, 7), stride=(2, 2), padding=(3, 3)),
    Conv(1, 3, (35, 31), 33, (11, 11), stride=(4, 4), padding=(2, 2), activation="relu"),
    Conv(2, 5, (12, 9), 16, (5, 5), stride=(2, 2), padding=(4, 0), has_bias=False),
    Conv(1, 4, (20, 21), 40, (8, 8), stride=(2, 2), activation="tanh"),  # whole vectors of phases
    Conv(2, 4, (22, 16), 36, (9, 9), stride=(3, 3), padding=(2, 8), groups=2),
    Conv(1, 5, (17, 17), 17, (13, 13), stride=(4, 4), padding=(7, 7), activation="sigmoid"),
    Conv(1, 34, (5, 5), 50, (5, 5), stride=(2, 2), padding=(2, 2)),  # few tiles
    Conv(1, 3, (60, 60), 20, (15, 15), stride=(3, 3), padding=(1, 1)),  # five taps of a phase
    Conv(1, 2, (9, 9), 18, (9, 9), stride=(2, 2)),  # one output
    Conv(0, 3, (9, 9), 16, (7, 7), stride=(2, 2)),
)
LARGE_5X5 = Conv(3, 24, (30, 21), 40, (5, 5), padding=(2, 2))  # several tasks of Winograd's
LARGE_PHASES = Conv(3, 3, (58, 66), 40, (7, 7), stride=(2, 2), padding=(3, 3))
LARGE = (
    Conv(3, 3, (34, 33), 6, (5, 5), padding=(2, 2)),
    Conv(2, 16, (20, 20), 32, (3, 3), padding=(1, 1)),
    Conv(1, 20, (20, 21), 40, (3, 3), padding=(1, 1), activation="relu"),
    Conv(21, 6, (14, 14), 16, (5, 5), activation="tanh"),
    Conv(1, 3, (67, 63), 40, (7, 7), stride=(4, 4), padding=(2, 3)),  # parts of a split image
    Conv(2, 16, (31, 30), 24, (3, 3), stride=(2, 2), padding=(1, 1), activation="sigmoid"),
    Conv(2, 16, (21, 20), 40, (3, 3), padding=(2, 2), dilation=(2, 2)),
    Conv(1, 44, (16, 17), 170, (3, 3)),
    Conv(2, 64, (20, 20), 128, (3, 3), padding=(1, 1), groups=64),
    Conv(7, 24, (30, 26), 40, (3, 3), padding=(1, 1)),  # several tasks of Winograd's
    Conv(3, 64, (5, 5), 136, (3, 3), padding=(1, 1), groups=2),  # whose tiles are kept
    Conv(5, 1, (90, 91), 64, (1, 1)),  # enough pixels to share the sums of the bias gradient
    Conv(1, 130, (9, 39), 129, (1, 1)),  # one image's pixels shared by threads; patches copied
    Conv(1, 12, (40, 41), 30, (1, 1)),  # the same, in place
    Conv(1, 3, (1, 3000), 20, (1, 3)),  # one row, with taps
    Conv(1, 90, (7, 7), 200, (1, 1)),  # as many channels as pixels: the indirect way
    Conv(2, 2, (104, 103), 52, (3, 3)),  # outputs beyond L2: written in runs of rows
    Conv(1, 2, (1, 2103), 510, (1, 3)),  # and of parts of a row
)


def with_activation(name: str) -> tuple[Conv, ...]:
    """A direct, an indirect and an implicit-GEMM shape, and each kind of window."""
    some = (*PLAIN[2:6], PLAIN[12], STRIDED[0], STRIDED[4], DILATED[0], GROUPED[0], GROUPED[3])
    return (PLAIN[0], PLAIN[1], *(case._replace(activation=name) for case in some))


def conv_sample(rng: np.random.Generator, case: Conv) -> Sample:
    terms = case.c_in // case.groups * case.kernel[0] * case.kernel[1]
    shape = (case.c_out, case.c_in // case.groups, *case.kernel)
    return {
        "x": normal(rng, case.n, case.c_in, *case.size),
        "weight": normal(rng, *shape, scale=terms**-0.5),
        "bias": normal(rng, case.c_out) if case.has_bias else None,
        "stride": case.stride,
        "padding": case.padding,
        "dilation": case.dilation,
        "groups": case.groups,
        "activation": case.activation,
    }


def convs(cases: tuple[Conv, ...]) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for case in cases:
            yield conv_sample(rng, case)

    return inputs


def residual_convs(cases: tuple[Conv, ...]) -> Any:
    """Convolutions without an activation, and what is to be added to their results."""

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for case in cases:
            s = conv_sample(rng, case)
            del s["activation"]
            out = [
                (size + 2 * pad - (k - 1) * step - 1) // stride + 1
                for size, k, stride, pad, step in zip(
                    case.size, case.kernel, case.stride, case.padding, case.dilation, strict=True
                )
            ]
            yield s | {"residual": normal(rng, case.n, case.c_out, *out)}

    return inputs


# (N, C), (H, W), window, stride, padding, dilation, ceil_mode.
MAX_WINDOWS: tuple = (
    ((0, 3), (4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((1, 1), (1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False),
    *(((2, 1), (4, 2 * n), (2, 2), (2, 2), (0, 0), (1, 1), False) for n in (1, 7, 8, 9, 15)),
    *(((1, 2), (5, 2 * n + 1), (2, 2), (2, 2), (0, 0), (1, 1), False) for n in (16, 17, 33)),
    ((2, 3), (7, 9), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((2, 3), (7, 9), (3, 3), (2, 2), (1, 1), (1, 1), False),
    ((2, 3), (8, 9), (3, 2), (1, 1), (0, 1), (1, 1), False),  # overlapping windows
    ((1, 2), (9, 9), (2, 2), (3, 4), (0, 0), (1, 1), False),  # stride > window
    ((1, 2), (9, 10), (3, 3), (2, 3), (1, 1), (2, 2), True),
    ((1, 2), (4, 5), (4, 5), (1, 1), (0, 0), (1, 1), False),  # window == image
    ((1, 2), (6, 6), (3, 3), (2, 2), (0, 0), (1, 1), True),
    ((1, 1), (1, 3), (2, 2), (1, 1), (1, 1), (2, 2), False),  # rows of padding only
    ((2, 1), (4, 4), (1, 1), (2, 2), (0, 0), (1, 1), False),  # the output size of 2x2 windows
)
MORE_WINDOWS: tuple = (
    ((2, 2), (9, 35), (3, 3), (2, 2), (0, 0), (1, 1), False),  # AlexNet's windows
    ((1, 2), (16, 66), (3, 3), (2, 2), (1, 1), (1, 1), False),  # ResNet's
    ((1, 2), (7, 35), (3, 3), (1, 1), (1, 1), (1, 1), False),
    ((1, 2), (8, 33), (5, 4), (2, 2), (2, 2), (1, 1), True),
    ((2, 1), (1, 50), (1, 7), (1, 3), (0, 3), (1, 1), True),
    ((1, 1), (23, 21), (7, 7), (7, 7), (0, 0), (1, 1), False),
    ((2, 2), (7, 7), (7, 7), (7, 7), (0, 0), (1, 1), False),  # the plane at once
    ((1, 2), (5, 7), (4, 3), (1 << 30, 1 << 30), (1, 1), (1, 2), False),
    ((0, 3), (4, 4), (3, 3), (2, 2), (0, 0), (1, 1), False),
)
WIDE_WINDOWS: tuple = (  # of more than 255 pixels
    ((1, 2), (20, 33), (17, 16), (2, 3), (8, 2), (1, 1), False),
    ((1, 1), (16, 18), (16, 17), (1, 1), (0, 0), (1, 1), True),
    ((0, 1), (16, 16), (16, 16), (1, 1), (0, 0), (1, 1), False),
)
MAX_LARGE: tuple = (
    ((80, 6), (56, 56), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((50, 6), (57, 56), (3, 3), (2, 2), (1, 1), (1, 1), True),
    ((2, 2), (151, 230), (3, 3), (2, 2), (1, 1), (1, 1), False),  # planes cut into strips
)
WIDE_LARGE: tuple = (((40, 3), (40, 40), (16, 16), (4, 4), (0, 0), (1, 1), False),)


def max_windows(activation: str | None, windows: tuple = MAX_WINDOWS, keep: str = "index") -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, kernel, stride, padding, dilation, ceil_mode in windows:
            yield {
                "x": distinct(rng, *planes, *size),
                "kernel_size": kernel,
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "ceil_mode": ceil_mode,
                "activation": activation,
                "keep": keep,
            }

    return inputs


def mean_windows(
    count_include_pad: bool, windows: tuple = MAX_WINDOWS, divisor: int | None = None
) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for planes, size, kernel, stride, padding, dilation, ceil_mode in windows:
            if dilation == (1, 1):
                yield {
                    "x": normal(rng, *planes, *size),
                    "kernel_size": kernel,
                    "stride": stride,
                    "padding": padding,
                    "ceil_mode": ceil_mode,
                    "count_include_pad": count_include_pad,
                    "divisor_override": divisor,
                }

    return inputs
