"""Convolution over NCHW images: forward, gradients of the input, of the weight and of the bias.

All three big passes gather patches by tables of offsets, tap_off (one per term) and pixel_off (one
per output pixel), from a zero-padded copy of one image; no im2col matrix exists.  The gradient of
the input is the same gather over dy: for stride s there are s_h * s_w phases of input pixels, each
a stride-1 convolution with its own subset of taps.  Ways to do a gather:

  implicit_gemm  patches packed straight from the image into GEMM panels (Chetlur et al. 2014,
                 arXiv:1410.0759); wins with many output channels
  direct         lanes are the pixels of one output row, read in place; few output channels
  indirect       lanes are output channels, pixels are broadcast through the tables (compare the
                 indirect convolution of Dukhan 2019, arXiv:1907.02129); up to some 32 channels

Forward and input gradient have one task per image, group and block of rows; each output is one
chain over its taps.  The weight gradient sums over images: small weights in chunks of CHUNK images,
added in order; large ones in one chain, split over taps.  So algorithm, threads and CPU level do
not change a bit.
"""
cimport cython
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, activation_code, empty1, empty4, f32, f32_or_null, pair, take
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

ALGOS = {
    "forward": ("auto", "implicit_gemm", "direct", "indirect"),
    "backward_input": ("auto", "implicit_gemm", "direct", "indirect"),
    "backward_weight": ("auto",),
}

cdef enum:
    IMPLICIT_GEMM = 1
    DIRECT = 2
    INDIRECT = 3
    CHUNK = 8          # images summed in one chain in the weight gradient
    STRIP = 96         # pixels of an indirect strip: its output stays in L1
    SMALL_WEIGHT = 65536

cdef struct Shape:
    Py_ssize_t N, C, H, W, O, KH, KW, OH, OW, G, Cg, Og
    Py_ssize_t sh, sw, ph, pw, dh, dw

# One gather: out (M x TH*TW) = act(A (M x K) * patches + bias) for every image and group.
cdef struct Gather:
    const fnn_ukernels *uk
    int algo, activation
    Py_ssize_t N, G, M, K, TH, TW
    Py_ssize_t channels, h, w               # source planes per group and their size
    Py_ssize_t hp, wp, top, left            # padded plane and where the source sits in it
    Py_ssize_t line, step                   # padded elements from an output row / pixel to the next
    Py_ssize_t taps_per_row, max_row        # see _direct; padded row of the lowest tap
    const Py_ssize_t *tap_off
    const Py_ssize_t *tap_row               # padded row of each kernel row's taps
    const Py_ssize_t *pixel_off
    const float *x                          # (N, G * channels, h, w)
    const float *a                          # (G, M, K)
    const float *packed                     # A packed for the algorithm, per group
    Py_ssize_t packed_size
    const float *bias                       # (G * M,) or NULL
    float *out                              # (N, G * M, out_h, out_w)
    Py_ssize_t out_h, out_w, oh0, ow0, osh, osw   # pixel (t, u) goes to (oh0 + t osh, ow0 + u osw)
    Py_ssize_t blocks, block_rows
    float *scratch
    Py_ssize_t scratch_size, image_size, work_size


cdef inline Py_ssize_t min_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline Py_ssize_t max_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a > b else b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b * b


cdef int _shape(Shape *s, stride, padding, dilation, Py_ssize_t groups) except -1:
    """Fill in what follows from N C H W O KH KW."""
    pair(stride, &s.sh, &s.sw)
    pair(padding, &s.ph, &s.pw)
    pair(dilation, &s.dh, &s.dw)
    s.G = groups
    if groups < 1 or s.C % groups or s.O % groups:
        raise ValueError(f"groups={groups} must divide the channels {s.C} and {s.O}")
    if s.sh < 1 or s.sw < 1 or s.dh < 1 or s.dw < 1 or s.ph < 0 or s.pw < 0:
        raise ValueError(f"stride {stride} and dilation {dilation} must be positive, "
                         f"padding {padding} not negative")
    s.Cg, s.Og = s.C // groups, s.O // groups
    if (s.H + 2 * s.ph < s.dh * (s.KH - 1) + 1 or s.W + 2 * s.pw < s.dw * (s.KW - 1) + 1
            or s.KH < 1 or s.KW < 1):
        raise ValueError(f"kernel {(s.KH, s.KW)} does not fit the padded image")
    s.OH = (s.H + 2 * s.ph - s.dh * (s.KH - 1) - 1) // s.sh + 1
    s.OW = (s.W + 2 * s.pw - s.dw * (s.KW - 1) - 1) // s.sw + 1
    return 0


