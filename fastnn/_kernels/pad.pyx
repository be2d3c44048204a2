"""Padding of the last three axes: rows are copied in one run, borders by tables of positions.

The gradient adds the rows of dy back, one volume per task, in the order of dy.
"""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty4, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, threads_for

import_array()

MODES = ("constant", "reflect", "replicate", "circular")

cdef struct Axis:
    Py_ssize_t n, out, low
    Py_ssize_t first, last                  # the run of the elements themselves
    const Py_ssize_t *source                # of each position, -1: the value

cdef struct Pad:
    const fnn_ukernels *uk
    Axis d, h, w
    float value
    float *x
    float *y


cdef int _axis(Axis *a, Py_ssize_t n, widths) except -1:
    cdef Py_ssize_t low = widths[0], high = widths[1]
    if n + low + high < 0 or max(abs(low), abs(high)) > 1 << 40:
        raise ValueError(f"widths {widths} do not fit an axis of {n}")
    a.n, a.out, a.low = n, n + low + high, low
    a.first, a.last = max_(0, low), min_(a.out, low + n)
    a.last = max_(a.first, a.last)
    return 0


cdef Buffer _table(Axis *a, Py_ssize_t mode):
    """The element that each position shows; made once the padded array is known to fit memory."""
    cdef Py_ssize_t n = a.n, low = a.low, high = a.out - a.n - a.low, i, s
    cdef Py_ssize_t start = max_(0, -low), kept = n - max_(0, -low) - max_(0, -high)
    cdef Buffer table = take(2 * a.out)
    cdef Py_ssize_t *source = <Py_ssize_t *>table.data
    for i in range(a.out):
        s = i - low
        if mode == 0:
            source[i] = s if 0 <= s < n else -1
            continue
        if mode == 1:
            s = -s if s < 0 else s
            s = 2 * (n - 1) - s if s >= n else s
        elif mode == 2:
            s = min_(n - 1, max_(0, s))
        elif s < start:
            s += kept
        elif s >= start + kept:
            s -= kept
        if s < 0 or s >= n:
            raise ValueError(f"widths {(low, high)} do not fit an axis of {n} in mode "
                             f"{MODES[mode]!r}")
        source[i] = s
    a.source = source
    return table


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One padded plane (m, d)."""
    cdef:
        Pad *q = <Pad *>ctx
        Axis *w = &q.w
        Py_ssize_t i, j, d = q.d.source[task % q.d.out], m = task // q.d.out, h
        const float *x
        float *y = q.y + task * q.h.out * w.out
    for i in range(q.h.out):
        h = q.h.source[i]
        if d < 0 or h < 0:
            for j in range(w.out):
                y[j] = q.value
        else:
            x = q.x + ((m * q.d.n + d) * q.h.n + h) * w.n
            for j in range(w.first):
                y[j] = x[w.source[j]] if w.source[j] >= 0 else q.value
            memcpy(y + w.first, x + w.first - w.low, (w.last - w.first) * sizeof(float))
            for j in range(w.last, w.out):
                y[j] = x[w.source[j]] if w.source[j] >= 0 else q.value
        y += w.out


cdef void _grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Pad *q = <Pad *>ctx
        Axis *w = &q.w
        Py_ssize_t e, i, j
        float *volume = q.x + task * q.d.n * q.h.n * w.n
        float *x
        const float *dy = q.y + task * q.d.out * q.h.out * w.out
    memset(volume, 0, q.d.n * q.h.n * w.n * sizeof(float))
    for e in range(q.d.out):
        for i in range(q.h.out):
            if q.d.source[e] >= 0 and q.h.source[i] >= 0:
                x = volume + (q.d.source[e] * q.h.n + q.h.source[i]) * w.n
                for j in range(w.first):
                    if w.source[j] >= 0:
                        x[w.source[j]] += dy[j]
                q.uk.vadd(w.last - w.first, dy + w.first, x + w.first - w.low)
                for j in range(w.last, w.out):
                    if w.source[j] >= 0:
                        x[w.source[j]] += dy[j]
            dy += w.out


def pad_forward(x, widths, mode, value):
    """x (M, D, H, W), widths three pairs (before, after), negative to cut -> y padded; mode
    "constant" (by value), "reflect", "replicate" or "circular"."""
    cdef Pad q
    cdef ndarray y
    q.uk, q.x, q.value = ukernels(), f32(x, 4, "x"), value
    cdef Py_ssize_t code = MODES.index(mode)
    cdef Buffer _d, _h, _w
    _axis(&q.d, PyArray_DIM(x, 1), widths[0])
    _axis(&q.h, PyArray_DIM(x, 2), widths[1])
    _axis(&q.w, PyArray_DIM(x, 3), widths[2])
    y = empty4(PyArray_DIM(x, 0), q.d.out, q.h.out, q.w.out)
    q.y = f32(y, 4, "y")
    _d, _h, _w = _table(&q.d, code), _table(&q.h, code), _table(&q.w, code)
    cdef Py_ssize_t planes = PyArray_DIM(x, 0) * q.d.out
    with nogil:
        parallel_for(_task, &q, planes, threads_for(8.0 * planes * q.h.out * q.w.out))
    return y


def pad_backward(dy, input_size, widths, mode):
    """dy of y's shape -> dx of shape input_size."""
    cdef Pad q
    cdef ndarray dx
    cdef Py_ssize_t code = MODES.index(mode), M = input_size[0]
    q.uk, q.y = ukernels(), f32(dy, 4, "dy")
    cdef Buffer _d, _h, _w
    _axis(&q.d, input_size[1], widths[0])
    _axis(&q.h, input_size[2], widths[1])
    _axis(&q.w, input_size[3], widths[2])
    if dy.shape != (M, q.d.out, q.h.out, q.w.out):
        raise ValueError(f"dy has shape {dy.shape}, expected "
                         f"{(M, q.d.out, q.h.out, q.w.out)}")
    _d, _h, _w = _table(&q.d, code), _table(&q.h, code), _table(&q.w, code)
    dx = empty4(M, q.d.n, q.h.n, q.w.n)
    q.x = f32(dx, 4, "dx")
    with nogil:
        parallel_for(_grad_task, &q, M, threads_for(8.0 * M * q.d.out * q.h.out * q.w.out))
    return dx
