"""+ - * / of two arrays of one shape, or of an array and a number, with IEEE 754's bits, denormals
among them: what goes another way, through NumPy, is the same.  The ReLU after a sum."""
from numpy cimport PyArray_NDIM, PyArray_SIZE, import_array, ndarray

from ._array cimport empty_like, f32, same_shape
from ._csrc cimport fnn_map_grad, fnn_param_map, fnn_ukernels, ukernels
from ._map cimport CHUNK, map2, run_chunks
from ._sizes cimport min_
from ._threads cimport keep_denormals, restore_denormals

import_array()

# Time of an element in FLOPs: it is memory's.
cdef double COST = 10.0

cdef struct Operands:
    fnn_map_grad pair
    fnn_param_map number            # of a and s, or NULL: of a and b
    Py_ssize_t n
    float s
    const float *a
    const float *b
    float *y


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Operands *q = <Operands *>ctx
    cdef Py_ssize_t i = task * CHUNK, n = min_(CHUNK, q.n - i)
    cdef unsigned saved = keep_denormals()
    if q.number != NULL:
        q.number(n, &q.s, q.a + i, q.y + i)
    else:
        q.pair(n, q.a + i, q.b + i, q.y + i)
    restore_denormals(saved)


cdef bint _is_number(object s, object other) except -1:
    """Whether s stands for one number beside `other`."""
    if isinstance(s, float):
        return True
    if not isinstance(s, ndarray) or PyArray_NDIM(s) or not isinstance(other, ndarray):
        return False
    if not PyArray_NDIM(other):
        return False
    f32(s, 0, "a number")
    return True


def arithmetic_forward(str op, a, b):
    """y = a op b, "add", "sub", "mul" or "div"; equal shapes, or one of the two a number: a Python
    float, which is rounded to float32 once, or an array without axes.
    """
    cdef const fnn_ukernels *uk = ukernels()
    cdef Operands q
    cdef ndarray y
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
    q.pair, q.number, q.b, q.s = pair, NULL, NULL, 0.0
    if _is_number(b, a):
        q.number, q.s = number, b
    elif _is_number(a, b):
        q.number, q.s, a = reverse, a, b
    else:
        q.b = f32(b, -1, "b")
    q.a = f32(a, -1, "a")
    if q.b != NULL:
        _same_shape(a, b)
    y = empty_like(<ndarray>a)
    q.n, q.y = PyArray_SIZE(y), f32(y, -1, "y")
    run_chunks(_task, &q, q.n, COST)
    return y


cdef int _same_shape(object a, object b) except -1:
    if not same_shape(a, b):
        raise ValueError(f"b has shape {b.shape}, expected {a.shape}")
    return 0


def add_relu_forward(a, b):
    """y = max(a + b, 0), equal shapes; NaN stays NaN.  Denormal values count as 0."""
    cdef float *pa = f32(a, -1, "a")
    cdef float *pb = f32(b, -1, "b")
    cdef ndarray y
    _same_shape(a, b)
    y = empty_like(<ndarray>a)
    map2(ukernels().vadd_relu, PyArray_SIZE(y), pa, pb, f32(y, -1, "y"), COST)
    return y
