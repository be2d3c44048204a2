"""What the two passes of recurrent layers share: rows of steps, and products with packed weights.

A row of the batch is independent of the others, so that a thread takes some rows through the whole
sequence and never meets another at a barrier.  Rows of a step lie `row` apart, steps `step` apart,
which covers both orders of axes; with step 0 all steps share one place.
"""
from libc.string cimport memset

from ._csrc cimport fnn_gemm, fnn_ukernels
from ._sizes cimport min_, round_up

cdef enum:
    TERMS = 256        # a panel of as many terms stays in L1 while the tiles of a step use it


cdef int mode_of(object name) except -1:
    names = ("RNN_TANH", "RNN_RELU", "LSTM", "GRU")
    if name not in names:
        raise ValueError(f"mode is {name!r}, expected one of {', '.join(names)}")
    return names.index(name)


cdef Py_ssize_t gates_of(int mode) noexcept nogil:
    return 4 if mode == LSTM else 3 if mode == GRU else 1


cdef float *at(const Steps *s, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return s.data + t * s.step + n * s.row


cdef bint runs(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return d.lengths == NULL or t < d.lengths[n]


cdef bint is_first(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    if not d.reverse:
        return t == 0
    return t == (d.T if d.lengths == NULL else d.lengths[n]) - 1


cdef bint is_last(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    if d.reverse:
        return t == 0
    return t == (d.T if d.lengths == NULL else d.lengths[n]) - 1


cdef Py_ssize_t rows_at(const Direction *d, Py_ssize_t t, Py_ssize_t first,
                        Py_ssize_t last) noexcept nogil:
    while last > first and not runs(d, t, last - 1):
        last -= 1
    return last - first


cdef Py_ssize_t packed_size(const fnn_ukernels *uk, Py_ssize_t k, Py_ssize_t n) noexcept nogil:
    return k * round_up(n, uk.nr)


cdef void pack(const fnn_ukernels *uk, Py_ssize_t k, Py_ssize_t n, const float *b, Py_ssize_t row,
               Py_ssize_t col, float *out) noexcept nogil:
    cdef Py_ssize_t p = 0
    while p < k:
        uk.pack_b(min_(TERMS, k - p), n, b + p * row, row, col, out + p * round_up(n, uk.nr))
        p += TERMS


cdef void product(const fnn_ukernels *uk, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                  const float *a, Py_ssize_t a_row, const float *packed, float *c,
                  Py_ssize_t c_row, bint accumulate, const float *bias,
                  int activation) noexcept nogil:
    cdef fnn_gemm g
    cdef Py_ssize_t p = 0, i
    cdef const float *b
    if m <= 0 or n == 0:
        return
    if m <= 2 and k:  # a tile of two rows would wait for its own chains
        while p < k:
            b = packed + p * round_up(n, uk.nr)
            for i in range(m):
                uk.gemv_packed(n, min_(TERMS, k - p), a + i * a_row + p, b, accumulate or p > 0,
                               c + i * c_row)
            p += TERMS
        for i in range(m):
            if bias != NULL:
                uk.vadd(n, bias, c + i * c_row)
            if activation:
                (uk.vrelu if activation == 1 else uk.vtanh)(n, c + i * c_row, c + i * c_row)
        return
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.a_row, g.a_col, g.b_row, g.c, g.c_row = m, n, a_row, 1, uk.nr, c, c_row
    while p == 0 or p < k:
        g.k = min_(TERMS, k - p)
        g.a, g.b, g.b_panel = a + p, packed + p * round_up(n, uk.nr), uk.nr * g.k
        g.accumulate = accumulate or p > 0
        if p + TERMS >= k:
            g.bias_col, g.activation = bias, activation
        uk.gemm_block(&g)
        p += TERMS
