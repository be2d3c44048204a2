"""Group normalisation of (N, C, S), float32: C / G neighbouring channels of an image are a row.

A task is a row.  Planes of at least 16 elements: the row's statistics (layer_norm.pyx), then plane
by plane as in batch normalisation, with the channel's weight; backward sums each plane's dy and
dy (x - mean) first, of which the row's and, over the images in order, the channels' gradients are
made in float64.  Smaller planes: each element has the weight of its channel, and the rows are those
of layer normalisation.  All this depends on the shape only.
"""
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty1, empty2, empty_like, f32, f32_or_null, same_shape, take
from ._csrc cimport fnn_norm, fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for
from .layer_norm cimport Rows, row_statistics, rows_backward, rows_forward

import_array()

cdef enum:
    PIECE = 4096           # elements of a sum in float32; a literal where it is a step
    SMALL_PLANE = 16

cdef struct Groups:
    const fnn_ukernels *uk
    Py_ssize_t N, C, S, G, K     # K: channels of a group
    double eps
    const float *x
    const float *dy
    const float *weight
    const float *bias
    float *mean                  # (N, G), as rstd
    float *rstd
    float *out                   # y or dx, or NULL
    float *dweight
    float *dbias
    double *sums                 # of each plane: sum dy, sum dy (x - mean)


cdef inline double _weight(const Groups *q, Py_ssize_t c) noexcept nogil:
    return q.weight[c] if q.weight != NULL else 1.0


cdef void _forward_task(void *ctx, Py_ssize_t r, int slot) noexcept nogil:
    cdef Groups *q = <Groups *>ctx
    cdef Py_ssize_t first = r % q.G * q.K, c, at = r * q.K * q.S
    cdef fnn_norm p
    row_statistics(q.uk, q.K * q.S, q.eps, q.x + at, q.mean + r, q.rstd + r)
    p.mean, p.relu = q.mean[r], 0
    for c in range(first, first + q.K):
        p.scale = <float>(_weight(q, c) * q.rstd[r])
        p.shift = q.bias[c] if q.bias != NULL else 0.0
        q.uk.norm_apply(1, q.S, 0, &p, q.x + at, q.out + at)
        at += q.S


cdef void _backward_task(void *ctx, Py_ssize_t r, int slot) noexcept nogil:
    cdef Groups *q = <Groups *>ctx
    cdef Py_ssize_t first = r % q.G * q.K, c, i, at = r * q.K * q.S
    cdef double *sums = q.sums + 2 * r * q.K
    cdef double total = 0.0, product = 0.0, rstd = q.rstd[r], n = <double>(q.K * q.S)
    cdef float part[2]
    cdef fnn_norm p
    p.mean, p.scale, p.shift, p.relu, p.centred = q.mean[r], 1.0, 0.0, 0, 1
    for c in range(q.K):
        sums[2 * c] = sums[2 * c + 1] = 0.0
        for i in range(0, q.S, 4096):
            q.uk.norm_grad_sums(1, min(PIECE, q.S - i), 0, &p, q.dy + at + c * q.S + i,
                                q.x + at + c * q.S + i, part)
            sums[2 * c] += part[0]
            sums[2 * c + 1] += part[1]
        total += _weight(q, first + c) * sums[2 * c]
        product += _weight(q, first + c) * sums[2 * c + 1]
    if q.out == NULL:
        return
    p.slope = <float>(-rstd * rstd * rstd * product / n)
    p.offset = <float>(-rstd * total / n)
    for c in range(first, first + q.K):
        p.scale = <float>(_weight(q, c) * rstd)
        q.uk.norm_grad_apply(1, q.S, 0, &p, q.dy + at, q.x + at, q.out + at)
        at += q.S


