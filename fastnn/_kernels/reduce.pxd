# Sums whose order and pieces are set by shape alone; shared by linear.pyx, conv.pyx and loss.pyx.
from ._csrc cimport fnn_ukernels

# Sum of n elements: pieces of 2,048 in float32, these in float64.
cdef double sum_of(const fnn_ukernels *uk, Py_ssize_t n, const float *x) noexcept nogil
# x (A, R, B) -> out (A, B), the sum over the middle axis; threaded.
cdef void sum_columns(Py_ssize_t A, Py_ssize_t R, Py_ssize_t B, const float *x,
                      float *out) noexcept
