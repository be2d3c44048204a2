"""Attention forward, y = softmax(scale q k^T + mask) v, block by block.

A task is some blocks of QUERIES rows of one head.  It packs the head's keys and values once; for
each block of KEYS columns the scores are one product into scratch that stays in L2, become
probabilities relative to the largest score so far (Milakov & Gimelshein 2018, arXiv:1805.02867) and
multiply the values (Dao et al. 2022, arXiv:2205.14135).  Only the log of each row's sum of
exponentials stays.  Blocks above the diagonal are left out where attention is causal.

The sum over keys is one chain of multiply-adds per output; it is scaled anew between blocks of
keys, which are cut by the shape alone, so neither threads nor CPU levels show.
"""
from libc.math cimport INFINITY
from libc.string cimport memset
from numpy cimport import_array, ndarray, npy_intp

from ._array cimport Buffer, empty, empty4, f32, take
from ._attention cimport (
    KEYS,
    QUERIES,
    ROW,
    Attention,
    chunks_of,
    drop_row,
    mask_row,
    product,
    set_up,
    visible,
)
from ._csrc cimport fnn_ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Running:
    float *top     # each row's largest score so far
    float *total   # its sum of exp(score - top)
    float *shift   # top before less top after a block, then exp of that
    float *part    # the block's sum


cdef void _probabilities(const Attention *a, Py_ssize_t b, Py_ssize_t i0, Py_ssize_t rows,
                         Py_ssize_t j0, Py_ssize_t n, Running *run, float *s) noexcept nogil:
    """Scores s (rows, n) become exp(s - top), with top and shift brought up to date."""
    cdef Py_ssize_t r, seen
    cdef float before, top
    cdef float *row
    for r in range(rows):
        row = s + r * ROW
        seen = visible(a, i0 + r, j0, n)
        before = top = run.top[r]
        if seen:
            mask_row(a, b, i0 + r, j0, seen, row)
            top = a.uk.vmax(seen, row)
            if before >= top or before != before:  # a NaN stays
                top = before
        run.top[r] = top
        if top == -INFINITY:  # nothing to be seen yet
            memset(row, 0, n * sizeof(float))
            run.part[r], run.shift[r] = 0.0, 0.0
            continue
        run.part[r], run.shift[r] = a.uk.vexp_sum(seen, row, top, row), before - top
        if a.drops:
            drop_row(a, b, i0 + r, j0, seen, row)
        memset(row + seen, 0, (n - seen) * sizeof(float))


cdef void _rescale(const Attention *a, Py_ssize_t rows, bint first, Running *run,
                   float *y) noexcept nogil:
    """What was summed so far, relative to the new maxima, and the block's sums with it."""
    cdef Py_ssize_t r
    if first:
        for r in range(rows):
            run.total[r] = run.part[r]
        return
    a.uk.vexp(rows, run.shift, run.shift)
    for r in range(rows):
        if run.shift[r] != 1.0:
            a.uk.vscale(a.V, run.shift[r], y + r * a.V, y + r * a.V)
        run.total[r] = run.total[r] * run.shift[r] + run.part[r]


cdef void _finish(const Attention *a, Py_ssize_t rows, Running *run, float *y,
                  float *lse) noexcept nogil:
    """y over the sums; a row that may see nothing is 0, and its probabilities exp(-inf)."""
    cdef Py_ssize_t r
    a.uk.vlog(rows, run.total, run.shift)
    for r in range(rows):
        if run.total[r] == 0.0:
            lse[r] = INFINITY
            memset(y + r * a.V, 0, a.V * sizeof(float))
        else:
            lse[r] = run.top[r] + run.shift[r]
            a.uk.vscale(a.V, <float>1.0 / run.total[r], y + r * a.V, y + r * a.V)


