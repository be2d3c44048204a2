"""Smooth and hard rectifiers of any shape; gradients start from the input x."""
from ._csrc cimport ukernels
from ._map cimport mapped, mapped_by, mapped_grad, mapped_grad_by

# Time of an element in FLOPs: as in activation.pyx.
cdef double SIMPLE = 8.0, EXP = 40.0


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
    return mapped_by(ukernels().velu, (a, scale, rate), x, EXP)


def elu_backward(dy, x, a, scale, rate):
    """dx = scale dy where x > 0, else a rate e^(rate x) dy."""
    return mapped_grad_by(ukernels().velu_grad, (a, scale, rate), dy, x, EXP)


def softplus_forward(x, beta, threshold):
    """y = ln(1 + e^(beta x)) / beta, x where beta x > threshold; any shape."""
    return mapped_by(ukernels().vsoftplus, (beta, threshold, 1.0 / <double>beta), x, EXP)


def softplus_backward(dy, x, beta, threshold):
    """dx = dy sigmoid(beta x), dy where beta x > threshold."""
    p = beta, threshold, 1.0 / <double>beta
    return mapped_grad_by(ukernels().vsoftplus_grad, p, dy, x, EXP)
