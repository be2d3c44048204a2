"""Dense layers with a weight that stays what it is: packed once, in panels of the matrix product.

A row alone then reads panels from one end to the other, which is as fast as memory is; in place it
takes blocks of 16 lines that are turned in registers (256 to 1024 from L3: 30 instead of 20 GB/s).
A weight beyond LARGE elements waits for memory either way and is read as it is.
"""
from numpy cimport PyArray_DIM, PyArray_SIZE, import_array, ndarray

from ._array cimport Buffer, activation_code, empty2, f32, f32_or_null
from ._packed cimport gemm_packed, pack_matrix
from .gemm cimport Gemm

import_array()

cdef enum:
    LARGE = 1 << 22    # elements, 16 MiB


cdef class PreparedLinear:
    """See linear_prepared."""

    cdef object __weakref__
    cdef ndarray weight
    cdef object bias
    cdef int activation
    cdef Buffer packed

    def __init__(self, weight, bias, activation):
        f32(weight, 2, "weight")
        if f32_or_null(bias, 1, "bias") != NULL and PyArray_DIM(bias, 0) != PyArray_DIM(weight, 0):
            raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, "
                             f"expected {PyArray_DIM(weight, 0)}")
        self.weight, self.bias, self.activation = weight, bias, activation_code(activation)
        if PyArray_SIZE(weight) <= LARGE:
            self.packed = pack_matrix(weight)

    def __call__(self, x):
        """y = act(x @ weight.T + bias): x (N, I) -> y (N, O)."""
        cdef Gemm g
        cdef ndarray y
        g.a, g.b = f32(x, 2, "x"), f32(self.weight, 2, "weight")
        g.m, g.k, g.n = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(self.weight, 0)
        if PyArray_DIM(self.weight, 1) != g.k:
            raise ValueError(f"x has {g.k} features, weight expects {PyArray_DIM(self.weight, 1)}")
        y = empty2(g.m, g.n)
        g.a_row, g.a_col, g.b_row, g.b_col = g.k, 1, 1, g.k
        g.c, g.c_row, g.accumulate, g.activation = f32(y, 2, "y"), g.n, 0, self.activation
        g.bias_row, g.bias_col = NULL, f32_or_null(self.bias, 1, "bias")
        gemm_packed(&g, NULL if self.packed is None else <float *>self.packed.data)
        return y


def linear_prepared(weight, bias, activation):
    """A function x (N, I) -> y (N, O): linear_forward with this weight (O, I) and bias.  They may
    not change from here on."""
    return PreparedLinear(weight, bias, activation)
