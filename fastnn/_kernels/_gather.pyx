"""Gathering convolution patches: out (M x pixels) = act(A (M x K) * patches + bias), per image.

Patches are read by tables of offsets, tap_off (one per term) and pixel_off (one per output pixel),
from a zero-padded copy of one image; no im2col matrix exists.  Ways to do it:

  implicit_gemm  patches packed straight from the image into GEMM panels (Chetlur et al. 2014,
                 arXiv:1410.0759)
  direct         lanes are the pixels of one output row, read in place (of a 1x1 kernel from a
                 copy); wide rows
  pointwise      the same for a 1x1 kernel and many pixels: A packed, a few pixels at a time while
                 the next ones are brought near
  indirect       lanes are output channels, pixels are broadcast through the tables (compare the
                 indirect convolution of Dukhan 2019, arXiv:1907.02129); all others

One task per image, group and block of rows, of a lone row's pixels, or of channels; each output is
one chain over its taps, so neither the algorithm nor threads nor the CPU level change a bit.
"""
cimport cython
from libc.string cimport memset

from ._array cimport Buffer, take
from ._conv_packed cimport pack_weights
from ._csrc cimport fnn_gemm, fnn_ukernels
from ._interleave cimport interleave
from ._polyphase cimport split_row
from ._sizes cimport busy, even_block, max_, min_, odd_lines, round_up, slot_size
from ._threads cimport parallel_for, threads_for

ALGOS = ("auto", "implicit_gemm", "direct", "indirect", "pointwise")  # as in the .pxd

cdef enum:
    STRIP = 96         # pixels of an indirect strip: its output stays in L1
    RUN = 1024         # pixels that a few channels write in one go, see _direct
    PATCHES = 1 << 16  # elements of a block of patches, which stays in L2
    LARGE = 1 << 20    # outputs of a call that do not stay in L2
    MUCH = 1 << 14     # multiply-adds of a pixel for which its copy is worth while
    NEAR = 256         # pixels of a block of _pointwise
    SIGMOID = 3        # activation_code


cdef int algo_code(object name, const Gather *q) except -1:
    if name not in ALGOS:
        raise ValueError(f"algo must be one of {ALGOS}, got {name!r}")
    cdef bint fits = (q.K == q.channels > 0 and q.TH == q.step == q.sh * q.sw == 1
                      and q.hp == q.h and q.wp == q.w)
    if name == "pointwise" and not fits:
        raise ValueError("algo='pointwise' needs a kernel of 1x1, stride 1, no padding")
    if name != "auto":
        return ALGOS.index(name)
    # Whichever fills its lanes better: with pixels or with output channels.  With a stride columns
    # must be split, which only pays for few channels.  Measured: pytest bench -k "conv or sweep".
    if (10 * q.TW * round_up(q.M, 16) >= 9 * q.M * round_up(q.TW, 16) and q.TW >= 8
            and (q.step == 1 or q.channels <= 4)):
        # Enough pixels to pack A for, of all images, as the bits do not depend on the choice; their
        # patches in L2, and not much more to write than to read, which wants long runs.
        fits = fits and q.N * q.TW >= 4096 and 32 <= q.K <= 192 and q.M <= 2 * q.K
        return POINTWISE if fits else DIRECT
    return INDIRECT


cdef void pad_image(const Gather *q, const float *x, Py_ssize_t row0, Py_ssize_t row1, bint clears,
                    float *out) noexcept nogil:
    """The source's part of padded rows [row0, row1) of every plane; the border is zero already, or
    these rows are cleared."""
    cdef Py_ssize_t c, r, first = max_(row0, q.top), end = min_(row1, q.top + q.h)
    for c in range(q.channels):
        if clears and row0 < row1:
            memset(out + (c * q.hp + row0) * q.wp, 0, (row1 - row0) * q.wp * sizeof(float))
        if q.split <= 1 and first < end:
            q.uk.copy_rows(end - first, q.w, x + (c * q.h + first - q.top) * q.w, q.w,
                           out + (c * q.hp + first) * q.wp + q.left, q.wp)
            continue
        for r in range(first, end):
            split_row(q.uk, q.split, q.left, q.w, x + (c * q.h + r - q.top) * q.w, q.wp // q.split,
                      out + (c * q.hp + r) * q.wp)