cdef int _pick_algo(Py_ssize_t M, Py_ssize_t TW, Py_ssize_t step) noexcept nogil:
    """From the layer's own sizes only. Measured: pytest bench -k conv2d."""
    if M <= 8 and step == 1 and TW >= 8:
        return DIRECT
    return INDIRECT if M <= 32 else IMPLICIT_GEMM


cdef int _algo(object name, Py_ssize_t M, Py_ssize_t TW, Py_ssize_t step) except -1:
    if name == "auto":
        return _pick_algo(M, TW, step)
    if name == "implicit_gemm":
        return IMPLICIT_GEMM
    if name == "indirect":
        return INDIRECT
    if name == "direct":
        if step != 1:
            raise ValueError("algo='direct' needs a horizontal stride of 1")
        return DIRECT
    raise ValueError(f"algo must be one of {ALGOS['forward']}, got {name!r}")


cdef void _pad(const Gather *q, const float *x, Py_ssize_t row0, Py_ssize_t row1,
               float *out) noexcept nogil:
    """Padded rows [row0, row1) of every plane; out has the full padded layout."""
    cdef Py_ssize_t c, r, n
    cdef float *row
    for c in range(q.channels):
        for r in range(row0, row1):
            row = out + (c * q.hp + r) * q.wp
            if r < q.top or r >= q.top + q.h:
                memset(row, 0, q.wp * sizeof(float))
                continue
            n = q.wp - q.left - q.w
            if q.left > 0:
                memset(row, 0, q.left * sizeof(float))
            if n > 0:
                memset(row + q.left + q.w, 0, n * sizeof(float))
            memcpy(row + q.left, x + (c * q.h + r - q.top) * q.w, q.w * sizeof(float))


cdef void _direct(const Gather *q, const float *a, const float *bias, const float *image,
                  float *out, Py_ssize_t P, Py_ssize_t t0, Py_ssize_t t1) noexcept nogil:
    """One GEMM (M x TW x K) for each output row, B read in place.

    With taps_per_row the taps are ordered by kernel row, and those of rows that lie in the padding
    are left out: their products are zero.
    """
    cdef fnn_gemm g
    cdef Py_ssize_t t, first, last, rows = q.K // q.taps_per_row if q.taps_per_row else 0
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = q.M, q.TW, q.K
    g.a_row, g.a_col = q.K, 1
    g.b_panel = q.uk.nr
    g.c_row = P
    g.bias_row = bias
    g.activation = q.activation
    for t in range(t0, t1):
        first, last = 0, rows
        if rows:
            while first < rows and (t + q.tap_row[first] >= q.top + q.h
                                    or t + q.tap_row[first] < q.top):
                first += 1
            while last > first and (t + q.tap_row[last - 1] < q.top
                                    or t + q.tap_row[last - 1] >= q.top + q.h):
                last -= 1
            g.k = (last - first) * q.taps_per_row
        g.a = a + first * q.taps_per_row
        g.b = image + t * q.line
        g.b_row_off = q.tap_off + first * q.taps_per_row
        g.c = out + (t - t0) * q.TW
        q.uk.gemm_block(&g)


cdef void _indirect(const Gather *q, const float *packed, const float *bias, const float *image,
                    float *out, Py_ssize_t P, Py_ssize_t t0, Py_ssize_t t1,
                    float *work) noexcept nogil:
    """Strips of pixels x channels, transposed into the output."""
    cdef fnn_gemm g
    cdef Py_ssize_t i = t0 * q.TW, end = t1 * q.TW, row = round_up(q.M, q.uk.lanes)
    memset(&g, 0, sizeof(g))
    g.n, g.k = q.M, q.K
    g.a, g.a_col_off = image, q.tap_off
    g.b, g.b_panel, g.b_row = packed, q.uk.nr * q.K, q.uk.nr
    g.c, g.c_row = work, row
    g.bias_col = bias
    g.activation = q.activation
    while i < end:
        g.m = min_(STRIP, end - i)
        g.a_row_off = q.pixel_off + i
        q.uk.gemm_block(&g)
        q.uk.transpose(g.m, q.M, work, row, out + i - t0 * q.TW, P)
        i += STRIP


