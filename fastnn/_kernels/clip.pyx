"""Norm, scaling and clamping of a whole list of arrays in one call: how gradients are clipped.

The arrays are cut into pieces of 16 Ki elements; the pieces of all arrays are one list of tasks,
and their sums are added in that order.
"""
cimport cython
from libc.math cimport INFINITY, fabs, isnan, pow, sqrt
from numpy cimport PyArray_ISWRITEABLE, PyArray_SIZE, import_array, ndarray

from ._array cimport Buffer, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 16384
    SMALL = 65536      # elements below which the GIL is kept

cdef enum Action:
    NORM
    SCALE
    CLAMP

cdef struct Piece:
    Py_ssize_t n
    float *x
    double total

cdef struct Work:
    const fnn_ukernels *uk
    Action action
    double p
    float value
    Py_ssize_t tasks
    Piece *pieces


cdef double _powers(Py_ssize_t n, const float *x, double p) noexcept nogil:
    cdef double total = 0.0, a
    cdef Py_ssize_t i
    for i in range(n):
        a = fabs(<double>x[i])
        if p == 2.0:
            total += a * a
        else:
            total += a if p == 1.0 else pow(a, p)
    return total


cdef double sum_powers(const fnn_ukernels *uk, Py_ssize_t n, const float *x,
                       double p) noexcept nogil:
    cdef double total = 0.0, s
    cdef Py_ssize_t i, m
    if p == INFINITY:
        return uk.vabsmax(n, x)
    if p != 2.0:
        return _powers(n, x, p)
    for i in range(0, n, 2048):  # so many squares are summed in float32
        m = min(2048, n - i)
        s = uk.vdot(m, x + i, x + i)
        if not 1e-20 < s < INFINITY:  # squares that float32 cannot hold, or nothing but zeros
            s = _powers(m, x + i, p) if uk.vabsmax(m, x + i) != 0.0 else 0.0
        total += s
    return total


@cython.cdivision(True)
cdef double root(double total, double p) noexcept nogil:
    if p == 2.0:
        return sqrt(total)
    return total if p == 1.0 or p == INFINITY else pow(total, 1.0 / p)


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Work *q = <Work *>ctx
    cdef Piece *piece = q.pieces + task
    if q.action == NORM:
        piece.total = sum_powers(q.uk, piece.n, piece.x, q.p)
    elif q.action == SCALE:
        q.uk.vscale(piece.n, q.value, piece.x, piece.x)
    else:
        q.uk.vclamp(piece.n, q.value, piece.x, piece.x)


cdef Buffer _run(Work *q, list arrays):
    """Returns what the pieces live in."""
    cdef:
        Py_ssize_t i, k, n, tasks = 0, j = 0, total = 0
        double cost = 8.0
        float *x
        Buffer kept
    for i in range(len(arrays)):
        f32(arrays[i], -1, "arrays")
        n = PyArray_SIZE(arrays[i])
        total += n
        tasks += (n + PIECE - 1) // PIECE
    kept = take(tasks * sizeof(Piece) // 4)
    q.uk, q.tasks = ukernels(), tasks
    q.pieces = <Piece *>kept.data
    for i in range(len(arrays)):
        x = f32(arrays[i], -1, "arrays")
        if q.action != NORM and not PyArray_ISWRITEABLE(<ndarray>arrays[i]):
            raise ValueError(f"arrays[{i}] is read-only")
        n = PyArray_SIZE(arrays[i])
        for k in range(0, n, PIECE):
            q.pieces[j].n, q.pieces[j].x = min(PIECE, n - k), x + k
            j += 1
    if q.action == NORM and q.p != 2.0 and q.p != INFINITY:
        cost = 500.0 if q.p != 1.0 else 40.0
    if total <= SMALL and cost == 8.0:
        parallel_for(_task, q, tasks, 1)
    else:
        with nogil:
            parallel_for(_task, q, tasks, threads_for(cost * total))
    return kept


def grad_norm(arrays, norm_type):
    """(sum |a|^p)^(1/p) over all elements of all arrays, p = norm_type > 0; infinity: max |a|."""
    cdef Work q
    cdef Buffer _kept
    cdef Py_ssize_t i
    cdef double total = 0.0
    if not norm_type > 0:
        raise ValueError(f"norm_type is {norm_type}, expected above 0")
    q.action, q.p = NORM, norm_type
    _kept = _run(&q, arrays)
    for i in range(q.tasks):
        if q.p != INFINITY:
            total += q.pieces[i].total
        elif not isnan(total) and not q.pieces[i].total <= total:
            total = q.pieces[i].total
    return root(total, q.p)


def scale_grads(arrays, scale):
    """a <- scale a, in place."""
    cdef Work q
    q.action, q.value = SCALE, scale
    _run(&q, arrays)


def clamp_grads(arrays, limit):
    """a <- min(max(a, -limit), limit), in place; NaN stays NaN."""
    cdef Work q
    q.action, q.value = CLAMP, limit
    _run(&q, arrays)
