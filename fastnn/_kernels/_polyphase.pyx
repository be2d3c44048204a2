"""Images as winograd.pyx reads them: channels last, and of a convolution with stride t its phases.

With stride t it is one of stride 1 over t * t times as many channels (polyphase components:
Vaidyanathan 1990, Proc. IEEE 78(1), 56-93).  Channel (p, c, q) of them has the pixels (t i + p,
t j + q) of channel c, so a kernel of side r becomes one of ceil(r / t), with zeros where it has no
tap.  Pixels are put in this order as they are read; the phases of an image are never in memory.
"""
cimport cython
from libc.string cimport memcpy, memset

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for

cdef enum:
    MOST_PHASES = 4   # of a line
    UNZIPPED = 64     # columns of each remainder of 4 that are split in one go


cdef int phases_algo(const Shape *s, object algo) except -1:
    cdef:
        Py_ssize_t r = (s.KH + s.sh - 1) // s.sh, m = 7 - r, C = s.Cg * s.sh * s.sh, tiles, cost
        bint fits = (s.KH == s.KW and s.sh == s.sw and 2 <= s.sh <= MOST_PHASES and 3 <= r <= 5
                     and s.dh == s.dw == 1 and s.ph < s.KH and s.pw < s.KW and s.Cg > 0)
    if algo == "polyphase" and not fits:
        raise ValueError(f"algo='polyphase' needs square kernels, a stride of 2 to {MOST_PHASES}, "
                         "3 to 5 taps of a phase, dilation 1, and padding less than their side")
    if algo != "auto" or not fits:
        return m if fits and algo == "polyphase" else 0
    if C > 128 or s.OW < 12 or s.Og < 16:
        return 0
    # Multiplications, and what the transforms cost beside them; measured: pytest bench -k conv.
    tiles = 36 * ((s.OH + m - 1) // m) * ((s.OW + m - 1) // m)
    cost = tiles * ((C + 9) * s.Og + 45 * round_up(C, 16))
    return m if 15 * cost < 14 * s.OH * s.OW * s.Og * s.Cg * s.KH * s.KW else 0


@cython.cdivision(True)
cdef void split_row(const fnn_ukernels *uk, Py_ssize_t phases, Py_ssize_t left, Py_ssize_t w,
                    const float *x, Py_ssize_t line, float *out) noexcept nogil:
    cdef:
        float[2 * UNZIPPED] even
        float[2 * UNZIPPED] odd
        float *at[4]
        Py_ssize_t u, n, done = 0
    if phases == 2 or phases == 4:
        for u in range(phases):
            at[u] = out + (left + u) % phases * line + (left + u) // phases
        if phases == 2:
            uk.unzip_pairs(w // 2, x, at[0], at[1])
            done = w // 2 * 2
        while w - done >= 4:
            n = min_(UNZIPPED, (w - done) // 4)
            uk.unzip_pairs(2 * n, x + done, even, odd)
            uk.unzip_pairs(n, even, at[0] + done // 4, at[2] + done // 4)
            uk.unzip_pairs(n, odd, at[1] + done // 4, at[3] + done // 4)
            done += 4 * n
    for u in range(left + done, left + w):
        out[u % phases * line + u // phases] = x[u - left]


cdef void _channels_last(const fnn_ukernels *uk, const float *x, Py_ssize_t channels, Py_ssize_t h,
                         Py_ssize_t w, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t left,
                         Py_ssize_t width, float *out, float *room) noexcept nogil:
    """Of stride 1; rows [first, first + rows) of the image, columns [-left, width - left)."""
    cdef Py_ssize_t L = uk.lanes, r, i, low = max_(first, 0), high = min_(first + rows, h)
    cdef Py_ssize_t kept = min_(w, width - left)
    cdef float *line
    cdef bint narrow = w < 2 * L and high > low
    if channels < L:
        memset(out, 0, rows * width * L * sizeof(float))
    if narrow:  # whole vectors of pixels across the ends of rows
        uk.transpose(channels, (high - low) * w, x + low * w, h * w, room, L)
    for r in range(rows):
        line = out + r * width * L
        i = first + r
        if i < 0 or i >= h:
            memset(line, 0, width * L * sizeof(float))
            continue
        if left:
            memset(line, 0, left * L * sizeof(float))
        if narrow and channels == L:
            memcpy(line + left * L, room + (i - low) * w * L, kept * L * sizeof(float))
        else:
            uk.transpose(channels, kept, x + i * w, h * w, line + left * L, L)
        if width > left + kept:
            memset(line + (left + kept) * L, 0, (width - left - kept) * L * sizeof(float))


@cython.cdivision(True)
cdef void _phases_last(const fnn_ukernels *uk, const float *x, Py_ssize_t C, Py_ssize_t h,
                       Py_ssize_t w, Py_ssize_t top, Py_ssize_t left, Py_ssize_t phases,
                       Py_ssize_t c0, Py_ssize_t channels, Py_ssize_t first, Py_ssize_t rows,
                       Py_ssize_t width, float *out, float *room) noexcept nogil:
    """The same of a strided convolution's phases."""
    cdef Py_ssize_t L = uk.lanes, line = max_(width, (left + w + phases - 1) // phases)
    cdef Py_ssize_t row, p, i, start = c0 // phases, end = (c0 + channels + phases - 1) // phases
    if channels < L:
        memset(out, 0, rows * width * L * sizeof(float))
    memset(room, 0, (end - start) * phases * line * sizeof(float))
    for row in range(first, first + rows):
        for p in range(start, end):  # of a row and a channel
            i = row * phases + p // C - top
            if 0 <= i < h:
                split_row(uk, phases, left, w, x + (p % C * h + i) * w, line,
                          room + (p - start) * phases * line)
            else:
                memset(room + (p - start) * phases * line, 0, phases * line * sizeof(float))
        uk.transpose(channels, width, room + (c0 - start * phases) * line, line,
                     out + (row - first) * width * L, L)


cdef void pixels_last(const fnn_ukernels *uk, const float *x, Py_ssize_t C, Py_ssize_t h,
                      Py_ssize_t w, Py_ssize_t top, Py_ssize_t left, Py_ssize_t phases,
                      Py_ssize_t c0, Py_ssize_t channels, Py_ssize_t first, Py_ssize_t rows,
                      Py_ssize_t width, float *out, float *room) noexcept nogil:
    if phases > 1:
        _phases_last(uk, x, C, h, w, top, left, phases, c0, channels, first, rows, width, out, room)
    else:
        _channels_last(uk, x + c0 * h * w, channels, h, w, first - top, rows, left, width, out,
                       room)


cdef Shape phase_shape(const Shape *s) noexcept nogil:
    cdef Shape p = s[0]
    p.KH, p.KW = (s.KH + s.sh - 1) // s.sh, (s.KW + s.sw - 1) // s.sw
    p.C, p.Cg = s.C * s.sh * s.sw, s.Cg * s.sh * s.sw
    return p


cdef struct PhasedWeights:
    const Shape *s
    Shape p
    const float *weight
    float *out


@cython.cdivision(True)
cdef void _phase_weights_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One output channel."""
    cdef:
        PhasedWeights *q = <PhasedWeights *>ctx
        const Shape *s = q.s
        Py_ssize_t t = s.sh, taps = q.p.KH * q.p.KW, f, c, g, i, j
        const float *kernel
        float *out = q.out + task * q.p.Cg * taps
    memset(out, 0, q.p.Cg * taps * sizeof(float))
    for f in range(t):
        for c in range(s.Cg):
            kernel = q.weight + (task * s.Cg + c) * s.KH * s.KW
            for g in range(t):
                for i in range((s.KH - f + t - 1) // t):
                    for j in range((s.KW - g + t - 1) // t):
                        out[i * q.p.KW + j] = kernel[(t * i + f) * s.KW + t * j + g]
                out += taps


cdef Buffer phase_weights(const Shape *s, const float *weight):
    cdef PhasedWeights q
    cdef Buffer kept
    q.s, q.p, q.weight = s, phase_shape(s), weight
    cdef Py_ssize_t size = q.p.O * q.p.Cg * q.p.KH * q.p.KW
    kept = take(size)
    q.out = <float *>kept.data
    with nogil:
        parallel_for(_phase_weights_task, &q, q.p.O, threads_for(20.0 * size))
    return kept
