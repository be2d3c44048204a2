"""The weight gradient of Winograd's convolution (see winograd.pyx): dg = G^T [sum (A dy A^T) *
(B^T d B)] G.

A task takes a block of input channels over a chunk of the batch: its tiles of x and of dy are
transformed and multiplied by a*a matrix products over the tiles.  Chunks are set by shape and added
in order.  With fewer tiles than channels both transforms are made once and kept, and each task ends
with its part of dweight.
"""
cimport cython
from libc.string cimport memset

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_gemm, fnn_ukernels
from ._sizes cimport busy, max_, min_, odd_lines, round_up, slot_size
from ._threads cimport parallel_for, threads_for
from .winograd cimport (
    TAPS,
    WIDEST,
    Grid,
    Source,
    wino_flops,
    wino_grid,
    wino_strip_size,
    wino_transform,
)

cdef enum:
    BLOCK = 128       # channels of the input in a task
    CHUNKS = 8        # at most, of the batch


# The weight gradient: du (chunks, G, blocks, a * a, CB, O), or each task's own.
cdef struct Backward:
    Grid t
    Source x, dy
    bint keeps_tiles                 # v and d of all tiles are kept
    Py_ssize_t Og, Cg, CB, blocks, chunks, chunk_units, v_xi, d_xi, du_xi, du_row
    float *v                         # (G, a * a, tiles, Cg)
    float *d                         # (G, a * a, tiles, Og)
    float *du
    float *dweight
    float *scratch
    Py_ssize_t scratch_size, strip_size


@cython.cdivision(True)
cdef void _kept_tiles_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Backward *q = <Backward *>ctx
        const Grid *t = &q.t
        Py_ssize_t g = task % t.G, u = task // t.G, a2 = t.a * t.a
        float *strip = q.scratch + slot * q.scratch_size
    wino_transform(t, &q.x, g, 0, q.Cg, u, u + 1, strip,
                   q.v + g * a2 * q.v_xi + u * t.TW * q.x.row, q.v_xi)
    wino_transform(t, &q.dy, g, 0, q.Og, u, u + 1, strip,
                   q.d + g * a2 * q.d_xi + u * t.TW * q.dy.row, q.d_xi)


@cython.cdivision(True)
cdef void _gradient_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """A block of input channels over a chunk of the rows of tiles."""
    cdef:
        Backward *q = <Backward *>ctx
        const Grid *t = &q.t
        fnn_gemm p
        Py_ssize_t block = task % q.blocks, g = task // q.blocks % t.G
        Py_ssize_t chunk = task // q.blocks // t.G, a2 = t.a * t.a, xi, c
        Py_ssize_t unit = chunk * q.chunk_units, last = min_(t.units, unit + q.chunk_units), end
        Py_ssize_t c0 = block * q.CB, c1 = min_(q.Cg, c0 + q.CB)
        float *strip = q.scratch + slot * q.scratch_size
        float *v = strip + q.strip_size
        float *d = v + a2 * q.v_xi
        float *du = q.du + task * a2 * q.du_xi
    memset(&p, 0, sizeof(p))
    if q.keeps_tiles:
        du = v
        v, d = q.v + g * a2 * q.v_xi + c0, q.d + g * a2 * q.d_xi
    p.m, p.n = c1 - c0, q.Og
    p.a_row, p.a_col = 1, q.x.row
    p.b_panel, p.b_row = t.uk.nr, q.dy.row
    p.c_row = q.du_row
    while unit < last:
        end = min_(last, unit + t.R)
        if not q.keeps_tiles:
            wino_transform(t, &q.x, g, c0, c1, unit, end, strip, v, q.v_xi)
            wino_transform(t, &q.dy, g, 0, q.Og, unit, end, strip, d, q.d_xi)
        p.k = (end - unit) * t.TW
        for xi in range(a2):
            p.a, p.b, p.c = v + xi * q.v_xi, d + xi * q.d_xi, du + xi * q.du_xi
            t.uk.gemm_block(&p)
        p.accumulate = 1
        unit = end
    if q.keeps_tiles:
        for c in range(c0, c1):
            _gradient_end(q, g, c, du + (c - c0) * q.du_row)


