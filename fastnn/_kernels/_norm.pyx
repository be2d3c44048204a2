"""Mean and variance; batch normalisation where channels lie side by side: planes of one element,
and evaluation.

Columns: 16 to 64 channels are a task, of small planes 2 to 16; statistics as in norm.pyx, from
pieces of 256 rows, of planes about 4,096 elements.
"""
from libc.string cimport memset

from ._csrc cimport fnn_norm, fnn_ukernels

cdef enum:
    ROWS = 256             # of a sum in float32
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


cdef void _moments_of_rows(const Norm *q, Py_ssize_t rows, Py_ssize_t channels,
                           const float *center, const float *x, float *sums,
                           float *squares) noexcept nogil:
    if q.S == 1:
        q.uk.column_moments(rows, channels, q.C, center, x, sums, squares)
    else:
        q.uk.plane_moments(rows, channels, q.S, q.C * q.S, center, x, sums, squares)


cdef void _column_statistics(const Norm *q, Py_ssize_t first, Py_ssize_t channels,
                             Py_ssize_t piece_rows) noexcept nogil:
    cdef Py_ssize_t i, r, c, rows, first_rows
    cdef const float *x
    cdef float center[COLUMNS]
    cdef float sums[COLUMNS]
    cdef float squares[COLUMNS]
    cdef Moments all[COLUMNS]
    cdef Moments piece
    cdef double shift
    memset(center, 0, sizeof(center))
    memset(all, 0, sizeof(all))
    for i in range((q.N + piece_rows - 1) // piece_rows):
        r = i * piece_rows
        rows, x = min(piece_rows, q.N - r), q.x + (first + r * q.C) * q.S
        if r == 0:  # the first piece is relative to the mean of its first rows
            first_rows = min(max(1, piece_rows // 8), rows)
            _moments_of_rows(q, first_rows, channels, center, x, sums, squares)
            for c in range(channels):
                center[c] = sums[c] / <float>(first_rows * q.S)
        _moments_of_rows(q, rows, channels, center, x, sums, squares)
        for c in range(channels):
            piece.count = <double>(rows * q.S)
            shift = sums[c] / piece.count
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
    """Up to 64 channels of planes of one element, up to 16 of small planes."""
    cdef Norm *q = <Norm *>ctx
    cdef Py_ssize_t first = task * q.group, channels = min(q.group, q.C - first)
    cdef Py_ssize_t i, r, c, rows, at, row = q.C * q.S
    cdef Py_ssize_t piece_rows = ROWS if q.S == 1 else max(1, PIECE // q.S)
    cdef const float *x = q.x + first * q.S
    cdef const float *dy
    cdef float *out = NULL if q.out == NULL else q.out + first * q.S
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
        _column_statistics(q, first, channels, piece_rows)
    for c in range(channels):
        p = settings(q, first + c)
        mean[c], scale[c], shift[c], slope[c], offset[c] = p.mean, p.scale, p.shift, 0.0, 0.0
        totals[2 * c] = totals[2 * c + 1] = 0.0
    if q.dy == NULL:
        if q.S == 1:
            q.uk.column_apply(q.N, channels, row, q.relu, mean, scale, shift, x, out)
            return
        for r in range(q.N):
            q.uk.norm_planes(channels, q.S, q.relu, mean, scale, shift, x + r * row, out + r * row)
        return
    dy = q.dy + first * q.S
    for i in range((q.N + piece_rows - 1) // piece_rows if q.need_sums else 0):
        r = i * piece_rows
        rows, at = min(piece_rows, q.N - r), r * row
        if q.S == 1:
            q.uk.column_grad_sums(rows, channels, row, q.relu, mean, scale, shift, dy + at, x + at,
                                  sums, squares)
        else:
            q.uk.plane_grad_sums(rows, channels, q.S, row, q.relu, mean, scale, shift, dy + at,
                                 x + at, sums, squares)
        for c in range(channels):
            totals[2 * c] += sums[c]
            totals[2 * c + 1] += squares[c]
    for c in range(channels if q.need_sums else 0):
        finish_sums(q, first + c, totals + 2 * c, &p)
        slope[c], offset[c] = p.slope, p.offset
    if q.need_dx and q.S == 1:
        q.uk.column_grad_apply(q.N, channels, row, q.relu, q.training, mean, scale, shift, slope,
                               offset, dy, x, out)
    elif q.need_dx:
        q.uk.plane_grad_apply(q.N, channels, q.S, row, q.relu, q.training, mean, scale, shift,
                              slope, offset, dy, x, out)


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
