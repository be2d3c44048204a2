"""Dense layers: three matrix products, bias and activation in the epilogue (see gemm.pyx)."""
cimport cython
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport activation_code, empty1, empty2, empty_like, f32, f32_or_null
from ._csrc cimport fnn_ukernels, fnn_map_grad, ukernels
from ._map cimport map2
from .gemm cimport Gemm, gemm
from .reduce cimport sum_columns

import_array()


def linear_forward(x, weight, bias, activation):
    """y = act(x @ weight.T + bias): x (N, I), weight (O, I), bias (O,) or None -> y (N, O)."""
    cdef Gemm g
    cdef ndarray y
    g.a, g.b = f32(x, 2, "x"), f32(weight, 2, "weight")
    g.m, g.k = PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    g.n = PyArray_DIM(weight, 0)
    if PyArray_DIM(weight, 1) != g.k:
        raise ValueError(f"x has {g.k} features, weight expects {PyArray_DIM(weight, 1)}")
    g.bias_row, g.bias_col = NULL, f32_or_null(bias, 1, "bias")
    if g.bias_col != NULL and PyArray_DIM(bias, 0) != g.n:
        raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, expected {g.n}")
    y = empty2(g.m, g.n)
    g.a_row, g.a_col, g.b_row, g.b_col = g.k, 1, 1, g.k
    g.c, g.c_row = f32(y, 2, "y"), g.n
    g.accumulate, g.activation = 0, activation_code(activation)
    gemm(&g)
    return y


@cython.cdivision(True)
def linear_backward(dy, x, weight, y, activation, needs):
    """Gradients of linear_forward: dy (N, O) -> dx (N, I), dweight (O, I), dbias (O,).

    needs: three booleans; a gradient not needed is None.  y is the forward's output, used with an
    activation only.
    """
    cdef:
        Gemm g
        fnn_map_grad fn
        const float *py
        const fnn_ukernels *uk = ukernels()
        const float *dz = f32(dy, 2, "dy")
        float *px = f32(x, 2, "x")
        float *pw = f32(weight, 2, "weight")
        Py_ssize_t N = PyArray_DIM(dy, 0), O = PyArray_DIM(dy, 1)  # no-cython-lint
        Py_ssize_t I = PyArray_DIM(x, 1)  # no-cython-lint
        int code = activation_code(activation)
        ndarray dpre, dx = None, dweight = None, dbias = None
        bint need_x, need_w, need_b
    if PyArray_DIM(x, 0) != N or PyArray_DIM(weight, 0) != O or PyArray_DIM(weight, 1) != I:
        raise ValueError(f"dy {dy.shape}, x {x.shape} and weight {weight.shape} do not agree")
    need_x, need_w, need_b = needs
    if code:
        dpre = empty_like(dy)
        fn = uk.vrelu_grad if code == 1 else uk.vtanh_grad if code == 2 else uk.vsigmoid_grad
        py = f32(y, 2, "y")
        if PyArray_DIM(y, 0) != N or PyArray_DIM(y, 1) != O:
            raise ValueError(f"y has shape {y.shape}, expected {dy.shape}")
        map2(fn, N * O, dz, py, f32(dpre, 2, "dy"), 8.0)
        dz = f32(dpre, 2, "dy")
    g.bias_row = g.bias_col = NULL
    g.accumulate = g.activation = 0
    if need_x:  # (N, O) (O, I)
        dx = empty2(N, I)
        g.m, g.n, g.k = N, I, O
        g.a, g.a_row, g.a_col = dz, O, 1
        g.b, g.b_row, g.b_col = pw, I, 1
        g.c, g.c_row = f32(dx, 2, "dx"), I
        gemm(&g)
    if need_w:  # (O, N) (N, I)
        dweight = empty2(O, I)
        g.m, g.n, g.k = O, I, N
        g.a, g.a_row, g.a_col = dz, 1, O
        g.b, g.b_row, g.b_col = px, I, 1
        g.c, g.c_row = f32(dweight, 2, "dweight"), I
        gemm(&g)
    if need_b:
        dbias = empty1(O)
        sum_columns(1, N, O, dz, f32(dbias, 1, "dbias"))
    return dx, dweight, dbias
