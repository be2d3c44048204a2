"""Adaptive pooling, whose windows share a plane out evenly, and max-unpooling; a group of planes
(n, c) per task."""
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset
from numpy cimport (
    NPY_INT32,
    NPY_INT64,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_DIMS,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_TYPE,
    import_array,
    ndarray,
)

from ._array cimport Buffer, empty4, empty_typed, f32, pair, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Adaptive:
    const fnn_ukernels *uk
    Py_ssize_t planes, group, h, w, oh, ow, row
    const float *x
    float *y
    int32_t *index
    const int64_t *place
    float *scratch


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Adaptive *q) except -1:
    # Time in FLOPs: about 0.2 ns for an element of either side.
    cdef int n_threads = threads_for(10.0 * q.planes * (q.h * q.w + q.oh * q.ow))
    cdef Buffer scratch
    q.group = max_(1, q.planes // (8 * n_threads))
    q.row = round_up(q.w, 16)
    scratch = take(q.row * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(task, q, (q.planes + q.group - 1) // q.group, n_threads)
    return 0


cdef int _sizes(Adaptive *q, size, output) except -1:
    pair(size, &q.h, &q.w)
    pair(output, &q.oh, &q.ow)
    q.uk = ukernels()
    if q.h < 1 or q.w < 1 or q.oh < 0 or q.ow < 0:
        raise ValueError(f"cannot pool a plane of {size} to {output}")
    if q.h * q.w > 2147483647:
        raise ValueError("x has planes of more than 2^31 - 1 pixels")
    return 0


cdef inline Py_ssize_t _start(Py_ssize_t o, Py_ssize_t size, Py_ssize_t out) noexcept nogil:
    return o * size // out


cdef inline Py_ssize_t _end(Py_ssize_t o, Py_ssize_t size, Py_ssize_t out) noexcept nogil:
    return ((o + 1) * size + out - 1) // out


cdef void _avg_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Adaptive *q = <Adaptive *>ctx
    cdef Py_ssize_t i, o, p, r, c, r0, r1, c0, c1
    cdef const float *x
    cdef float *y
    cdef float *sums = q.scratch + slot * q.row
    cdef float total
    for i in range(task * q.group, min_(q.planes, (task + 1) * q.group)):
        x, y = q.x + i * q.h * q.w, q.y + i * q.oh * q.ow
        if q.oh == 1 and q.ow == 1:
            y[0] = q.uk.vsum(q.h * q.w, x) / <float>(q.h * q.w)
            continue
        for o in range(q.oh):
            r0, r1 = _start(o, q.h, q.oh), _end(o, q.h, q.oh)
            memcpy(sums, x + r0 * q.w, q.w * sizeof(float))
            for r in range(r0 + 1, r1):
                q.uk.vadd(q.w, x + r * q.w, sums)
            for p in range(q.ow):
                c0, c1 = _start(p, q.w, q.ow), _end(p, q.w, q.ow)
                total = 0.0
                for c in range(c0, c1):
                    total += sums[c]
                y[o * q.ow + p] = total / <float>((r1 - r0) * (c1 - c0))


cdef void _avg_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """x is dy and y is dx."""
    cdef Adaptive *q = <Adaptive *>ctx
    cdef Py_ssize_t i, o, p, r, c, r0, r1, c0, c1
    cdef const float *dy
    cdef float *dx
    cdef float *row = q.scratch + slot * q.row
    cdef float share
    for i in range(task * q.group, min_(q.planes, (task + 1) * q.group)):
        dy, dx = q.x + i * q.oh * q.ow, q.y + i * q.h * q.w
        if q.oh == 1 and q.ow == 1:
            share = dy[0] / <float>(q.h * q.w)
            for c in range(q.h * q.w):
                dx[c] = share
            continue
        memset(dx, 0, q.h * q.w * sizeof(float))
        for o in range(q.oh):
            r0, r1 = _start(o, q.h, q.oh), _end(o, q.h, q.oh)
            memset(row, 0, q.w * sizeof(float))
            for p in range(q.ow):
                c0, c1 = _start(p, q.w, q.ow), _end(p, q.w, q.ow)
                share = dy[o * q.ow + p] / <float>((r1 - r0) * (c1 - c0))
                for c in range(c0, c1):
                    row[c] += share
            for r in range(r0, r1):
                q.uk.vadd(q.w, row, dx + r * q.w)


cdef void _max_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Adaptive *q = <Adaptive *>ctx
    cdef Py_ssize_t i, o, p, r, c, r1, c0, c1, at, best_at
    cdef const float *x
    cdef float best
    for i in range(task * q.group, min_(q.planes, (task + 1) * q.group)):
        x = q.x + i * q.h * q.w
        for o in range(q.oh):
            r1 = _end(o, q.h, q.oh)
            for p in range(q.ow):
                c0, c1 = _start(p, q.w, q.ow), _end(p, q.w, q.ow)
                best_at = _start(o, q.h, q.oh) * q.w + c0
                best = x[best_at]
                for r in range(_start(o, q.h, q.oh), r1):
                    for c in range(c0, c1):
                        at = r * q.w + c
                        if x[at] > best or x[at] != x[at]:
                            best, best_at = x[at], at
                at = (i * q.oh + o) * q.ow + p
                q.y[at], q.index[at] = best, <int32_t>best_at


def adaptive_avg_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW), the means of evenly shared windows."""
    cdef Adaptive q
    cdef ndarray y
    q.x = f32(x, 4, "x")
    _sizes(&q, x.shape[2:], output_size)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.oh, q.ow)
    q.y = f32(y, 4, "y")
    _run(_avg_task, &q)
    return y


def adaptive_avg_pool2d_backward(dy, input_size):
    """dy (N, C, OH, OW) -> dx of shape input_size."""
    cdef Adaptive q
    cdef ndarray dx
    cdef tuple size = input_size
    q.x = f32(dy, 4, "dy")
    _sizes(&q, size[2:], dy.shape[2:])
    if PyArray_DIM(dy, 0) != size[0] or PyArray_DIM(dy, 1) != size[1]:
        raise ValueError(f"dy has shape {dy.shape}, input_size is {input_size}")
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    q.y = f32(dx, 4, "dx")
    _run(_avg_grad_task, &q)
    return dx


def adaptive_max_pool2d_forward(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW) and the int32 position of each maximum in its plane, of
    which max_pool2d_backward makes the gradient."""
    cdef Adaptive q
    cdef ndarray y, index
    q.x = f32(x, 4, "x")
    _sizes(&q, x.shape[2:], output_size)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.oh, q.ow)
    index = empty_typed(4, PyArray_DIMS(y), NPY_INT32, sizeof(int32_t))
    q.y, q.index = f32(y, 4, "y"), <int32_t *>PyArray_DATA(index)
    _run(_max_task, &q)
    return y, index


cdef int _places(Adaptive *q, ndarray x, indices) except -1:
    """Checks indices: one position in an (h, w) plane for each element of x."""
    cdef ndarray index = indices
    cdef Py_ssize_t i, n, size = q.h * q.w
    cdef bint inside = True
    if PyArray_TYPE(index) != NPY_INT64 or not PyArray_IS_C_CONTIGUOUS(index):
        raise TypeError("indices must be a contiguous int64 array")
    if not same_shape(index, x):
        raise ValueError(f"indices has shape {indices.shape}, expected {(<object>x).shape}")
    q.place = <const int64_t *>PyArray_DATA(index)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    q.oh, q.ow = PyArray_DIM(x, 2), PyArray_DIM(x, 3)
    n = q.planes * q.oh * q.ow
    for i in range(n):
        inside &= 0 <= q.place[i] < size
    if not inside:
        raise ValueError(f"indices must be from 0 to {size - 1}")
    return 0


cdef void _unpool_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Adaptive *q = <Adaptive *>ctx
    cdef Py_ssize_t i, at, n = q.oh * q.ow, size = q.h * q.w
    for i in range(task * q.group, min_(q.planes, (task + 1) * q.group)):
        memset(q.y + i * size, 0, size * sizeof(float))
        for at in range(i * n, (i + 1) * n):
            q.y[i * size + q.place[at]] = q.x[at]


cdef void _unpool_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """x is dy and y is dx."""
    cdef Adaptive *q = <Adaptive *>ctx
    cdef Py_ssize_t i, at, n = q.oh * q.ow, size = q.h * q.w
    for i in range(task * q.group, min_(q.planes, (task + 1) * q.group)):
        for at in range(i * n, (i + 1) * n):
            q.y[at] = q.x[i * size + q.place[at]]


def max_unpool2d_forward(x, indices, output_size):
    """x (N, C, H, W) at its int64 positions in planes of output_size; zero elsewhere."""
    cdef Adaptive q
    cdef ndarray y
    q.x, q.uk = f32(x, 4, "x"), ukernels()
    pair(output_size, &q.h, &q.w)
    _places(&q, x, indices)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.h, q.w)
    q.y = f32(y, 4, "y")
    _run(_unpool_task, &q)
    return y


def max_unpool2d_backward(dy, indices):
    """dx of the shape of indices: dy (N, C, OH, OW) at those positions."""
    cdef Adaptive q
    cdef ndarray dx, index = indices
    q.x, q.uk = f32(dy, 4, "dy"), ukernels()
    q.h, q.w = PyArray_DIM(dy, 2), PyArray_DIM(dy, 3)
    if index.ndim != 4 or PyArray_DIM(index, 0) != PyArray_DIM(dy, 0) or (
            PyArray_DIM(index, 1) != PyArray_DIM(dy, 1)):
        raise ValueError(f"dy has shape {dy.shape}, indices {indices.shape}")
    dx = empty4(PyArray_DIM(index, 0), PyArray_DIM(index, 1), PyArray_DIM(index, 2),
                PyArray_DIM(index, 3))
    _places(&q, dx, indices)
    q.y = f32(dx, 4, "dx")
    _run(_unpool_grad_task, &q)
    return dx
