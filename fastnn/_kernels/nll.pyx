"""Negative log-likelihood of labels: one element of each column of classes, and its sum."""
from libc.string cimport memset
from numpy cimport PyArray_DATA, PyArray_DIM, import_array, ndarray, npy_intp

from ._array cimport empty, empty1, f32
from ._csrc cimport ukernels
from ._labels cimport (
    MEAN,
    NONE,
    Labels,
    gradient_scale,
    read_labels,
    reduction_code,
    sum_of_weights,
    weight_of,
)
from ._threads cimport parallel_for, threads_for
from .reduce cimport sum_of

import_array()

cdef enum:
    LABELS = 1024      # labels of a task, forward
    ELEMENTS = 65536   # elements of a task, backward

cdef struct Nll:
    Labels labels
    Py_ssize_t N, C, S, images     # images: of a task, backward
    float scale
    const float *x
    const float *dloss             # per label, or NULL: scale for all
    float *out


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Nll *q = <Nll *>ctx
    cdef Py_ssize_t i, n, s, t
    for i in range(task * LABELS, min(q.labels.n, (task + 1) * LABELS)):
        n, s, t = i // q.S, i % q.S, q.labels.target[i]
        q.out[i] = 0.0
        if t != q.labels.ignore_index:
            q.out[i] = -weight_of(&q.labels, t) * q.x[(n * q.C + t) * q.S + s]


cdef void _backward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Nll *q = <Nll *>ctx
    cdef Py_ssize_t i, t, first = task * q.images, end = min(q.N, first + q.images)
    memset(q.out + first * q.C * q.S, 0, (end - first) * q.C * q.S * sizeof(float))
    for i in range(first * q.S, end * q.S):
        t = q.labels.target[i]
        if t != q.labels.ignore_index:
            q.out[(i // q.S * q.C + t) * q.S + i % q.S] = -weight_of(&q.labels, t) * (
                q.dloss[i] if q.dloss != NULL else q.scale
            )


def nll_forward(x, target, weight, ignore_index, reduction):
    """x (N, C, S) log-probabilities, target (N S,) int64, weight (C,) or None -> loss () or (N S,).

    IndexError for a target that is neither a class nor ignore_index."""
    cdef Nll q
    cdef ndarray loss, out
    cdef int how = reduction_code(reduction)
    cdef float total, denominator
    cdef npy_intp dims[1]
    q.x = f32(x, 3, "x")
    q.N, q.C, q.S = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    q.labels.n, q.labels.C = q.N * q.S, q.C
    read_labels(&q.labels, target, weight, ignore_index)
    loss = empty1(q.labels.n)
    q.out = f32(loss, 1, "loss")
    with nogil:
        parallel_for(_forward_task, &q, (q.labels.n + LABELS - 1) // LABELS,
                     threads_for(20.0 * q.labels.n))
    if how == NONE:
        return loss
    total = <float>sum_of(ukernels(), q.labels.n, q.out)
    if how == MEAN:
        denominator = sum_of_weights(&q.labels)
        total = total / denominator if denominator != 0.0 else <float>0.0
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = total
    return out


def nll_backward(dloss, size, target, weight, ignore_index, reduction):
    """dloss () or (N S,), size (N, C, S) of the input -> its gradient."""
    cdef Nll q
    cdef ndarray dx
    cdef int how = reduction_code(reduction)
    cdef npy_intp dims[3]
    q.N, q.C, q.S = size
    q.labels.n, q.labels.C = q.N * q.S, q.C
    read_labels(&q.labels, target, weight, ignore_index)
    q.dloss = gradient_scale(&q.labels, dloss, how, &q.scale)
    dims[0], dims[1], dims[2] = q.N, q.C, q.S
    dx = empty(3, dims)
    q.out = f32(dx, 3, "dx")
    q.images = max(1, ELEMENTS // max(1, q.C * q.S))
    with nogil:
        parallel_for(_backward_task, &q, (q.N + q.images - 1) // q.images,
                     threads_for(4.0 * q.N * q.C * q.S))
    return dx
