"""Winograd convolution, F(2x2, 3x3), F(4x4, 3x3) and F(2x2, 5x5): 2.25, 4 and 2.8 times fewer
multiplications; with a stride over its phases (_polyphase.pyx), there F(3x3, 4x4), too.

Lavin & Gray 2016 (arXiv:1509.09308).  A task takes some rows of tiles: their pixels become
channels-last, 16 channels at a time, are transformed (csrc/ukernel/winograd.h) and multiplied with
the transformed kernels by a*a matrix products that stay in the cache; nothing of the size of the
whole layer is kept but the kernels.  With fewer tiles than channels it is the other way round: the
tiles are kept, and a task transforms its own output channels' kernels; with very few they are
multiplied eight at a time, as they are transformed, and never leave L1 (512 channels of 7 x 7:
1.3 times as fast).  The gradient of the weight is in winograd_weight.pyx.

Each product is one chain over its channels, and transforms never mix lanes: tasks, threads and the
CPU level do not change a bit.  Rounding errors are about ten times those of the direct sum
(F(4x4)); an infinity or NaN spreads over the tiles that see it.
"""
cimport cython
from libc.string cimport memset
from numpy cimport import_array

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._polyphase cimport pixels_last
from ._sizes cimport busy, max_, min_, odd_lines, round_up, slot_size
from ._threads cimport parallel_for, threads_for

cdef extern from *:
    """
    #define fnn_prefetch(p) __builtin_prefetch(p)
    #define fnn_prefetchw(p) __builtin_prefetch(p, 1)
    """
    void prefetch "fnn_prefetch"(const void *p) noexcept nogil
    void prefetchw "fnn_prefetchw"(const void *p) noexcept nogil

import_array()

cdef enum:
    PIECE = 16        # kernels transformed at a time
    FEW_TILES = 6     # up to so many are multiplied as their kernels are transformed
    DEPTH = 128       # channels of the kernels that a task transforms for itself at a time, for L2
    OWN_TILES = 1 << 18  # floats of kept tiles up to which each thread transforms them for itself,
    OWN_THREADS = 4      # if there are no more (two were measured): all do the same work
    LARGE = 1 << 22      # outputs that are in no cache, and channels with little work for each:
    FEW_CHANNELS = 16    # asked for ahead of time


# The transformed kernels u (G, a * a, n / nr, k, nr) of weight (G * Og, Cg, r, r): k, n are input
# and output channels, or the reverse with the kernels turned by 180 degrees.
cdef struct Weights:
    const fnn_ukernels *uk
    int m, r
    Py_ssize_t G, Og, Cg, K, n, groups
    bint turned
    const float *weight
    const float *packed              # (G, n / lanes, K, r * r, lanes); NULL: weight is read
    float *u
    Py_ssize_t u_xi


cdef struct Forward:
    Grid t
    Source s
    Weights kernels
    bint keeps_tiles                 # v of all tiles is kept; each task transforms its kernels
    Py_ssize_t O, OH, OW, OB, o_blocks, row, v_xi, m_xi
    Py_ssize_t parts                 # of the rows of tiles, of up to R
    float *v                         # (G, a * a, tiles, C) if it is kept, for all threads
    Py_ssize_t own_size              # of a thread's own, of one group, if it is not for all
    const float *bias
    const float *residual            # to be added before a ReLU, or NULL
    int activation
    float *y
    bint fetches                     # outputs are asked for while the products are made
    float *scratch
    Py_ssize_t scratch_size, strip_size, room_size


