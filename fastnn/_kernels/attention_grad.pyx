"""Gradients of attention: the probabilities are computed again, block by block, from the
log-sum-exp of each row (Dao et al. 2022, arXiv:2205.14135).

With D = rowsum(dy y):  p = exp(scale q k^T + mask - lse),  ds = p (dy v^T - D),
dq = scale ds k,  dk = scale ds^T q,  dv = p^T dy;  with dropout's draw on p in dv and on dy v^T.

A task owns what it adds to.  Where there are heads enough for all threads it is a key head with all
its queries: five products a block.  Otherwise some blocks of queries make their dq, then some
blocks of keys their dk and dv: seven.  Each output is the same chain of multiply-adds, over keys or
queries in increasing order, so that the choice changes no bit.
"""
from libc.string cimport memcpy, memset
from numpy cimport import_array, ndarray, npy_intp

from ._array cimport Buffer, empty, empty_like, f32, same_shape, take
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

cdef enum:
    ALL = 0            # dq, dk and dv
    OF_QUERIES = 1
    OF_KEYS = 2

# Operands as the products take them; rows and columns count from the first of the task.
cdef struct Packed:
    Py_ssize_t q0, q1, k0, k1   # the rows of queries and of keys
    float *s
    float *ds
    float *delta
    float *keys_t               # k^T, v^T: panels of keys
    float *values_t
    float *keys                 # k: panels of its columns
    float *queries              # scale q, dy: blocks of QUERIES in panels of rows
    float *dy
    float *queries_b            # q, dy: panels of their columns
    float *dy_b


cdef void _pack_keys(const Attention *a, Py_ssize_t head, const Packed *t) noexcept nogil:
    cdef const fnn_ukernels *uk = a.uk
    cdef Py_ssize_t n = t.k1 - t.k0
    cdef const float *k = a.k + (head * a.Tk + t.k0) * a.E
    cdef const float *v = a.v + (head * a.Tk + t.k0) * a.V
    uk.pack_b(a.E, n, k, 1, a.E, t.keys_t)
    uk.pack_b(a.V, n, v, 1, a.V, t.values_t)
    if a.pass_ != OF_KEYS:
        uk.pack_b(n, a.E, k, a.E, 1, t.keys)


cdef void _pack_queries(const Attention *a, Py_ssize_t b, const Packed *t) noexcept nogil:
    cdef const fnn_ukernels *uk = a.uk
    cdef Py_ssize_t n = t.q1 - t.q0, i = 0, rows
    cdef const float *q = a.q + (b * a.Tq + t.q0) * a.E
    cdef const float *dy = a.dy + (b * a.Tq + t.q0) * a.V
    cdef const float *y = a.y + (b * a.Tq + t.q0) * a.V
    while i < n:
        rows = min_(QUERIES, n - i)
        uk.pack_a(rows, a.E, q + i * a.E, a.E, 1, t.queries + i * a.E)
        uk.pack_a(rows, a.V, dy + i * a.V, a.V, 1, t.dy + i * a.V)
        i += QUERIES
    uk.vscale(round_up(n, uk.mr) * a.E, a.scale, t.queries, t.queries)
    if a.pass_ != OF_QUERIES:
        uk.pack_b(n, a.E, q, a.E, 1, t.queries_b)
        uk.pack_b(n, a.V, dy, a.V, 1, t.dy_b)
    for i in range(n):
        t.delta[i] = uk.vdot(a.V, dy + i * a.V, y + i * a.V)


cdef void _scores(const Attention *a, Py_ssize_t b, Py_ssize_t i0, Py_ssize_t rows, Py_ssize_t j0,
                  Py_ssize_t n, const Packed *t) noexcept nogil:
    """Scores s and dy v^T in ds (rows, n) become the probabilities that dv needs and scale ds."""
    cdef Py_ssize_t r, seen, row
    cdef float *s
    cdef float *ds
    cdef bint keep = a.dmask != NULL and a.pass_ != OF_KEYS
    for r in range(rows):
        s, ds, row = t.s + r * ROW, t.ds + r * ROW, b * a.Tq + i0 + r
        seen = visible(a, i0 + r, j0, n)
        if seen:
            mask_row(a, b, i0 + r, j0, seen, s)
            if a.drops:
                drop_row(a, b, i0 + r, j0, seen, ds)
            a.uk.attention_grad(seen, a.lse[row], t.delta[i0 + r - t.q0],
                                <float>1.0 if keep else a.scale, s, ds)
            if keep:
                memcpy(a.dmask + row * a.Tk + j0, ds, seen * sizeof(float))
                a.uk.vscale(seen, a.scale, ds, ds)
            if a.drops:
                drop_row(a, b, i0 + r, j0, seen, s)
        memset(s + seen, 0, (n - seen) * sizeof(float))
        memset(ds + seen, 0, (n - seen) * sizeof(float))


