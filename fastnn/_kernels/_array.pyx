"""Arrays in and out of kernels.

Outputs come from a pool of 64-byte aligned blocks: a training step asks for the same sizes again
and again, and a block that went back to the kernel would be page-faulted in anew each time.  Blocks
return to a free list of their size class when the array that owns them dies.  The pool is guarded
by the GIL, holds at most `pool_limit` bytes of free blocks and is emptied by `empty_cache()`.

Kernels take ndarrays, not memoryviews: a memoryview argument costs about 0.4 us to acquire and
release, an ndarray check 10 ns, and a tiny network's step has some thirty of them.
"""
cimport cython
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free
from libc.string cimport memcmp
from numpy cimport (
    NPY_FLOAT32,
    NPY_INT64,
    PyArray_DATA,
    PyArray_DIMS,
    PyArray_DIMS,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_ISALIGNED,
    PyArray_ISNOTSWAPPED,
    PyArray_NDIM,
    PyArray_SetBaseObject,
    PyArray_SimpleNewFromData,
    PyArray_TYPE,
    import_array,
    ndarray,
    npy_intp,
)

cdef extern from *:
    """
    #include <stdlib.h>
    #include <sys/mman.h>
    /* Large blocks ask for huge pages: a tile of a wide matrix touches a page per row, and small
       pages would miss the TLB at each (2048 x 2048 product: pytest bench -k gemm). */
    #define FNN_HUGE ((size_t)2 << 20)
    static void *fnn_allocate(size_t size) {
      void *block = NULL;
      if (posix_memalign(&block, size > FNN_HUGE ? FNN_HUGE : 64, size) != 0) return NULL;
    #ifdef MADV_HUGEPAGE
      if (size > FNN_HUGE) madvise(block, size & ~(FNN_HUGE - 1), MADV_HUGEPAGE);
    #endif
      return block;
    }
    """
    void *fnn_allocate(size_t size) nogil

import_array()

# Size classes: multiples of 64 bytes up to 1 KiB, then eight steps for each doubling, but powers of
# two from 32 KiB to 2 MiB: layers of other sizes then get the blocks that the last ones have left
# in the cache (AlexNet's convolutions 1.05 times as fast: pytest bench -k I3); pages never touched
# cost nothing, which huge ones, beyond 2 MiB, would.
cdef enum:
    N_CLASSES = 320  # 16 + 8 * 38
    COARSE = 32 << 10  # bytes from which, and up to which, the classes are powers of two
    FINE = 2 << 20

cdef void *free_list[N_CLASSES]
cdef size_t pooled = 0
cdef size_t pool_limit = 1 << 30


