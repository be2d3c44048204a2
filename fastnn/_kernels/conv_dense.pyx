"""Convolutions with one output pixel that sees the whole image: a dense layer over channels and
pixels (LeNet's C5; backwards, the first layer of DCGAN's generator)."""
from libc.string cimport memset

from ._conv_shape cimport Shape
from .gemm cimport Gemm, gemm


cdef bint dense_algo(const Shape *s, object algo) except -1:
    cdef bint fits = (s.G == 1 and s.OH == s.OW == 1 and s.KH == s.H and s.KW == s.W
                      and s.ph == s.pw == 0)
    if algo == "dense_layer" and not fits:
        raise ValueError("algo='dense_layer' needs a kernel of the image's size and no padding")
    return fits and (algo == "auto" or algo == "dense_layer")


cdef int dense_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                       int activation, float *y) except -1:
    """y (N, C_out) = act(x (N, C_in H W) weight^T + bias)."""
    cdef Gemm g
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = s.N, s.O, s.C * s.H * s.W
    g.a, g.a_row, g.a_col = x, g.k, 1
    g.b, g.b_row, g.b_col = weight, 1, g.k
    g.c, g.c_row = y, s.O
    g.bias_col, g.activation = bias, activation
    return gemm(&g)


cdef int dense_backward_input(const Shape *s, const float *dy, const float *weight,
                              float *dx) except -1:
    """dx (N, C_in H W) = dy weight."""
    cdef Gemm g
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = s.N, s.C * s.H * s.W, s.O
    g.a, g.a_row, g.a_col = dy, s.O, 1
    g.b, g.b_row, g.b_col = weight, g.n, 1
    g.c, g.c_row = dx, g.n
    return gemm(&g)


cdef int dense_backward_weight(const Shape *s, const float *dy, const float *x,
                               float *dweight) except -1:
    """dweight (C_out, C_in H W) = dy^T x."""
    cdef Gemm g
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = s.O, s.C * s.H * s.W, s.N
    g.a, g.a_row, g.a_col = dy, 1, s.O
    g.b, g.b_row, g.b_col = x, g.n, 1
    g.c, g.c_row = dweight, g.n
    return gemm(&g)