cdef void _channel_gradients(const Groups *q) noexcept nogil:
    cdef Py_ssize_t n, c
    cdef double weight, bias
    for c in range(q.C):
        weight = bias = 0.0
        for n in range(q.N):
            bias += q.sums[2 * (n * q.C + c)]
            weight += q.sums[2 * (n * q.C + c) + 1] * q.rstd[n * q.G + c // q.K]
        if q.dweight != NULL:
            q.dweight[c] = <float>weight
        if q.dbias != NULL:
            q.dbias[c] = <float>bias


cdef void _spread(const Groups *q, const float *channel, float *element) noexcept nogil:
    cdef Py_ssize_t c, s
    for c in range(q.C):
        for s in range(q.S):
            element[c * q.S + s] = channel[c]


cdef void _gather(const Groups *q, const float *element, float *channel) noexcept nogil:
    cdef Py_ssize_t c, s
    cdef double total
    for c in range(q.C):
        total = 0.0
        for s in range(q.S):
            total += element[c * q.S + s]
        channel[c] = <float>total


cdef int _small_planes(const Groups *q) except -1:
    """Both ways, by the rows of layer normalisation."""
    cdef Rows rows
    cdef Py_ssize_t width = q.C * q.S
    cdef Buffer scratch = take(4 * width)
    cdef float *own = <float *>scratch.data
    rows.uk, rows.N, rows.G, rows.L, rows.eps = q.uk, q.N, q.G, q.K * q.S, q.eps
    rows.x, rows.dy, rows.out, rows.mean, rows.rstd = q.x, q.dy, q.out, q.mean, q.rstd
    rows.weight, rows.bias, rows.dweight, rows.dbias = NULL, NULL, NULL, NULL
    if q.weight != NULL:
        rows.weight = own
        _spread(q, q.weight, own)
    if q.bias != NULL:
        rows.bias = own + width
        _spread(q, q.bias, own + width)
    if q.dy == NULL:
        return rows_forward(&rows)
    if q.dweight != NULL:
        rows.dweight = own + 2 * width
    if q.dbias != NULL:
        rows.dbias = own + 3 * width
    rows_backward(&rows)
    if q.dweight != NULL:
        _gather(q, rows.dweight, q.dweight)
    if q.dbias != NULL:
        _gather(q, rows.dbias, q.dbias)
    return 0


cdef int _inputs(Groups *q, x, weight, bias, Py_ssize_t groups) except -1:
    q.uk, q.x, q.G = ukernels(), f32(x, 3, "x"), groups
    q.N, q.C, q.S = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    if groups < 1 or q.C % groups:
        raise ValueError(f"groups is {groups}, which does not divide {q.C} channels")
    q.K = q.C // groups
    q.weight, q.bias = f32_or_null(weight, 1, "weight"), f32_or_null(bias, 1, "bias")
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.shape[0] != q.C:
            raise ValueError(f"{name} has {a.shape[0]} elements, expected {q.C}")
    q.dy, q.out, q.dweight, q.dbias = NULL, NULL, NULL, NULL
    return 0


def group_norm_forward(x, weight, bias, groups, eps):
    """y = (x - mean) rstd weight + bias, x (N, C, S), weight and bias (C,) or None.

    mean and rstd = 1 / sqrt(var + eps), var over the C / groups S elements of a group, are those of
    each image and group -> y, mean, rstd (N, groups).
    """
    cdef Groups q
    cdef ndarray y, mean, rstd
    _inputs(&q, x, weight, bias, groups)
    y, mean, rstd = empty_like(x), empty2(q.N, q.G), empty2(q.N, q.G)
    q.out, q.eps = f32(y, 3, "y"), eps
    q.mean, q.rstd = f32(mean, 2, "mean"), f32(rstd, 2, "rstd")
    if q.N == 0 or q.C == 0 or q.S == 0:
        memset(q.mean, 0, q.N * q.G * sizeof(float))
        memset(q.rstd, 0, q.N * q.G * sizeof(float))
    elif q.S < SMALL_PLANE:
        _small_planes(&q)
    else:
        with nogil:
            parallel_for(_forward_task, &q, q.N * q.G, threads_for(12.0 * q.N * q.C * q.S))
    return y, mean, rstd


def group_norm_backward(dy, x, weight, mean, rstd, needs):
    """dx, dweight, dbias, each None unless needed; mean and rstd from the forward.

    With g = dy weight, x_hat = (x - mean) rstd, and means over a group:
    dx = rstd (g - mean(g) - x_hat mean(g x_hat)); dweight = sum dy x_hat, dbias = sum dy.
    """
    cdef Groups q
    cdef Buffer scratch
    cdef ndarray dx = None, dweight = None, dbias = None
    need_dx, need_weight, need_bias = needs
    q.mean, q.rstd = f32(mean, 2, "mean"), f32(rstd, 2, "rstd")
    _inputs(&q, x, weight, None, mean.shape[1])
    q.dy, q.eps = f32(dy, 3, "dy"), 0.0
    if not same_shape(dy, x):
        raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}")
    if not same_shape(mean, rstd) or PyArray_DIM(mean, 0) != q.N:
        raise ValueError(f"mean and rstd must have shape ({q.N}, {q.G})")
    if need_dx:
        dx = empty_like(x)
        q.out = f32(dx, 3, "dx")
    if need_weight:
        dweight = empty1(q.C)
        q.dweight = f32(dweight, 1, "dweight")
    if need_bias:
        dbias = empty1(q.C)
        q.dbias = f32(dbias, 1, "dbias")
    if q.N == 0 or q.C == 0 or q.S == 0:
        if need_weight:
            memset(q.dweight, 0, q.C * sizeof(float))
        if need_bias:
            memset(q.dbias, 0, q.C * sizeof(float))
    elif q.S < SMALL_PLANE:
        _small_planes(&q)
    else:
        scratch = take(4 * q.N * q.C)
        q.sums = <double *>scratch.data
        with nogil:
            parallel_for(_backward_task, &q, q.N * q.G, threads_for(24.0 * q.N * q.C * q.S))
            _channel_gradients(&q)
    return dx, dweight, dbias