@cython.cdivision(True)
cdef void _direct(const Gather *q, const float *a, const float *bias, const float *image,
                  float *out, Py_ssize_t P, Py_ssize_t t0, Py_ssize_t t1, Py_ssize_t j0,
                  Py_ssize_t j1, float *work) noexcept nogil:
    """One GEMM (M x (j1 - j0) x K) for each output row, B read in place.

    A large output is not in the cache, and a tile's lines, a plane apart, would each be waited for:
    there a few channels write a run of pixels before the next ones do, which the hardware sees
    coming.  The patches of a 1x1 kernel, a plane apart too, are brought together for it.
    """
    cdef:
        fnn_gemm g
        Py_ssize_t t = t0, j, i, u, count = 1, rows = t1 - t0, run = q.TW, plane = q.hp * q.wp
        Py_ssize_t ld = 0
    memset(&g, 0, sizeof(g))
    g.a_row, g.a_col = q.K, 1
    g.b_panel = q.uk.nr
    g.c_row = P
    g.activation = q.activation
    if q.run:
        count, rows, run = (q.M + q.uk.mr - 1) // q.uk.mr, max_(1, q.run // q.TW), q.run
    while t < t1:
        rows = min_(rows, t1 - t)
        j = j0
        while j < j1:
            g.n = min_(run, j1 - j)
            if q.copies_patches:
                ld = odd_lines(g.n)
                q.uk.copy_rows(q.K, g.n, image + q.tap_off[0] + t * q.line + j, plane, work, ld)
            i = 0
            for u in range(count):
                g.m = (q.M - i + count - u - 1) // (count - u)
                g.bias_row = bias + i if bias != NULL else NULL
                g.a = a + i * q.K
                g.c = out + i * P + (t - t0) * q.TW + j - j0
                if q.copies_patches:
                    g.k, g.b, g.b_row = q.K, work, ld
                    q.uk.gemm_block(&g)
                else:
                    _direct_rows(q, &g, image + j, t, t + rows)
                i += g.m
            j += run
        t += rows


@cython.cdivision(True)
cdef Py_ssize_t _kernel_rows(const Gather *q, Py_ssize_t t, Py_ssize_t *first) noexcept nogil:
    """The kernel rows from *first to the returned one reach the image from output row t."""
    cdef Py_ssize_t i = 0, last = q.K // q.taps_per_row, end = q.top + q.h
    while i < last and (t + q.tap_row[i] >= end or t + q.tap_row[i] < q.top):
        i += 1
    while last > i and (t + q.tap_row[last - 1] < q.top or t + q.tap_row[last - 1] >= end):
        last -= 1
    first[0] = i
    return last


cdef void _direct_rows(const Gather *q, fnn_gemm *g, const float *image, Py_ssize_t t0,
                       Py_ssize_t t1) noexcept nogil:
    """With taps_per_row the taps are ordered by kernel row, and those of rows that lie in the
    padding are left out: their products are zero."""
    cdef Py_ssize_t t = t0, end, first = 0, last, other
    cdef const float *a = g.a
    cdef float *out = g.c
    while t < t1:
        g.k, end = q.K, t1
        if q.taps_per_row:
            last, end = _kernel_rows(q, t, &first), t + 1
            while end < t1 and _kernel_rows(q, end, &other) == last and other == first:
                end += 1
            g.k = (last - first) * q.taps_per_row
        g.a = a + first * q.taps_per_row
        g.b = image + t * q.line
        g.b_row_off = q.tap_off + first * q.taps_per_row
        g.c = out + (t - t0) * q.TW
        q.uk.gemm_rows(g, end - t, q.line, q.TW)
        t = end


