"""Separable resampling of NCHW images by tables: columns first, then rows; one plane per task.

Output j of an axis is the sum over t of weight[j, t] * x[index[j, t]], t in order.  Without tables
an axis stays as it is.
"""
from libc.stdint cimport int32_t
from libc.string cimport memcpy, memset
from numpy cimport (
    NPY_FLOAT32,
    NPY_INT32,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    ndarray,
)

from ._array cimport Buffer, empty4, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport round_up
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Axis:
    Py_ssize_t size, out, taps  # taps 0: the axis stays as it is
    const int32_t *index
    const float *weight

cdef struct Resample:
    const fnn_ukernels *uk
    Axis rows, columns
    Py_ssize_t planes, part
    const float *x
    float *y
    float *scratch


cdef int _axis(Axis *a, Py_ssize_t size, index, weight, str name) except -1:
    cdef ndarray i, w
    cdef Py_ssize_t n
    cdef bint inside = True
    a.size, a.out, a.taps = size, size, 0
    if index is None:
        return 0
    i, w = index, weight
    if (PyArray_TYPE(i) != NPY_INT32 or PyArray_TYPE(w) != NPY_FLOAT32
            or not PyArray_IS_C_CONTIGUOUS(i) or not PyArray_IS_C_CONTIGUOUS(w)):
        raise TypeError(f"{name}_index must be an int32 array and {name}_weight a float32 array")
    if (PyArray_NDIM(i) != 2 or PyArray_NDIM(w) != 2 or PyArray_DIM(i, 0) != PyArray_DIM(w, 0)
            or PyArray_DIM(i, 1) != PyArray_DIM(w, 1)):
        raise ValueError(f"{name}_index has shape {index.shape}, {name}_weight {weight.shape}")
    a.out, a.taps = PyArray_DIM(i, 0), PyArray_DIM(i, 1)
    a.index, a.weight = <const int32_t *>PyArray_DATA(i), <const float *>PyArray_DATA(w)
    for n in range(a.out * a.taps):
        inside &= 0 <= a.index[n] < size
    if not inside or a.taps < 1:
        raise ValueError(f"{name}_index must hold numbers from 0 to {size - 1}")
    return 0


cdef void _row(const Axis *a, const float *x, float *y) noexcept nogil:
    cdef Py_ssize_t j, t
    cdef float total
    if a.taps == 2:  # linear: no inner loop
        for j in range(a.out):
            y[j] = (a.weight[2 * j] * x[a.index[2 * j]]
                    + a.weight[2 * j + 1] * x[a.index[2 * j + 1]])
        return
    for j in range(a.out):
        total = a.weight[j * a.taps] * x[a.index[j * a.taps]]
        for t in range(1, a.taps):
            total += a.weight[j * a.taps + t] * x[a.index[j * a.taps + t]]
        y[j] = total


cdef void _row_grad(const Axis *a, const float *dy, float *dx) noexcept nogil:
    cdef Py_ssize_t j, t
    memset(dx, 0, a.size * sizeof(float))
    for j in range(a.out):
        for t in range(a.taps):
            dx[a.index[j * a.taps + t]] += a.weight[j * a.taps + t] * dy[j]


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Resample *q = <Resample *>ctx
    cdef Py_ssize_t h = q.rows.size, w = q.columns.size, ow = q.columns.out, i, t
    cdef const float *x = q.x + task * h * w
    cdef const float *row = x
    cdef float *y = q.y + task * q.rows.out * ow
    cdef float *wide = q.scratch + slot * q.part if q.rows.taps else y
    if q.columns.taps:
        for i in range(h):
            _row(&q.columns, x + i * w, wide + i * ow)
        row = wide
    elif not q.rows.taps:
        memcpy(y, x, h * w * sizeof(float))
    if q.rows.taps:
        for i in range(q.rows.out):
            t = i * q.rows.taps
            q.uk.vscale(ow, q.rows.weight[t], row + q.rows.index[t] * ow, y + i * ow)
            for t in range(i * q.rows.taps + 1, (i + 1) * q.rows.taps):
                q.uk.vaxpy(ow, q.rows.weight[t], row + q.rows.index[t] * ow, y + i * ow)


cdef void _grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """x is dy and y is dx."""
    cdef Resample *q = <Resample *>ctx
    cdef Py_ssize_t h = q.rows.size, w = q.columns.size, ow = q.columns.out, i, t
    cdef const float *dy = q.x + task * q.rows.out * ow
    cdef const float *row = dy
    cdef float *dx = q.y + task * h * w
    cdef float *wide = q.scratch + slot * q.part if q.columns.taps else dx
    if q.rows.taps:
        memset(wide, 0, h * ow * sizeof(float))
        for i in range(q.rows.out):
            for t in range(i * q.rows.taps, (i + 1) * q.rows.taps):
                q.uk.vaxpy(ow, q.rows.weight[t], dy + i * ow, wide + q.rows.index[t] * ow)
        row = wide
    elif not q.columns.taps:
        memcpy(dx, dy, h * w * sizeof(float))
    if q.columns.taps:
        for i in range(h):
            _row_grad(&q.columns, row + i * ow, dx + i * w)


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Resample *q) except -1:
    cdef Py_ssize_t terms = q.rows.size * q.columns.out * (q.columns.taps + 1)
    # Time in FLOPs: about 0.3 ns for a term.
    cdef int n_threads = threads_for(15.0 * q.planes * (
        terms + q.rows.out * q.columns.out * (q.rows.taps + 1)))
    cdef Buffer scratch
    q.part = round_up(q.rows.size * q.columns.out, 16)
    scratch = take(q.part * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(task, q, q.planes, n_threads)
    return 0


def resample2d_forward(x, row_index, row_weight, column_index, column_weight):
    """x (N, C, H, W) -> y (N, C, OH, OW); tables (OH, T) and (OW, T), or None for an axis."""
    cdef Resample q
    cdef ndarray y
    q.x, q.uk = f32(x, 4, "x"), ukernels()
    _axis(&q.rows, PyArray_DIM(x, 2), row_index, row_weight, "row")
    _axis(&q.columns, PyArray_DIM(x, 3), column_index, column_weight, "column")
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.rows.out, q.columns.out)
    q.y = f32(y, 4, "y")
    _run(_task, &q)
    return y


def resample2d_backward(dy, input_size, row_index, row_weight, column_index, column_weight):
    """dy (N, C, OH, OW) -> dx of shape input_size."""
    cdef Resample q
    cdef ndarray dx
    cdef tuple size = input_size
    q.x, q.uk = f32(dy, 4, "dy"), ukernels()
    _axis(&q.rows, size[2], row_index, row_weight, "row")
    _axis(&q.columns, size[3], column_index, column_weight, "column")
    if dy.shape != (size[0], size[1], q.rows.out, q.columns.out):
        raise ValueError(f"dy has shape {dy.shape}, expected "
                         f"{(size[0], size[1], q.rows.out, q.columns.out)}")
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    q.y = f32(dx, 4, "dx")
    _run(_grad_task, &q)
    return dx
