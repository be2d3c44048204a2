"""Convolution with weights that stay what they are: packed once instead of at every call.

Winograd's kernels lie as they are transformed, the others in the panels of the matrix product (see
_gather.pyx); direct convolutions, depthwise ones and dense layers read the weight as it is, and so
do these.  A layer of a deep network reads its weights from memory: there, one after the other, not
from 16 or 32 places at once (256 to 512 channels of 14 x 14 with stride 2: 2.4 -> 1.4 ms among the
other layers of ResNet-18).  The bits are those of conv2d_forward.
"""
from numpy cimport PyArray_DIM, import_array

from ._array cimport activation_code, f32, f32_or_null
from ._conv_packed cimport PackedWeights
from .conv cimport convolved

import_array()


cdef class PreparedConv2d:
    """See conv2d_prepared."""

    cdef object __weakref__
    cdef object weight, bias, stride, padding, dilation, groups, activation
    cdef PackedWeights packed

    def __init__(self, weight, bias, stride, padding, dilation, groups, activation):
        f32(weight, 4, "weight")
        f32_or_null(bias, 1, "bias")
        if bias is not None and PyArray_DIM(bias, 0) != PyArray_DIM(weight, 0):
            raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, "
                             f"expected {PyArray_DIM(weight, 0)}")
        activation_code(activation)
        self.weight, self.bias, self.activation = weight, bias, activation
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.packed = PackedWeights()

    def __call__(self, x, residual=None):
        """y = act(conv(x) + bias), or max(conv(x) + bias + residual, 0)."""
        if residual is not None and self.activation is not None:
            raise ValueError(f"residual and activation={self.activation!r} exclude each other")
        return convolved(x, self.weight, self.bias, residual, self.stride, self.padding,
                         self.dilation, self.groups, self.activation, "auto", self.packed)


def conv2d_prepared(weight, bias, stride, padding, dilation, groups, activation):
    """A function (x, residual=None) -> y: conv2d_forward, or conv2d_add_relu_forward, with this
    weight and bias.  They may not change from here on."""
    return PreparedConv2d(weight, bias, stride, padding, dilation, groups, activation)
