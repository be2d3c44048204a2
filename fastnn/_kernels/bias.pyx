"""Bias and activation of planes, in place: what follows a transposed convolution."""
from numpy cimport PyArray_DIM, PyArray_NDIM, PyArray_SIZE, import_array, ndarray

from ._array cimport activation_code, f32, f32_or_null
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PART = 16384       # elements of a task

cdef struct Planes:
    const fnn_ukernels *uk
    Py_ssize_t planes, C, P, parts, group
    const float *bias
    float *x
    int activation


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """`group` small planes, or one part of a large one."""
    cdef Planes *q = <Planes *>ctx
    cdef Py_ssize_t i = task // q.parts * q.group, end = min_(q.planes, i + q.group)
    cdef Py_ssize_t first = task % q.parts * PART, n = q.P
    if q.parts > 1:
        n = min_(PART, q.P - first)
    for i in range(i, end):
        q.uk.vbias(n, q.bias[i % q.C] if q.bias != NULL else 0.0, q.activation,
                   q.x + i * q.P + first, q.x + i * q.P + first)


def bias_activation(x, bias, activation):
    """x (N, C, ...) becomes act(x + bias), in place, and is returned; bias (C,) or None."""
    cdef Planes q
    q.uk, q.x, q.bias = ukernels(), f32(x, -1, "x"), f32_or_null(bias, 1, "bias")
    q.activation = activation_code(activation)
    if PyArray_NDIM(<ndarray>x) < 2:
        raise ValueError(f"x has shape {x.shape}, expected (N, C, ...)")
    q.C = PyArray_DIM(x, 1)
    if q.bias != NULL and PyArray_DIM(bias, 0) != q.C:
        raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, expected {q.C}")
    q.planes = PyArray_DIM(x, 0) * q.C
    if not PyArray_SIZE(x):
        return x
    q.P = PyArray_SIZE(x) // q.planes
    q.parts = (q.P + PART - 1) // PART
    q.group = max_(1, PART // q.P)
    with nogil:
        parallel_for(_task, &q, (q.planes + q.group - 1) // q.group * q.parts,
                     threads_for((40.0 if q.activation > 1 else 8.0) * q.planes * q.P))
    return x
