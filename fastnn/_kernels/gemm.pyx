"""SGEMM: cache blocking, packing and threads around csrc/ukernel/gemm.h (called by linear, conv).

Blocks follow Goto & van de Geijn 2008: for each panel of nc columns and each kc terms, B is packed
once, then A block by block.  Neither is packed when that does not pay: A stays where it is when few
columns use it, B when few rows do.  A transposed B of many terms (the weight of a dense layer) is
read in place as the left operand of the transposed product.  Threads take rectangles of C and run
independently, each with its own packing: no barrier.  Every output is one chain of multiply-adds in
increasing k, so blocks, packing and threads never change a bit.
"""
cimport cython
from libc.string cimport memset

from ._array cimport Buffer, activation_code, empty2, f32, f32_or_null, take
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._sizes cimport busy, max_, min_, odd_lines, round_up, slot_size
from ._threads cimport parallel_for, threads_for

from numpy cimport PyArray_DIM, import_array, ndarray

import_array()

cdef enum:
    # A transposed product: its right operand, packed, stays in L2 with a block of the result.
    PANELS = 1 << 18   # elements of all terms of it (1 MiB); then the block is
    ROWS = 48          # rows, four tiles of each panel
    TERMS = 512        # or else so many terms at a time; then the block is
    BLOCK = 1 << 16    # elements, and there are few
    FEW = 128          # columns

# A single row waits for B from the cache: so many times the time of its multiply-adds.
cdef double GEMV_COST = 4.0

cdef struct Split:
    const fnn_ukernels *uk
    const Gemm *g
    Py_ssize_t rows, cols, row_tasks
    float *scratch
    Py_ssize_t scratch_size