@cython.cdivision(True)
cdef void _pointwise(const Gather *q, const float *packed, const float *bias, const float *image,
                     float *out, Py_ssize_t P, Py_ssize_t n, float *work) noexcept nogil:
    """n pixels; their patches are K rows a plane apart, too many for the hardware to foresee: each
    block brings the next one near, the last the next image's at the same pixel, if it is whole
    (past the last image nothing is read, and nothing is gained where images are cut)."""
    cdef:
        fnn_gemm g
        Py_ssize_t j = 0, plane = q.hp * q.wp, whole = n // q.uk.lanes * q.uk.lanes
    memset(&g, 0, sizeof(g))
    g.m, g.k, g.c_row, g.bias_row, g.activation = q.M, q.K, P, bias, q.activation
    g.a, g.a_panel, g.b_panel = packed, q.uk.mr * q.K, q.uk.nr
    while j < n:
        g.n, g.c = min_(NEAR, n - j), out + j
        g.b, g.b_row = image + j, plane
        g.next = image + j + g.n if j + g.n < n else image + q.K * plane
        if j + g.n > whole:  # whole vectors are read
            q.uk.copy_rows(q.K, g.n, g.b, plane, work, round_up(g.n, 16))
            g.b, g.b_row, g.next = work, round_up(g.n, 16), NULL
        q.uk.gemm_block(&g)
        j += g.n