cdef int wino_algo(const Shape *s, object algo, Py_ssize_t OH, Py_ssize_t OW) except -1:
    cdef Py_ssize_t two, four
    cdef bint fits = (s.KH == s.KW and (s.KH == 3 or s.KH == 5 and algo != "winograd4")
                      and s.sh == s.sw == s.dh == s.dw == 1 and s.ph < s.KH and s.pw < s.KW)
    if algo == "winograd2" or algo == "winograd4":
        if not fits or s.Cg == 0:
            raise ValueError(f"algo={algo!r} needs 3x3 kernels, or 5x5 ones for winograd2, stride "
                             "and dilation 1, and padding less than their side")
        return 2 if algo == "winograd2" else 4
    # Measured: pytest bench -k conv.
    if algo != "auto" or not fits or s.Cg < 16 or s.Og < 16 or OH * OW < 4:
        return 0
    two = 16 * ((OH + 1) // 2) * ((OW + 1) // 2)
    four = 36 * ((OH + 3) // 4) * ((OW + 3) // 4)
    return 2 if s.KH == 5 or 10 * two < 9 * four else 4


cdef void wino_grid(Grid *t, const Shape *s, int m, Py_ssize_t OH, Py_ssize_t OW,
                    Py_ssize_t tiles) noexcept nogil:
    t.uk, t.m, t.r, t.a = ukernels(), m, s.KH, m + s.KH - 1
    t.N, t.G = s.N, s.G
    t.TH, t.TW = (OH + m - 1) // m, (OW + m - 1) // m
    t.units = t.N * t.TH
    t.R = min_(t.units, max_(1, tiles // t.TW))


cdef Py_ssize_t wino_strip_size(const Grid *t) noexcept nogil:
    """Floats of the pixels, channels-last, of the rows of tiles of one image in one task, with room
    for as many that are not padded."""
    return 2 * (min_(t.R, t.TH) * t.m + t.r - 1) * (t.TW * t.m + t.r - 1) * t.uk.lanes


@cython.cdivision(True)
cdef void wino_transform(const Grid *t, const Source *s, Py_ssize_t g, Py_ssize_t c0, Py_ssize_t c1,
                         Py_ssize_t unit, Py_ssize_t end, float *strip, float *v,
                         Py_ssize_t v_xi) noexcept nogil:
    """v[xi, tile, c] of channels [c0, c1) of group g and the rows of tiles [unit, end)."""
    cdef Py_ssize_t L = t.uk.lanes, c, n, r, rows, row0, u, tile
    cdef Py_ssize_t C = s.C // (s.phases * s.phases)
    cdef Py_ssize_t size = t.m if s.is_gradient else t.a
    cdef Py_ssize_t width = t.TW * t.m + size - t.m, line = width * L
    cdef float *room = strip + wino_strip_size(t) // 2
    c = c0
    while c < c1:
        u, tile = unit, 0
        while u < end:
            n, row0 = u // t.TH, u % t.TH
            rows = min_(end - u, t.TH - row0)
            pixels_last(t.uk, s.x + (n * t.G + g) * C * s.h * s.w, C, s.h, s.w, s.top, s.left,
                        s.phases, c, min_(L, c1 - c), row0 * t.m, rows * t.m + size - t.m, width,
                        strip, room)
            for r in range(rows):
                if s.is_gradient:
                    t.uk.wino_gradient(t.m, t.r, t.TW, strip + r * t.m * line, line,
                                       v + tile * s.row + c - c0, v_xi, s.row)
                else:
                    t.uk.wino_input(t.m, t.r, t.TW, strip + r * t.m * line, line,
                                    v + tile * s.row + c - c0, v_xi, s.row)
                tile += t.TW
            u += rows
        c += L


@cython.cdivision(True)
cdef void _output(const Forward *q, Py_ssize_t g, Py_ssize_t o0, Py_ssize_t o1, Py_ssize_t unit,
                  Py_ssize_t end, float *strip, const float *products) noexcept nogil:
    """y of outputs [o0, o1) of group g and the rows of tiles [unit, end)."""
    cdef:
        const Grid *t = &q.t
        Py_ssize_t L = t.uk.lanes, o = o0, u, n, row, i, rows, count, tile, line = t.TW * t.m * L
        Py_ssize_t at, k
        float bias[WIDEST]
        const float *shift = NULL
        float *out
    while o < o1:
        count = min_(L, o1 - o)
        if q.bias != NULL:
            for i in range(count):
                bias[i] = q.bias[g * q.O + o + i]
            for i in range(count, L):
                bias[i] = 0.0
            shift = bias
        tile = 0
        for u in range(unit, end):
            n, row = u // t.TH, u % t.TH * t.m
            rows = min_(t.m, q.OH - row)
            t.uk.wino_output(t.m, t.r, t.TW, products + tile * q.row + o - o0, q.m_xi, q.row,
                             shift, q.activation == 1, strip, line)
            if q.activation == 2:
                t.uk.vtanh(t.m * line, strip, strip)
            elif q.activation == 3:
                t.uk.vsigmoid(t.m * line, strip, strip)
            at = (((n * t.G + g) * q.O + o) * q.OH + row) * q.OW
            out = q.y + at
            if q.OW == t.TW * t.m:  # rows follow one another
                t.uk.transpose(rows * q.OW, count, strip, L, out, q.OH * q.OW)
            else:
                for i in range(rows):
                    t.uk.transpose(q.OW, count, strip + i * line, L, out + i * q.OW, q.OH * q.OW)
            if q.residual != NULL:
                for i in range(count):
                    k = i * q.OH * q.OW
                    t.uk.vadd_relu(rows * q.OW, out + k, q.residual + at + k, out + k)
            tile += t.TW
        o += L


cdef const float *_kept_tiles(const Forward *q, Py_ssize_t g, float *scratch) noexcept nogil:
    """All tiles of group g.  Those that fit L2 are transformed by each thread for itself, which
    takes less time than to fetch them from another core (13 x 13 pixels, 384 channels, two
    threads: 1.1 times as fast)."""
    cdef float *mark = scratch + q.scratch_size - 1  # the group whose tiles these are, from 1
    cdef float *own = scratch + q.strip_size
    if not q.own_size:
        return q.v + g * q.t.a * q.t.a * q.v_xi
    if mark[0] != g + 1:
        wino_transform(&q.t, &q.s, g, 0, q.s.C, 0, q.t.units, scratch, own, q.v_xi)
        mark[0] = g + 1
    return own


@cython.cdivision(True)
cdef void _fetch(const Forward *q, Py_ssize_t g, Py_ssize_t o0, Py_ssize_t o1, Py_ssize_t unit,
                 Py_ssize_t end) noexcept nogil:
    """Bring the lines of some outputs near, to be written (8 x 3 x 224 x 224, 7 x 7 by 2: 16 or 12
    ms, as their pages fall -> 11)."""
    cdef const Grid *t = &q.t
    cdef Py_ssize_t u, n, row, o, i, at
    for u in range(unit, end):
        n, row = u // t.TH, u % t.TH * t.m
        for o in range(o0, o1):
            at = (((n * t.G + g) * q.O + o) * q.OH + row) * q.OW
            for i in range(0, min_(t.m, q.OH - row) * q.OW, 16):
                prefetchw(q.y + at + i)


@cython.cdivision(True)
cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Forward *q = <Forward *>ctx
        const Grid *t = &q.t
        fnn_gemm p
        Py_ssize_t block = task % q.o_blocks, g = task // q.o_blocks % t.G
        Py_ssize_t part = task // q.o_blocks // t.G
        Py_ssize_t unit = part * t.units // q.parts, end = (part + 1) * t.units // q.parts
        Py_ssize_t o0 = block * q.OB, o1 = min_(q.O, o0 + q.OB), xi, k
        float *strip = q.scratch + slot * q.scratch_size
        Py_ssize_t a2 = t.a * t.a, u_xi = q.kernels.u_xi
        float *room = strip + q.strip_size + q.own_size
        float *products = room + q.room_size
        const float *v = _kept_tiles(q, g, strip) if q.keeps_tiles else room
        const float *u = q.kernels.u + g * a2 * u_xi + o0 * q.s.C
    if q.keeps_tiles and t.units * t.TW <= FEW_TILES:
        _few_products(q, v, g, o0, o1, products)
        _output(q, g, o0, o1, unit, end, strip, products)
        return
    memset(&p, 0, sizeof(p))
    p.m, p.n, p.k = (end - unit) * t.TW, o1 - o0, q.s.C
    p.a_row, p.a_col = q.s.row, 1
    p.b_row, p.c_row = t.uk.nr, q.row
    if q.keeps_tiles:
        u, p.k = room, DEPTH
    else:
        wino_transform(t, &q.s, g, 0, q.s.C, unit, end, strip, room, q.v_xi)
    p.b_panel = t.uk.nr * p.k
    k = 0
    while k < q.s.C:
        if q.keeps_tiles:
            p.k = min_(DEPTH, q.s.C - k)
            p.b_panel = t.uk.nr * p.k
            _transform_kernels(&q.kernels, g, o0, o1, k, k + p.k, room, u_xi)
        for xi in range(a2):
            p.a, p.b = v + xi * q.v_xi + k, u + xi * u_xi
            p.c = products + xi * q.m_xi
            if q.fetches:
                _fetch(q, g, o0 + (o1 - o0) * xi // a2, o0 + (o1 - o0) * (xi + 1) // a2, unit, end)
            t.uk.gemm_block(&p)
        p.accumulate = 1
        k += p.k
    _output(q, g, o0, o1, unit, end, strip, products)


cdef struct Taps:                    # of some kernels of one vector of outputs, lanes apart
    const float *first
    Py_ssize_t step, tap


cdef Taps _taps(const Weights *q, Py_ssize_t g, Py_ssize_t n, Py_ssize_t count, Py_ssize_t k,
                Py_ssize_t piece, float *lines) noexcept nogil:
    """Of the outputs [n, n + count) and inputs [k, k + piece) of group g, in `lines` unless they
    are packed.  Turned, the next ones lie far apart and are asked for ahead of time; where they
    follow one another the hardware does that better."""
    cdef:
        Py_ssize_t L = q.uk.lanes, r2 = q.r * q.r, i, line
        const float *weight = q.weight + g * q.Og * q.Cg * r2
        const float *next
        Taps taps
    taps.first, taps.step, taps.tap = lines, r2 * L, L
    if q.packed != NULL:
        taps.first = q.packed + (g * round_up(q.n, L) + n) * q.K * r2 + k * r2 * L
    elif q.turned:
        for i in range(piece):
            next = weight + ((k + PIECE + i) * q.Cg + n) * r2
            for line in range(0, r2 * count, 16):
                prefetch(next + line)
            q.uk.transpose(count, r2, weight + ((k + i) * q.Cg + n) * r2, r2, lines + i * r2 * L,
                           L)
        taps.first, taps.tap = lines + (r2 - 1) * L, -L
    else:
        q.uk.transpose(count, r2 * piece, weight + (n * q.Cg + k) * r2, q.Cg * r2, lines, L)
    return taps


@cython.cdivision(True)
cdef void _transform_kernels(const Weights *q, Py_ssize_t g, Py_ssize_t n0, Py_ssize_t n1,
                             Py_ssize_t k0, Py_ssize_t k1, float *u,
                             Py_ssize_t u_xi) noexcept nogil:
    """u (a * a, n / nr, k1 - k0, nr) of the outputs [n0, n1) and inputs [k0, k1) of group g; n0
    begins a panel."""
    cdef:
        Py_ssize_t L = q.uk.lanes, nr = q.uk.nr, n = n0, k, piece
        float lines[PIECE * TAPS * WIDEST]
        float *panel
        Taps taps
    memset(lines, 0, PIECE * q.r * q.r * L * sizeof(float))
    while n < n1:
        k = k0
        panel = u + (n - n0) // nr * nr * (k1 - k0) + (n - n0) % nr - k0 * nr
        while k < k1:
            piece = min_(PIECE, k1 - k)
            taps = _taps(q, g, n, min_(L, n1 - n), k, piece, lines)
            q.uk.wino_weight(q.m, q.r, piece, taps.first, taps.step, taps.tap, panel + k * nr, nr,
                             u_xi)
            k += piece
        n += L


cdef void _few_products(const Forward *q, const float *v, Py_ssize_t g, Py_ssize_t n0,
                        Py_ssize_t n1, float *products) noexcept nogil:
    """The products of all tiles with the kernels of the outputs [n0, n1) of group g."""
    cdef:
        const Weights *w = &q.kernels
        Py_ssize_t L = w.uk.lanes, n = n0, k, piece, a2 = q.t.a * q.t.a
        float lines[PIECE * TAPS * WIDEST]
        Taps taps
    memset(lines, 0, PIECE * w.r * w.r * L * sizeof(float))
    memset(products, 0, a2 * q.m_xi * sizeof(float))
    while n < n1:
        k = 0
        while k < w.K:
            piece = min_(PIECE, w.K - k)
            taps = _taps(w, g, n, min_(L, n1 - n), k, piece, lines)
            w.uk.wino_few_tiles(w.m, w.r, piece, q.t.units * q.t.TW, taps.first, taps.step,
                                taps.tap, v + k, q.v_xi, q.s.row, products + n - n0, q.m_xi, q.row)
            k += piece
        n += L


@cython.cdivision(True)
cdef void _kernels_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One panel of channels."""
    cdef Weights *q = <Weights *>ctx
    cdef Py_ssize_t g = task // q.groups, n0 = task % q.groups * q.uk.nr
    cdef Py_ssize_t a2 = (q.m + q.r - 1) * (q.m + q.r - 1)
    _transform_kernels(q, g, n0, min_(q.n, n0 + q.uk.nr), 0, q.K,
                       q.u + g * a2 * q.u_xi + n0 * q.K, q.u_xi)


@cython.cdivision(True)
cdef void _tiles_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Some rows of tiles, for all tasks to come."""
    cdef:
        Forward *q = <Forward *>ctx
        const Grid *t = &q.t
        Py_ssize_t g = task % t.G, u = task // t.G
    wino_transform(t, &q.s, g, 0, q.s.C, u, u + 1, q.scratch + slot * q.scratch_size,
                   q.v + g * t.a * t.a * q.v_xi + u * t.TW * q.s.row, q.v_xi)


cdef int _convolve(Forward *q, const Shape *s, const float *weight, bint turned, int m) except -1:
    """Cut into tasks and run; the rest of q is set."""
    cdef:
        Grid *t = &q.t
        Weights *k = &q.kernels
        const fnn_ukernels *uk = ukernels()
        Buffer scratch, kept
        Py_ssize_t a2 = (m + s.KH - 1) * (m + s.KH - 1), blocks, tasks, tiles
        Py_ssize_t panels = (q.O + uk.nr - 1) // uk.nr
        int i, n_threads = threads_for(wino_flops(s))
    k.uk, k.m, k.r, k.G, k.Og, k.Cg = uk, m, s.KH, s.G, s.Og, s.Cg
    k.turned, k.weight = turned, weight
    k.K, k.n, k.groups = q.s.C, q.O, panels
    # An odd number of lines between two products: else all of them would fall into one set of L1.
    q.s.row, q.row = round_up(q.s.C, uk.lanes), round_up(q.O, uk.lanes)
    # Tiles of a task: enough for the kernels to be worth reading, few enough for L2.
    wino_grid(t, s, m, q.OH, q.OW, 32 if q.s.C * q.O < 1 << 17 else 64)
    q.keeps_tiles = 2 * t.units * t.TW < q.O
    q.parts = 1
    if q.keeps_tiles:
        t.R = t.units
        q.o_blocks = panels
        blocks = t.G
    else:
        q.parts = (t.units + t.R - 1) // t.R
        if q.parts < 4 * n_threads:  # as many for each thread
            q.parts = min_(t.units, round_up(q.parts, n_threads))
        blocks = q.parts * t.G
        q.o_blocks = 1
        if blocks < 2 * n_threads and n_threads > 1:
            q.o_blocks = min_((2 * n_threads + blocks - 1) // blocks, panels)
    q.OB = round_up((q.O + q.o_blocks - 1) // q.o_blocks, uk.nr)
    q.o_blocks = (q.O + q.OB - 1) // q.OB
    tiles = t.R * t.TW
    q.v_xi = odd_lines(tiles * q.s.row)
    q.row = min_(q.row, q.OB)
    q.m_xi = odd_lines(tiles * q.row)
    k.u_xi = odd_lines(q.OB * DEPTH if q.keeps_tiles else round_up(q.O, uk.nr) * q.s.C)
    q.room_size = a2 * (k.u_xi if q.keeps_tiles else q.v_xi)
    q.strip_size = round_up(wino_strip_size(t), 16)
    if q.keeps_tiles and a2 * q.v_xi <= OWN_TILES and n_threads <= OWN_THREADS:
        q.own_size = a2 * q.v_xi
    q.scratch_size = slot_size(q.strip_size + q.own_size + q.room_size + a2 * q.m_xi + 1)
    tasks = blocks * q.o_blocks
    if q.keeps_tiles and not q.own_size:
        tasks = max_(tasks, t.units * t.G)
    scratch = take(q.scratch_size * busy(n_threads, tasks))
    q.scratch = <float *>scratch.data
    q.fetches = (not q.keeps_tiles and q.s.C <= FEW_CHANNELS
                 and s.N * s.G * q.O * q.OH * q.OW >= LARGE)
    if q.own_size:
        for i in range(busy(n_threads, tasks)):
            q.scratch[(i + 1) * q.scratch_size - 1] = 0.0
    else:
        kept = take(s.G * a2 * (q.v_xi if q.keeps_tiles else k.u_xi))
        q.v = k.u = <float *>kept.data
    with nogil:
        if not q.keeps_tiles:
            parallel_for(_kernels_task, k, t.G * panels, threads_for(200.0 * s.O * s.Cg))
        elif not q.own_size:
            parallel_for(_tiles_task, q, t.units * t.G, n_threads)
        parallel_for(_forward_task, q, blocks * q.o_blocks, n_threads)
    return 0


cdef double wino_flops(const Shape *s) noexcept nogil:
    return 2.0 * s.N * s.O * s.OH * s.OW * s.Cg * s.KH * s.KW


cdef int wino_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                      const float *residual, int activation, int m, float *y,
                      const float *packed) except -1:
    """y = act(conv(x, weight) + bias), or max(that + residual, 0).  packed: see Weights."""
    cdef Forward q
    memset(&q, 0, sizeof(q))
    q.s.x, q.s.C, q.s.h, q.s.w, q.s.top, q.s.left = x, s.Cg, s.H, s.W, s.ph, s.pw
    q.s.phases = s.sh
    q.O, q.OH, q.OW, q.bias, q.activation, q.y = s.Og, s.OH, s.OW, bias, activation, y
    q.residual, q.kernels.packed = residual, packed
    return _convolve(&q, s, weight, False, m)


cdef int wino_backward_input(const Shape *s, const float *dy, const float *weight, int m,
                             float *dx) except -1:
    """dx: the convolution of dy with the kernels turned by 180 degrees."""
    cdef Forward q
    cdef Py_ssize_t pad = s.KH - 1
    memset(&q, 0, sizeof(q))
    q.s.x, q.s.C, q.s.h, q.s.w, q.s.top, q.s.left = dy, s.Og, s.OH, s.OW, pad - s.ph, pad - s.pw
    q.O, q.OH, q.OW, q.y, q.s.phases = s.Cg, s.H, s.W, dx, 1
    return _convolve(&q, s, weight, True, m)
