"""Dense layers: three matrix products, bias and activation in the epilogue (see gemm.pyx)."""
cimport cython
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport activation_code, empty1, empty2, empty_like, f32, f32_or_null
from ._csrc cimport fnn_ukernels, fnn_map_grad, ukernels
from ._threads cimport parallel_for, threads_for
from .gemm cimport Gemm, gemm

import_array()

cdef struct Columns:
    const fnn_ukernels *uk
    Py_ssize_t rows, cols, width
    const float *x
    float *y

cdef struct Map:
    fnn_map_grad fn
    Py_ssize_t n, chunk
    const float *dy
    const float *y
    float *dx


cdef void _column_sums(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    # 32 rows are added in order, these sums in float64: one long chain would lose digits.
    cdef Columns *c = <Columns *>ctx
    cdef Py_ssize_t start = task * c.width, n = c.width, first, r, j
    cdef float partial[256]
    cdef double total[256]
    if start + n > c.cols:
        n = c.cols - start
    memset(total, 0, n * sizeof(double))
    for first in range(0, c.rows, 32):
        memset(partial, 0, n * sizeof(float))
        for r in range(first, min(c.rows, first + 32)):
            c.uk.vadd(n, c.x + r * c.cols + start, partial)
        for j in range(n):
            total[j] += partial[j]
    for j in range(n):
        c.y[start + j] = <float>total[j]


cdef void _map_grad(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Map *m = <Map *>ctx
    cdef Py_ssize_t i = task * m.chunk, n = m.chunk
    if i + n > m.n:
        n = m.n - i
    m.fn(n, m.dy + i, m.y + i, m.dx + i)


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
        Map m
        Columns c
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
        m.fn = uk.vrelu_grad if code == 1 else uk.vtanh_grad if code == 2 else uk.vsigmoid_grad
        m.n, m.chunk = N * O, 16384
        m.dy, m.y, m.dx = dz, f32(y, 2, "y"), f32(dpre, 2, "dy")
        if PyArray_DIM(y, 0) != N or PyArray_DIM(y, 1) != O:
            raise ValueError(f"y has shape {y.shape}, expected {dy.shape}")
        if m.n <= m.chunk:
            parallel_for(_map_grad, &m, 1, 1)
        else:
            with nogil:
                parallel_for(_map_grad, &m, (m.n + m.chunk - 1) // m.chunk, threads_for(8.0 * m.n))
        dz = m.dx
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
        c.uk, c.rows, c.cols, c.width = uk, N, O, 256
        c.x, c.y = dz, f32(dbias, 1, "dbias")
        if N * O <= 16384:
            parallel_for(_column_sums, &c, (O + 255) // 256, 1)
        else:
            with nogil:
                parallel_for(_column_sums, &c, (O + 255) // 256, threads_for(4.0 * N * O))
    return dx, dweight, dbias