cdef bint _packs_a(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    # Packing costs about one pass over A; with fewer than four column panels to use it the
    # strided tile is as fast.  A transposed A (a_row == 1) is contiguous along the tile as it is.
    return g.n > 4 * uk.nr and g.m > 1


cdef bint _packs_b(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    return g.b_col != 1 or g.m > 2 * uk.mr


cdef Py_ssize_t _panel_columns(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    """Columns of B packed at a time: with one block of rows B's panel shares L2 with A."""
    cdef Py_ssize_t nc = uk.nc
    if g.m <= uk.mr and g.b_col != 1:
        nc = uk.nr  # each column of B is read from one end to the other, as memory likes it
    elif g.m <= uk.mc:
        nc = 16 * uk.nr
    return min_(nc, round_up(g.n, uk.nr))


cdef bint _turns(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    """Whether the transposed product rearranges less: A (m x k) and C (m x n) instead of B (k x n)
    and, maybe, A.  Measured: pytest bench -k "gemm or dense"."""
    cdef Py_ssize_t plain = g.n * g.k + (g.m * g.k if _packs_a(uk, g) else 0)
    return (g.b_row == 1 and g.a_col == 1 and not g.accumulate and g.m >= 8
            and (g.m <= FEW or round_up(g.m, uk.nr) * g.k <= PANELS)
            and 5 * g.m * (g.k + g.n) < 4 * plain)


cdef Py_ssize_t gemm_scratch(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    """For g and for any rectangle of it.  A block of _turned has at most BLOCK / columns rows, each
    up to twice as long as there are columns."""
    cdef Py_ssize_t kc = min_(g.k, uk.kc), mc = min_(round_up(g.m, uk.mr), uk.mc)
    cdef Py_ssize_t row = round_up(g.m, uk.nr), turned = 0
    if g.b_row == 1 and g.a_col == 1:
        turned = min_(PANELS, row * g.k) + min_(2 * BLOCK, g.n * (row + 32))
    return max_(turned, mc * kc + _panel_columns(uk, g) * kc) + 64


@cython.cdivision(True)
cdef void _turned(const fnn_ukernels *uk, const Gemm *g, float *scratch) noexcept nogil:
    """C^T = B^T A^T by blocks of rows: B^T is read in place, A^T packed."""
    cdef:
        fnn_gemm t
        Py_ssize_t kc = g.k, block = ROWS, columns = round_up(g.m, uk.nr), i, j = 0, p, rows, left
        Py_ssize_t row = odd_lines(g.m)
        float *c
        bint last
    if columns * kc > PANELS:
        kc, block = TERMS, BLOCK // columns // uk.mr * uk.mr
    c = scratch + columns * kc
    memset(&t, 0, sizeof(t))
    t.n, t.a_row, t.a_col, t.b, t.b_row, t.c_row = g.m, g.b_col, 1, scratch, uk.nr, row
    while j < g.n:
        rows, p = min_(block, g.n - j), 0
        while p < g.k:
            t.k = min_(kc, g.k - p)
            last = p + kc >= g.k
            if j == 0 or kc < g.k:
                uk.pack_b(t.k, g.m, g.a + p, 1, g.a_row, scratch)
            t.b_panel = uk.nr * t.k
            t.accumulate = p > 0
            t.activation = g.activation if last else 0
            t.bias_col = g.bias_row if last else NULL
            left = (rows + uk.mr - 1) // uk.mr
            i = 0
            while i < rows:  # a tile's rows and all panels: B^T is read once
                t.m = (rows - i + left - 1) // left
                t.a = g.b + (j + i) * g.b_col + p
                t.c = c + i * row
                t.bias_row = g.bias_col + j + i if last and g.bias_col != NULL else NULL
                uk.gemm_block(&t)
                i += t.m
                left -= 1
            p += kc
        uk.transpose(rows, g.m, c, row, g.c + j, g.c_row)
        j += rows


cdef void _finish_row(const fnn_ukernels *uk, const Gemm *g) noexcept nogil:
    """Biases and activation of a single row."""
    cdef Py_ssize_t j
    if g.bias_row != NULL:
        for j in range(g.n):
            g.c[j] += g.bias_row[0]
    if g.bias_col != NULL:
        uk.vadd(g.n, g.bias_col, g.c)
    if g.activation == 1:
        uk.vrelu(g.n, g.c, g.c)
    elif g.activation == 2:
        uk.vtanh(g.n, g.c, g.c)
    elif g.activation == 3:
        uk.vsigmoid(g.n, g.c, g.c)


@cython.cdivision(True)
cdef void gemm_serial(const fnn_ukernels *uk, const Gemm *g, float *scratch) noexcept nogil:
    cdef:
        fnn_gemm t
        Py_ssize_t i, j, p, m, n, k, full
        Py_ssize_t nc = _panel_columns(uk, g), kc = min_(g.k, uk.kc)
        Py_ssize_t mc = min_(round_up(g.m, uk.mr), uk.mc)
        float *packed_a = scratch
        float *packed_b = scratch + round_up(mc * kc, 16)
        bint pack_a = _packs_a(uk, g), pack_b = _packs_b(uk, g), last
    if g.m == 0 or g.n == 0:
        return
    if g.m == 1 and g.b_row == 1 and g.a_col == 1:
        uk.gemv_transposed(g.n, g.k, g.a, g.b, g.b_col, g.accumulate, g.c)
        _finish_row(uk, g)
        return
    if _turns(uk, g):
        _turned(uk, g, scratch)
        return
    if not pack_b:
        # The last rows must not be read beyond their end: only whole vectors are used in place.
        full = g.n - g.n % uk.lanes
        if full == 0:
            pack_b = True
        else:
            nc = round_up(g.n, uk.nr)
    memset(&t, 0, sizeof(t))
    t.c_row = g.c_row
    j = 0
    while j < g.n:
        n = min_(nc, g.n - j)
        if not pack_b:
            n = full if j == 0 else g.n - full
        p = 0
        while p == 0 or p < g.k:
            k = min_(kc, g.k - p)
            last = p + k >= g.k
            t.n, t.k = n, k
            if pack_b or j > 0:
                uk.pack_b(k, n, g.b + p * g.b_row + j * g.b_col, g.b_row, g.b_col, packed_b)
                t.b, t.b_panel, t.b_row = packed_b, uk.nr * k, uk.nr
            else:
                t.b, t.b_panel, t.b_row = g.b + p * g.b_row, uk.nr, g.b_row
            t.accumulate = g.accumulate or p > 0
            t.activation = g.activation if last else 0
            t.bias_col = g.bias_col + j if last and g.bias_col != NULL else NULL
            i = 0
            while i < g.m:
                m = min_(mc, g.m - i)
                t.m = m
                if pack_a:
                    uk.pack_a(m, k, g.a + i * g.a_row + p * g.a_col, g.a_row, g.a_col, packed_a)
                    t.a, t.a_panel = packed_a, uk.mr * k
                else:
                    t.a, t.a_panel = g.a + i * g.a_row + p * g.a_col, 0
                    t.a_row, t.a_col = g.a_row, g.a_col
                t.c = g.c + i * g.c_row + j
                t.bias_row = g.bias_row + i if last and g.bias_row != NULL else NULL
                uk.gemm_block(&t)
                i += m
            p += kc if kc else 1
        j += n


@cython.cdivision(True)
cdef void _rectangle(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Split *s = <Split *>ctx
    cdef Gemm g = s.g[0]
    cdef Py_ssize_t i = task % s.row_tasks * s.rows, j = task // s.row_tasks * s.cols
    g.m = min_(s.rows, g.m - i)
    g.n = min_(s.cols, g.n - j)
    g.a += i * g.a_row
    g.b += j * g.b_col
    g.c += i * g.c_row + j
    if g.bias_row != NULL:
        g.bias_row += i
    if g.bias_col != NULL:
        g.bias_col += j
    gemm_serial(s.uk, &g, s.scratch + slot * s.scratch_size)


@cython.cdivision(True)
cdef int gemm(Gemm *g) except -1:
    cdef:
        const fnn_ukernels *uk = ukernels()
        Split s
        Buffer scratch
        double work = 2.0 * g.m * g.n * g.k * (GEMV_COST if g.m == 1 else 1.0)
        int n_threads = threads_for(work), tm, tn, rows_of_threads = 1
        Py_ssize_t cost, best = -1, n_tasks
    if g.m == 0 or g.n == 0:
        return 0
    # A grid of tm x tn threads packs A tn times and B tm times.
    for tm in range(1, n_threads + 1):
        if n_threads % tm:
            continue
        tn = n_threads // tm
        cost = tn * g.m + tm * g.n
        if (best < 0 or cost < best) and (tm == 1 or g.m >= tm * uk.mr):
            best, rows_of_threads = cost, tm
    tm, tn = rows_of_threads, n_threads // rows_of_threads
    s.uk, s.g = uk, g
    s.rows = round_up((g.m + tm - 1) // tm, uk.mr)
    s.cols = round_up((g.n + tn - 1) // tn, uk.nr)
    s.row_tasks = (g.m + s.rows - 1) // s.rows
    n_tasks = s.row_tasks * ((g.n + s.cols - 1) // s.cols)
    s.scratch_size = slot_size(gemm_scratch(uk, g))
    scratch = take(s.scratch_size * busy(n_threads, n_tasks))
    s.scratch = <float *>scratch.data
    if 2.0 * g.m * g.n * g.k < 1e5:  # a microsecond: not worth the way out of the GIL and back
        parallel_for(_rectangle, &s, n_tasks, 1)
    else:
        with nogil:
            parallel_for(_rectangle, &s, n_tasks, n_threads)
    return 0


def matmul(a, b, transpose_a=False, transpose_b=False, bias=None, activation=None):
    """act(a b + bias), float32: a (m, k) or, transposed, (k, m), b (k, n) or (n, k), bias (n,)."""
    cdef Gemm g
    cdef ndarray c
    cdef Py_ssize_t kb
    g.a, g.b = f32(a, 2, "a"), f32(b, 2, "b")
    if transpose_a:
        g.k, g.m = PyArray_DIM(a, 0), PyArray_DIM(a, 1)
        g.a_row, g.a_col = 1, g.m
    else:
        g.m, g.k = PyArray_DIM(a, 0), PyArray_DIM(a, 1)
        g.a_row, g.a_col = g.k, 1
    if transpose_b:
        g.n, kb = PyArray_DIM(b, 0), PyArray_DIM(b, 1)
        g.b_row, g.b_col = 1, kb
    else:
        kb, g.n = PyArray_DIM(b, 0), PyArray_DIM(b, 1)
        g.b_row, g.b_col = g.n, 1
    if kb != g.k:
        raise ValueError(f"matmul: a has {g.k} columns, b has {kb} rows")
    g.bias_row, g.bias_col = NULL, f32_or_null(bias, 1, "bias")
    if g.bias_col != NULL and PyArray_DIM(bias, 0) != g.n:
        raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, expected {g.n}")
    c = empty2(g.m, g.n)
    g.c, g.c_row = f32(c, 2, "c"), g.n
    g.accumulate, g.activation = 0, activation_code(activation)
    gemm(&g)
    return c
