"""Products with a matrix that was packed before: recurrent steps, layers whose weights stay.

The chains of every output are those of gemm.pyx, and so are the bits.
"""
cimport cython
from libc.string cimport memset
from numpy cimport PyArray_DIM

from ._array cimport Buffer, f32, take
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for
from .gemm cimport Gemm, gemm

cdef enum:
    TERMS = 256         # a panel of as many terms stays in L1 while the tiles of a step use it
    STREAMED = 1 << 18  # numbers: 1 MiB of weights and the step's own arrays fill L2
    WAITING = 64        # rows: with more the arithmetic hides the way of such weights
    FEW = 2             # rows that are multiplied one by one, as the matrix passes

# Few rows wait for the matrix from the cache: so many times the time of their multiply-adds.
cdef double WAIT = 4.0


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
                  Py_ssize_t c_row, bint accumulate, const float *bias, int activation,
                  Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    cdef fnn_gemm g
    cdef Py_ssize_t p = 0, i, wide = round_up(n, uk.nr), first
    cdef const float *b
    first = wide // uk.nr * part // parts * uk.nr
    n = min_(n, wide // uk.nr * (part + 1) // parts * uk.nr) - first
    if m <= 0 or n <= 0:
        return
    c += first
    if bias != NULL:
        bias += first
    if m <= FEW and k:  # a tile of two rows would wait for its own chains
        while p < k:
            b = packed + p * wide + first * min_(TERMS, k - p)
            for i in range(m):
                uk.gemv_packed(n, min_(TERMS, k - p), a + i * a_row + p, b, accumulate or p > 0,
                               c + i * c_row)
            p += TERMS
        for i in range(m):
            if bias != NULL:
                uk.vadd(n, bias, c + i * c_row)
            if activation == 1:
                uk.vrelu(n, c + i * c_row, c + i * c_row)
            elif activation == 2:
                uk.vtanh(n, c + i * c_row, c + i * c_row)
            elif activation == 3:
                uk.vsigmoid(n, c + i * c_row, c + i * c_row)
        return
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.a_row, g.a_col, g.b_row, g.c, g.c_row = m, n, a_row, 1, uk.nr, c, c_row
    while p == 0 or p < k:
        g.k = min_(TERMS, k - p)
        g.a, g.b, g.b_panel = a + p, packed + p * wide + first * <Py_ssize_t>g.k, uk.nr * g.k
        # Few rows wait for weights beyond the L2 cache: each panel brings the one behind it near
        # (past the last one nothing is read).  Many rows do not wait (512: 0.92 times as fast).
        g.next = g.b + g.b_panel if wide * k >= STREAMED and m <= WAITING else NULL
        g.accumulate = accumulate or p > 0
        if p + TERMS >= k:
            g.bias_col, g.activation = bias, activation
        uk.gemm_block(&g)
        p += TERMS


cdef Buffer pack_matrix(object weight):
    """weight (n, k) as the matrix (k x n)."""
    cdef const fnn_ukernels *uk = ukernels()
    cdef const float *w = f32(weight, 2, "weight")
    cdef Py_ssize_t n = PyArray_DIM(weight, 0), k = PyArray_DIM(weight, 1)
    cdef Buffer buffer = take(max_(packed_size(uk, k, n), 1))
    pack(uk, k, n, w, 1, k, <float *>buffer.data)
    return buffer


# A product, cut into row_tasks blocks of `rows` rows and `parts` of the columns.
cdef struct Cut:
    const fnn_ukernels *uk
    const Gemm *g
    const float *packed
    Py_ssize_t rows, row_tasks, parts


@cython.cdivision(True)
cdef void _cut_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Cut *q = <Cut *>ctx
    cdef const Gemm *g = q.g
    cdef Py_ssize_t i = task % q.row_tasks * q.rows
    product(q.uk, min_(q.rows, g.m - i), g.n, g.k, g.a + i * g.a_row, g.a_row, q.packed,
            g.c + i * g.c_row, g.c_row, g.accumulate, g.bias_col, g.activation,
            task // q.row_tasks, q.parts)


@cython.cdivision(True)
cdef int gemm_packed(Gemm *g, const float *packed) except -1:
    cdef:
        Cut q
        double work = 2.0 * g.m * g.n * g.k
        int n_threads = threads_for(work * (WAIT if g.m <= FEW else 1.0))
    if packed == NULL:
        return gemm(g)
    if g.m == 0 or g.n == 0:
        return 0
    q.uk, q.g, q.packed = ukernels(), g, packed
    q.row_tasks, q.parts = 1, n_threads
    if g.m >= n_threads * q.uk.mr:
        q.row_tasks, q.parts = n_threads, 1
    q.rows = round_up((g.m + q.row_tasks - 1) // q.row_tasks, q.uk.mr)
    q.row_tasks = (g.m + q.rows - 1) // q.rows
    if work < 1e5:  # a microsecond: not worth the way out of the GIL and back
        parallel_for(_cut_task, &q, q.row_tasks * q.parts, 1)
    else:
        with nogil:
            parallel_for(_cut_task, &q, q.row_tasks * q.parts, n_threads)
    return 0
