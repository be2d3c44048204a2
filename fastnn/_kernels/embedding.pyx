"""Gradient of rows of a table; sums, means and maxima of bags of rows, and their gradients.

The rows themselves are `gather_rows`.  A gradient is zeros to which rows are added in the order of
their positions, by tasks that own columns of it: as fast for a token that comes a thousand times as
for many that come once.  Bags are tasks of their own.
"""
cimport cython
from libc.string cimport memset
from numpy cimport (
    NPY_INT32,
    NPY_INT64,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_ISALIGNED,
    PyArray_ISNOTSWAPPED,
    PyArray_ISWRITEABLE,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    int32_t,
    int64_t,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty1, empty2, empty_typed, f32, f32_or_null, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for
from .clip cimport root, sum_powers

import numpy as np

import_array()

cdef enum:
    ZEROS = 1 << 18    # elements of a task that fills with zeros
    WIDTH = 64         # columns of a task at least
    BAGS = 8           # bags of a task
    POSITIONS = 64     # positions of a task that multiplies rows

cdef struct Rows:
    const fnn_ukernels *uk
    Py_ssize_t N, B, V, D, width, parts
    const int64_t *index
    const int64_t *offsets
    Py_ssize_t *to         # (N,) offsets of rows, below 0: left out
    Py_ssize_t *start      # (N,)
    const float *scale     # (N,) or NULL
    const float *count     # (B,) factors of bags or NULL
    const float *x
    float *out
    int32_t *where
    Py_ssize_t padding_idx
    double max_norm, norm_type


cdef const int64_t *_int64(object x, Py_ssize_t *n, str name) except? NULL:
    cdef ndarray a
    if not isinstance(x, ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(x).__name__}")
    a = <ndarray>x
    if PyArray_TYPE(a) != NPY_INT64 or not PyArray_ISNOTSWAPPED(a):
        raise TypeError(f"{name} has dtype {a.dtype}, expected int64")
    if PyArray_NDIM(a) != 1:
        raise ValueError(f"{name} has {a.ndim} dimensions, expected 1")
    if not PyArray_IS_C_CONTIGUOUS(a) or not PyArray_ISALIGNED(a):
        raise ValueError(f"{name} is not C-contiguous and aligned")
    n[0] = PyArray_DIM(a, 0)
    return <const int64_t *>PyArray_DATA(a)


cdef int _set_index(Rows *q, object index, Py_ssize_t V) except -1:
    cdef Py_ssize_t i
    memset(q, 0, sizeof(Rows))
    q.uk = ukernels()
    q.index = _int64(index, &q.N, "index")
    if V < 0:
        raise ValueError(f"num_embeddings is {V}, expected at least 0")
    q.V = V
    for i in range(q.N):
        if not 0 <= q.index[i] < V:
            raise IndexError(f"index[{i}] is {q.index[i]}, expected 0 <= index < {V}")
    return 0


cdef int _set_bags(Rows *q, object offsets) except -1:
    cdef Py_ssize_t n = 0, b
    cdef bint fine
    q.offsets = _int64(offsets, &n, "offsets")
    fine = n > 0 and q.offsets[0] == 0 and q.offsets[n - 1] == q.N
    for b in range(n - 1):
        fine &= q.offsets[b] <= q.offsets[b + 1]
    if not fine:
        raise ValueError(f"offsets must rise from 0 to {q.N}, the length of index")
    q.B = n - 1
    return 0


cdef int _expect(object x, Py_ssize_t rows, Py_ssize_t columns, str name) except -1:
    if PyArray_DIM(x, 0) != rows or PyArray_DIM(x, 1) != columns:
        raise ValueError(f"{name} has shape {x.shape}, expected {(rows, columns)}")
    return 0


cdef bint _is_mean(object mode) except -1:
    if mode != "sum" and mode != "mean":
        raise ValueError(f"mode is {mode!r}, expected 'sum' or 'mean'")
    return mode == "mean"


cdef void _factors(Rows *q, float *factor) noexcept nogil:
    """1 / the number of rows that count in a bag."""
    cdef Py_ssize_t b, i, count
    for b in range(q.B):
        count = 0
        for i in range(q.offsets[b], q.offsets[b + 1]):
            count += q.index[i] != q.padding_idx
        factor[b] = <float>(1.0 / max(count, 1))


cdef Buffer _set_factors(Rows *q, ndarray index, object per_sample_weights, object mode):
    """The factors of rows and, for "mean", of bags; returns what the latter live in, or None."""
    cdef Buffer factors
    q.scale = f32_or_null(per_sample_weights, 1, "per_sample_weights")
    if q.scale != NULL and not same_shape(per_sample_weights, index):
        raise ValueError(f"per_sample_weights has shape {per_sample_weights.shape}, "
                         f"expected {(<object>index).shape}")
    if not _is_mean(mode):
        return None
    factors = take(q.B)
    _factors(q, <float *>factors.data)
    q.count = <const float *>factors.data
    return factors


# ---- gradients of the table: zeros, then additions


cdef void _zero_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t first = task * ZEROS
    memset(q.out + first, 0, min(<Py_ssize_t>ZEROS, q.V * q.D - first) * sizeof(float))


cdef void _add_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t j = task * q.width
    q.uk.scatter_add_rows(q.N, min(q.width, q.D - j), q.to, q.start, q.scale, q.x + j, q.out + j)


cdef void _max_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t first = task * q.width, b, j
    cdef int32_t at
    for b in range(q.B):
        for j in range(first, min(q.D, first + q.width)):
            at = q.where[b * q.D + j]
            if at >= 0:
                q.out[q.index[at] * q.D + j] += q.x[b * q.D + j]


cdef void _accumulate(Rows *q, Py_ssize_t rows, bint is_max) noexcept nogil:
    """out (V, D) = 0, then `rows` rows are added to it."""
    cdef Py_ssize_t zeros = (q.V * q.D + ZEROS - 1) // ZEROS
    cdef double work = 8.0 * rows * q.D
    if q.V * q.D == 0:
        return
    # A piece of at least 64 columns: every task reads the whole index.
    q.width = max(<Py_ssize_t>WIDTH, ((q.D + 3) // 4 + 15) // 16 * 16)
    if q.D < 2 * WIDTH and q.D > 16:
        q.width = ((q.D + 1) // 2 + 15) // 16 * 16
    q.parts = (q.D + q.width - 1) // q.width
    parallel_for(_zero_task, q, zeros, threads_for(8.0 * q.V * q.D))
    parallel_for(_max_task if is_max else _add_task, q, q.parts, threads_for(work))


cdef void _frequencies(Rows *q, int64_t *often, float *scale) noexcept nogil:
    """scale_i / how often row index_i occurs."""
    cdef Py_ssize_t i
    memset(often, 0, q.V * sizeof(int64_t))
    for i in range(q.N):
        often[q.index[i]] += 1
    for i in range(q.N):
        scale[i] = (q.scale[i] if q.scale != NULL else <float>1.0) / <float>often[q.index[i]]
    q.scale = scale


cdef ndarray _scatter(Rows *q, bint by_frequency):
    cdef ndarray dweight = empty2(q.V, q.D)
    cdef Buffer places = take(4 * q.N), counts, scales, means
    cdef Py_ssize_t i, b
    cdef float *scale
    q.to = <Py_ssize_t *>places.data
    q.start = q.to + q.N
    if by_frequency:
        counts, scales = take(2 * q.V), take(q.N)
        _frequencies(q, <int64_t *>counts.data, <float *>scales.data)
    if q.count != NULL:
        means = take(q.N)
        scale = <float *>means.data
        for b in range(q.B):
            for i in range(q.offsets[b], q.offsets[b + 1]):
                scale[i] = q.count[b] * (q.scale[i] if q.scale != NULL else <float>1.0)
        q.scale = scale
    for i in range(q.N):
        q.to[i] = q.index[i] * q.D if q.index[i] != q.padding_idx else -1
    if q.offsets == NULL:
        for i in range(q.N):
            q.start[i] = i * q.D
    else:
        for b in range(q.B):
            for i in range(q.offsets[b], q.offsets[b + 1]):
                q.start[i] = b * q.D
    q.out = f32(dweight, 2, "dweight")
    with nogil:
        _accumulate(q, q.N, False)
    return dweight


def embedding_backward(dy, index, num_embeddings, padding_idx, scale_grad_by_freq):
    """dy (N, D), index (N,) int64 -> dweight (V, D), the sum of the rows dy_i at index_i, those at
    padding_idx left out; scale_grad_by_freq: divided by how often a row occurs."""
    cdef Rows q
    _set_index(&q, index, num_embeddings)
    q.x, q.padding_idx = f32(dy, 2, "dy"), padding_idx
    q.D = PyArray_DIM(dy, 1)
    _expect(dy, q.N, q.D, "dy")
    return _scatter(&q, scale_grad_by_freq)


def embedding_bag_backward(dy, index, offsets, num_embeddings, per_sample_weights, mode,
                           padding_idx, scale_grad_by_freq):
    """dy (B, D) -> dweight (V, D): s_i dy of i's bag at index_i, divided by its rows for "mean"."""
    cdef Rows q
    cdef Buffer _kept
    _set_index(&q, index, num_embeddings)
    _set_bags(&q, offsets)
    q.x, q.padding_idx = f32(dy, 2, "dy"), padding_idx
    q.D = PyArray_DIM(dy, 1)
    _expect(dy, q.B, q.D, "dy")
    _kept = _set_factors(&q, index, per_sample_weights, mode)
    return _scatter(&q, scale_grad_by_freq)


def embedding_bag_max_backward(dy, where, index, num_embeddings):
    """dy (B, D), where of embedding_bag_max_forward -> dweight (V, D)."""
    cdef Rows q
    cdef ndarray dweight, places
    cdef Py_ssize_t i
    _set_index(&q, index, num_embeddings)
    q.x = f32(dy, 2, "dy")
    if not isinstance(where, ndarray) or PyArray_TYPE(<ndarray>where) != NPY_INT32:
        raise TypeError("where must be an int32 array")
    places = where
    if not same_shape(dy, places) or not PyArray_IS_C_CONTIGUOUS(places):
        raise ValueError(f"where has shape {where.shape}, expected {dy.shape}, C-contiguous")
    q.B, q.D = PyArray_DIM(dy, 0), PyArray_DIM(dy, 1)
    q.where = <int32_t *>PyArray_DATA(places)
    for i in range(q.B * q.D):
        if q.where[i] >= q.N:
            raise ValueError(f"where has a place {q.where[i]}, index has {q.N} elements")
    dweight = empty2(q.V, q.D)
    q.out = f32(dweight, 2, "dweight")
    with nogil:
        _accumulate(&q, q.B, True)
    return dweight


# ---- bags


cdef void _bag_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t b, at, j = task % q.parts * q.width, n = min(q.width, q.D - j)
    cdef const float *scale
    cdef float *y
    for b in range(task // q.parts * BAGS, min(q.B, (task // q.parts + 1) * BAGS)):
        at, y = q.offsets[b], q.out + b * q.D + j
        if q.where != NULL:
            q.uk.max_rows(q.offsets[b + 1] - at, n, <int32_t>at, q.start + at, q.x + j, y,
                          q.where + b * q.D + j)
            continue
        scale = q.scale + at if q.scale != NULL else NULL
        q.uk.sum_rows(q.offsets[b + 1] - at, n, q.start + at, scale, q.x + j, y)
        if q.count != NULL:
            q.uk.vscale(n, q.count[b], y, y)


cdef int _set_weight(Rows *q, object index, object offsets, object weight,
                     object padding_idx) except -1:
    cdef const float *x = f32(weight, 2, "weight")
    _set_index(q, index, PyArray_DIM(weight, 0))
    _set_bags(q, offsets)
    q.x, q.D, q.padding_idx = x, PyArray_DIM(weight, 1), padding_idx
    return 0


cdef int _bags(Rows *q, ndarray y) except -1:
    cdef Buffer places = take(2 * q.N)
    cdef Py_ssize_t i
    if q.B == 0 or q.D == 0:
        return 0
    q.start, q.out = <Py_ssize_t *>places.data, f32(y, 2, "y")
    for i in range(q.N):
        q.start[i] = q.index[i] * q.D if q.index[i] != q.padding_idx else -1
    q.width = q.D if q.B >= 8 * BAGS else WIDTH  # a few long bags are shared by columns
    q.parts = (q.D + q.width - 1) // q.width
    with nogil:
        parallel_for(_bag_task, q, (q.B + BAGS - 1) // BAGS * q.parts,
                     threads_for(8.0 * (q.N + q.B) * q.D))
    return 0


def embedding_bag_forward(index, offsets, weight, per_sample_weights, mode, padding_idx):
    """weight (V, D), index (N,) int64, offsets (B + 1,) int64 -> y (B, D), the sum or mean of the
    bag's rows, per_sample_weights (N,) or None their factors; padding_idx does not count."""
    cdef Rows q
    cdef ndarray y
    cdef Buffer _kept
    _set_weight(&q, index, offsets, weight, padding_idx)
    _kept = _set_factors(&q, index, per_sample_weights, mode)
    y = empty2(q.B, q.D)
    _bags(&q, y)
    return y


def embedding_bag_max_forward(index, offsets, weight, padding_idx):
    """-> y (B, D), the maxima of the bag's rows, and where (B, D) int32: their positions in index,
    the first among equals; 0 and -1 for an empty bag.  NaN is the largest."""
    cdef Rows q
    cdef ndarray y, where
    cdef npy_intp dims[2]
    _set_weight(&q, index, offsets, weight, padding_idx)
    if q.N >= 1 << 31:
        raise ValueError(f"index has {q.N} elements, expected less than 2**31")
    dims[0], dims[1] = q.B, q.D
    y, where = empty2(q.B, q.D), empty_typed(2, dims, NPY_INT32, sizeof(int32_t))
    q.where = <int32_t *>PyArray_DATA(where)
    _bags(&q, y)
    return y, where


cdef void _dot_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t i
    for i in range(task * POSITIONS, min(q.N, (task + 1) * POSITIONS)):
        q.out[i] = 0.0
        if q.index[i] != q.padding_idx:
            q.out[i] = q.uk.vdot(q.D, q.x + q.index[i] * q.D, <const float *>q.count + q.to[i])


def embedding_bag_backward_scale(dy, index, offsets, weight, padding_idx):
    """dy (B, D), weight (V, D) -> (N,): dy of i's bag . weight[index_i], 0 for padding_idx."""
    cdef Rows q
    cdef ndarray out
    cdef Buffer places
    cdef Py_ssize_t b, i
    _set_weight(&q, index, offsets, weight, padding_idx)
    q.count = f32(dy, 2, "dy")
    _expect(dy, q.B, q.D, "dy")
    places, out = take(2 * q.N), empty1(q.N)
    q.to, q.out = <Py_ssize_t *>places.data, f32(out, 1, "out")
    for b in range(q.B):
        for i in range(q.offsets[b], q.offsets[b + 1]):
            q.to[i] = b * q.D
    with nogil:
        parallel_for(_dot_task, &q, (q.N + POSITIONS - 1) // POSITIONS,
                     threads_for(8.0 * q.N * q.D))
    return out


# ---- norms of rows


@cython.cdivision(True)
cdef void _renorm_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef float *row = q.out + q.index[task] * q.D
    cdef double norm = root(sum_powers(q.uk, q.D, row, q.norm_type), q.norm_type)
    if norm > q.max_norm:
        q.uk.vscale(q.D, <float>(q.max_norm / (norm + 1e-7)), row, row)


def renorm_rows(weight, index, max_norm, norm_type):
    """Rows of weight that index names and whose norm is above max_norm: scaled to it, in place."""
    cdef Rows q
    cdef float *out = f32(weight, 2, "weight")
    _set_index(&q, index, PyArray_DIM(weight, 0))
    if not PyArray_ISWRITEABLE(<ndarray>weight):
        raise ValueError("weight is read-only")
    once = np.unique(index)  # each row is one task
    q.index, q.out, q.D = _int64(once, &q.N, "index"), out, PyArray_DIM(weight, 1)
    q.max_norm, q.norm_type = max_norm, norm_type
    with nogil:
        parallel_for(_renorm_task, &q, q.N, threads_for(40.0 * q.N * q.D))
