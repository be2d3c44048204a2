"""Local response normalisation over planes (N, C, S).

A task is a strip of pixels of one image, all channels: the window's rows are in L1 or L2.
"""
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty_like, f32, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    STRIP = 512            # pixels: with 64 channels 128 KiB of each array

cdef struct Lrn:
    const fnn_ukernels *uk
    Py_ssize_t N, C, S, strips, below, above
    float scale, beta, k
    const float *x
    const float *dy
    const float *y
    float *base
    float *out
    float *scratch


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Lrn *q = <Lrn *>ctx
    cdef Py_ssize_t first = task % q.strips * STRIP, n = min(STRIP, q.S - first), c, low, end
    cdef Py_ssize_t image = task // q.strips * q.C * q.S + first
    for c in range(q.C):
        low, end = max(0, c - q.below), min(q.C, c + q.above + 1)
        q.uk.lrn_row(n, end - low, q.S, q.scale, q.k, q.beta, q.x + image + low * q.S,
                     q.x + image + c * q.S, q.base + image + c * q.S, q.out + image + c * q.S)


cdef void _backward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Lrn *q = <Lrn *>ctx
    cdef Py_ssize_t first = task % q.strips * STRIP, n = min(STRIP, q.S - first), c, low, end, at
    cdef Py_ssize_t image = task // q.strips * q.C * q.S + first
    cdef float *ratio = q.scratch + slot * q.C * STRIP
    for c in range(q.C):
        at = image + c * q.S
        q.uk.lrn_ratio(n, q.dy + at, q.y + at, q.base + at, ratio + c * STRIP)
    for c in range(q.C):  # the channels whose window holds c
        low, end, at = max(0, c - q.above), min(q.C, c + q.below + 1), image + c * q.S
        q.uk.lrn_row_grad(n, end - low, STRIP, q.scale, q.beta, ratio + low * STRIP, q.dy + at,
                          q.x + at, q.base + at, q.out + at)


cdef int _settings(Lrn *q, x, Py_ssize_t size, double beta) except -1:
    q.uk, q.x = ukernels(), f32(x, 3, "x")
    q.N, q.C, q.S = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    if size < 1:
        raise ValueError(f"size is {size}, expected at least 1")
    q.below, q.above, q.beta = min(size // 2, q.C), min((size - 1) // 2, q.C), beta
    q.strips = (q.S + STRIP - 1) // STRIP
    return 0


def local_response_norm_forward(x, size, alpha, beta, k):
    """base_c = k + alpha / size sum_j x_j^2, y = x base^-beta: x (N, C, S) -> y, base.

    j from c - size // 2 to c + (size - 1) // 2, as far as there are channels.
    """
    cdef Lrn q
    cdef ndarray y, base
    _settings(&q, x, size, beta)
    q.scale, q.k = <double>alpha / <double>size, k
    y, base = empty_like(x), empty_like(x)
    q.out, q.base = f32(y, 3, "y"), f32(base, 3, "base")
    with nogil:
        parallel_for(_forward_task, &q, q.N * q.strips,
                     threads_for((40.0 + q.below + q.above) * q.N * q.C * q.S))
    return y, base


def local_response_norm_backward(dy, x, y, base, size, alpha, beta):
    """dx_c = dy_c base_c^-beta - 2 alpha beta / size x_c sum_j dy_j y_j / base_j.

    j over the channels whose window holds c; y and base from the forward.
    """
    cdef Lrn q
    cdef ndarray dx
    cdef Buffer scratch
    cdef int threads
    _settings(&q, x, size, beta)
    q.dy, q.y, q.base = f32(dy, 3, "dy"), f32(y, 3, "y"), f32(base, 3, "base")
    if not (same_shape(dy, x) and same_shape(y, x) and same_shape(base, x)):
        raise ValueError(f"dy, y and base must have x's shape {x.shape}")
    q.scale = 2.0 * <double>alpha * <double>beta / <double>size
    dx = empty_like(x)
    q.out = f32(dx, 3, "dx")
    threads = threads_for((50.0 + q.below + q.above) * q.N * q.C * q.S)
    scratch = take(threads * q.C * STRIP)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_backward_task, &q, q.N * q.strips, threads)
    return dx
