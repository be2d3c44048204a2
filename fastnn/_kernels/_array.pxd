# Arrays in and out of kernels: cheap checks, pooled and 64-byte aligned outputs, scratch.
from numpy cimport PyArray_DIMS, int32_t, int64_t, ndarray, npy_intp

cdef class Buffer:
    cdef void *data
    cdef size_t capacity
    cdef int size_class

# A block of at least n float32, alive as long as the object. Not zeroed.
cdef Buffer take(Py_ssize_t n)
cdef ndarray empty(int nd, npy_intp *dims)             # float32
cdef ndarray empty_typed(int nd, npy_intp *dims, int typenum, size_t itemsize)
cdef ndarray empty_like(ndarray x)
cdef ndarray empty1(Py_ssize_t a)
cdef ndarray empty2(Py_ssize_t a, Py_ssize_t b)
cdef ndarray empty4(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d)

# Pointer to the data of a C-contiguous float32 array of rank nd (-1: any); TypeError/ValueError.
cdef float *f32(object x, int nd, str name) except? NULL
# Whether x is a C-contiguous, aligned int64 array of rank nd in this machine's byte order.
cdef bint is_int64(ndarray x, int nd) noexcept
cdef bint same_shape(ndarray a, ndarray b) noexcept
cdef float *f32_or_null(object x, int nd, str name) except? NULL
cdef int pair(object value, Py_ssize_t *a, Py_ssize_t *b) except -1
cdef int activation_code(object name) except -1
