"""Connectionist temporal classification (Graves et al. 2006, doi:10.1145/1143844.1143891).

Forward-backward in log space; one sequence a task.  The labels l of a sequence, with blanks between
and around them, are its S = 2 L + 1 states.  Log-probabilities of states are float64: they are of
the size of the sequence's length, and their differences matter.  Exponentials and logarithms of
these differences are vectors over the states (float32, the same bits on every CPU).
"""
from libc.math cimport INFINITY, NAN
from libc.string cimport memset
from numpy cimport (
    NPY_FLOAT64,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    int64_t,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty1, empty_like, empty_typed, f32, is_int64, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Ctc:
    const fnn_ukernels *uk
    Py_ssize_t T, N, C, L, S       # L: columns of targets; S = 2 L + 1
    int64_t blank
    int zero_infinity
    const float *x                 # (T, N, C)
    const int64_t *targets         # (N, L)
    const int64_t *input_lengths
    const int64_t *target_lengths
    const float *dloss
    double *alpha                  # (N, T, S)
    float *loss
    float *dx
    float *scratch                 # per thread: 3 S float32 and 2 S float64


cdef int64_t _label(const Ctc *q, Py_ssize_t n, Py_ssize_t s) noexcept nogil:
    return q.targets[n * q.L + s // 2] if s % 2 else q.blank


cdef bint _may_skip(const Ctc *q, Py_ssize_t n, Py_ssize_t s) noexcept nogil:
    """Whether state s can follow s - 2: a label after another label."""
    return s >= 2 and s % 2 and _label(q, n, s) != _label(q, n, s - 2)


cdef void _add_logs(const fnn_ukernels *uk, Py_ssize_t n, float *e, double *top) noexcept nogil:
    """top[i] += ln(exp e[i] + exp e[n + i] + exp e[2n + i])."""
    cdef Py_ssize_t i
    uk.vexp(3 * n, e, e)
    uk.vadd(n, e + n, e)
    uk.vadd(n, e + 2 * n, e)
    uk.vlog(n, e, e)
    for i in range(n):
        top[i] += e[i]


cdef void _differences(Py_ssize_t n, Py_ssize_t i, double a, double b, double c, float *e,
                       double *top) noexcept nogil:
    """What _add_logs takes, for one element: the largest, and what the three lack of it."""
    cdef double m = max(a, max(b, c))
    top[i] = m
    if m == -INFINITY:
        m = 0.0
    e[i], e[n + i], e[2 * n + i] = <float>(a - m), <float>(b - m), <float>(c - m)


cdef double _log_sum(const fnn_ukernels *uk, double a, double b) noexcept nogil:
    cdef float e[3]
    cdef double top[1]
    _differences(1, 0, a, b, -INFINITY, e, top)
    _add_logs(uk, 1, e, top)
    return top[0]


cdef void _forward_task(void *ctx, Py_ssize_t n, int slot) noexcept nogil:
    cdef Ctc *q = <Ctc *>ctx
    cdef Py_ssize_t T = q.input_lengths[n], S = 2 * q.target_lengths[n] + 1, t, s
    cdef float *e = q.scratch + slot * 7 * (q.S + 1)
    cdef const float *x
    cdef const double *before
    cdef double *now = q.alpha + n * q.T * q.S
    if T == 0:
        q.loss[n] = 0.0 if S == 1 else INFINITY
        return
    for s in range(S):
        now[s] = -INFINITY
    for s in range(min(S, 2)):
        now[s] = q.x[n * q.C + _label(q, n, s)]
    for t in range(1, T):
        before, now, x = now, now + q.S, q.x + (t * q.N + n) * q.C
        for s in range(S):
            _differences(S, s, before[s], before[s - 1] if s >= 1 else -INFINITY,
                         before[s - 2] if _may_skip(q, n, s) else -INFINITY, e, now)
        _add_logs(q.uk, S, e, now)
        for s in range(S):
            now[s] += x[_label(q, n, s)]
    q.loss[n] = <float>-_log_sum(q.uk, now[S - 1], now[S - 2] if S > 1 else -INFINITY)


cdef void _backward_task(void *ctx, Py_ssize_t n, int slot) noexcept nogil:
    """dx = dloss (exp x - share of the paths that are at the class)."""
    cdef Ctc *q = <Ctc *>ctx
    cdef Py_ssize_t T = q.input_lengths[n], S = 2 * q.target_lengths[n] + 1, t, s, c
    cdef float *e = q.scratch + slot * 7 * (q.S + 1)
    cdef double *beta = <double *>(e + 3 * (q.S + 1))
    cdef double *later = beta + q.S
    cdef const double *alpha
    cdef const float *x
    cdef float *dx
    cdef double likelihood
    cdef float scale = q.dloss[n]
    for t in range(q.T):
        memset(q.dx + (t * q.N + n) * q.C, 0, q.C * sizeof(float))
    if q.loss[n] == INFINITY:  # no path at all
        if not q.zero_infinity:
            for t in range(T):
                for c in range(q.C):
                    q.dx[(t * q.N + n) * q.C + c] = NAN
        return
    if T == 0:
        return
    alpha = q.alpha + (n * q.T + T - 1) * q.S
    likelihood = _log_sum(q.uk, alpha[S - 1], alpha[S - 2] if S > 1 else -INFINITY)
    for t in range(T - 1, -1, -1):
        x, dx = q.x + (t * q.N + n) * q.C, q.dx + (t * q.N + n) * q.C
        alpha = q.alpha + (n * q.T + t) * q.S
        # beta: of what comes after t, without x of t itself
        if t == T - 1:
            for s in range(S):
                beta[s] = 0.0 if s >= S - 2 else -INFINITY
        else:
            for s in range(S):
                _differences(S, s, later[s], later[s + 1] if s + 1 < S else -INFINITY,
                             later[s + 2] if s + 2 < S and _may_skip(q, n, s + 2) else -INFINITY,
                             e, beta)
            _add_logs(q.uk, S, e, beta)
        for s in range(S):
            e[s] = <float>(alpha[s] + beta[s] - likelihood)
        q.uk.vexp(S, e, e)
        q.uk.vexp(q.C, x, dx)
        for s in range(S):
            dx[_label(q, n, s)] -= e[s]
        q.uk.vscale(q.C, scale, dx, dx)
        for s in range(S):
            beta[s] += x[_label(q, n, s)]
        beta, later = later, beta


cdef const int64_t *_int64(a, int nd, Py_ssize_t n, str name) except? NULL:
    if not is_int64(a, nd):
        raise TypeError(f"{name} must be a contiguous, aligned int64 array of rank {nd}, "
                        f"got {a.dtype}")
    if PyArray_DIM(a, 0) != n:
        raise ValueError(f"{name} has {PyArray_DIM(a, 0)} rows, expected {n}")
    return <const int64_t *>PyArray_DATA(<ndarray>a)


cdef int _inputs(Ctc *q, log_probs, targets, input_lengths, target_lengths, blank) except -1:
    cdef Py_ssize_t n, i
    q.uk, q.x, q.blank = ukernels(), f32(log_probs, 3, "log_probs"), blank
    q.T, q.N, q.C = (PyArray_DIM(log_probs, 0), PyArray_DIM(log_probs, 1),
                     PyArray_DIM(log_probs, 2))
    q.targets = _int64(targets, 2, q.N, "targets")
    q.input_lengths = _int64(input_lengths, 1, q.N, "input_lengths")
    q.target_lengths = _int64(target_lengths, 1, q.N, "target_lengths")
    q.L = PyArray_DIM(targets, 1)
    q.S = 2 * q.L + 1
    if not 0 <= q.blank < q.C:
        raise ValueError(f"blank is {blank}, expected 0 <= blank < {q.C}")
    for n in range(q.N):
        if not 0 <= q.input_lengths[n] <= q.T:
            raise ValueError(f"input_lengths[{n}] is {q.input_lengths[n]}, expected 0 to {q.T}")
        if not 0 <= q.target_lengths[n] <= q.L:
            raise ValueError(f"target_lengths[{n}] is {q.target_lengths[n]}, expected 0 to {q.L}")
        for i in range(q.target_lengths[n]):
            if not 0 <= q.targets[n * q.L + i] < q.C:
                raise IndexError(f"targets[{n}, {i}] is {q.targets[n * q.L + i]}, "
                                 f"expected 0 <= class < {q.C}")
    return 0


def ctc_forward(log_probs, targets, input_lengths, target_lengths, blank):
    """log_probs (T, N, C), targets (N, L) int64, lengths (N,) int64 -> loss (N,) and the
    log-probabilities alpha (N, T, 2 L + 1) of the states, float64, undefined beyond the lengths.

    ValueError for a length or a blank, IndexError for a target out of range."""
    cdef Ctc q
    cdef ndarray loss, alpha
    cdef Buffer scratch
    cdef npy_intp dims[3]
    cdef int threads
    _inputs(&q, log_probs, targets, input_lengths, target_lengths, blank)
    loss = empty1(q.N)
    dims[0], dims[1], dims[2] = q.N, q.T, q.S
    alpha = empty_typed(3, dims, NPY_FLOAT64, 8)
    q.loss, q.alpha = f32(loss, 1, "loss"), <double *>PyArray_DATA(alpha)
    threads = threads_for(100.0 * q.N * q.T * q.S)
    scratch = take(threads * 7 * (q.S + 1))
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_forward_task, &q, q.N, threads)
    return loss, alpha


def ctc_backward(dloss, log_probs, targets, input_lengths, target_lengths, loss, alpha, blank,
                 zero_infinity):
    """dloss (N,), loss and alpha of the forward -> the gradient of log_probs (T, N, C)."""
    cdef Ctc q
    cdef ndarray dx, states = alpha
    cdef Buffer scratch
    cdef int threads
    _inputs(&q, log_probs, targets, input_lengths, target_lengths, blank)
    q.dloss, q.loss = f32(dloss, 1, "dloss"), f32(loss, 1, "loss")
    if PyArray_DIM(dloss, 0) != q.N or PyArray_DIM(loss, 0) != q.N:
        raise ValueError(f"dloss has shape {dloss.shape} and loss {loss.shape}, expected ({q.N},)")
    if PyArray_TYPE(states) != NPY_FLOAT64 or not states.flags.c_contiguous:
        raise TypeError(f"alpha must be a contiguous float64 array, got {states.dtype}")
    if PyArray_NDIM(states) != 3 or alpha.shape != (q.N, q.T, q.S):
        raise ValueError(f"alpha has shape {alpha.shape}, expected ({q.N}, {q.T}, {q.S})")
    q.alpha, q.zero_infinity = <double *>PyArray_DATA(states), zero_infinity
    dx = empty_like(log_probs)
    q.dx = f32(dx, 3, "dx")
    threads = threads_for(100.0 * q.N * q.T * (q.S + q.C))
    scratch = take(threads * 7 * (q.S + 1))
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_backward_task, &q, q.N, threads)
    return dx
