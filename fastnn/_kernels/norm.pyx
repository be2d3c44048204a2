"""Batch normalisation over planes (N, C, S).

Where a channel fits into L2 a task is one channel: its statistics are taken from memory in one
pass, then it is normalised out of L2.  Larger channels are cut into chunks: one parallel region for
the sums, one for the rest.  Planes of 2 to 15 elements are transposed, 16 channels at a time,
so that a channel is one row; planes of one element are columns, a vector of channels at a time.
Of other small channels several are a task, which goes through memory in order, plane by plane.
Evaluation goes through memory in order.  All this depends on the shape only, never on the number of
threads.

Statistics: pieces of about 4,096 elements are summed in float32 relative to the mean of what came
before (the first to that of its first 512), then combined in float64 (Chan et al. 1983): neither a
large mean nor many elements cost digits. The normalisation uses the mean and variance that are
returned, rounded to float32, and the backward pass recomputes the sign of the ReLU's input from
them, bit by bit the same, instead of reading y.
"""
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport (
    Buffer,
    activation_code,
    empty1,
    empty_like,
    f32,
    f32_or_null,
    same_shape,
    take,
)
from ._csrc cimport fnn_norm, ukernels
from ._norm cimport (
    COLUMNS,
    Moments,
    Norm,
    column_task,
    combine,
    finish_sums,
    moments,
    settings,
    span_task,
    store_moments,
)
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 4096           # elements of a sum in float32; a literal where it is a step
    CHUNK = 32768          # elements of a task of a large channel
    LARGE = 131072         # elements of a channel that does not stay in L2 with its result
    LARGE_GRAD = 65536     # the same with dy
    BLOCK = 16             # channels of a task if they are transposed
    SMALL_PLANE = 16
    MEDIUM_PLANE = 1024    # of larger ones, one channel at a time goes through memory in order, too
    GROUPED = 65536        # elements of a group of channels, which stays in L2 with its gradient
    SPAN = 16384           # elements of a task in evaluation


