"""Losses fused with their softmax, and mean squared error.

Cross-entropy with class weights w, label smoothing e and target t (PyTorch's definition): a row's
loss is (1 - e) w_t nll_t + (e / C) sum_c w_c nll_c with nll = log sum exp x - x; "mean" divides by
the sum of w_t over the rows that are not ignored (0 if there are none).
"""
from libc.string cimport memset
from numpy cimport (
    PyArray_DATA,
    PyArray_DIM,
    PyArray_SIZE,
    import_array,
    int64_t,
    ndarray,
    npy_intp,
)

from ._array cimport (
    Buffer,
    empty,
    empty1,
    empty_like,
    f32,
    f32_or_null,
    is_int64,
    same_shape,
    take,
)
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for
from .reduce cimport sum_of

import_array()

cdef enum:
    NONE = 0
    MEAN = 1
    SUM = 2
    ROWS = 32          # rows of a task
    PIECE = 65536      # elements of a partial sum: set by shape alone

cdef struct CrossEntropy:
    const fnn_ukernels *uk
    Py_ssize_t N, C
    int64_t ignore_index
    float smoothing, weight_sum, scale
    const float *logits
    const int64_t *target
    const float *weight
    const float *dloss             # per row, or NULL: scale for all
    float *rows                    # loss of each row
    float *probs
    float *dlogits


cdef int _reduction(name) except -1:
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    if name == "none":
        return NONE
    raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {name!r}")


cdef int _targets(CrossEntropy *q, target) except -1:
    cdef ndarray t = target
    if not is_int64(t, 1):
        raise TypeError("target must be a contiguous, aligned int64 array of rank 1, "
                        f"got {t.dtype}")
    if PyArray_DIM(t, 0) != q.N:
        raise ValueError(f"target has {PyArray_DIM(t, 0)} elements, expected {q.N}")
    q.target = <const int64_t *>PyArray_DATA(t)
    cdef Py_ssize_t n
    for n in range(q.N):
        if q.target[n] != q.ignore_index and not 0 <= q.target[n] < q.C:
            raise IndexError(f"target[{n}] is {q.target[n]}, expected 0 <= target < {q.C}")
    return 0


cdef float _denominator(const CrossEntropy *q) noexcept nogil:
    """Sum of the targets' weights, in order."""
    cdef double total = 0.0
    cdef Py_ssize_t n
    for n in range(q.N):
        if q.target[n] != q.ignore_index:
            total += q.weight[q.target[n]] if q.weight != NULL else 1.0
    return <float>total


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t n, t
    cdef Py_ssize_t first = task * ROWS, end = min(q.N, (task + 1) * ROWS), c
    cdef float m, log_total, w, smooth
    cdef const float *x
    for n in range(first, end):
        q.rows[n] = q.uk.softmax_row(q.C, q.logits + n * q.C, q.probs + n * q.C)
    q.uk.vlog(end - first, q.rows + first, q.rows + first)
    # Everything relative to the row's maximum m, so that an offset of all logits costs no digits.
    for n in range(first, end):
        if q.target[n] == q.ignore_index:
            q.rows[n] = 0.0
            continue
        x, t, log_total = q.logits + n * q.C, q.target[n], q.rows[n]
        m = q.uk.vmax(q.C, x)
        w = q.weight[t] if q.weight != NULL else <float>1.0
        q.rows[n] = w * (log_total - (x[t] - m))
        if q.smoothing > 0.0:
            smooth = 0.0
            for c in range(q.C):
                w = q.weight[c] if q.weight != NULL else <float>1.0
                if w != 0.0:
                    smooth += w * (log_total - (x[c] - m))
            q.rows[n] = (<float>1.0 - q.smoothing) * q.rows[n] + q.smoothing / <float>q.C * smooth


def cross_entropy_forward(logits, target, weight, ignore_index, reduction, label_smoothing):
    """logits (N, C), target (N,) int64, weight (C,) or None -> loss () or (N,), probs (N, C).

    IndexError for a target that is neither a class nor ignore_index."""
    cdef CrossEntropy q
    cdef ndarray probs, loss, out
    cdef int how = _reduction(reduction)
    cdef float total, denominator
    cdef npy_intp dims[1]
    q.uk = ukernels()
    q.logits, q.weight = f32(logits, 2, "logits"), f32_or_null(weight, 1, "weight")
    q.N, q.C = PyArray_DIM(logits, 0), PyArray_DIM(logits, 1)
    if q.weight != NULL and PyArray_DIM(weight, 0) != q.C:
        raise ValueError(f"weight has {PyArray_DIM(weight, 0)} elements, expected {q.C}")
    q.ignore_index, q.smoothing = ignore_index, label_smoothing
    _targets(&q, target)
    probs, loss = empty_like(logits), empty1(q.N)
    q.probs, q.rows = f32(probs, 2, "probs"), f32(loss, 1, "loss")
    q.weight_sum = q.uk.vsum(q.C, q.weight) if q.weight != NULL else <float>q.C
    if q.N and q.C:
        if q.N <= ROWS:
            parallel_for(_forward_task, &q, 1, 1)
        else:
            with nogil:
                parallel_for(_forward_task, &q, (q.N + ROWS - 1) // ROWS,
                             threads_for(40.0 * q.N * q.C))
    if how == NONE:
        return loss, probs
    total = <float>sum_of(q.uk, q.N, q.rows)
    if how == MEAN:
        denominator = _denominator(&q)
        total = total / denominator if denominator != 0.0 else <float>0.0
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = total
    return out, probs


