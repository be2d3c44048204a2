"""The gradient of a convolution's weight: sums over images and pixels.

Small weights are summed in chunks of CHUNK images, added in order; large ones in one chain, split
over taps.  A chunk is a GEMM for each image, taps x channels over pixels, patches gathered by
tables as in _gather.pyx; or, where at most a third of dy is not zero (below ReLU and pooling), the
sum of its nonzero elements times patches.  Both add in the order of the pixels.  The patches of a
1x1 kernel are x itself: of x and dy the one with fewer channels is packed, the other read in place.
"""
cimport cython
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty4, f32, pair, take
from ._conv_shape cimport Shape, check_dy, conv_shape, flatten_1x1
from ._csrc cimport fnn_gemm, fnn_ukernels, narrow_ukernels, ukernels
from ._gather cimport Gather, pad_image, pixel_table
from ._sizes cimport busy, max_, min_, round_up, slot_size
from ._sparse cimport Nonzeros, nonzeros_collect, nonzeros_place, nonzeros_size
from ._threads cimport parallel_for, threads_for
from .conv_dense cimport dense_algo, dense_backward_weight
from .depthwise cimport OF_WEIGHT, depthwise_algo, depthwise_backward_weight
from .winograd cimport wino_algo
from .winograd_weight cimport wino_backward_weight

import_array()

ALGOS = ("auto", "dense", "sparse", "winograd2", "winograd4", "depthwise", "dense_layer")

cdef enum:
    CHUNK = 8          # at most: images summed in one chain, while there are so many chunks
    SMALL_WEIGHT = 65536
    WINO_TILES = 64    # of 2x2, up to which 5x5 kernels are faster without Winograd
    SPARSE_WEIGHT = 8192


# The weight gradient: partial (K x Og, taps x channels) = sum over images and pixels; with `swaps`
# (Og x K).  Either has M rows and N columns.
cdef struct WeightGrad:
    Gather pad
    Py_ssize_t K, Og, P, M, N, row, kb
    bint lone, swaps                        # a 1x1 kernel; see above
    const Py_ssize_t *tap_off
    const Py_ssize_t *pixel_off
    const float *dy
    float *partial                          # (chunks, G, M, row)
    Py_ssize_t images, chunks, parts, part_rows
    bint copies                             # the dense way needs a padded image
    Py_ssize_t limit                        # nonzero elements of dy in an image, 0: never sparse
    const fnn_ukernels *uk                  # of the sparse way
    Py_ssize_t width                        # channels innermost, padded to vectors; 0: as they are
    Py_ssize_t rows                         # vectors of taps: of KW taps, or of `width` channels
    const Py_ssize_t *row_off
    const Py_ssize_t *at                    # (P,) offset of each pixel
    float *scratch
    Py_ssize_t scratch_size


cdef void _channels_last(const WeightGrad *q, const float *x, float *image) noexcept nogil:
    """One padded image as (hp, wp, width), zeros already where x has nothing."""
    cdef const Gather *s = &q.pad
    cdef Py_ssize_t i, plane = s.h * s.w
    if s.wp == s.w:
        q.uk.transpose(s.channels, plane, x, plane, image + s.top * s.wp * q.width, q.width)
        return
    for i in range(s.h):
        q.uk.transpose(s.channels, s.w, x + i * s.w, plane,
                       image + ((i + s.top) * s.wp + s.left) * q.width, q.width)


