"""Class labels of rows, with class weights: shared by loss.pyx and nll.pyx."""
from numpy cimport PyArray_DATA, PyArray_DIM, import_array, int64_t, ndarray

from ._array cimport f32, f32_or_null, is_int64

import_array()


cdef int reduction_code(name) except -1:
    if name == "mean":
        return MEAN
    if name == "sum":
        return SUM
    if name == "none":
        return NONE
    raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {name!r}")


cdef int read_labels(Labels *q, target, weight, ignore_index) except -1:
    cdef ndarray t = target
    cdef Py_ssize_t i
    if not is_int64(t, 1):
        raise TypeError("target must be a contiguous, aligned int64 array of rank 1, "
                        f"got {t.dtype}")
    if PyArray_DIM(t, 0) != q.n:
        raise ValueError(f"target has {PyArray_DIM(t, 0)} elements, expected {q.n}")
    q.weight = f32_or_null(weight, 1, "weight")
    if q.weight != NULL and PyArray_DIM(weight, 0) != q.C:
        raise ValueError(f"weight has {PyArray_DIM(weight, 0)} elements, expected {q.C}")
    q.target, q.ignore_index, q.all_count = <const int64_t *>PyArray_DATA(t), ignore_index, 1
    for i in range(q.n):
        if q.target[i] == q.ignore_index:
            q.all_count = 0
        elif not 0 <= q.target[i] < q.C:
            raise IndexError(f"target[{i}] is {q.target[i]}, expected 0 <= target < {q.C}")
    return 0


cdef float weight_of(const Labels *q, int64_t label) noexcept nogil:
    return q.weight[label] if q.weight != NULL else <float>1.0


cdef float sum_of_weights(const Labels *q) noexcept nogil:
    cdef double total = 0.0
    cdef Py_ssize_t i
    if q.all_count and q.weight == NULL:
        return <float>q.n
    for i in range(q.n):
        if q.target[i] != q.ignore_index:
            total += weight_of(q, q.target[i])
    return <float>total


cdef const float *gradient_scale(const Labels *q, dloss, int how, float *scale) except? NULL:
    cdef const float *each
    cdef float denominator
    scale[0] = 0.0
    if how == NONE:
        each = f32(dloss, 1, "dloss")
        if PyArray_DIM(dloss, 0) != q.n:
            raise ValueError(f"dloss has {PyArray_DIM(dloss, 0)} elements, expected {q.n}")
        return each
    scale[0] = f32(dloss, 0, "dloss")[0]
    if how == MEAN:
        denominator = sum_of_weights(q)
        scale[0] = scale[0] / denominator if denominator != 0.0 else <float>0.0
    return NULL
