"""Mean and variance; batch normalisation where channels lie side by side: planes of one element,
and evaluation.

Columns: 16 to 64 channels are a task; statistics as in norm.pyx, from pieces of 256 rows.
"""
from libc.string cimport memset

from ._csrc cimport fnn_norm, fnn_ukernels

cdef enum:
    ROWS = 256             # of a sum in float32; a literal where it is a step
    PIECE = 4096           # elements of a sum in float32; a literal where it is a step
    START = 512            # elements whose mean the first piece is relative to


cdef void _moments_piece(const fnn_ukernels *uk, Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride,
                         const float *x, Moments *all) noexcept nogil:
    cdef float sums[2]
    cdef float center
    cdef double shift
    cdef Moments piece
    cdef Py_ssize_t some, planes
    if all.count == 0:
        some = min(n, START)
        planes = min(count, START // some)
        uk.norm_moments(planes, some, stride, 0.0, x, sums)
        all.mean = sums[0] / <double>(planes * some)
    center = <float>all.mean
    uk.norm_moments(count, n, stride, center, x, sums)
    piece.count = <double>(count * n)
    shift = sums[0] / piece.count
    piece.mean = center + shift
    piece.square = sums[1] - sums[0] * shift
    if piece.square < 0:
        piece.square = 0
    if all.count == 0:
        all[0] = piece
    else:
        combine(all, &piece)


cdef Moments moments(const fnn_ukernels *uk, Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride,
                     const float *x) noexcept nogil:
    cdef Moments all
    cdef Py_ssize_t i, j, k, group
    all.count = all.mean = all.square = 0.0
    if n > PIECE:
        for i in range(count):
            for j in range(0, n, 4096):
                _moments_piece(uk, 1, min(PIECE, n - j), 0, x + i * stride + j, &all)
        return all
    group = PIECE // n
    for k in range((count + group - 1) // group):
        i = k * group
        _moments_piece(uk, min(group, count - i), n, stride, x + i * stride, &all)
    return all


cdef void _column_statistics(const Norm *q, Py_ssize_t first,
                             Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t r, c, rows, first_rows
    cdef const float *x
    cdef float center[COLUMNS]
    cdef float sums[COLUMNS]
    cdef float squares[COLUMNS]
    cdef Moments all[COLUMNS]
    cdef Moments piece
    cdef double shift
    memset(center, 0, sizeof(center))
    memset(all, 0, sizeof(all))
    for r in range(0, q.N, 256):
        rows, x = min(ROWS, q.N - r), q.x + first + r * q.C
        if r == 0:  # the first piece is relative to the mean of its first rows
            first_rows = min(32, rows)
            q.uk.column_moments(first_rows, channels, q.C, center, x, sums, squares)
            for c in range(channels):
                center[c] = sums[c] / <float>first_rows
        q.uk.column_moments(rows, channels, q.C, center, x, sums, squares)
        for c in range(channels):
            piece.count, shift = <double>rows, sums[c] / <double>rows
            piece.mean, piece.square = center[c] + shift, squares[c] - sums[c] * shift
            if piece.square < 0:
                piece.square = 0
            if r == 0:
                all[c] = piece
            else:
                combine(&all[c], &piece)
            center[c] = <float>all[c].mean
    for c in range(channels):
        store_moments(q, first + c, &all[c])


cdef void column_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """16 to 64 channels of planes of one element."""
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t first = task * q.group, channels = min(q.group, q.C - first), r, c, rows, at
    cdef const float *x = q.x + first
    cdef float mean[COLUMNS]
    cdef float scale[COLUMNS]
    cdef float shift[COLUMNS]
    cdef float slope[COLUMNS]
    cdef float offset[COLUMNS]
    cdef float sums[COLUMNS]
    cdef float squares[COLUMNS]
    cdef double totals[2 * COLUMNS]
    cdef fnn_norm p
    if q.dy == NULL:
        _column_statistics(q, first, channels)
    for c in range(channels):
        p = settings(q, first + c)
        mean[c], scale[c], shift[c], slope[c], offset[c] = p.mean, p.scale, p.shift, 0.0, 0.0
        totals[2 * c] = totals[2 * c + 1] = 0.0
    if q.dy == NULL:
        q.uk.column_apply(q.N, channels, q.C, q.relu, mean, scale, shift, x, q.out + first)
        return
    for r in range(0, q.N if q.need_sums else 0, 256):
        rows, at = min(ROWS, q.N - r), r * q.C
        q.uk.column_grad_sums(rows, channels, q.C, q.relu, mean, scale, shift,
                              q.dy + first + at, x + at, sums, squares)
        for c in range(channels):
            totals[2 * c] += sums[c]
            totals[2 * c + 1] += squares[c]
    for c in range(channels if q.need_sums else 0):
        finish_sums(q, first + c, totals + 2 * c, &p)
        slope[c], offset[c] = p.slope, p.offset
    if q.need_dx:
        q.uk.column_grad_apply(q.N, channels, q.C, q.relu, q.training, mean, scale, shift, slope,
                               offset, q.dy + first, x, q.out + first)


cdef void span_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Evaluation: planes that follow one another in memory."""
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t plane = task * q.group, end = min(q.N * q.C, plane + q.group), c, n
    while plane < end:
        c = plane % q.C
        n = min(q.C - c, end - plane)
        q.uk.norm_planes(n, q.S, q.relu, q.mean + c, q.scale + c, q.shift + c,
                         q.x + plane * q.S, q.out + plane * q.S)
        plane += n