cdef void _pair(const Attention *a, Py_ssize_t b, Py_ssize_t i0, Py_ssize_t j0,
                const Packed *t) noexcept nogil:
    """What one block of queries and one of keys add to the gradients."""
    cdef:
        const fnn_ukernels *uk = a.uk
        Py_ssize_t i = i0 - t.q0, j = j0 - t.k0, rows = min_(QUERIES, t.q1 - i0)
        Py_ssize_t n = min_(KEYS, t.k1 - j0), head = b // a.group
    if a.causal:
        n = min_(n, i0 + rows - j0)
        if n <= 0:
            return
    product(uk, rows, n, a.E, t.queries + i * a.E, uk.mr * a.E, 0, 0, t.keys_t + j * a.E,
            uk.nr * a.E, t.s, ROW, False)
    product(uk, rows, n, a.V, t.dy + i * a.V, uk.mr * a.V, 0, 0, t.values_t + j * a.V,
            uk.nr * a.V, t.ds, ROW, False)
    _scores(a, b, i0, rows, j0, n, t)
    if a.pass_ != OF_KEYS:
        product(uk, rows, a.E, n, t.ds, 0, ROW, 1, t.keys + j * uk.nr, uk.nr * (t.k1 - t.k0),
                a.dq + (b * a.Tq + i0) * a.E, a.E, True)
    if a.pass_ != OF_QUERIES:
        product(uk, n, a.V, rows, t.s, 0, 1, ROW, t.dy_b + i * uk.nr, uk.nr * (t.q1 - t.q0),
                a.dv + (head * a.Tk + j0) * a.V, a.V, True)
        product(uk, n, a.E, rows, t.ds, 0, 1, ROW, t.queries_b + i * uk.nr,
                uk.nr * (t.q1 - t.q0), a.dk + (head * a.Tk + j0) * a.E, a.E, True)


cdef Py_ssize_t _lay_out(const Attention *a, Py_ssize_t n_queries, Py_ssize_t n_keys,
                         float *scratch, Packed *t) noexcept nogil:
    """Give the operands their places; returns how many floats they take."""
    cdef const fnn_ukernels *uk = a.uk
    cdef Py_ssize_t keys = round_up(n_keys, uk.nr), queries = round_up(n_queries, uk.mr)
    cdef Py_ssize_t e = round_up(a.E, uk.nr), v = round_up(a.V, uk.nr)
    t.s = scratch
    t.ds = t.s + QUERIES * ROW
    t.keys_t = t.ds + QUERIES * ROW
    t.values_t = t.keys_t + keys * a.E
    t.queries = t.values_t + keys * a.V
    t.dy = t.queries + queries * a.E
    t.keys = t.dy + queries * a.V
    t.queries_b = t.keys + (n_keys * e if a.pass_ != OF_KEYS else 0)
    t.dy_b = t.queries_b + (n_queries * e if a.pass_ != OF_QUERIES else 0)
    t.delta = t.dy_b + (n_queries * v if a.pass_ != OF_QUERIES else 0)
    return t.delta + n_queries - scratch


