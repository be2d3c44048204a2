"""+ - * / of two arrays of one shape, or of an array and a number; the ReLU after a sum."""
from numpy cimport PyArray_SIZE, import_array, ndarray

from ._array cimport empty_like, f32, same_shape
from ._csrc cimport fnn_map_grad, fnn_param_map, fnn_ukernels, ukernels
from ._map cimport map2, mapped_by

import_array()

# Time of an element in FLOPs: it is memory's.
cdef double COST = 10.0


cdef object _pair(fnn_map_grad fn, object a, object b):
    cdef float *pa = f32(a, -1, "a")
    cdef float *pb = f32(b, -1, "b")
    cdef ndarray y
    if not same_shape(a, b):
        raise ValueError(f"b has shape {b.shape}, expected {a.shape}")
    y = empty_like(<ndarray>a)
    map2(fn, PyArray_SIZE(y), pa, pb, f32(y, -1, "y"), COST)
    return y


def arithmetic_forward(str op, a, b):
    """y = a op b, "add", "sub", "mul" or "div"; equal shapes, or one of the two a Python float.

    A float is rounded to float32 once.  Denormal values, also results, count as 0.
    """
    cdef const fnn_ukernels *uk = ukernels()
    cdef fnn_map_grad pair
    cdef fnn_param_map number, reverse  # a op s, s op b
    if op == "add":
        pair, number, reverse = uk.vadd_pair, uk.vadd_number, uk.vadd_number
    elif op == "sub":
        pair, number, reverse = uk.vsub_pair, uk.vsub_number, uk.number_vsub
    elif op == "mul":
        pair, number, reverse = uk.vmul_pair, uk.vmul_number, uk.vmul_number
    elif op == "div":
        pair, number, reverse = uk.vdiv_pair, uk.vdiv_number, uk.number_vdiv
    else:
        raise ValueError(f"op must be 'add', 'sub', 'mul' or 'div', got {op!r}")
    if isinstance(b, float):
        return mapped_by(number, (b,), a, COST)
    if isinstance(a, float):
        return mapped_by(reverse, (a,), b, COST)
    return _pair(pair, a, b)


def add_relu_forward(a, b):
    """y = max(a + b, 0), equal shapes; NaN stays NaN."""
    return _pair(ukernels().vadd_relu, a, b)