cdef void _implicit_gemm(const Gather *q, const float *packed, const float *bias,
                         const float *image, float *out, Py_ssize_t P, Py_ssize_t t0,
                         Py_ssize_t t1, float *work) noexcept nogil:
    cdef fnn_gemm g
    cdef Py_ssize_t i, j = t0 * q.TW, end = t1 * q.TW, p, n, k, m
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
                g.c = out + i * P + j - t0 * q.TW
                q.uk.gemm_block(&g)
                i += m
            p += kc
        j += nc


@cython.cdivision(True)
cdef void _gather_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Gather *q = <Gather *>ctx
        Py_ssize_t b = task % q.blocks, n = task // q.blocks // q.G, g = task // q.blocks % q.G
        Py_ssize_t t0 = b * q.block_rows, t1 = min_(q.TH, t0 + q.block_rows)
        Py_ssize_t P, c, t, u
        const float *x = q.x + (n * q.G + g) * q.channels * q.h * q.w
        const float *image = x
        const float *bias = q.bias + g * q.M if q.bias != NULL else NULL
        float *scratch = q.scratch + slot * q.scratch_size
        float *out = q.out + (n * q.G + g) * q.M * q.out_h * q.out_w
        float *target
        bint strided = q.osh != 1 or q.osw != 1
    if q.image_size:
        _pad(q, x, t0 * q.line // q.wp, min_(q.hp, (t1 - 1) * q.line // q.wp + q.max_row + 1),
             scratch)
        image = scratch
    if strided:
        target = scratch + q.image_size + q.work_size
        P = (t1 - t0) * q.TW
    else:
        target = out + t0 * q.TW
        P = q.TH * q.TW
    if q.algo == DIRECT:
        _direct(q, q.a + g * q.M * q.K, bias, image, target, P, t0, t1)
    elif q.algo == INDIRECT:
        _indirect(q, q.packed + g * q.packed_size, bias, image, target, P, t0, t1,
                  scratch + q.image_size)
    else:
        _implicit_gemm(q, q.packed + g * q.packed_size, bias, image, target, P, t0, t1,
                       scratch + q.image_size)
    if strided:
        for c in range(q.M):
            for t in range(t0, t1):
                for u in range(q.TW):
                    out[(c * q.out_h + q.oh0 + t * q.osh) * q.out_w + q.ow0 + u * q.osw] = (
                        target[c * P + (t - t0) * q.TW + u])


cdef Buffer _pixel_table(Gather *q):
    """pixel_off of every output pixel, row by row."""
    cdef Buffer table = take(2 * q.TH * q.TW)
    cdef Py_ssize_t *off = <Py_ssize_t *>table.data
    cdef Py_ssize_t t, u
    for t in range(q.TH):
        for u in range(q.TW):
            off[t * q.TW + u] = t * q.line + u * q.step
    q.pixel_off = off
    return table


