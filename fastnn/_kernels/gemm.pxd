from ._csrc cimport fnn_ukernels

# C (m x n) = act(A B [+ C] + bias): element (i, p) of A at a[i * a_row + p * a_col], (p, j) of B at
# b[p * b_row + j * b_col], C row-major with row stride c_row. bias_col (n,) or NULL.
cdef struct Gemm:
    Py_ssize_t m, n, k
    const float *a
    Py_ssize_t a_row, a_col
    const float *b
    Py_ssize_t b_row, b_col
    float *c
    Py_ssize_t c_row
    const float *bias_row
    const float *bias_col
    int accumulate, activation

# Threaded; the GIL is held and released inside. Allocates its scratch.
cdef int gemm(Gemm *g) except -1
# One thread, scratch of gemm_scratch floats given.
cdef void gemm_serial(const fnn_ukernels *uk, const Gemm *g, float *scratch) noexcept nogil
cdef Py_ssize_t gemm_scratch(const fnn_ukernels *uk, const Gemm *g) noexcept nogil
