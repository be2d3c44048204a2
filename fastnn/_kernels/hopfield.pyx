"""Recall by a Hopfield network (1982, doi:10.1073/pnas.79.8.2554).  Called by classic.Hopfield.

Rows are states of their own; a task is a few of them, so that a row's net values stay in L1 while
its units change one after the other.
"""
from libc.math cimport copysignf
from libc.stdint cimport int64_t
from libc.string cimport memcmp, memcpy
from numpy cimport (
    NPY_BOOL,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_SimpleNew,
    import_array,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty_like, f32, f32_or_null, is_int64, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    GROUP = 16384          # elements of a task, at least a row

cdef struct Recall:
    const fnn_ukernels *uk
    Py_ssize_t rows, N, group
    const float *s
    const float *net
    const float *diagonal          # or NULL
    const float *w
    const int64_t *order
    float *out
    float *scratch                 # of each thread, N
    char *differs


cdef void _sweep_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Recall *q = <Recall *>ctx
    cdef Py_ssize_t r, j, i, N = q.N
    cdef float *h = q.scratch + slot * N
    cdef float *s
    for r in range(task * q.group, min(q.rows, (task + 1) * q.group)):
        s = q.out + r * N
        memcpy(s, q.s + r * N, N * sizeof(float))
        memcpy(h, q.net + r * N, N * sizeof(float))
        if q.diagonal != NULL:
            for j in range(N):
                h[j] -= q.diagonal[j] * s[j]
        for j in range(N):
            i = q.order[j]
            if h[i] * s[i] < 0:
                s[i] = -s[i]
                q.uk.vaxpy(N, 2 * s[i], q.w + i * N, h)


cdef void _step_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Recall *q = <Recall *>ctx
    cdef Py_ssize_t r, j
    cdef const float *s
    cdef const float *net
    cdef float *out
    cdef float h
    for r in range(task * q.group, min(q.rows, (task + 1) * q.group)):
        s, net, out = q.s + r * q.N, q.net + r * q.N, q.out + r * q.N
        for j in range(q.N):
            h = net[j] if q.diagonal == NULL else net[j] - q.diagonal[j] * s[j]
            out[j] = s[j] if h == 0 else copysignf(1.0, h)


cdef void _differ_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Recall *q = <Recall *>ctx
    cdef Py_ssize_t r
    for r in range(task * q.group, min(q.rows, (task + 1) * q.group)):
        q.differs[r] = memcmp(q.s + r * q.N, q.net + r * q.N, q.N * sizeof(float)) != 0


cdef int _inputs(Recall *q, a, b, str name) except -1:
    q.uk, q.s, q.net = ukernels(), f32(a, 2, "states"), f32(b, 2, name)
    if not same_shape(a, b):
        raise ValueError(f"{name} has shape {b.shape}, expected {a.shape}")
    q.rows, q.N, q.diagonal = PyArray_DIM(a, 0), PyArray_DIM(a, 1), NULL
    q.group = max(1, GROUP // max(1, q.N))
    return 0


cdef int _diagonal(Recall *q, diagonal) except -1:
    q.diagonal = f32_or_null(diagonal, 1, "diagonal")
    if q.diagonal != NULL and PyArray_DIM(<ndarray>diagonal, 0) != q.N:
        raise ValueError(f"diagonal has shape {diagonal.shape}, expected {(q.N,)}")
    return 0


def hopfield_sweep(states, net, weights, order, diagonal=None):
    """In each row of states (n, N), of -1 and 1, each unit once, in the given order (N,) int64:
    where h_i s_i < 0, s_i = -s_i and h += 2 s_i w_i.  The net values h begin as net (n, N), less
    diagonal (N,) times states unless it is None; weights (N, N).  Returns the new states.
    ValueError for wrong shapes or places.
    """
    cdef Recall q
    cdef ndarray out
    cdef Buffer scratch
    cdef Py_ssize_t j
    cdef int threads
    _inputs(&q, states, net, "net")
    _diagonal(&q, diagonal)
    q.w = f32(weights, 2, "weights")
    if PyArray_DIM(weights, 0) != q.N or PyArray_DIM(weights, 1) != q.N:
        raise ValueError(f"weights has shape {weights.shape}, expected {(q.N, q.N)}")
    if not isinstance(order, ndarray) or not is_int64(order, 1) or PyArray_DIM(order, 0) != q.N:
        raise ValueError(f"order must be int64 of shape ({q.N},)")
    q.order = <const int64_t *>PyArray_DATA(order)
    for j in range(q.N):
        if not 0 <= q.order[j] < q.N:
            raise ValueError(f"order[{j}] is {q.order[j]}, expected 0 to {q.N - 1}")
    out = empty_like(states)
    q.out = f32(out, 2, "out")
    threads = threads_for(20.0 * q.rows * q.N)
    scratch = take(threads * q.N)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_sweep_task, &q, (q.rows + q.group - 1) // q.group, threads)
    return out


def hopfield_step(states, net, diagonal=None):
    """The sign of h, and where h is 0 the element of states (n, N); h as hopfield_sweep's."""
    cdef Recall q
    cdef ndarray out
    _inputs(&q, states, net, "net")
    _diagonal(&q, diagonal)
    out = empty_like(states)
    q.out = f32(out, 2, "out")
    with nogil:
        parallel_for(_step_task, &q, (q.rows + q.group - 1) // q.group,
                     threads_for(8.0 * q.rows * q.N))
    return out


def rows_differ(states, others):
    """Whether each row of states (n, N) has other bits than that of others: bool (n,)."""
    cdef Recall q
    cdef ndarray found
    cdef npy_intp n
    _inputs(&q, states, others, "others")
    n = q.rows
    found = PyArray_SimpleNew(1, &n, NPY_BOOL)
    q.differs = <char *>PyArray_DATA(found)
    with nogil:
        parallel_for(_differ_task, &q, (q.rows + q.group - 1) // q.group,
                     threads_for(4.0 * q.rows * q.N))
    return found