cdef int _run_gather(Gather *q) except -1:
    """Pack A, cut the work into tasks and run them."""
    cdef:
        const fnn_ukernels *uk = q.uk
        Buffer packed = None, scratch, _pixels = _pixel_table(q)
        Py_ssize_t g, p, k, mp = round_up(q.M, uk.mr), kc, wanted
        float *out
        double flops = 2.0 * q.N * q.G * q.M * q.K * q.TH * q.TW
        int n_threads = threads_for(flops)
    if q.algo == INDIRECT:
        q.packed_size = round_up(q.M, uk.nr) * q.K
    elif q.algo == IMPLICIT_GEMM:
        q.packed_size = mp * q.K
    else:
        q.packed_size = 0
    if q.packed_size:
        packed = take(q.packed_size * q.G)
        out = <float *>packed.data
        q.packed = out
        for g in range(q.G):
            if q.algo == INDIRECT:
                uk.pack_b(q.K, q.M, q.a + g * q.M * q.K, 1, q.K, out + g * q.packed_size)
                continue
            kc, p = min_(q.K, uk.kc), 0
            while p < q.K:
                k = min_(kc, q.K - p)
                uk.pack_a(q.M, k, q.a + g * q.M * q.K + p, q.K, 1,
                          out + g * q.packed_size + p * mp)
                p += kc
    # Splitting an image into blocks of rows costs a second copy of the border rows: only when
    # there are not enough images for the threads.
    wanted = (2 * n_threads + q.N * q.G - 1) // max_(q.N * q.G, 1)
    q.block_rows = q.TH
    if n_threads > 1 and wanted > 1:
        q.block_rows = max_(1, q.TH // wanted)
    q.blocks = (q.TH + q.block_rows - 1) // q.block_rows
    # The direct tile reads whole vectors beyond a row's end, so it always gets a copy with slack.
    q.image_size = 0
    if q.algo == DIRECT or q.hp != q.h or q.wp != q.w or q.top or q.left:
        q.image_size = round_up(q.channels * q.hp * q.wp + 2 * uk.nr, 16)
    q.work_size = 0
    if q.algo == INDIRECT:
        q.work_size = STRIP * round_up(q.M, uk.lanes)
    elif q.algo == IMPLICIT_GEMM:
        q.work_size = 12 * uk.nr * min_(q.K, uk.kc)
    q.scratch_size = q.image_size + q.work_size
    if q.osh != 1 or q.osw != 1:
        q.scratch_size += q.M * q.block_rows * q.TW
    q.scratch_size = round_up(q.scratch_size + 16, 1024)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_gather_task, q, q.N * q.G * q.blocks, n_threads)
    return 0


def conv2d_forward(x, weight, bias, stride, padding, dilation, groups, activation, algo="auto"):
    """y = act(conv(x, weight) + bias): x (N, C_in, H, W), weight (C_out, C_in/groups, KH, KW),
    bias (C_out,) or None -> y (N, C_out, OH, OW)."""
    cdef:
        Shape s
        Gather q
        Buffer taps
        Py_ssize_t *off
        Py_ssize_t c, r, j
        ndarray y
    memset(&q, 0, sizeof(q))
    q.x, q.a = f32(x, 4, "x"), f32(weight, 4, "weight")
    q.bias = f32_or_null(bias, 1, "bias")
    s.N, s.C, s.H, s.W = (PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2),
                          PyArray_DIM(x, 3))
    s.O, s.KH, s.KW = PyArray_DIM(weight, 0), PyArray_DIM(weight, 2), PyArray_DIM(weight, 3)
    _shape(&s, stride, padding, dilation, groups)
    if PyArray_DIM(weight, 1) != s.Cg:
        raise ValueError(f"weight has {PyArray_DIM(weight, 1)} input channels a group, "
                         f"x has {s.Cg}")
    if q.bias != NULL and PyArray_DIM(bias, 0) != s.O:
        raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, expected {s.O}")
    y = empty4(s.N, s.O, s.OH, s.OW)
    q.uk = ukernels()
    q.activation = activation_code(activation)
    q.N, q.G, q.M, q.K = s.N, s.G, s.Og, s.Cg * s.KH * s.KW
    q.TH, q.TW, q.channels, q.h, q.w = s.OH, s.OW, s.Cg, s.H, s.W
    q.hp, q.wp, q.top, q.left = s.H + 2 * s.ph, s.W + 2 * s.pw, s.ph, s.pw
    q.line, q.step, q.max_row = s.sh * q.wp, s.sw, s.dh * (s.KH - 1)
    q.algo = _algo(algo, q.M, q.TW, q.step)
    q.out, q.out_h, q.out_w, q.osh, q.osw = f32(y, 4, "y"), s.OH, s.OW, 1, 1
    taps = take(2 * q.K)
    off = <Py_ssize_t *>taps.data
    for c in range(s.Cg):
        for r in range(s.KH):
            for j in range(s.KW):
                off[(c * s.KH + r) * s.KW + j] = (c * q.hp + r * s.dh) * q.wp + j * s.dw
    q.tap_off = off
    if s.N and s.O:
        _run_gather(&q)
    return y