@cython.cdivision(True)
cdef void _indirect(const Gather *q, const float *packed, const float *bias, const float *image,
                    float *out, Py_ssize_t P, Py_ssize_t M, Py_ssize_t first, Py_ssize_t end,
                    float *work) noexcept nogil:
    """Strips of pixels x M channels, of about the same length, transposed into the output.

    Pixels of one row are `step` apart, which spares a tile the table of its rows; but where they
    would fill it badly, its rows come from several of theirs.
    """
    cdef:
        fnn_gemm g
        Py_ssize_t i = first, j, u, row = round_up(M, q.uk.lanes), strip
        Py_ssize_t strips = max_(1, (end - i + STRIP - 1) // STRIP)
        bint runs = 3 * q.TW >= 2 * round_up(q.TW, q.uk.mr)  # tiles two thirds full, or more
    strip = (end - i + strips - 1) // strips
    if runs and q.TW <= STRIP:
        strip = STRIP // q.TW * q.TW
    memset(&g, 0, sizeof(g))
    g.k = q.K
    g.a_col_off = q.tap_off
    g.b_panel, g.b_row = q.uk.nr * q.K, q.uk.nr
    g.c_row = row
    g.activation = q.activation
    while i < end:
        strip = min_(strip, end - i)
        j = 0
        while j < M:
            g.n = min_(q.uk.nr, M - j) if runs else M
            g.b = packed + j * q.K
            g.bias_col = bias + j if bias != NULL else NULL
            u = 0
            while u < strip:
                g.m = min_(strip - u, q.TW - (i + u) % q.TW) if runs else strip
                if runs:
                    g.a, g.a_row = image + q.pixel_off[i + u], q.step
                else:
                    g.a, g.a_row_off = image, q.pixel_off + i
                g.c = work + u * row + j
                q.uk.gemm_block(&g)
                u += g.m
            j += g.n
        q.uk.transpose(strip, M, work, row, out + i - first, P)
        i += strip


@cython.cdivision(True)
cdef void _implicit_gemm(const Gather *q, const float *packed, const float *bias,
                         const float *image, float *out, Py_ssize_t P, Py_ssize_t first,
                         Py_ssize_t end, float *work) noexcept nogil:
    cdef fnn_gemm g
    cdef Py_ssize_t i, j = first, p, n, k, m
    cdef Py_ssize_t kc = min_(q.K, q.uk.kc), nc = 12 * q.uk.nr, mp = round_up(q.M, q.uk.mr)
    cdef bint last
    memset(&g, 0, sizeof(g))
    g.c_row = P
    g.b, g.b_row = work, q.uk.nr
    while j < end:
        n = min_(nc, end - j)
        p = 0
        while p < q.K:
            k = min_(kc, q.K - p)
            last = p + k >= q.K
            q.uk.pack_patches(k, n, image, q.tap_off + p, q.pixel_off + j, work)
            g.n, g.k = n, k
            g.b_panel = q.uk.nr * k
            g.a_panel = q.uk.mr * k
            g.accumulate = p > 0
            g.activation = q.activation if last else 0
            i = 0
            while i < q.M:
                m = min_(q.uk.mc, q.M - i)
                g.m = m
                g.a = packed + p * mp + i * k
                g.bias_row = bias + i if last and bias != NULL else NULL
                g.c = out + i * P + j - first
                q.uk.gemm_block(&g)
                i += m
            p += kc
        j += nc


@cython.cdivision(True)
cdef void _gather_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """A block of rows of one image and group, all phases; or of the pixels of a lone row, or of
    channels."""
    cdef:
        Gather *q = <Gather *>ctx
        const Gather *f
        Py_ssize_t b = task % q.blocks, n = task // q.blocks // q.G, g = task // q.blocks % q.G
        Py_ssize_t t0 = b * q.block_rows, t1, j0 = 0, j1, m0 = 0, P, phase, low = q.hp, high = 0
        const float *x = q.x + (n * q.G + g) * q.channels * q.h * q.w
        const float *image = x
        const float *bias = q.bias + g * q.M if q.bias != NULL else NULL
        float *scratch = q.scratch + slot * q.scratch_size
        float *work = scratch + q.image_size
        float *out = q.out + (n * q.G + g) * q.M * q.out_h * q.out_w
        float *target
    if q.block_cols:
        t0, j0 = 0, b * q.block_cols
    elif q.block_channels:
        t0, m0 = 0, b * q.block_channels
    if q.image_size:
        if not q.cuts_rows and scratch[q.scratch_size - 1] == 0.0:  # the slot's first task
            memset(scratch, 0, q.image_size * sizeof(float))  # the border, once for all images
            scratch[q.scratch_size - 1] = 1.0
        for phase in range(q.sh * q.sw):
            f = q + phase
            t1 = min_(f.TH, t0 + q.block_rows)
            if f.K and t0 < t1:
                low = min_(low, t0 * f.line // f.wp + f.min_row)
                high = max_(high, (t1 - 1) * f.line // f.wp + f.max_row + 1)
        pad_image(q, x, low, min_(q.hp, high), q.cuts_rows, scratch)
        image = scratch
    for phase in range(q.sh * q.sw):
        f = q + phase
        t1 = min_(f.TH, t0 + q.block_rows)
        if t0 >= t1 or f.TW == 0:
            continue
        j1 = min_(f.TW, j0 + q.block_cols) if q.block_cols else f.TW
        if q.sh * q.sw > 1:
            target = work + q.work_size + phase * q.phase_size
            P = (t1 - t0) * f.TW
        else:
            target = out + t0 * f.TW + j0
            P = f.TH * f.TW
        if f.K == 0 and bias == NULL and f.activation != SIGMOID:
            # Nothing reaches these outputs; without work there is one block.
            memset(target, 0, f.M * P * sizeof(float))
        elif f.algo == DIRECT:
            _direct(f, f.a + g * f.M * f.K, bias, image, target, P, t0, t1, j0, j1, work)
        elif f.algo == POINTWISE:
            _pointwise(f, f.packed + g * f.packed_size, bias, image + f.tap_off[0] + j0, target, P,
                       j1 - j0, work)
        elif f.algo == INDIRECT:
            _indirect(f, f.packed + g * f.packed_size + m0 * f.K,
                      bias + m0 if bias != NULL else NULL, image, target + m0 * P, P,
                      min_(f.M - m0, q.block_channels) if q.block_channels else f.M,
                      t0 * f.TW + j0, (t1 - 1) * f.TW + j1, work)
        else:
            _implicit_gemm(f, f.packed + g * f.packed_size, bias, image, target, P,
                           t0 * f.TW + j0, (t1 - 1) * f.TW + j1, work)
    if q.sh * q.sw > 1:
        interleave(q, work + q.work_size, t0, out)


cdef Buffer pixel_table(Gather *q):
    """pixel_off of every output pixel, row by row."""
    cdef Buffer table = take(2 * q.TH * q.TW)
    cdef Py_ssize_t *off = <Py_ssize_t *>table.data
    cdef Py_ssize_t t, u
    for t in range(q.TH):
        for u in range(q.TW):
            off[t * q.TW + u] = t * q.line + u * q.step
    q.pixel_off = off
    return table


@cython.cdivision(True)
cdef void _run_length(Gather *q, Py_ssize_t images) noexcept:
    """How _direct goes over its outputs; a kernel of one tap may have its patches copied.
    Measured: pytest bench -k "conv or I4"."""
    cdef bint large = images * q.M * q.TH * q.TW >= LARGE
    q.copies_patches = (q.K == q.channels > 0 and q.TH == 1 and q.hp == q.h
                        and (large or q.M * q.K >= MUCH))
    if q.copies_patches:
        q.run = max_(2 * q.uk.nr, min_(RUN, PATCHES // q.K // q.uk.nr * q.uk.nr))
    else:
        q.run = RUN if large else 0


cdef int run_gather(Gather *q) except -1:
    """Pack A, cut the work into tasks and run them; q is an array of q.sh * q.sw phases."""
    cdef:
        const fnn_ukernels *uk = q.uk
        Gather *f
        Buffer scratch
        Py_ssize_t i, wanted, rows = 0
        bint copies = q.hp != q.h or q.wp != q.w or q.top or q.left or q.split > 1
        double flops = 0.0
        int n_threads, g
        list alive = []
    q.work_size = 0
    for i in range(q.sh * q.sw):
        f = q + i
        alive.append(pack_weights(f))
        if f.algo == INDIRECT or f.algo == IMPLICIT_GEMM:
            alive.append(pixel_table(f))
        flops += 2.0 * q.N * q.G * f.M * f.K * f.TH * f.TW
        rows = max_(rows, f.TH)
        if f.algo == INDIRECT:
            q.work_size = max_(q.work_size, STRIP * round_up(f.M, uk.lanes))
        elif f.algo == IMPLICIT_GEMM:
            q.work_size = max_(q.work_size, 12 * uk.nr * min_(f.K, uk.kc))
        elif f.algo == POINTWISE:
            q.work_size = max_(q.work_size, f.K * NEAR + uk.nr)
        else:
            _run_length(f, q.N * q.G)
            if f.copies_patches:
                q.work_size = max_(q.work_size, f.K * odd_lines(min_(f.run, f.TW)) + uk.nr)
            elif f.TW % 16:  # the direct tile reads whole vectors beyond a row's end
                copies = True
    n_threads = threads_for(flops)
    # Splitting an image into blocks of rows costs a second copy of the border rows: only when
    # there are not enough images for the threads.
    wanted = (2 * n_threads + q.N * q.G - 1) // max_(q.N * q.G, 1)
    q.block_rows = rows
    if n_threads > 1 and wanted > 1:
        q.block_rows = even_block(rows, wanted, n_threads)
    q.blocks = (rows + q.block_rows - 1) // q.block_rows
    q.block_cols = q.block_channels = 0
    if n_threads > 1 and wanted > 1 and q.sh * q.sw == 1:
        if q.algo == INDIRECT and q.TH * q.TW < wanted * STRIP and q.M >= 2 * uk.nr:
            # Few pixels: the weights are more to read than they.
            q.block_rows = rows
            q.block_channels = round_up((q.M + wanted - 1) // wanted, uk.nr)
            q.blocks = (q.M + q.block_channels - 1) // q.block_channels
        elif rows == 1:
            q.block_cols = round_up((q.TW + wanted - 1) // wanted,
                                    uk.mr if q.algo == INDIRECT else uk.nr)
            q.blocks = (q.TW + q.block_cols - 1) // q.block_cols
    q.cuts_rows = q.block_rows < rows
    q.image_size = round_up(q.channels * q.hp * q.wp + 2 * uk.nr, 16) if copies else 0
    q.phase_size = 0
    if q.sh * q.sw > 1:
        q.phase_size = round_up(q.M * q.block_rows * ((q.out_w + q.sw - 1) // q.sw), 16)
    q.scratch_size = q.image_size + q.work_size + q.sh * q.sw * q.phase_size
    q.scratch_size = slot_size(q.scratch_size + 1)
    n_threads = busy(n_threads, q.N * q.G * q.blocks)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    for g in range(n_threads):
        q.scratch[(g + 1) * q.scratch_size - 1] = 0.0
    with nogil:
        parallel_for(_gather_task, q, q.N * q.G * q.blocks, n_threads)
    return 0