@cython.cdivision(True)
cdef bint _sparse_chunk(WeightGrad *q, Py_ssize_t g, Py_ssize_t chunk,
                        float *scratch) noexcept nogil:
    """One chunk from the nonzero elements of dy; False if there are too many."""
    cdef:
        const Gather *s = &q.pad
        Nonzeros z
        Py_ssize_t L = q.uk.lanes, n, o, k, c, taps = q.K // s.channels
        Py_ssize_t last = min_(s.N, (chunk + 1) * q.images)
        float *acc = scratch + s.image_size
        Py_ssize_t tap_step = 1 if q.swaps else q.row, out_step = q.row if q.swaps else 1
        float *out = q.partial + (chunk * s.G + g) * q.M * q.row
        const float *sums
        const float *x
    nonzeros_place(&z, acc + q.Og * q.rows * L, q.Og, q.P, q.limit)
    memset(scratch, 0, (s.image_size + q.Og * q.rows * L) * sizeof(float))
    for n in range(chunk * q.images, last):
        if not nonzeros_collect(q.uk, &z, q.dy + (n * s.G + g) * q.Og * q.P, q.Og, q.P, q.limit,
                                q.at):
            return False
        x = s.x + (n * s.G + g) * s.channels * s.h * s.w
        if q.width:
            _channels_last(q, x, scratch)
        else:
            pad_image(s, x, 0, s.hp, False, scratch)
        for o in range(q.Og):
            q.uk.sparse_weight_grad(z.start[o + 1] - z.start[o], z.at + z.start[o],
                                    z.value + z.start[o], scratch, q.rows, q.row_off,
                                    acc + o * q.rows * L)
    for o in range(q.Og):
        sums = acc + o * q.rows * L
        if q.width:
            for k in range(taps):
                for c in range(s.channels):
                    out[(c * taps + k) * tap_step + o * out_step] = sums[k * q.width + c]
        else:
            for c in range(q.rows):
                for k in range(q.K // q.rows):
                    out[(c * (q.K // q.rows) + k) * tap_step + o * out_step] = sums[c * L + k]
    return True


cdef Py_ssize_t _sparse_limit(const Shape *s, object algo) except -1:
    """Nonzero elements of dy in an image up to which the sparse way is faster; 0: never.
    Measured: pytest bench -k "conv2d and weight"."""
    cdef Py_ssize_t size = s.Og * s.OH * s.OW
    if algo == "dense":
        return 0
    if s.Cg < 4 and (s.dw > 1 or s.KW > narrow_ukernels().lanes):
        return 0
    if algo == "sparse":
        return size
    return size // 3 if s.O * s.Cg * s.KH * s.KW <= SPARSE_WEIGHT else 0


cdef Buffer _sparse_tables(WeightGrad *q, const Shape *s):
    """Offsets of taps and pixels for the sparse way, channels innermost or as they are."""
    cdef:
        Py_ssize_t unit = 1, r, j, c, v, t, u, k = 0, hp = q.pad.hp, wp = q.pad.wp
        Py_ssize_t *off
        Buffer tables
    q.uk = narrow_ukernels() if s.Cg <= 8 else ukernels()
    q.width = round_up(s.Cg, q.uk.lanes) if s.Cg >= 4 else 0
    q.rows = s.KH * s.KW * (q.width // q.uk.lanes) if q.width else s.Cg * s.KH
    tables = take(2 * (q.rows + q.P))
    off = <Py_ssize_t *>tables.data
    if q.width:
        unit = q.width
        q.pad.image_size = round_up(hp * wp * q.width, 16)
        for r in range(s.KH):
            for j in range(s.KW):
                for v in range(0, q.width, q.uk.lanes):
                    off[k] = (r * s.dh * wp + j * s.dw) * unit + v
                    k += 1
    else:  # a row of taps is one vector, which reads beyond its end
        q.pad.image_size = round_up(s.Cg * hp * wp + q.uk.lanes, 16)
        for c in range(s.Cg):
            for r in range(s.KH):
                off[k] = (c * hp + r * s.dh) * wp
                k += 1
    for t in range(s.OH):
        for u in range(s.OW):
            off[k + t * s.OW + u] = (t * s.sh * wp + u * s.sw) * unit
    q.row_off, q.at = off, off + k
    return tables


@cython.cdivision(True)
cdef void _weight_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Rows [i0, i1) of one group over one chunk of images."""
    cdef:
        WeightGrad *q = <WeightGrad *>ctx
        const Gather *s = &q.pad
        fnn_gemm t
        Py_ssize_t part = task % q.parts, g = task // q.parts % s.G, chunk = task // q.parts // s.G
        Py_ssize_t i0 = part * q.part_rows, i1 = min_(q.M, i0 + q.part_rows)
        Py_ssize_t n, p, last = min_(s.N, (chunk + 1) * q.images)
        const float *x
        const float *dy
        const float *columns
        float *scratch = q.scratch + slot * q.scratch_size
    if q.limit and _sparse_chunk(q, g, chunk, scratch):
        return
    memset(scratch, 0, s.image_size * sizeof(float))  # the border of the padded images
    memset(&t, 0, sizeof(t))
    t.m, t.n = i1 - i0, q.N
    t.b, t.b_row = scratch + s.image_size, s.uk.nr
    t.c, t.c_row = q.partial + ((chunk * s.G + g) * q.M + i0) * q.row, q.row
    if q.lone:
        t.a_row, t.a_col = q.P, 1
    else:
        t.a_row_off = q.tap_off + i0
    for n in range(chunk * q.images, last):
        x = s.x + (n * s.G + g) * s.channels * s.h * s.w
        dy = q.dy + (n * s.G + g) * q.Og * q.P
        columns = x if q.swaps else dy
        if q.copies:
            pad_image(s, x, 0, s.hp, False, scratch)
            x = scratch
        p = 0
        while p < q.P:
            t.k = min_(q.kb, q.P - p)
            s.uk.pack_b(t.k, q.N, columns + p, 1, q.P, scratch + s.image_size)
            t.b_panel = s.uk.nr * t.k
            if q.lone:
                t.a = (dy if q.swaps else x) + i0 * q.P + p
            else:
                t.a, t.a_col_off = x, q.pixel_off + p
            s.uk.gemm_block(&t)
            t.accumulate = 1
            p += q.kb


def conv2d_backward_weight(dy, x, kernel_size, stride, padding, dilation, groups, algo="auto"):
    """dy (N, C_out, OH, OW), x (N, C_in, H, W) -> dweight (C_out, C_in/groups, *kernel_size)."""
    cdef:
        Shape s
        WeightGrad q
        Buffer taps, _pixels, partial, scratch
        Py_ssize_t *off
        Py_ssize_t c, r, j, g, size, dense_image = 0
        int n_threads, m, parts
        ndarray dweight
        float *out
        float *total
    if algo not in ALGOS:
        raise ValueError(f"algo must be one of {ALGOS}, got {algo!r}")
    memset(&q, 0, sizeof(q))
    q.pad.x, q.dy = f32(x, 4, "x"), f32(dy, 4, "dy")
    s.N, s.C, s.H, s.W = (PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2),
                          PyArray_DIM(x, 3))
    s.O = PyArray_DIM(dy, 1)  # no-cython-lint
    pair(kernel_size, &s.KH, &s.KW)
    conv_shape(&s, stride, padding, dilation, groups)
    check_dy(&s, dy)
    dweight = empty4(s.O, s.Cg, s.KH, s.KW)
    out = f32(dweight, 4, "dweight")
    q.K, q.Og, q.P = s.Cg * s.KH * s.KW, s.Og, s.OH * s.OW
    if s.N == 0 or s.O == 0 or s.Cg == 0:
        memset(out, 0, s.O * q.K * sizeof(float))
        return dweight
    m = wino_algo(&s, algo, s.OH, s.OW)
    if m and s.KH == 5 and algo == "auto" and (
            _sparse_limit(&s, algo) or s.N * ((s.OH + 1) // 2) * ((s.OW + 1) // 2) <= WINO_TILES):
        m = 0
    if m:
        wino_backward_weight(&s, q.dy, q.pad.x, m, out)
        return dweight
    if dense_algo(&s, algo):
        dense_backward_weight(&s, q.dy, q.pad.x, out)
        return dweight
    if depthwise_algo(&s, algo, OF_WEIGHT):
        depthwise_backward_weight(&s, q.dy, q.pad.x, out)
        return dweight
    flatten_1x1(&s)
    q.pad.uk = ukernels()
    q.pad.N, q.pad.G, q.pad.channels, q.pad.h, q.pad.w = s.N, s.G, s.Cg, s.H, s.W
    q.pad.hp, q.pad.wp, q.pad.top, q.pad.left = s.H + 2 * s.ph, s.W + 2 * s.pw, s.ph, s.pw
    q.pad.TH, q.pad.TW, q.pad.line, q.pad.step = s.OH, s.OW, s.sh * q.pad.wp, s.sw
    if s.ph or s.pw:
        dense_image = round_up(s.Cg * q.pad.hp * q.pad.wp, 16)
    q.limit = _sparse_limit(&s, algo)
    if q.limit:
        _tables = _sparse_tables(&q, &s)  # alive until the end, as _pixels
    q.pad.image_size = max_(q.pad.image_size, dense_image)
    q.copies = dense_image > 0
    taps = take(2 * q.K)
    off = <Py_ssize_t *>taps.data
    for c in range(s.Cg):
        for r in range(s.KH):
            for j in range(s.KW):
                off[(c * s.KH + r) * s.KW + j] = (
                    (c * q.pad.hp + r * s.dh) * q.pad.wp + j * s.dw)
    q.tap_off = off
    _pixels = pixel_table(&q.pad)
    q.pixel_off = q.pad.pixel_off
    q.lone = s.KH == s.KW == s.H == 1 and s.OW == s.W and not q.copies
    q.swaps = q.lone and s.Cg < s.Og
    q.M, q.N = (q.Og, q.K) if q.swaps else (q.K, q.Og)
    q.row = round_up(q.N, q.pad.uk.lanes)
    n_threads = threads_for(2.0 * s.N * s.O * q.P * q.K)
    q.kb = min_(q.P, 512)
    if s.O * q.K <= SMALL_WEIGHT:
        q.images, q.parts, q.part_rows = min_(CHUNK, (s.N + CHUNK - 1) // CHUNK), 1, q.M
    else:  # each part packs its columns again: no more of them than threads
        parts = 1 if q.limit else n_threads
        q.images, q.part_rows = s.N, round_up((q.M + parts - 1) // parts, q.pad.uk.mr)
        q.parts = (q.M + q.part_rows - 1) // q.part_rows
    q.chunks = (s.N + q.images - 1) // q.images
    if q.chunks * s.G < n_threads and algo != "sparse" and q.parts == 1:
        # Hardly any images: threads share the rows, which the sparse way cannot.
        q.limit, q.part_rows = 0, round_up((q.M + n_threads - 1) // n_threads, q.pad.uk.mr)
        q.parts = (q.M + q.part_rows - 1) // q.part_rows
    size = s.G * q.M * q.row
    partial = take(q.chunks * size)
    q.partial = <float *>partial.data
    q.scratch_size = round_up(q.N, q.pad.uk.nr) * q.kb
    if q.limit:
        q.scratch_size = max_(q.scratch_size, q.Og * q.rows * q.uk.lanes
                              + nonzeros_size(q.Og, q.P, q.limit))
    q.scratch_size = slot_size(q.pad.image_size + q.scratch_size)
    n_threads = busy(n_threads, q.chunks * s.G * q.parts)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_weight_task, &q, q.chunks * s.G * q.parts, n_threads)
        total = q.partial
        for c in range(1, q.chunks):
            q.pad.uk.vadd(size, q.partial + c * size, total)
        for g in range(s.G):
            if q.swaps:
                q.pad.uk.copy_rows(q.M, q.N, total + g * q.M * q.row, q.row, out + g * q.M * q.N,
                                   q.N)
            else:
                q.pad.uk.transpose(q.M, q.N, total + g * q.M * q.row, q.row, out + g * q.M * q.N,
                                   q.M)
    return dweight
