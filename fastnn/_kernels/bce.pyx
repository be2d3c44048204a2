"""Binary cross-entropy of targets in [0, 1], from logits or probabilities, any shape.

The elements' losses go through a small buffer that stays in L1, and their sum is taken there, so
that "mean" and "sum" write no array.
"""
from numpy cimport PyArray_DATA, PyArray_SIZE, import_array, ndarray, npy_intp

from ._array cimport Buffer, empty, empty_like, f32, f32_or_null, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 16384          # elements of a partial sum: set by shape alone
    ROW = 1024             # elements summed in float32

cdef double COST = 60.0    # of an element in FLOPs: exponential, logarithm, quotient

cdef struct Bce:
    const fnn_ukernels *uk
    Py_ssize_t n
    int logits, each
    float scale
    const float *x
    const float *t
    const float *weight
    const float *pos_weight
    const float *dloss
    double *partial
    float *out


cdef const float *_at(const float *p, Py_ssize_t i) noexcept nogil:
    if p == NULL:
        return NULL
    return p + i


cdef void _losses(const Bce *q, Py_ssize_t i, Py_ssize_t n, float *loss) noexcept nogil:
    if q.logits:
        q.uk.bce_logits(n, q.x + i, q.t + i, _at(q.weight, i), _at(q.pos_weight, i), loss)
    else:
        q.uk.bce_probs(n, q.x + i, q.t + i, _at(q.weight, i), loss)


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Bce *q = <Bce *>ctx
    cdef Py_ssize_t i = task * PIECE, end = min(q.n, i + PIECE), n
    cdef float row[ROW]
    cdef double total = 0.0
    if q.each:
        _losses(q, i, end - i, q.out + i)
        return
    while i < end:
        n = min(ROW, end - i)
        _losses(q, i, n, row)
        total += q.uk.vsum(n, row)
        i += n
    q.partial[task] = total


cdef void _backward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Bce *q = <Bce *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i)
    if q.logits:
        q.uk.bce_logits_grad(n, q.scale, _at(q.dloss, i), q.x + i, q.t + i, _at(q.weight, i),
                             _at(q.pos_weight, i), q.out + i)
    else:
        q.uk.bce_probs_grad(n, q.scale, _at(q.dloss, i), q.x + i, q.t + i, _at(q.weight, i),
                            q.out + i)


cdef int _inputs(Bce *q, x, target, weight, pos_weight, reduction, bint logits) except -1:
    q.uk, q.logits = ukernels(), logits
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    q.weight = f32_or_null(weight, -1, "weight")
    q.pos_weight = f32_or_null(pos_weight, -1, "pos_weight")
    for name, a in (("target", target), ("weight", weight), ("pos_weight", pos_weight)):
        if a is not None and not same_shape(a, x):
            raise ValueError(f"{name} has shape {a.shape}, expected {x.shape}")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
    q.n, q.each, q.dloss, q.scale = PyArray_SIZE(x), reduction == "none", NULL, 0.0
    return 0


cdef object _forward(Bce *q, x, reduction):
    cdef ndarray out
    cdef Buffer partial
    cdef double total = 0.0
    cdef npy_intp dims[1]
    cdef Py_ssize_t tasks = (q.n + PIECE - 1) // PIECE, i
    if q.each:
        out = empty_like(x)
        q.out = f32(out, -1, "loss")
        with nogil:
            parallel_for(_forward_task, q, tasks, threads_for(COST * q.n))
        return out
    partial = take(2 * tasks)
    q.partial = <double *>partial.data
    with nogil:
        parallel_for(_forward_task, q, tasks, threads_for(COST * q.n))
    for i in range(tasks):
        total += q.partial[i]
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = <float>(total / q.n if reduction == "mean" else total)
    return out


cdef object _backward(Bce *q, dloss, x, reduction):
    cdef ndarray dx
    if q.each:
        q.dloss = f32(dloss, -1, "dloss")
        if not same_shape(dloss, x):
            raise ValueError(f"dloss has shape {dloss.shape}, expected {x.shape}")
    else:
        q.scale = f32(dloss, 0, "dloss")[0]
        if reduction == "mean":
            q.scale = q.scale / <float>q.n
    dx = empty_like(x)
    q.out = f32(dx, -1, "dx")
    with nogil:
        parallel_for(_backward_task, q, (q.n + PIECE - 1) // PIECE, threads_for(COST * q.n))
    return dx


def bce_with_logits_forward(x, target, weight, pos_weight, reduction):
    """weight ((1 - t) x + (1 + (pos_weight - 1) t) ln(1 + e^-x)), its mean or its sum.

    All of one shape, weight and pos_weight also None -> loss of that shape or ().
    """
    cdef Bce q
    _inputs(&q, x, target, weight, pos_weight, reduction, True)
    return _forward(&q, x, reduction)


def bce_with_logits_backward(dloss, x, target, weight, pos_weight, reduction):
    """dx = dloss weight ((1 - t + pos_weight t) sigmoid(x) - pos_weight t)."""
    cdef Bce q
    _inputs(&q, x, target, weight, pos_weight, reduction, True)
    return _backward(&q, dloss, x, reduction)


def bce_forward(x, target, weight, reduction):
    """-weight (t max(ln x, -100) + (1 - t) max(ln(1 - x), -100)), its mean or its sum."""
    cdef Bce q
    _inputs(&q, x, target, weight, None, reduction, False)
    return _forward(&q, x, reduction)


def bce_backward(dloss, x, target, weight, reduction):
    """dx = dloss weight (x - t) / max(x (1 - x), 1e-12)."""
    cdef Bce q
    _inputs(&q, x, target, weight, None, reduction, False)
    return _backward(&q, dloss, x, reduction)
