"""Losses of pairs (x, target) of equal shape, any shape: L1, smooth L1, Huber, Kullback-Leibler.

The elements' losses go through a small buffer that stays in L1, and their sum is taken there, so
that "mean" and "sum" write no array.
"""
from numpy cimport PyArray_DATA, PyArray_SIZE, import_array, ndarray, npy_intp

from ._array cimport Buffer, empty, empty_like, f32, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._labels cimport MEAN, NONE, reduction_code
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 16384          # elements of a partial sum: set by shape alone
    ROW = 1024             # elements summed in float32
    L1 = 0
    HUBER = 1
    KL_DIV = 2

# Time of an element in FLOPs: memory, or an exponential or a logarithm.
cdef double SIMPLE = 8.0, LOG = 40.0

cdef struct Pair:
    const fnn_ukernels *uk
    Py_ssize_t n
    int kind, how, log_target
    float delta, slope, scale
    double cost
    const float *x
    const float *t
    const float *dloss
    double *partial
    float *out


cdef void _losses(const Pair *q, Py_ssize_t i, Py_ssize_t n, float *loss) noexcept nogil:
    if q.kind == L1:
        q.uk.l1_loss(n, q.x + i, q.t + i, loss)
    elif q.kind == HUBER:
        q.uk.huber_loss(n, q.delta, q.slope, q.x + i, q.t + i, loss)
    else:
        q.uk.kl_div_loss(n, q.log_target, q.x + i, q.t + i, loss)


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pair *q = <Pair *>ctx
    cdef Py_ssize_t i = task * PIECE, end = min(q.n, i + PIECE), n
    cdef float row[ROW]
    cdef double total = 0.0
    if q.how == NONE:
        _losses(q, i, end - i, q.out + i)
        return
    while i < end:
        n = min(ROW, end - i)
        _losses(q, i, n, row)
        total += q.uk.vsum(n, row)
        i += n
    q.partial[task] = total


cdef void _backward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pair *q = <Pair *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i)
    cdef const float *d = NULL
    if q.dloss != NULL:
        d = q.dloss + i
    if q.kind == L1:
        q.uk.l1_loss_grad(n, q.scale, d, q.x + i, q.t + i, q.out + i)
    elif q.kind == HUBER:
        q.uk.huber_loss_grad(n, q.delta, q.slope, q.scale, d, q.x + i, q.t + i, q.out + i)
    else:
        q.uk.kl_div_loss_grad(n, q.log_target, q.scale, d, q.t + i, q.out + i)


cdef int _same_shape(a, x, str name) except -1:
    if not same_shape(a, x):
        raise ValueError(f"{name} has shape {a.shape}, expected {x.shape}")
    return 0


cdef int _inputs(Pair *q, int kind, x, target, reduction, double cost) except -1:
    q.uk, q.kind, q.how, q.cost = ukernels(), kind, reduction_code(reduction), cost
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    _same_shape(target, x, "target")
    q.n, q.dloss, q.scale, q.log_target = PyArray_SIZE(x), NULL, 0.0, 0
    q.delta, q.slope = 1.0, 1.0
    return 0


cdef void _curve(Pair *q, double delta, double slope) noexcept:
    q.delta, q.slope = <float>delta, <float>slope


cdef object _forward(Pair *q, x):
    cdef ndarray out
    cdef Buffer partial
    cdef double total = 0.0
    cdef npy_intp dims[1]
    cdef Py_ssize_t tasks = (q.n + PIECE - 1) // PIECE, i
    if q.how == NONE:
        out = empty_like(x)
        q.out = f32(out, -1, "loss")
        with nogil:
            parallel_for(_forward_task, q, tasks, threads_for(q.cost * q.n))
        return out
    partial = take(2 * tasks)
    q.partial = <double *>partial.data
    with nogil:
        parallel_for(_forward_task, q, tasks, threads_for(q.cost * q.n))
    for i in range(tasks):
        total += q.partial[i]
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = <float>(total / q.n if q.how == MEAN else total)
    return out


cdef object _backward(Pair *q, dloss, x):
    cdef ndarray dx
    if q.how == NONE:
        q.dloss = f32(dloss, -1, "dloss")
        _same_shape(dloss, x, "dloss")
    else:
        q.scale = f32(dloss, 0, "dloss")[0]
        if q.how == MEAN:
            q.scale = q.scale / <float>q.n
    dx = empty_like(x)
    q.out = f32(dx, -1, "dx")
    with nogil:
        parallel_for(_backward_task, q, (q.n + PIECE - 1) // PIECE, threads_for(q.cost * q.n))
    return dx


def l1_forward(x, target, reduction):
    """|x - target|, its mean or its sum; equal shapes -> loss of that shape or ()."""
    cdef Pair q
    _inputs(&q, L1, x, target, reduction, SIMPLE)
    return _forward(&q, x)


def l1_backward(dloss, x, target, reduction):
    """dx = sign(x - target) dloss (over the number of elements for "mean")."""
    cdef Pair q
    _inputs(&q, L1, x, target, reduction, SIMPLE)
    return _backward(&q, dloss, x)


def smooth_l1_forward(x, target, beta, reduction):
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, d = x - target; beta > 0."""
    cdef Pair q
    _inputs(&q, HUBER, x, target, reduction, SIMPLE)
    _curve(&q, beta, 1.0 / beta)
    return _forward(&q, x)


def smooth_l1_backward(dloss, x, target, beta, reduction):
    """dx = dloss d / beta, not beyond dloss."""
    cdef Pair q
    _inputs(&q, HUBER, x, target, reduction, SIMPLE)
    _curve(&q, beta, 1.0 / beta)
    return _backward(&q, dloss, x)


def huber_forward(x, target, delta, reduction):
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), d = x - target."""
    cdef Pair q
    _inputs(&q, HUBER, x, target, reduction, SIMPLE)
    _curve(&q, delta, 1.0)
    return _forward(&q, x)


def huber_backward(dloss, x, target, delta, reduction):
    """dx = dloss d, not beyond delta dloss."""
    cdef Pair q
    _inputs(&q, HUBER, x, target, reduction, SIMPLE)
    _curve(&q, delta, 1.0)
    return _backward(&q, dloss, x)


def kl_div_forward(x, target, log_target, reduction):
    """t (ln t - x), 0 ln 0 = 0; log_target: e^t (t - x)."""
    cdef Pair q
    _inputs(&q, KL_DIV, x, target, reduction, LOG)
    q.log_target = log_target
    return _forward(&q, x)


def kl_div_backward(dloss, x, target, log_target, reduction):
    """dx = -t dloss; log_target: -e^t dloss."""
    cdef Pair q
    _inputs(&q, KL_DIV, x, target, reduction, LOG if log_target else SIMPLE)
    q.log_target = log_target
    return _backward(&q, dloss, x)
