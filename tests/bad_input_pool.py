"""Rows of wrong arguments for pooling and resampling; see bad_input_table.py."""

import numpy as np

import fastnn
from fastnn import functional as F
from fastnn import nn


def x(*shape):
    return fastnn.ones(*(shape or (1, 2, 6, 6)))


def places(value, *shape):
    return fastnn.tensor(np.full(shape or (1, 2, 3, 3), value, np.int64))


MORE_POOLING = [
    ("1-D rank", lambda: F.max_pool1d(x(), 2), ValueError, r"max_pool1d: input has shape"),
    ("1-D kernel", lambda: F.max_pool1d(x(2, 3, 4), (2, 2)), ValueError, "kernel_size is"),
    ("1-D size", lambda: F.avg_pool1d(x(2, 3, 4), 5), ValueError, "avg_pool1d: kernel_size"),
    ("3-D rank", lambda: F.avg_pool3d(x(2, 3), 2), ValueError, "avg_pool3d: input has shape"),
    ("3-D size", lambda: F.max_pool3d(x(1, 1, 2, 6, 6), 3), ValueError, "larger than the input"),
    ("3-D padded", lambda: F.avg_pool3d(x(1, 1, 2, 6, 6), 3, padding=1), ValueError, "is larger"),
    ("divisor 0", lambda: F.avg_pool2d(x(), 2, divisor_override=0), ValueError, "override is 0"),
    ("divisor 1.5", lambda: F.avg_pool2d(x(), 2, divisor_override=1.5), TypeError, "must be an in"),
    ("power 0", lambda: F.lp_pool2d(x(), 0, 2), ValueError, "lp_pool2d: norm_type is 0"),
    ("power text", lambda: F.lp_pool1d(x(1, 2, 3), "2", 2), TypeError, "norm_type must be a num"),
    ("adaptive rank", lambda: F.adaptive_avg_pool2d(x(6, 6), 2), ValueError, "input has shape"),
    ("adaptive sizes", lambda: F.adaptive_avg_pool2d(x(), (1, 2, 3)), ValueError, "output_size is"),
    ("adaptive -1", lambda: F.adaptive_max_pool2d(x(), -1), ValueError, "output_size is -1"),
    ("adaptive empty", lambda: F.adaptive_max_pool1d(x(1, 2, 0), 1), ValueError, "axis of size 0"),
    ("adaptive dtype", lambda: F.adaptive_avg_pool2d(x().long(), 1), TypeError, "dtype int64"),
    ("unpool places", lambda: F.max_unpool2d(x(1, 2, 3, 3), places(36), 2),
     ValueError, "max_unpool2d: indices must be from 0 to 35"),
    ("unpool negative", lambda: F.max_unpool2d(x(1, 2, 3, 3), places(-1), 2), ValueError, "indic"),
    ("unpool shapes", lambda: F.max_unpool2d(x(1, 2, 3, 3), places(0, 1, 2, 3), 2),
     ValueError, "indices has shape"),
    ("unpool dtype", lambda: F.max_unpool2d(x(1, 2, 3, 3), x(1, 2, 3, 3), 2), TypeError, "int64"),
    ("unpool size", lambda: F.max_unpool2d(x(1, 2, 3, 3), places(0), 2, output_size=(9, 6)),
     ValueError, "output_size is .* within stride"),
    ("unpool sizes", lambda: F.max_unpool1d(x(2, 3), places(0, 2, 3), 2, output_size=(6, 6)),
     ValueError, "output_size is"),
    ("unpool 3-D rank", lambda: F.max_unpool3d(x(6, 6), places(0, 6, 6), 2),
     ValueError, "max_unpool3d: input has shape"),
    ("unpool 3-D places", lambda: F.max_unpool3d(x(1, 1, 2, 2, 2), places(64, 1, 1, 2, 2, 2), 2),
     ValueError, "max_unpool3d: indices must be from 0 to 63"),
    ("shuffled channels", lambda: F.channel_shuffle(x(1, 5, 2, 2), 2),
     ValueError, "channel_shuffle: input has 5 channels"),
    ("shuffled rank", lambda: F.channel_shuffle(x(4, 2), 2), ValueError, "input has shape"),
    ("shuffled groups", lambda: nn.ChannelShuffle(0), ValueError, "groups is 0, expected"),
    ("groups 1.5", lambda: F.channel_shuffle(x(), 1.5), TypeError, "groups must be an integer"),
    ("no size", lambda: F.interpolate(x()), ValueError, "either size or scale_factor"),
    ("both sizes", lambda: F.interpolate(x(), 3, 2.0), ValueError, "either size or scale_factor"),
    ("mode", lambda: F.interpolate(x(), 3, mode="cubic"), ValueError, "mode is 'cubic'"),
    ("mode and rank", lambda: F.interpolate(x(), 3, mode="linear"), ValueError, "expects 3 axes"),
    ("aligned nearest", lambda: F.interpolate(x(), 3, align_corners=True),
     ValueError, "align_corners has no meaning"),
    ("scale 0", lambda: F.interpolate(x(), scale_factor=0), ValueError, "scale_factor is 0"),
    ("scale small", lambda: F.interpolate(x(), scale_factor=0.1), ValueError, "output of"),
    ("scale text", lambda: F.interpolate(x(), scale_factor="2"), TypeError, "scale_factor must be"),
    ("sizes", lambda: F.interpolate(x(), (3, 3, 3)), ValueError, "interpolate: size is"),
    ("interpolate dtype", lambda: F.interpolate(x().long(), 3), TypeError, "dtype int64"),
    ("recompute", lambda: F.interpolate(x(), 3, recompute_scale_factor=True),
     ValueError, "recompute_scale_factor needs"),
    ("shuffle", lambda: F.pixel_shuffle(x(), 2), ValueError, "input has 2 channels"),
    ("shuffle 0", lambda: F.pixel_shuffle(x(), 0), ValueError, "upscale_factor is 0"),
    ("unshuffle", lambda: F.pixel_unshuffle(x(), 4), ValueError, "expected multiples of 4"),
    ("shuffle rank", lambda: F.pixel_shuffle(x(4, 4), 2), ValueError, "pixel_shuffle: input has"),
    ("layer: 1-D kernel", lambda: nn.MaxPool1d(0), ValueError, "MaxPool1d: kernel_size is 0"),
    ("layer: 3-D padding", lambda: nn.AvgPool3d(2, padding=2), ValueError, "AvgPool3d: padding"),
    ("layer: power", lambda: nn.LPPool2d(0, 2), ValueError, "LPPool2d: norm_type is 0"),
    ("layer: adaptive", lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), ValueError, "Pool2d: output_"),
    ("layer: unpool", lambda: nn.MaxUnpool2d(0), ValueError, "MaxUnpool2d: kernel_size is 0"),
]  # fmt: skip
