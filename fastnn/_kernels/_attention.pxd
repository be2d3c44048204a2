# What the two passes of attention share; the pyx beside it says how they work.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ._csrc cimport fnn_ukernels

cdef enum:
    QUERIES = 96       # rows of a block: a multiple of every level's mr
    KEYS = 256         # its columns: a multiple of every level's nr, and of dropout's 64
    ROW = KEYS + 16    # row stride of a block of scores: not a power of two

cdef struct Attention:
    const fnn_ukernels *uk
    Py_ssize_t B, H, group  # query heads of all samples, of one; those that share a key head
    Py_ssize_t Tq, Tk, E, V
    Py_ssize_t query_blocks, key_blocks
    bint causal
    float scale
    const float *q
    const float *k
    const float *v
    const uint8_t *keep     # the mask is one of two, or none
    const float *bias
    Py_ssize_t mask_n, mask_h, mask_q  # its strides; 0 along an axis of size 1
    bint drops
    uint32_t threshold
    uint64_t key, offset
    float kept              # 1 / (1 - p)
    Py_ssize_t width        # elements of dropout's draw for a row
    float *y
    float *lse
    const float *dy
    float *dq
    float *dk
    float *dv
    float *dmask
    int pass_               # of the way back
    Py_ssize_t chunks       # tasks of a head
    float *scratch
    Py_ssize_t scratch_size

cdef int set_up(Attention *a, q, k, v, mask, is_causal, scale, dropout_p, key, offset) except -1
# Keys of a block from j0 on that row i may see, at most n of them.
cdef Py_ssize_t visible(const Attention *a, Py_ssize_t i, Py_ssize_t j0,
                        Py_ssize_t n) noexcept nogil
cdef void mask_row(const Attention *a, Py_ssize_t b, Py_ssize_t i, Py_ssize_t j0, Py_ssize_t n,
                   float *s) noexcept nogil
# The draw of row i, keys from j0 on: x becomes 0 or x / (1 - p).
cdef void drop_row(const Attention *a, Py_ssize_t b, Py_ssize_t i, Py_ssize_t j0, Py_ssize_t n,
                   float *x) noexcept nogil
# C (m x n, row stride c_row) = A B [+ C], B packed with panels b_panel apart; A in panels of mr
# rows if a_panel, else element (i, p) at a[i * a_row + p * a_col].
cdef void product(const fnn_ukernels *uk, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                  const float *a, Py_ssize_t a_panel, Py_ssize_t a_row, Py_ssize_t a_col,
                  const float *b, Py_ssize_t b_panel, float *c, Py_ssize_t c_row,
                  bint accumulate) noexcept nogil
# Tasks that each head is cut into, so that all threads have some: at most `blocks`.
cdef Py_ssize_t chunks_of(Py_ssize_t heads, Py_ssize_t blocks, int n_threads) noexcept nogil
