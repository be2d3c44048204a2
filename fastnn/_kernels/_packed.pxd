# Products with a packed matrix; see _packed.pyx.
from ._array cimport Buffer
from ._csrc cimport fnn_ukernels
from .gemm cimport Gemm

# B (k x n) packed in blocks of TERMS terms, panel after panel.
cdef Py_ssize_t packed_size(const fnn_ukernels *uk, Py_ssize_t k, Py_ssize_t n) noexcept nogil
cdef void pack(const fnn_ukernels *uk, Py_ssize_t k, Py_ssize_t n, const float *b, Py_ssize_t row,
               Py_ssize_t col, float *out) noexcept nogil
# C (m x n) [+]= A (m x k) B, then bias (n,) and activation; A and C by rows of a_row and c_row.
# Of the columns only so-and-so many parts' part, in whole panels.
cdef void product(const fnn_ukernels *uk, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                  const float *a, Py_ssize_t a_row, const float *packed, float *c,
                  Py_ssize_t c_row, bint accumulate, const float *bias, int activation,
                  Py_ssize_t part, Py_ssize_t parts) noexcept nogil
# A weight (n, k), packed as the matrix (k x n).
cdef Buffer pack_matrix(object weight)
# gemm with g.b packed, g.a_col = 1 and no bias_row; packed NULL: gemm itself.
cdef int gemm_packed(Gemm *g, const float *packed) except -1