cdef Py_ssize_t _phase_taps(Py_ssize_t f, Py_ssize_t stride, Py_ssize_t pad, Py_ssize_t dil,
                            Py_ssize_t size, Py_ssize_t *index, Py_ssize_t *off) noexcept nogil:
    """Taps r that reach inputs i = f + stride t: output row t + off,
    off = (f + pad - r dil) / stride where that is whole."""
    cdef Py_ssize_t r, n = 0, d
    for r in range(size):
        d = f + pad - r * dil
        if d % stride == 0:
            index[n] = r
            off[n] = d // stride
            n += 1
    return n


@cython.cdivision(False)
cdef int _input_phase(Gather *q, const Shape *s, const float *weight, object algo, Py_ssize_t fh,
                      Py_ssize_t fw, float *dx) except -1:
    """The inputs (fh + sh t, fw + sw u) of every image."""
    cdef:
        Buffer lists = take(8 * (s.KH + s.KW) + 8), taps, kernel
        Py_ssize_t *rows = <Py_ssize_t *>lists.data
        Py_ssize_t *row_off = rows + s.KH
        Py_ssize_t *cols = row_off + s.KH
        Py_ssize_t *col_off = cols + s.KW
        Py_ssize_t *off
        Py_ssize_t nr, nc, i, j, o, c, g, k, lo = 0, hi = 0, left = 0, right = 0
        float *a
    nr = _phase_taps(fh, s.sh, s.ph, s.dh, s.KH, rows, row_off)
    nc = _phase_taps(fw, s.sw, s.pw, s.dw, s.KW, cols, col_off)
    q.M, q.K = s.Cg, nr * s.Og * nc
    q.TH, q.TW = (s.H - fh + s.sh - 1) // s.sh, (s.W - fw + s.sw - 1) // s.sw
    q.out, q.out_h, q.out_w = dx, s.H, s.W
    q.oh0, q.ow0, q.osh, q.osw = fh, fw, s.sh, s.sw
    if q.K == 0:  # stride beyond the kernel: nothing reaches these inputs, and dx is zero there
        return 0
    for i in range(nr):
        lo, hi = min_(lo, row_off[i]), max_(hi, row_off[i])
    for j in range(nc):
        left, right = min_(left, col_off[j]), max_(right, col_off[j])
    q.top, q.left = -lo, -left
    q.hp = max_(q.top + s.OH, q.top + q.TH + hi)
    q.wp = max_(q.left + s.OW, q.left + q.TW + right)
    q.line, q.step = q.wp, 1
    q.algo = _algo(algo, q.M, q.TW, 1)
    # Terms in the order kernel row, output channel, kernel column: rows of padding are then one
    # run of terms at either end.
    taps = take(2 * (q.K + nr))
    off = <Py_ssize_t *>taps.data
    kernel = take(q.G * q.M * q.K)
    a = <float *>kernel.data
    q.max_row, k = 0, 0
    for i in range(nr):
        off[q.K + i] = q.top + row_off[i]
        q.max_row = max_(q.max_row, q.top + row_off[i])
        for o in range(s.Og):
            for j in range(nc):
                off[k] = (o * q.hp + q.top + row_off[i]) * q.wp + q.left + col_off[j]
                for g in range(s.G):
                    for c in range(s.Cg):
                        a[(g * q.M + c) * q.K + k] = weight[
                            (((g * s.Og + o) * s.Cg + c) * s.KH + rows[i]) * s.KW + cols[j]]
                k += 1
    q.tap_off, q.tap_row, q.taps_per_row, q.a = off, off + q.K, s.Og * nc, a
    return _run_gather(q)


