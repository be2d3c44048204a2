"""Convolution with weights that stay what they are: packed once instead of at every call.

Winograd's kernels lie as they are transformed, the others in the panels of the matrix product (see
_gather.pyx); direct convolutions, depthwise ones and dense layers read the weight as it is, and so
do these.  A layer of a deep network reads its weights from memory: there, one after the other, not
from 16 or 32 places at once (256 to 512 channels of 14 x 14 with stride 2: 2.4 -> 1.4 ms among the
other layers of ResNet-18).  The bits are those of conv2d_forward.
"""
cimport cython
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array

from ._array cimport Buffer, activation_code, f32, f32_or_null, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels, ukernels
from ._gather cimport Gather, pack_weights
from ._sizes cimport min_, round_up
from ._threads cimport parallel_for, threads_for
from .conv cimport conv_gather, conv_settings, convolved
from .conv_dense cimport dense_algo
from .depthwise cimport OF_OUTPUT, depthwise_algo
from .winograd cimport wino_algo

import_array()


cdef struct Packing:
    const fnn_ukernels *uk
    Py_ssize_t Og, Cg, vectors
    const float *weight
    float *out


@cython.cdivision(True)
cdef void _pack_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One vector of output channels."""
    cdef:
        Packing *q = <Packing *>ctx
        Py_ssize_t L = q.uk.lanes, g = task // q.vectors, n = task % q.vectors * L
        float *out = q.out + task * L * q.Cg * 9
    if q.Og - n < L:
        memset(out, 0, L * q.Cg * 9 * sizeof(float))
    q.uk.transpose(min_(L, q.Og - n), 9 * q.Cg, q.weight + (g * q.Og + n) * q.Cg * 9, q.Cg * 9,
                   out, L)


cdef Buffer _pack_winograd(const Shape *s, const float *weight):
    """(G, C_out / lanes, C_in, 9, lanes)."""
    cdef Packing q
    cdef Buffer packed
    q.uk, q.Og, q.Cg, q.weight = ukernels(), s.Og, s.Cg, weight
    q.vectors = round_up(s.Og, q.uk.lanes) // q.uk.lanes
    packed = take(s.G * q.vectors * q.uk.lanes * s.Cg * 9)
    q.out = <float *>packed.data
    with nogil:
        parallel_for(_pack_task, &q, s.G * q.vectors, threads_for(40.0 * s.O * s.Cg))
    return packed


cdef Buffer _pack(object weight, object bias, tuple size, object stride, object padding,
                  object dilation, object groups):
    """The weight as the algorithm for images of this size reads it; None: as it is."""
    cdef:
        Shape s
        Gather q
        const float *w = f32(weight, 4, "weight")
    f32_or_null(bias, 1, "bias")
    s.N, s.C, s.H, s.W = size
    conv_settings(&s, weight, bias, stride, padding, dilation, groups)
    if wino_algo(&s, "auto", s.OH, s.OW):
        return _pack_winograd(&s, w)
    if dense_algo(&s, "auto") or depthwise_algo(&s, "auto", OF_OUTPUT):
        return None
    memset(&q, 0, sizeof(q))
    conv_gather(&q, &s, "auto")
    q.a = w
    return pack_weights(&q)


cdef class PreparedConv2d:
    """See conv2d_prepared."""

    cdef object weight, bias, stride, padding, dilation, groups, activation
    cdef Py_ssize_t channels, height, width
    cdef Buffer packed

    def __init__(self, weight, bias, input_size, stride, padding, dilation, groups, activation):
        _, self.channels, self.height, self.width = input_size
        activation_code(activation)
        self.weight, self.bias, self.activation = weight, bias, activation
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.packed = _pack(weight, bias, tuple(input_size), stride, padding, dilation, groups)

    def __call__(self, x, residual=None):
        """y = act(conv(x) + bias), or max(conv(x) + bias + residual, 0)."""
        f32(x, 4, "x")
        if (PyArray_DIM(x, 1) != self.channels or PyArray_DIM(x, 2) != self.height
                or PyArray_DIM(x, 3) != self.width):
            raise ValueError(f"x has shape {x.shape}, the convolution was prepared for "
                             f"(N, {self.channels}, {self.height}, {self.width})")
        if residual is not None and self.activation is not None:
            raise ValueError(f"residual and activation={self.activation!r} exclude each other")
        return convolved(x, self.weight, self.bias, residual, self.stride, self.padding,
                         self.dilation, self.groups, self.activation, "auto",
                         NULL if self.packed is None else <float *>self.packed.data)


def conv2d_prepared(weight, bias, input_size, stride, padding, dilation, groups, activation):
    """A function (x, residual=None) -> y for images of input_size (N, C_in, H, W), of any number:
    conv2d_forward, or conv2d_add_relu_forward, with this weight and bias.  The weight may not
    change from here on."""
    return PreparedConv2d(weight, bias, input_size, stride, padding, dilation, groups, activation)