@cython.cdivision(True)
cdef void _sum_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """The chunks of one input channel, added in order."""
    cdef:
        Backward *q = <Backward *>ctx
        const Grid *t = &q.t
        Py_ssize_t g = task // q.Cg, c = task % q.Cg, a2 = t.a * t.a, xi, k
        Py_ssize_t size = a2 * q.du_xi, stride = t.G * q.blocks * size
        float *du = q.du + (g * q.blocks + c // q.CB) * size + c % q.CB * q.du_row
    for k in range(1, q.chunks):
        for xi in range(a2):
            t.uk.vadd(q.Og, du + k * stride + xi * q.du_xi, du + xi * q.du_xi)
    _gradient_end(q, g, c, du)


cdef void _gradient_end(const Backward *q, Py_ssize_t g, Py_ssize_t c,
                        const float *du) noexcept nogil:
    """dweight[:, c] = G^T du[:, c] G."""
    cdef Py_ssize_t L = q.t.uk.lanes, r2 = q.t.r * q.t.r, count, o = 0
    cdef float lines[TAPS * WIDEST]
    while o < q.Og:
        count = min_(L, q.Og - o)
        q.t.uk.wino_weight_grad(q.t.m, q.t.r, 1, du + o, 0, q.du_xi, lines, 0, L)
        q.t.uk.transpose(r2, count, lines, L, q.dweight + ((g * q.Og + o) * q.Cg + c) * r2,
                         q.Cg * r2)
        o += L


cdef int wino_backward_weight(const Shape *s, const float *dy, const float *x, int m,
                              float *dweight) except -1:
    """dweight (O, Cg, r, r)."""
    cdef:
        Backward q
        Grid *t = &q.t
        const fnn_ukernels *uk
        Buffer kept, scratch
        Py_ssize_t a2, tasks, tiles, wanted
        int n_threads = threads_for(wino_flops(s))
    memset(&q, 0, sizeof(q))
    wino_grid(t, s, m, s.OH, s.OW, 48)
    uk, a2 = t.uk, t.a * t.a
    q.x.x, q.x.C, q.x.h, q.x.w, q.x.top, q.x.left = x, s.Cg, s.H, s.W, s.ph, s.pw
    q.dy.x, q.dy.C, q.dy.h, q.dy.w, q.dy.is_gradient = dy, s.Og, s.OH, s.OW, True
    q.x.phases = q.dy.phases = 1
    q.Og, q.Cg, q.dweight = s.Og, s.Cg, dweight
    # Each chunk has a du of its own to be added up: few of them where du is large.
    wanted = min_(CHUNKS, 1 + (1 << 16) // (s.Cg * s.Og))
    wanted = max_(1, wanted // s.G)
    q.chunk_units = max_(t.R, (t.units + wanted - 1) // wanted)
    q.chunks = (t.units + q.chunk_units - 1) // q.chunk_units
    tiles = (q.chunk_units + t.R - 1) // t.R  # blocks of about the same size
    t.R = (q.chunk_units + tiles - 1) // tiles
    q.keeps_tiles = q.chunks == 1 and 2 * t.units * t.TW < s.Cg
    q.CB = min_(s.Cg, uk.nr if q.keeps_tiles else BLOCK)
    q.blocks = (s.Cg + q.CB - 1) // q.CB
    q.x.row = round_up(s.Cg if q.keeps_tiles else q.CB, uk.lanes)
    q.dy.row = q.du_row = round_up(s.Og, uk.lanes)
    if q.keeps_tiles:
        t.R = t.units
    tiles = t.R * t.TW
    q.v_xi, q.d_xi = odd_lines(tiles * q.x.row), odd_lines(tiles * q.dy.row)
    q.du_xi = odd_lines(q.CB * q.du_row)
    q.strip_size = round_up(wino_strip_size(t), 16)
    q.scratch_size = slot_size(
        q.strip_size + a2 * (q.du_xi if q.keeps_tiles else q.v_xi + q.d_xi))
    tasks = q.chunks * q.blocks
    if q.keeps_tiles:
        tasks = max_(tasks, t.units)
    scratch = take(q.scratch_size * busy(n_threads, s.G * tasks))
    q.scratch = <float *>scratch.data
    if q.keeps_tiles:
        kept = take(s.G * a2 * (q.v_xi + q.d_xi))
    else:
        kept = take(q.chunks * s.G * q.blocks * a2 * q.du_xi)
    q.v = q.du = <float *>kept.data
    q.d = q.v + s.G * a2 * q.v_xi
    with nogil:
        if q.keeps_tiles:
            parallel_for(_kept_tiles_task, &q, t.units * t.G, n_threads)
        parallel_for(_gradient_task, &q, q.chunks * s.G * q.blocks, n_threads)
        if not q.keeps_tiles:
            parallel_for(_sum_task, &q, s.C, n_threads)
    return 0
