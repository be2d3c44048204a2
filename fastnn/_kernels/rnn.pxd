# Checks and places that both passes of a recurrent layer use.
from numpy cimport int64_t, ndarray

from ._rnn cimport Direction

cdef ndarray empty3(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c)
cdef const float *c_before(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil
cdef const int64_t *lengths_of(object lengths, Py_ssize_t N, Py_ssize_t T) except? NULL
cdef const float *states_of(object a, Py_ssize_t D, Py_ssize_t N, Py_ssize_t H,
                            str name) except? NULL
cdef int check_weights(list w, Py_ssize_t G, Py_ssize_t I, Py_ssize_t H, Py_ssize_t P,
                       bint projects) except -1