cdef void _run(const Attention *a, Py_ssize_t b0, Py_ssize_t b1, Packed *t) noexcept nogil:
    """All pairs of the blocks in *t, of query heads b0 to b1, which share a key head."""
    cdef Py_ssize_t b, i0, j0, head = b0 // a.group, n = t.k1 - t.k0
    if a.pass_ != OF_QUERIES:
        memset(a.dk + (head * a.Tk + t.k0) * a.E, 0, n * a.E * sizeof(float))
        memset(a.dv + (head * a.Tk + t.k0) * a.V, 0, n * a.V * sizeof(float))
    _pack_keys(a, head, t)
    for b in range(b0, b1):
        if a.pass_ != OF_KEYS:
            n = t.q1 - t.q0
            memset(a.dq + (b * a.Tq + t.q0) * a.E, 0, n * a.E * sizeof(float))
            if a.dmask != NULL:
                memset(a.dmask + (b * a.Tq + t.q0) * a.Tk, 0, n * a.Tk * sizeof(float))
        _pack_queries(a, b, t)
        j0 = t.k0
        while j0 < t.k1:
            i0 = t.q0
            while i0 < t.q1:
                _pair(a, b, i0, j0, t)
                i0 += QUERIES
            j0 += KEYS


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        const Attention *a = <Attention *>ctx
        Py_ssize_t head = task // a.chunks, c = task % a.chunks, b = head * a.group
        Packed t
    t.q0, t.q1, t.k0, t.k1 = 0, a.Tq, 0, a.Tk
    if a.pass_ == OF_QUERIES:
        t.q0 = c * a.query_blocks // a.chunks * QUERIES
        t.q1 = min_(a.Tq, (c + 1) * a.query_blocks // a.chunks * QUERIES)
        if a.causal:
            t.k1 = min_(a.Tk, t.q1)
    elif a.pass_ == OF_KEYS:
        t.k0 = c * a.key_blocks // a.chunks * KEYS
        t.k1 = min_(a.Tk, (c + 1) * a.key_blocks // a.chunks * KEYS)
        if a.causal:  # queries before the first key see none of these
            t.q0 = min_(t.k0 // QUERIES * QUERIES, a.Tq)
    _lay_out(a, t.q1 - t.q0, t.k1 - t.k0, a.scratch + slot * a.scratch_size, &t)
    if a.pass_ == OF_QUERIES:
        _run(a, head, head + 1, &t)
    else:
        _run(a, b, b + a.group, &t)


cdef int _pass(Attention *a, int which, int n_threads) except -1:
    cdef Py_ssize_t heads = a.B if which == OF_QUERIES else a.B // a.group
    cdef Py_ssize_t blocks = 1
    cdef Packed t
    cdef Buffer scratch
    if which != ALL:
        blocks = max_(a.query_blocks if which == OF_QUERIES else a.key_blocks, 1)
    a.pass_, a.chunks = which, chunks_of(heads, blocks, n_threads)
    a.scratch_size = round_up(_lay_out(a, a.Tq, a.Tk, NULL, &t) + 64, 1024)
    scratch = take(a.scratch_size * n_threads)
    a.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_task, a, heads * a.chunks, n_threads)
    return 0


def attention_backward(dy, q, k, v, y, lse, mask, is_causal, scale, dropout_p, key, offset,
                       needs):
    """dq, dk, dv and dmask (N, H, Tq, Tk), or None where `needs` says so; y and lse are the
    forward's.  See fastnn.reference.attention_backward."""
    cdef:
        Attention a
        ndarray dq = None, dk = None, dv = None, dmask = None
        npy_intp dims[4]
        bint for_queries, for_keys
        Py_ssize_t waves, heads
        int n_threads
    set_up(&a, q, k, v, mask, is_causal, scale, dropout_p, key, offset)
    a.dy, a.y, a.lse = f32(dy, 4, "dy"), f32(y, 4, "y"), f32(lse, 3, "lse")
    if y.shape != (*q.shape[:3], a.V) or lse.shape != q.shape[:3]:
        raise ValueError(f"y and lse have shapes {y.shape} and {lse.shape}, q has {q.shape}")
    if not same_shape(dy, y):
        raise ValueError(f"dy has shape {dy.shape}, expected {y.shape}")
    for_queries, for_keys = needs[0] or needs[3], needs[1] or needs[2]
    if for_queries:
        dq = empty_like(q)
        a.dq = f32(dq, 4, "dq")
    if needs[3]:
        dims[0], dims[1], dims[2], dims[3] = q.shape[0], a.H, a.Tq, a.Tk
        dmask = empty(4, dims)
        a.dmask = f32(dmask, 4, "dmask")
    if for_keys:
        dk, dv = empty_like(k), empty_like(v)
        a.dk, a.dv = f32(dk, 4, "dk"), f32(dv, 4, "dv")
    n_threads = threads_for(5.0 * a.B * a.Tq * a.Tk * (a.E + a.V + 10))
    heads = a.B // a.group
    waves = (heads + n_threads - 1) // n_threads
    if for_queries and for_keys and 5 * waves * n_threads <= 7 * heads:
        _pass(&a, ALL, n_threads)
    else:
        if for_queries:
            _pass(&a, OF_QUERIES, n_threads)
        if for_keys:
            _pass(&a, OF_KEYS, n_threads)
    return (dq if needs[0] else None, dk if needs[1] else None, dv if needs[2] else None, dmask)
