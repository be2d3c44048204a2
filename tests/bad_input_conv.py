"""Rows of wrong arguments for bad_input_table.py: convolution of one to three axes, padding."""

import fastnn
from fastnn import functional as F
from fastnn import nn


def ones(*shape):
    return fastnn.ones(*shape)


CONV_ND = [
    ("conv1d rank", lambda: F.conv1d(ones(1, 1, 5, 5), ones(1, 1, 3)),
     ValueError, r"conv1d: input has shape .* expected \(N, C_in, L\)"),
    ("conv1d of a 2-D weight", lambda: F.conv1d(ones(1, 1, 5), ones(1, 1, 3, 3)),
     ValueError, r"conv1d: .* weight .* expected .*K\)"),
    ("conv3d rank", lambda: F.conv3d(ones(5, 5, 5), ones(1, 1, 2, 2, 2)),
     ValueError, r"conv3d: .*\(C_out, C_in/groups, KD, KH, KW\)"),
    ("conv3d dtype", lambda: F.conv3d(ones(1, 1, 5, 5, 5), ones(1, 1, 2, 2, 2).double()),
     TypeError, "conv3d: weight has dtype float64"),
    ("conv3d two strides", lambda: F.conv3d(ones(1, 1, 5, 5, 5),
                                           ones(1, 1, 2, 2, 2), stride=(1, 2)),
     ValueError, r"conv3d: stride is \(1, 2\), expected an int or three"),
    ("conv1d kernel", lambda: F.conv1d(ones(1, 1, 3), ones(1, 1, 5)),
     ValueError, "conv1d: the kernel .* is larger"),
    ("conv1d list", lambda: F.conv1d([1.0], ones(1, 1, 5)),
     TypeError, "conv1d: input must be a Tensor"),
    ("conv3d empty axis", lambda: F.conv3d(ones(1, 1, 0, 5, 5), ones(1, 1, 1, 2, 2)),
     ValueError, "conv3d: input .* axis of size 0"),
    ("reflected too far",
     lambda: nn.Conv1d(1, 1, 3, padding=4, padding_mode="reflect")(ones(1, 1, 4)),
     ValueError, "conv1d: padding .* 'reflect' is too large"),
    ("layer 3d kernel", lambda: nn.Conv3d(1, 1, (2, 2)),
     ValueError, "Conv3d: kernel_size is .* an int or three"),
    ("transposed channels", lambda: F.conv_transpose2d(ones(1, 3, 5, 5), ones(2, 3, 3, 3)),
     ValueError, "conv_transpose2d: input has 3 channels, but weight .* expects 2"),
    ("transposed rank", lambda: F.conv_transpose2d(ones(3, 5), ones(2, 3, 3, 3)),
     ValueError, r"conv_transpose2d: input has shape \(3, 5\)"),
    ("transposed bias", lambda: F.conv_transpose1d(ones(1, 2, 5), ones(2, 3, 3), ones(2)),
     ValueError, r"bias has shape \(2,\), expected \(3,\)"),
    ("transposed groups", lambda: F.conv_transpose1d(ones(1, 3, 5), ones(3, 1, 3), groups=2),
     ValueError, "groups=2 does not divide the 3 input"),
    ("output padding", lambda: F.conv_transpose1d(ones(1, 2, 5), ones(2, 3, 3), output_padding=1),
     ValueError, "output_padding is 1, expected less than stride"),
    ("nothing left", lambda: F.conv_transpose1d(ones(1, 2, 1), ones(2, 3, 3), padding=2),
     ValueError, "gives an output of size"),
    ("transposed dtype", lambda: F.conv_transpose1d(ones(1, 2, 4), ones(2, 3, 3).double()),
     TypeError, "conv_transpose1d: weight has dtype float64"),
    ("transposed activation", lambda: nn.ConvTranspose1d(2, 3, 3, activation="elu"),
     ValueError, "ConvTranspose1d: activation is 'elu'"),
    ("transposed mode", lambda: nn.ConvTranspose2d(2, 3, 3, padding_mode="reflect"),
     ValueError, "padding_mode is 'reflect', expected 'zeros'"),
    ("output_size", lambda: nn.ConvTranspose1d(2, 3, 3, stride=2)(ones(1, 2, 4), output_size=[20]),
     ValueError, "output_size is .* expected 9 to 10 for axis 0"),
    ("output_size length", lambda: nn.ConvTranspose1d(2, 3, 3)(ones(1, 2, 4), [1, 2]),
     ValueError, "output_size is .* expected 1 or 3 sizes"),
    ("pad rank", lambda: F.pad(ones(2), (1, 1), "reflect"), ValueError, "does not fit a tensor"),
    ("pad reflect", lambda: F.pad(ones(1, 2), (2, 0), "reflect"), ValueError, "is too large"),
    ("pad value", lambda: F.pad(ones(1, 4), (1, 1), "reflect", 2.0),
     ValueError, "pad: value is 2.0 but mode 'reflect' takes none"),
    ("pad layer widths", lambda: nn.ReflectionPad2d((1, 2)),
     ValueError, "ReflectionPad2d: padding is .* expected an int or 4"),
    ("pad layer float", lambda: nn.ZeroPad1d(1.5),
     TypeError, "ZeroPad1d: padding must be an integer"),
    ("pad layer rank", lambda: nn.CircularPad2d(1)(ones(1, 1, 1, 4, 4)),
     ValueError, "CircularPad2d: input has shape"),
]  # fmt: skip
