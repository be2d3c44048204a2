"""Smooth and hard rectifiers of any shape; gradients start from the input x."""
from numpy cimport PyArray_SIZE, import_array, ndarray

from ._array cimport empty_like, f32, same_shape
from ._csrc cimport fnn_param_map, fnn_param_map_grad, ukernels
from ._map cimport mapped, mapped_grad
from ._threads cimport parallel_for, threads_for

import_array()

# Time of an element in FLOPs: as in activation.pyx.
cdef double SIMPLE = 8.0, EXP = 40.0

cdef enum:
    PIECE = 16384

cdef struct Param:
    fnn_param_map fn
    fnn_param_map_grad grad
    Py_ssize_t n
    float p[3]
    const float *dy                # or NULL: forward
    const float *x
    float *out


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Param *q = <Param *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i)
    if q.dy == NULL:
        q.fn(n, q.p, q.x + i, q.out + i)
    else:
        q.grad(n, q.p, q.dy + i, q.x + i, q.out + i)


cdef object _run(Param *q, object dy, object x):
    cdef ndarray out
    q.x, q.dy = f32(x, -1, "x"), NULL
    if q.grad != NULL:
        q.dy = f32(dy, -1, "dy")
        if not same_shape(<ndarray>dy, <ndarray>x):
            raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}")
    out = empty_like(<ndarray>x)
    q.out, q.n = f32(out, -1, "y"), PyArray_SIZE(out)
    with nogil:
        parallel_for(_task, q, (q.n + PIECE - 1) // PIECE, threads_for(EXP * q.n))
    return out


def gelu_forward(x):
    """y = x Phi(x), any shape."""
    return mapped(ukernels().vgelu, x, EXP)


def gelu_backward(dy, x):
    """dx = dy (Phi(x) + x phi(x))."""
    return mapped_grad(ukernels().vgelu_grad, dy, x, "x", EXP)


def gelu_tanh_forward(x):
    """y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), any shape."""
    return mapped(ukernels().vgelu_tanh, x, EXP)


def gelu_tanh_backward(dy, x):
    """dx = dy times that function's derivative."""
    return mapped_grad(ukernels().vgelu_tanh_grad, dy, x, "x", EXP)


def silu_forward(x):
    """y = x sigmoid(x), any shape."""
    return mapped(ukernels().vsilu, x, EXP)


def silu_backward(dy, x):
    """dx = dy s (1 + x (1 - s)), s = sigmoid(x)."""
    return mapped_grad(ukernels().vsilu_grad, dy, x, "x", EXP)


def mish_forward(x):
    """y = x tanh(ln(1 + e^x)), any shape."""
    return mapped(ukernels().vmish, x, EXP)


def mish_backward(dy, x):
    """dx = dy (t + x (1 - t^2) sigmoid(x)), t = tanh(ln(1 + e^x))."""
    return mapped_grad(ukernels().vmish_grad, dy, x, "x", EXP)


def hardsigmoid_forward(x):
    """y = min(max(x + 3, 0), 6) / 6, any shape."""
    return mapped(ukernels().vhardsigmoid, x, SIMPLE)


def hardsigmoid_backward(dy, x):
    """dx = dy / 6 where -3 < x < 3, else 0."""
    return mapped_grad(ukernels().vhardsigmoid_grad, dy, x, "x", SIMPLE)


def hardswish_forward(x):
    """y = x min(max(x + 3, 0), 6) / 6, any shape."""
    return mapped(ukernels().vhardswish, x, SIMPLE)


def hardswish_backward(dy, x):
    """dx = 0 where x <= -3, dy (x / 3 + 1 / 2) where x < 3, else dy."""
    return mapped_grad(ukernels().vhardswish_grad, dy, x, "x", SIMPLE)


def elu_forward(x, a, scale, rate):
    """y = scale x where x > 0, else a (e^(rate x) - 1), any shape; rate > 0."""
    cdef Param q
    q.fn, q.grad = ukernels().velu, NULL
    q.p[0], q.p[1], q.p[2] = a, scale, rate
    return _run(&q, None, x)


def elu_backward(dy, x, a, scale, rate):
    """dx = scale dy where x > 0, else a rate e^(rate x) dy."""
    cdef Param q
    q.fn, q.grad = NULL, ukernels().velu_grad
    q.p[0], q.p[1], q.p[2] = a, scale, rate
    return _run(&q, dy, x)


def softplus_forward(x, beta, threshold):
    """y = ln(1 + e^(beta x)) / beta, x where beta x > threshold; any shape."""
    cdef Param q
    q.fn, q.grad = ukernels().vsoftplus, NULL
    q.p[0], q.p[1], q.p[2] = beta, threshold, 1.0 / <double>beta
    return _run(&q, None, x)


def softplus_backward(dy, x, beta, threshold):
    """dx = dy sigmoid(beta x), dy where beta x > threshold."""
    cdef Param q
    q.fn, q.grad = NULL, ukernels().vsoftplus_grad
    q.p[0], q.p[1], q.p[2] = beta, threshold, 1.0 / <double>beta
    return _run(&q, dy, x)
