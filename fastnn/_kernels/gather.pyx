"""Rows of an array by index: how a DataLoader makes a batch without Python for each item."""
from libc.string cimport memcpy
from numpy cimport (
    PyArray_BYTES,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_ISNOTSWAPPED,
    PyArray_ITEMSIZE,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    int64_t,
    ndarray,
    npy_intp,
)

from ._array cimport empty_typed, is_int64
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    GROUP = 16         # rows of a task

cdef struct Rows:
    Py_ssize_t count, row_bytes
    const char *source
    const int64_t *index
    char *out


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t i
    for i in range(task * GROUP, min(q.count, (task + 1) * GROUP)):
        memcpy(q.out + i * q.row_bytes, q.source + q.index[i] * q.row_bytes, q.row_bytes)


def gather_rows(source, index):
    """source (N, ...) of any plain dtype, C-contiguous; index (B,) int64 -> (B, ...).

    IndexError for an index outside 0 <= i < N."""
    cdef:
        Rows q
        ndarray src = source, idx = index, out
        npy_intp dims[32]
        Py_ssize_t i, rows
    if PyArray_NDIM(src) < 1 or PyArray_NDIM(src) > 32 or not PyArray_IS_C_CONTIGUOUS(src):
        raise ValueError("source must be a C-contiguous array of rank 1 or more")
    if src.dtype.hasobject or src.dtype.kind not in "biuf":
        raise TypeError(f"source has dtype {src.dtype}, expected numbers or booleans")
    if not PyArray_ISNOTSWAPPED(src):
        raise TypeError(f"source has dtype {src.dtype}, expected this machine's byte order")
    if not is_int64(idx, 1):
        raise TypeError("index must be a contiguous, aligned int64 array of rank 1")
    rows = PyArray_DIM(src, 0)
    q.count, q.index = PyArray_DIM(idx, 0), <const int64_t *>PyArray_DATA(idx)
    for i in range(q.count):
        if not 0 <= q.index[i] < rows:
            raise IndexError(f"index[{i}] is {q.index[i]}, expected 0 <= index < {rows}")
    dims[0] = q.count
    q.row_bytes = PyArray_ITEMSIZE(src)
    for i in range(1, PyArray_NDIM(src)):
        dims[i] = PyArray_DIM(src, i)
        q.row_bytes *= dims[i]
    out = empty_typed(PyArray_NDIM(src), dims, PyArray_TYPE(src), PyArray_ITEMSIZE(src))
    q.source, q.out = PyArray_BYTES(src), PyArray_BYTES(out)
    with nogil:
        parallel_for(_task, &q, (q.count + GROUP - 1) // GROUP,
                     threads_for(2.0 * q.count * q.row_bytes))
    return out