cdef void _plan(Norm *q, Py_ssize_t large) noexcept:
    q.chunks, q.group, q.part = 1, q.N, q.S
    if q.S < SMALL_PLANE or q.N * q.S <= large:
        return
    if q.S >= CHUNK:
        q.group, q.part = 1, CHUNK
        q.chunks = q.N * ((q.S + CHUNK - 1) // CHUNK)
    else:
        q.group = CHUNK // q.S
        q.chunks = (q.N + q.group - 1) // q.group


cdef Py_ssize_t _chunk(const Norm *q, Py_ssize_t task, Py_ssize_t *count,
                       Py_ssize_t *n) noexcept nogil:
    """Where chunk `task` begins, its number of planes, and how many elements of each."""
    cdef Py_ssize_t c = task // q.chunks, i = task % q.chunks, per_plane, plane, first
    if q.part == q.S:
        plane = i * q.group
        count[0], n[0] = min(q.group, q.N - plane), q.S
        return (plane * q.C + c) * q.S
    per_plane = q.chunks // q.N
    plane, first = i // per_plane, i % per_plane * q.part
    count[0], n[0] = 1, min(q.part, q.S - first)
    return (plane * q.C + c) * q.S + first


cdef void _grad_sums(const Norm *q, const fnn_norm *p, Py_ssize_t count, Py_ssize_t n,
                     Py_ssize_t stride, const float *dy, const float *x,
                     double *out) noexcept nogil:
    cdef float sums[2]
    cdef Py_ssize_t i, j, k, group = max(1, PIECE // n)
    out[0] = out[1] = 0.0
    for k in range((count + group - 1) // group):
        i = k * group
        for j in range(0, n, 4096):
            q.uk.norm_grad_sums(min(group, count - i), min(PIECE, n - j), stride, p,
                                dy + i * stride + j, x + i * stride + j, sums)
            out[0] += sums[0]
            out[1] += sums[1]


cdef void _channel(const Norm *q, Py_ssize_t c, Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride,
                   const float *dy, const float *x, float *out) noexcept nogil:
    """All of one channel: forward in training if dy is NULL, else backward."""
    cdef Moments m
    cdef fnn_norm p
    cdef double sums[2]
    if dy == NULL:
        m = moments(q.uk, count, n, stride, x)
        store_moments(q, c, &m)
        p = settings(q, c)
        q.uk.norm_apply(count, n, stride, &p, x, out)
        return
    p = settings(q, c)
    if q.need_sums:
        _grad_sums(q, &p, count, n, stride, dy, x, sums)
        finish_sums(q, c, sums, &p)
    if q.need_dx:
        q.uk.norm_grad_apply(count, n, stride, &p, dy, x, out)


cdef void _channel_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t at = task * q.S
    cdef const float *dy = NULL
    if q.dy != NULL:
        dy = q.dy + at
    _channel(q, task, q.N, q.S, q.C * q.S, dy, q.x + at, NULL if q.out == NULL else q.out + at)


cdef void _block_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """16 channels of small planes, transposed: a channel's elements become one row."""
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t first = task * BLOCK, channels = min(BLOCK, q.C - first), c
    cdef Py_ssize_t rows = channels * q.S, n = q.N * q.S, row = q.C * q.S
    cdef float *x = q.scratch + slot * q.room
    cdef float *dy = NULL
    q.uk.transpose(q.N, rows, q.x + first * q.S, row, x, q.N)
    if q.dy != NULL:
        dy = x + BLOCK * n
        q.uk.transpose(q.N, rows, q.dy + first * q.S, row, dy, q.N)
    for c in range(channels):
        _channel(q, first + c, 1, n, 0, NULL if dy == NULL else dy + c * n, x + c * n, x + c * n)
    if q.out != NULL:
        q.uk.transpose(rows, q.N, x, q.N, q.out + first * q.S, row)


cdef void _sums_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t count = 0, n = 0, at = _chunk(q, task, &count, &n)
    cdef fnn_norm p
    if q.dy == NULL:
        q.moments[task] = moments(q.uk, count, n, q.C * q.S, q.x + at)
        return
    p = settings(q, task // q.chunks)
    _grad_sums(q, &p, count, n, q.C * q.S, q.dy + at, q.x + at, q.sums + 2 * task)


cdef void _apply_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t count = 0, n = 0, c = task // q.chunks, at = _chunk(q, task, &count, &n)
    cdef fnn_norm p = settings(q, c)
    if q.dy == NULL:
        q.uk.norm_apply(count, n, q.C * q.S, &p, q.x + at, q.out + at)
        return
    if q.need_sums:
        finish_sums(q, c, q.sums + 2 * c * q.chunks, &p)
    q.uk.norm_grad_apply(count, n, q.C * q.S, &p, q.dy + at, q.x + at, q.out + at)


cdef void _gather_sums(Norm *q) noexcept nogil:
    """The chunks' sums, in order; of gradients the first chunk holds the total afterwards."""
    cdef Py_ssize_t c, i
    cdef Moments m
    cdef fnn_norm unused
    for c in range(q.C):
        if q.dy == NULL:
            m = q.moments[c * q.chunks]
            for i in range(1, q.chunks):
                combine(&m, &q.moments[c * q.chunks + i])
            store_moments(q, c, &m)
            continue
        for i in range(1, q.chunks):
            q.sums[2 * c * q.chunks] += q.sums[2 * (c * q.chunks + i)]
            q.sums[2 * c * q.chunks + 1] += q.sums[2 * (c * q.chunks + i) + 1]
        finish_sums(q, c, q.sums + 2 * c * q.chunks, &unused)


cdef object _run(Norm *q):
    cdef Py_ssize_t tasks, elements = q.N * q.C * q.S
    cdef int arrays = 1 if q.dy == NULL else 2
    cdef int threads = threads_for(12.0 * arrays * elements)
    cdef bint sums = q.dy == NULL or q.need_sums
    cdef fnn_norm p
    cdef Buffer scratch
    if q.dy == NULL and not q.training:
        scratch = take(2 * q.C)
        q.scale, q.group = <float *>scratch.data, max(1, SPAN // q.S)
        q.shift = q.scale + q.C
        with nogil:
            for tasks in range(q.C):
                p = settings(q, tasks)
                q.scale[tasks], q.shift[tasks] = p.scale, p.shift
            parallel_for(span_task, q, (q.N * q.C + q.group - 1) // q.group, threads)
        return None
    if q.S == 1:
        # A cache line of channels at least, but enough tasks for a few threads.
        q.group = COLUMNS if q.C >= 512 else (32 if q.C >= 128 else 16)
        with nogil:
            parallel_for(column_task, q, (q.C + q.group - 1) // q.group, threads)
        return None
    if q.S < SMALL_PLANE:
        tasks = (q.C + BLOCK - 1) // BLOCK
        threads = <int>min(threads, tasks)
        q.room = arrays * BLOCK * q.N * q.S
        scratch = take(threads * q.room)
        q.scratch = <float *>scratch.data
        with nogil:
            parallel_for(_block_task, q, tasks, threads)
        return None
    if q.S <= MEDIUM_PLANE and 2 * q.N * q.S <= GROUPED:
        q.group = min(BLOCK, GROUPED // (q.N * q.S))
        with nogil:
            parallel_for(column_task, q, (q.C + q.group - 1) // q.group, threads)
        return None
    if q.chunks == 1:
        with nogil:
            parallel_for(_channel_task, q, q.C, threads)
        return None
    tasks = q.C * q.chunks
    scratch = take(tasks * (sizeof(Moments) // sizeof(float)))
    q.moments, q.sums = <Moments *>scratch.data, <double *>scratch.data
    with nogil:
        if sums:
            parallel_for(_sums_task, q, tasks, threads)
            _gather_sums(q)
        if q.out != NULL:
            parallel_for(_apply_task, q, tasks, threads)
    return None


cdef int _inputs(Norm *q, x, weight, bias, double eps, activation) except -1:
    q.uk, q.x, q.eps = ukernels(), f32(x, 3, "x"), eps
    q.N, q.C, q.S = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    q.weight, q.bias = f32_or_null(weight, 1, "weight"), f32_or_null(bias, 1, "bias")
    if q.weight != NULL:
        _channels(q, weight, "weight")
    if q.bias != NULL:
        _channels(q, bias, "bias")
    q.relu = activation_code(activation)
    if q.relu > 1:
        raise ValueError(f"activation must be None or 'relu', got {activation!r}")
    q.dy, q.out, q.dweight, q.dbias = NULL, NULL, NULL, NULL
    q.need_sums = q.need_dx = 0
    return 0


cdef int _channels(const Norm *q, object a, str name) except -1:
    if PyArray_DIM(<ndarray>a, 0) != q.C:
        raise ValueError(f"{name} has {a.shape[0]} elements, expected {q.C}")
    return 0


def batch_norm_forward(x, weight, bias, mean, var, eps, activation):
    """y = act((x - mean) / sqrt(var + eps) weight + bias), x (N, C, S), the others (C,) or None.

    Without mean and var: those of each channel over N and S, var over their number.
    -> y, mean, var.
    """
    cdef Norm q
    cdef ndarray y
    _inputs(&q, x, weight, bias, eps, activation)
    if (mean is None) != (var is None):
        raise ValueError("mean and var must both be given, or neither")
    q.training = mean is None
    if q.training:
        mean, var = empty1(q.C), empty1(q.C)
    q.mean, q.var = f32(mean, 1, "mean"), f32(var, 1, "var")
    _channels(&q, mean, "mean")
    _channels(&q, var, "var")
    y = empty_like(x)
    q.out = f32(y, 3, "y")
    _plan(&q, LARGE)
    if q.N and q.C and q.S:
        _run(&q)
    elif q.training:
        memset(q.mean, 0, q.C * sizeof(float))
        memset(q.var, 0, q.C * sizeof(float))
    return y, mean, var


def batch_norm_backward(dy, x, weight, bias, mean, var, eps, training, activation, needs):
    """dx, dweight, dbias, each None unless needed; mean and var from the forward.

    training: mean and var are those of x, and dx goes through them:
    dx = w / sigma (dz - mean(dz) - x_hat mean(dz x_hat)), else dx = w / sigma dz.
    """
    cdef Norm q
    cdef ndarray dx = None, dweight = None, dbias = None
    need_dx, need_weight, need_bias = needs
    _inputs(&q, x, weight, bias, eps, activation)
    q.dy, q.training = f32(dy, 3, "dy"), bool(training)
    if not same_shape(dy, x):
        raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}")
    q.mean, q.var = f32(mean, 1, "mean"), f32(var, 1, "var")
    _channels(&q, mean, "mean")
    _channels(&q, var, "var")
    if need_dx:
        dx = empty_like(x)
        q.out, q.need_dx = f32(dx, 3, "dx"), 1
    if need_weight:
        dweight = empty1(q.C)
        q.dweight = f32(dweight, 1, "dweight")
    if need_bias:
        dbias = empty1(q.C)
        q.dbias = f32(dbias, 1, "dbias")
    q.need_sums = need_weight or need_bias or (need_dx and q.training)
    _plan(&q, LARGE_GRAD)
    if q.N and q.C and q.S:
        _run(&q)
    else:
        if q.dweight != NULL:
            memset(q.dweight, 0, q.C * sizeof(float))
        if q.dbias != NULL:
            memset(q.dbias, 0, q.C * sizeof(float))
    return dx, dweight, dbias