def conv2d_backward_input(dy, weight, input_size, stride, padding, dilation, groups, algo="auto"):
    """dy (N, C_out, OH, OW), weight (C_out, C_in/groups, KH, KW) -> dx of shape input_size."""
    cdef:
        Shape s
        Gather q
        ndarray dx
        const float *w = f32(weight, 4, "weight")
        Py_ssize_t fh, fw
        tuple size = input_size
    memset(&q, 0, sizeof(q))
    q.x = f32(dy, 4, "dy")
    s.N, s.C, s.H, s.W = size
    s.O, s.KH, s.KW = PyArray_DIM(weight, 0), PyArray_DIM(weight, 2), PyArray_DIM(weight, 3)
    _shape(&s, stride, padding, dilation, groups)
    _check_dy(&s, dy)
    if PyArray_DIM(weight, 1) != s.Cg:
        raise ValueError(f"weight has {PyArray_DIM(weight, 1)} input channels a group, "
                         f"input_size gives {s.Cg}")
    dx = empty4(s.N, s.C, s.H, s.W)
    if s.sh > s.dh * (s.KH - 1) + 1 or s.sw > s.dw * (s.KW - 1) + 1 or s.dh > 1 or s.dw > 1:
        memset(f32(dx, 4, "dx"), 0, s.N * s.C * s.H * s.W * sizeof(float))
    q.uk = ukernels()
    q.N, q.G, q.channels, q.h, q.w = s.N, s.G, s.Og, s.OH, s.OW
    if s.N and s.C:
        for fh in range(min_(s.sh, s.H)):
            for fw in range(min_(s.sw, s.W)):
                _input_phase(&q, &s, w, algo, fh, fw, f32(dx, 4, "dx"))
    return dx


cdef int _check_dy(const Shape *s, dy) except -1:
    if (PyArray_DIM(dy, 0) != s.N or PyArray_DIM(dy, 1) != s.O or PyArray_DIM(dy, 2) != s.OH
            or PyArray_DIM(dy, 3) != s.OW):
        raise ValueError(f"dy has shape {dy.shape}, expected {(s.N, s.O, s.OH, s.OW)}")
    return 0


# The weight gradient: partial (K x Og, taps x channels) = sum over images and pixels.
cdef struct WeightGrad:
    Gather pad
    Py_ssize_t K, Og, P, row, kb
    const Py_ssize_t *tap_off
    const Py_ssize_t *pixel_off
    const float *dy
    float *partial                          # (chunks, G, K, row)
    Py_ssize_t images, chunks, parts, part_rows
    float *scratch
    Py_ssize_t scratch_size