cdef int class_of(size_t size, size_t *capacity) noexcept:
    cdef size_t top, step
    cdef int shift = 10
    if size <= 1024:
        size = 64 if size == 0 else (size + 63) & ~(<size_t>63)
        capacity[0] = size
        return <int>(size // 64) - 1
    while (<size_t>2 << shift) < size:
        shift += 1
    top = <size_t>1 << shift
    step = top // 8 if top < COARSE or top >= FINE else top
    size = (size + step - 1) // step * step
    capacity[0] = size
    return 16 + 8 * (shift - 10) + <int>((size - top) // step) - 1


@cython.freelist(256)
@cython.final
cdef class Buffer:
    """One block of the pool; the base object of the arrays that live in it."""

    def __dealloc__(self):
        global pooled
        if self.data == NULL:
            return
        if pooled + self.capacity > pool_limit:
            free(self.data)
            return
        (<void **>self.data)[0] = free_list[self.size_class]
        free_list[self.size_class] = self.data
        pooled += self.capacity


cdef Buffer take_bytes(size_t size):
    global pooled
    cdef Buffer buffer = Buffer.__new__(Buffer)
    cdef size_t capacity = 0
    cdef int index
    cdef void *block = NULL
    if size > <size_t>1 << 46:
        raise MemoryError(f"cannot allocate an array of {size:,} bytes")
    index = class_of(size, &capacity)
    block = free_list[index]
    if block != NULL:
        free_list[index] = (<void **>block)[0]
        pooled -= capacity
    else:
        block = fnn_allocate(capacity)
        if block == NULL and pooled:  # what lies in the pool may be what is missing
            empty_cache()
            block = fnn_allocate(capacity)
        if block == NULL:
            raise MemoryError(f"cannot allocate an array of {size:,} bytes")
    buffer.data = block
    buffer.capacity = capacity
    buffer.size_class = index
    return buffer


cdef Buffer take(Py_ssize_t n):
    if n < 0:
        raise MemoryError("scratch of more than 2^63 elements")
    return take_bytes(<size_t>n * sizeof(float))


cdef ndarray empty_typed(int nd, npy_intp *dims, int typenum, size_t itemsize):
    cdef size_t size = itemsize
    cdef int i
    cdef Buffer buffer
    cdef ndarray out
    for i in range(nd):
        if dims[i] and size > (<size_t>1 << 62) // <size_t>dims[i]:
            raise MemoryError(f"cannot allocate an array with an axis of {dims[i]:,} elements")
        size *= <size_t>dims[i]
    buffer = take_bytes(size)
    out = PyArray_SimpleNewFromData(nd, dims, typenum, buffer.data)
    Py_INCREF(buffer)  # the call steals it
    PyArray_SetBaseObject(out, buffer)
    return out


cdef ndarray empty(int nd, npy_intp *dims):
    return empty_typed(nd, dims, NPY_FLOAT32, sizeof(float))


cdef ndarray empty_like(ndarray x):
    return empty(PyArray_NDIM(x), PyArray_DIMS(x))


cdef ndarray empty1(Py_ssize_t a):
    cdef npy_intp dims[1]
    dims[0] = a
    return empty(1, dims)


cdef ndarray empty2(Py_ssize_t a, Py_ssize_t b):
    cdef npy_intp dims[2]
    dims[0], dims[1] = a, b
    return empty(2, dims)


cdef ndarray empty4(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d):
    cdef npy_intp dims[4]
    dims[0], dims[1], dims[2], dims[3] = a, b, c, d
    return empty(4, dims)


cdef float *f32(object x, int nd, str name) except? NULL:
    cdef ndarray a
    if not isinstance(x, ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(x).__name__}")
    a = <ndarray>x
    if PyArray_TYPE(a) != NPY_FLOAT32 or not PyArray_ISNOTSWAPPED(a):
        raise TypeError(f"{name} has dtype {a.dtype}, expected float32")
    if nd >= 0 and PyArray_NDIM(a) != nd:
        raise ValueError(f"{name} has {a.ndim} dimensions, expected {nd}")
    if not PyArray_IS_C_CONTIGUOUS(a) or not PyArray_ISALIGNED(a):
        raise ValueError(f"{name} is not C-contiguous and aligned")
    return <float *>PyArray_DATA(a)


cdef bint is_int64(ndarray x, int nd) noexcept:
    return (PyArray_TYPE(x) == NPY_INT64 and PyArray_NDIM(x) == nd and PyArray_IS_C_CONTIGUOUS(x)
            and PyArray_ISALIGNED(x) and PyArray_ISNOTSWAPPED(x))


cdef bint same_shape(ndarray a, ndarray b) noexcept:
    return PyArray_NDIM(a) == PyArray_NDIM(b) and not memcmp(
        PyArray_DIMS(a), PyArray_DIMS(b), PyArray_NDIM(a) * sizeof(npy_intp))


cdef float *f32_or_null(object x, int nd, str name) except? NULL:
    if x is None:
        return NULL
    return f32(x, nd, name)


cdef int pair(object value, Py_ssize_t *a, Py_ssize_t *b) except -1:
    cdef tuple t = value
    if len(t) != 2:
        raise ValueError(f"expected a pair of integers, got {value!r}")
    a[0], b[0] = t[0], t[1]
    return 0


cdef int activation_code(object name) except -1:
    if name is None:
        return 0
    if name == "relu":
        return 1
    if name == "tanh":
        return 2
    if name == "sigmoid":
        return 3
    raise ValueError(f"activation must be None, 'relu', 'tanh' or 'sigmoid', got {name!r}")


def empty_cache():
    """Give the free blocks of the array pool back to the system; returns their size in bytes."""
    global pooled
    cdef int i
    cdef void *block
    freed = pooled
    for i in range(N_CLASSES):
        block = free_list[i]
        while block != NULL:
            free_list[i] = (<void **>block)[0]
            free(block)
            block = free_list[i]
    pooled = 0
    return freed


def cache_info():
    """Bytes of free blocks in the array pool and its limit: {"pooled", "limit"}."""
    return {"pooled": pooled, "limit": pool_limit}


def is_aligned(ndarray x):
    """Whether x starts on a 64-byte boundary."""
    return <uintptr_t>PyArray_DATA(x) % 64 == 0
