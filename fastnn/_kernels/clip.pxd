from ._csrc cimport fnn_ukernels

# sum |x|^p in float64, or for infinite p max |x|; p > 0.  Accurate for any number of any magnitude.
cdef double sum_powers(const fnn_ukernels *uk, Py_ssize_t n, const float *x,
                       double p) noexcept nogil
cdef double root(double total, double p) noexcept nogil