cdef void _backward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    # d row / d x_j = p_j ((1-e) w_t + (e/C) sum w) - (1-e) w_t [j = t] - (e/C) w_j
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t n, t
    cdef float w, scale, own, spread = q.smoothing / <float>q.C
    cdef float *dx
    for n in range(task * ROWS, min(q.N, (task + 1) * ROWS)):
        dx = q.dlogits + n * q.C
        if q.target[n] == q.ignore_index:
            memset(dx, 0, q.C * sizeof(float))
            continue
        t = q.target[n]
        scale = q.dloss[n] if q.dloss != NULL else q.scale
        w = q.weight[t] if q.weight != NULL else <float>1.0
        own = (<float>1.0 - q.smoothing) * w
        q.uk.vscale(q.C, scale * (own + spread * q.weight_sum), q.probs + n * q.C, dx)
        dx[t] -= scale * own
        if q.smoothing > 0.0:
            if q.weight != NULL:
                q.uk.vaxpy(q.C, -scale * spread, q.weight, dx)
            else:
                for t in range(q.C):
                    dx[t] -= scale * spread


def cross_entropy_backward(dloss, probs, target, weight, ignore_index, reduction,
                           label_smoothing):
    """dloss () or (N,), probs (N, C) of the forward -> dlogits (N, C)."""
    cdef CrossEntropy q
    cdef ndarray dlogits
    cdef int how = _reduction(reduction)
    cdef float denominator
    q.uk = ukernels()
    q.probs, q.weight = f32(probs, 2, "probs"), f32_or_null(weight, 1, "weight")
    q.N, q.C = PyArray_DIM(probs, 0), PyArray_DIM(probs, 1)
    q.ignore_index, q.smoothing = ignore_index, label_smoothing
    _targets(&q, target)
    q.dloss, q.scale = NULL, 0.0
    if how == NONE:
        q.dloss = f32(dloss, 1, "dloss")
        if PyArray_DIM(dloss, 0) != q.N:
            raise ValueError(f"dloss has {PyArray_DIM(dloss, 0)} elements, expected {q.N}")
    else:
        q.scale = f32(dloss, 0, "dloss")[0]
        if how == MEAN:
            denominator = _denominator(&q)
            q.scale = q.scale / denominator if denominator != 0.0 else <float>0.0
    q.weight_sum = q.uk.vsum(q.C, q.weight) if q.weight != NULL else <float>q.C
    dlogits = empty_like(probs)
    q.dlogits = f32(dlogits, 2, "dlogits")
    if q.N and q.C:
        if q.N <= ROWS:
            parallel_for(_backward_task, &q, 1, 1)
        else:
            with nogil:
                parallel_for(_backward_task, &q, (q.N + ROWS - 1) // ROWS,
                             threads_for(8.0 * q.N * q.C))
    return dlogits


cdef struct Mse:
    const fnn_ukernels *uk
    Py_ssize_t n
    int how
    float scale
    const float *x
    const float *t
    const float *dloss
    float *out


cdef void _mse_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Mse *q = <Mse *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i), j
    cdef float d
    if q.how != NONE:
        q.out[task] = q.uk.vsqdiff(n, q.x + i, q.t + i)
        return
    for j in range(i, i + n):
        d = q.x[j] - q.t[j]
        q.out[j] = d * d


cdef void _mse_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Mse *q = <Mse *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i), j
    if q.how != NONE:
        q.uk.vscaled_diff(n, q.scale, q.x + i, q.t + i, q.out + i)
        return
    for j in range(i, i + n):
        q.out[j] = <float>2.0 * q.dloss[j] * (q.x[j] - q.t[j])


cdef int _same_shape(x, target) except -1:
    if not same_shape(x, target):
        raise ValueError(f"target has shape {target.shape}, expected {x.shape}")
    return 0


def mse_forward(x, target, reduction):
    """(x - target)^2, its mean or its sum; equal shapes -> loss of that shape or ()."""
    cdef Mse q
    cdef ndarray out
    cdef Buffer partial
    cdef Py_ssize_t tasks, i
    cdef double total = 0.0
    cdef npy_intp dims[1]
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    q.uk, q.how = ukernels(), _reduction(reduction)
    _same_shape(x, target)
    q.n = PyArray_SIZE(x)
    tasks = (q.n + PIECE - 1) // PIECE
    if q.how == NONE:
        out = empty_like(x)
        q.out = f32(out, -1, "loss")
        with nogil:
            parallel_for(_mse_task, &q, tasks, threads_for(8.0 * q.n))
        return out
    partial = take(tasks)
    q.out = <float *>partial.data
    with nogil:
        parallel_for(_mse_task, &q, tasks, threads_for(8.0 * q.n))
    for i in range(tasks):
        total += q.out[i]
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = <float>(total / q.n if q.how == MEAN else total)
    return out


def mse_backward(dloss, x, target, reduction):
    """dx = 2 (x - target) dloss (over the number of elements for "mean")."""
    cdef Mse q
    cdef ndarray dx
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    q.uk, q.how = ukernels(), _reduction(reduction)
    _same_shape(x, target)
    q.n, q.dloss, q.scale = PyArray_SIZE(x), NULL, 0.0
    if q.how == NONE:
        _same_shape(x, dloss)
        q.dloss = f32(dloss, -1, "dloss")
    else:
        q.scale = <float>2.0 * f32(dloss, 0, "dloss")[0]
        if q.how == MEAN:
            q.scale = q.scale / <float>q.n
    dx = empty_like(x)
    q.out = f32(dx, -1, "dx")
    with nogil:
        parallel_for(_mse_grad_task, &q, (q.n + PIECE - 1) // PIECE, threads_for(8.0 * q.n))
    return dx
