"""Activations of any shape, and softmax over the last axis of (N, C): one row after the other."""
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport empty_like, f32
from ._csrc cimport fnn_ukernels, ukernels
from ._map cimport mapped, mapped_by, mapped_grad, mapped_grad_by
from ._threads cimport parallel_for, threads_for

import_array()

# Time of an element in FLOPs (pytest bench -k activation): memory for relu, else arithmetic.
cdef double SIMPLE = 8.0, EXP = 40.0

cdef struct Rows:
    const fnn_ukernels *uk
    Py_ssize_t N, C, group
    int log
    const float *x
    const float *y
    float *out


def relu_forward(x):
    """y = max(x, 0), any shape; NaN stays NaN."""
    return mapped(ukernels().vrelu, x, SIMPLE)


def relu_backward(dy, y):
    """dx = dy where y > 0, else 0."""
    return mapped_grad(ukernels().vrelu_grad, dy, y, "y", SIMPLE)


def tanh_forward(x):
    """y = tanh(x), any shape."""
    return mapped(ukernels().vtanh, x, EXP)


def tanh_backward(dy, y):
    """dx = dy (1 - y^2)."""
    return mapped_grad(ukernels().vtanh_grad, dy, y, "y", SIMPLE)


def sigmoid_forward(x):
    """y = 1 / (1 + exp(-x)), any shape."""
    return mapped(ukernels().vsigmoid, x, EXP)


def sigmoid_backward(dy, y):
    """dx = dy y (1 - y)."""
    return mapped_grad(ukernels().vsigmoid_grad, dy, y, "y", SIMPLE)


def leaky_relu_forward(x, negative_slope):
    """y = x where x > 0, else negative_slope x, any shape."""
    return mapped_by(ukernels().vleaky_relu, (negative_slope,), x, SIMPLE)


def leaky_relu_backward(dy, x, negative_slope):
    """dx = dy where x > 0, else negative_slope dy."""
    return mapped_grad_by(ukernels().vleaky_relu_grad, (negative_slope,), dy, x, SIMPLE)


def exp_forward(x):
    """y = e^x, any shape."""
    return mapped(ukernels().vexp, x, EXP)


def log_forward(x):
    """y = ln x, any shape; -inf at 0, NaN below."""
    return mapped(ukernels().vlog, x, EXP)


cdef void _rows(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t n, at
    for n in range(task * q.group, min(q.N, (task + 1) * q.group)):
        at = n * q.C
        if q.y != NULL:
            if q.log:
                q.uk.log_softmax_row_grad(q.C, q.x + at, q.y + at, q.out + at)
            else:
                q.uk.softmax_row_grad(q.C, q.x + at, q.y + at, q.out + at)
        elif q.log:
            q.uk.log_softmax_row(q.C, q.x + at, q.out + at)
        else:
            q.uk.softmax_row(q.C, q.x + at, q.out + at)


cdef object _softmax(object x, object y, int log):
    cdef Rows q
    cdef ndarray out
    q.uk, q.x, q.log = ukernels(), f32(x, 2, "x" if y is None else "dy"), log
    q.y = NULL if y is None else f32(y, 2, "y")
    q.N, q.C = PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    if y is not None and (PyArray_DIM(y, 0) != q.N or PyArray_DIM(y, 1) != q.C):
        raise ValueError(f"dy has shape {x.shape}, expected {y.shape}")
    out = empty_like(x)
    q.out = f32(out, 2, "y")
    q.group = max(1, 4096 // max(1, q.C))
    if q.N and q.C:
        with nogil:
            parallel_for(_rows, &q, (q.N + q.group - 1) // q.group, threads_for(EXP * q.N * q.C))
    return out


def softmax_forward(x):
    """x (N, C) -> y (N, C); rows of y sum to 1."""
    return _softmax(x, None, 0)


def softmax_backward(dy, y):
    """dx = y (dy - sum(dy y)), row by row; dy, y (N, C)."""
    return _softmax(dy, y, 0)


def log_softmax_forward(x):
    """x (N, C) -> y = x - log sum exp x (N, C)."""
    return _softmax(x, None, 1)


def log_softmax_backward(dy, y):
    """dx = dy - exp(y) sum(dy), row by row; dy, y (N, C)."""
    return _softmax(dy, y, 1)