@cython.cdivision(True)
cdef void _weight_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Taps [k0, k1) of one group over one chunk of images."""
    cdef:
        WeightGrad *q = <WeightGrad *>ctx
        const Gather *s = &q.pad
        fnn_gemm t
        Py_ssize_t part = task % q.parts, g = task // q.parts % s.G, chunk = task // q.parts // s.G
        Py_ssize_t k0 = part * q.part_rows, k1 = min_(q.K, k0 + q.part_rows)
        Py_ssize_t n, p, last = min_(s.N, (chunk + 1) * q.images)
        const float *x
        const float *dy
        float *scratch = q.scratch + slot * q.scratch_size
    memset(&t, 0, sizeof(t))
    t.m, t.n = k1 - k0, q.Og
    t.a_row_off = q.tap_off + k0
    t.b, t.b_row = scratch + s.image_size, s.uk.nr
    t.c, t.c_row = q.partial + ((chunk * s.G + g) * q.K + k0) * q.row, q.row
    for n in range(chunk * q.images, last):
        x = s.x + (n * s.G + g) * s.channels * s.h * s.w
        if s.image_size:
            _pad(s, x, 0, s.hp, scratch)
            x = scratch
        dy = q.dy + (n * s.G + g) * q.Og * q.P
        t.a = x
        p = 0
        while p < q.P:
            t.k = min_(q.kb, q.P - p)
            s.uk.pack_b(t.k, q.Og, dy + p, 1, q.P, scratch + s.image_size)
            t.b_panel = s.uk.nr * t.k
            t.a_col_off = q.pixel_off + p
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
        Py_ssize_t c, r, j, g, size
        int n_threads
        ndarray dweight
        float *out
        float *total
    if algo != "auto":
        raise ValueError(f"algo must be one of {ALGOS['backward_weight']}, got {algo!r}")
    memset(&q, 0, sizeof(q))
    q.pad.x, q.dy = f32(x, 4, "x"), f32(dy, 4, "dy")
    s.N, s.C, s.H, s.W = (PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2),
                          PyArray_DIM(x, 3))
    s.O = PyArray_DIM(dy, 1)  # no-cython-lint
    pair(kernel_size, &s.KH, &s.KW)
    _shape(&s, stride, padding, dilation, groups)
    _check_dy(&s, dy)
    dweight = empty4(s.O, s.Cg, s.KH, s.KW)
    out = f32(dweight, 4, "dweight")
    q.K, q.Og, q.P = s.Cg * s.KH * s.KW, s.Og, s.OH * s.OW
    if s.N == 0 or s.O == 0 or s.Cg == 0:
        memset(out, 0, s.O * q.K * sizeof(float))
        return dweight
    q.pad.uk = ukernels()
    q.pad.N, q.pad.G, q.pad.channels, q.pad.h, q.pad.w = s.N, s.G, s.Cg, s.H, s.W
    q.pad.hp, q.pad.wp, q.pad.top, q.pad.left = s.H + 2 * s.ph, s.W + 2 * s.pw, s.ph, s.pw
    q.pad.TH, q.pad.TW, q.pad.line, q.pad.step = s.OH, s.OW, s.sh * q.pad.wp, s.sw
    if s.ph or s.pw:
        q.pad.image_size = round_up(s.Cg * q.pad.hp * q.pad.wp, 16)
    taps = take(2 * q.K)
    off = <Py_ssize_t *>taps.data
    for c in range(s.Cg):
        for r in range(s.KH):
            for j in range(s.KW):
                off[(c * s.KH + r) * s.KW + j] = (
                    (c * q.pad.hp + r * s.dh) * q.pad.wp + j * s.dw)
    q.tap_off = off
    _pixels = _pixel_table(&q.pad)
    q.pixel_off = q.pad.pixel_off
    q.row = round_up(s.Og, q.pad.uk.lanes)
    q.kb = min_(q.P, 512)
    if s.O * q.K <= SMALL_WEIGHT:
        q.images, q.parts, q.part_rows = CHUNK, 1, q.K
    else:
        q.images, q.part_rows = s.N, max_(96, (q.K + 7) // 8)
        q.parts = (q.K + q.part_rows - 1) // q.part_rows
    q.chunks = (s.N + q.images - 1) // q.images
    size = s.G * q.K * q.row
    partial = take(q.chunks * size)
    q.partial = <float *>partial.data
    q.scratch_size = round_up(q.pad.image_size + round_up(s.Og, q.pad.uk.nr) * q.kb, 1024)
    n_threads = threads_for(2.0 * s.N * s.O * q.P * q.K)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_weight_task, &q, q.chunks * s.G * q.parts, n_threads)
        total = q.partial
        for c in range(1, q.chunks):
            q.pad.uk.vadd(size, q.partial + c * size, total)
        for g in range(s.G):
            q.pad.uk.transpose(q.K, s.Og, total + g * q.K * q.row, q.row, out + g * s.Og * q.K,
                               q.K)
    return dweight


cdef struct BiasGrad:
    const fnn_ukernels *uk
    Py_ssize_t N, C, P
    const float *dy
    float *dbias


cdef void _bias_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef BiasGrad *q = <BiasGrad *>ctx
    cdef Py_ssize_t n
    cdef float total = 0.0
    for n in range(q.N):
        total += q.uk.vsum(q.P, q.dy + (n * q.C + task) * q.P)
    q.dbias[task] = total


def conv2d_backward_bias(dy):
    """dy (N, C_out, OH, OW) -> dbias (C_out,): the sum over images and pixels."""
    cdef BiasGrad q
    cdef ndarray dbias
    q.dy = f32(dy, 4, "dy")
    q.uk, q.N, q.C = ukernels(), PyArray_DIM(dy, 0), PyArray_DIM(dy, 1)
    q.P = PyArray_DIM(dy, 2) * PyArray_DIM(dy, 3)
    dbias = empty1(q.C)
    q.dbias = f32(dbias, 1, "dbias")
    with nogil:
        parallel_for(_bias_task, &q, q.C, threads_for(1.0 * q.N * q.C * q.P))
    return dbias