cdef void _block(const Attention *a, Py_ssize_t b, Py_ssize_t i0, Py_ssize_t rows, Py_ssize_t end,
                 const float *keys, const float *values, Py_ssize_t height, float *queries,
                 float *s, Running *run) noexcept nogil:
    """One block of queries against the keys before `end`; the panels of values are `height`."""
    cdef:
        const fnn_ukernels *uk = a.uk
        Py_ssize_t j0 = 0, n, r
        float *y = a.y + (b * a.Tq + i0) * a.V
    uk.pack_a(rows, a.E, a.q + (b * a.Tq + i0) * a.E, a.E, 1, queries)
    uk.vscale(round_up(rows, uk.mr) * a.E, a.scale, queries, queries)
    for r in range(rows):
        run.top[r], run.total[r] = -INFINITY, 0.0
    while j0 < end:
        n = min_(KEYS, end - j0)
        product(uk, rows, n, a.E, queries, uk.mr * a.E, 0, 0, keys + j0 * a.E, uk.nr * a.E, s, ROW,
                False)
        _probabilities(a, b, i0, rows, j0, n, run, s)
        _rescale(a, rows, j0 == 0, run, y)
        product(uk, rows, a.V, n, s, 0, ROW, 1, values + j0 * uk.nr, uk.nr * height, y, a.V,
                j0 > 0)
        j0 += KEYS
    _finish(a, rows, run, y, a.lse + b * a.Tq + i0)


cdef Py_ssize_t _scratch(const Attention *a) noexcept nogil:
    cdef const fnn_ukernels *uk = a.uk
    return round_up(a.E * round_up(a.Tk, uk.nr) + a.Tk * round_up(a.V, uk.nr) + QUERIES * a.E
                    + QUERIES * (ROW + 4) + 64, 1024)


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        const Attention *a = <Attention *>ctx
        const fnn_ukernels *uk = a.uk
        Py_ssize_t b = task // a.chunks, c = task % a.chunks, head = b // a.group, i, i0, rows, end
        Py_ssize_t first = c * a.query_blocks // a.chunks
        Py_ssize_t last = (c + 1) * a.query_blocks // a.chunks
        Py_ssize_t height = min_(a.Tk, last * QUERIES) if a.causal else a.Tk
        float *s = a.scratch + slot * a.scratch_size
        float *keys = s + QUERIES * ROW
        float *values = keys + a.E * round_up(a.Tk, uk.nr)
        float *queries = values + a.Tk * round_up(a.V, uk.nr)
        Running run
    run.top = queries + QUERIES * a.E
    run.total, run.shift, run.part = run.top + QUERIES, run.top + 2 * QUERIES, run.top + 3 * QUERIES
    uk.pack_b(a.E, height, a.k + head * a.Tk * a.E, 1, a.E, keys)
    uk.pack_b(height, a.V, a.v + head * a.Tk * a.V, a.V, 1, values)
    for i in range(first, last):
        i0 = i * QUERIES
        rows = min_(QUERIES, a.Tq - i0)
        end = min_(a.Tk, i0 + rows) if a.causal else a.Tk
        _block(a, b, i0, rows, end, keys, values, height, queries, s, &run)


def attention_forward(q, k, v, mask, is_causal, scale, dropout_p, key, offset):
    """y (N, H, Tq, V) and the log-sum-exp (N, H, Tq); see fastnn.reference.attention_forward."""
    cdef:
        Attention a
        Buffer scratch
        ndarray y, lse
        npy_intp dims[3]
        int n_threads
    set_up(&a, q, k, v, mask, is_causal, scale, dropout_p, key, offset)
    dims[0], dims[1], dims[2] = a.B // a.H if a.H else q.shape[0], a.H, a.Tq
    y, lse = empty4(dims[0], a.H, a.Tq, a.V), empty(3, dims)
    a.y, a.lse = f32(y, 4, "y"), f32(lse, 3, "lse")
    n_threads = threads_for(2.0 * a.B * a.Tq * a.Tk * (a.E + a.V + 10))
    a.chunks = chunks_of(a.B, max_(a.query_blocks, 1), n_threads)
    a.scratch_size = _scratch(&a)
    scratch = take(a.scratch_size * n_threads)
    a.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_task, &a, a.B * a.chunks, n_threads)
    return y, lse
