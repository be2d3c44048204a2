"""Sums over one axis in a fixed order."""
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty2, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 65536      # elements of a partial sum when B = 1: set by shape alone
    WIDTH = 512        # columns of a task otherwise

cdef struct Sum:
    const fnn_ukernels *uk
    Py_ssize_t A, R, B, parts
    const float *x
    float *out


cdef double sum_of(const fnn_ukernels *uk, Py_ssize_t n, const float *x) noexcept nogil:
    cdef double total = 0.0
    cdef Py_ssize_t i
    for i in range(0, n, 2048):
        total += uk.vsum(min(2048, n - i), x + i)
    return total


cdef void _row_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Sum *q = <Sum *>ctx
    cdef Py_ssize_t a = task // q.parts, i = task % q.parts * PIECE
    q.out[task] = <float>sum_of(q.uk, min(PIECE, q.R - i), q.x + a * q.R + i)


cdef void _column_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Sum *q = <Sum *>ctx
    cdef Py_ssize_t a = task // q.parts, i = task % q.parts * WIDTH, n = min(WIDTH, q.B - i)
    cdef Py_ssize_t first, r, j
    cdef float *y = q.out + a * q.B + i
    cdef float partial[WIDTH]
    cdef double total[WIDTH]
    # 32 rows are added in order, these sums in float64: one long chain would lose digits.
    memset(total, 0, n * sizeof(double))
    for first in range(0, q.R, 32):
        memset(partial, 0, n * sizeof(float))
        for r in range(first, min(q.R, first + 32)):
            q.uk.vadd(n, q.x + (a * q.R + r) * q.B + i, partial)
        for j in range(n):
            total[j] += partial[j]
    for j in range(n):
        y[j] = <float>total[j]


cdef void sum_columns(Py_ssize_t A, Py_ssize_t R, Py_ssize_t B, const float *x,
                      float *out) noexcept:
    cdef Sum q
    q.uk, q.A, q.R, q.B, q.x, q.out = ukernels(), A, R, B, x, out
    q.parts = (B + WIDTH - 1) // WIDTH
    if A * R * B <= 16384:
        parallel_for(_column_task, &q, A * q.parts, 1)
        return
    with nogil:
        parallel_for(_column_task, &q, A * q.parts, threads_for(4.0 * A * R * B))


def sum_axis(x):
    """x (A, R, B) -> (A, B), the sum over the middle axis."""
    cdef Sum q
    cdef ndarray y
    cdef Buffer partial
    cdef Py_ssize_t a, i
    cdef double total
    cdef float *out
    q.uk, q.x = ukernels(), f32(x, 3, "x")
    q.A, q.R, q.B = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    y = empty2(q.A, q.B)
    out = f32(y, 2, "y")
    if q.A == 0 or q.B == 0:
        return y
    if q.B > 1 or q.R == 0:
        sum_columns(q.A, q.R, q.B, q.x, out)
        return y
    q.parts = (q.R + PIECE - 1) // PIECE
    partial = take(q.A * q.parts)
    q.out = <float *>partial.data
    with nogil:
        parallel_for(_row_task, &q, q.A * q.parts, threads_for(4.0 * q.A * q.R))
    for a in range(q.A):
        total = 0.0
        for i in range(q.parts):
            total += q.out[a * q.parts + i]
        out[a] = <float>total
    return y
