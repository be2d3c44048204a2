"""Depthwise convolution: each group has one input channel, so that nothing is shared by a GEMM; and
weight gradients of so few outputs that they would not fill its lanes.

A task takes one plane, copied with its zero border into L1 (with a horizontal stride of two its
even and its odd columns apart), and adds tap after tap to rows of outputs that stay in registers
(csrc/ukernel/depthwise.h).  Forward and the gradient of the input add their terms in the order of
the other algorithms and have the same bits.  The gradient of the weight is one task a channel; it
adds in sixteen virtual lanes over the columns, rows and images in order.
"""
cimport cython
from libc.string cimport memcpy, memset

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport busy, max_, round_up, slot_size
from ._threads cimport parallel_for, task_fn, threads_for

cdef enum:
    VIRTUAL = 16       # lanes of a sum
    SLACK = 16         # floats that vectors may read beyond a row


# Planes (n, c) of src (h x w), bordered by top and left, hp rows; `line` floats from a row to the
# next.  With parts == 2 the odd columns stand `part` after the even ones.
cdef struct Depthwise:
    const fnn_ukernels *uk
    const Shape *s
    const float *src
    Py_ssize_t h, w, top, left, hp, part, line, parts
    Py_ssize_t OH, OW, first, row_step, x_row       # see depthwise_rows
    const Py_ssize_t *col_off
    const float *weight
    const float *bias
    int activation
    const float *dy
    float *out
    float *scratch
    Py_ssize_t scratch_size


cdef bint depthwise_algo(const Shape *s, object algo, int which) except -1:
    cdef bint fits
    cdef Py_ssize_t most = 2
    if which == OF_INPUT:
        fits = s.Cg == s.Og == s.sh == s.sw == 1
    else:
        fits = s.sw <= 2 and (s.Cg == 1 or which == OF_WEIGHT)
    if algo == "depthwise":
        if not fits:
            raise ValueError("algo='depthwise' needs one input channel a group and a small stride")
        return True
    # More outputs fill the lanes of a tile, which shares the pixels between them.
    if which == OF_WEIGHT:
        most = 8 if s.KH == 3 and s.KW == 3 else 4
    return algo == "auto" and fits and s.Og <= most


cdef void _pad(const Depthwise *q, const float *x, float *plane) noexcept nogil:
    """One plane; the border is zero already."""
    cdef Py_ssize_t r
    cdef float *room = plane + q.hp * q.line
    if q.parts == 1:
        q.uk.pad_rows(q.h, q.w, x, q.w, plane + q.top * q.line + q.left, q.line)
    else:
        for r in range(q.h):
            memcpy(room + q.left, x + r * q.w, q.w * sizeof(float))
            q.uk.unzip_pairs(q.part - SLACK, room, plane + (r + q.top) * q.line,
                             plane + (r + q.top) * q.line + q.part)


@cython.cdivision(True)
cdef void _plane_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One image and group."""
    cdef:
        Depthwise *q = <Depthwise *>ctx
        const Shape *s = q.s
        Py_ssize_t g = task % s.G, o, size = q.OH * q.OW
        float *plane = q.scratch + slot * q.scratch_size
        float *out
    _pad(q, q.src + task * q.h * q.w, plane)
    for o in range(s.Og):
        out = q.out + (task * s.Og + o) * size
        q.uk.depthwise_rows(q.OH, q.OW, s.KH, s.KW, plane + q.first, q.row_step, q.x_row,
                            q.col_off, q.weight + (g * s.Og + o) * s.KH * s.KW,
                            q.bias + g * s.Og + o if q.bias != NULL else NULL,
                            q.activation == 1, out, q.OW)
        if q.activation == 2:
            q.uk.vtanh(size, out, out)
        elif q.activation == 3:
            q.uk.vsigmoid(size, out, out)


cdef int _run(Depthwise *q, Py_ssize_t width, task_fn task, Py_ssize_t n_tasks,
              Py_ssize_t more) except -1:
    """Zeroed padded planes of hp rows and `width` columns, and `more` floats, for each thread."""
    cdef const Shape *s = q.s
    cdef Buffer scratch
    cdef int n_threads = threads_for(8.0 * s.N * s.O * s.OH * s.OW * s.KH * s.KW)
    cdef Py_ssize_t zeroed = q.hp * q.line + width + 2 * SLACK
    cdef int i
    n_threads = busy(n_threads, n_tasks)
    q.scratch_size = slot_size(zeroed + more)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    for i in range(n_threads):
        memset(q.scratch + i * q.scratch_size, 0, zeroed * sizeof(float))
    with nogil:
        parallel_for(task, q, n_tasks, n_threads)
    return 0


cdef Buffer _window(Depthwise *q, const Shape *s, const float *x):
    """The planes of x and where the taps meet them; returns the table of columns."""
    cdef Buffer table = take(2 * s.KW)
    cdef Py_ssize_t *off = <Py_ssize_t *>table.data
    cdef Py_ssize_t j, width = s.W + 2 * s.pw
    memset(q, 0, sizeof(Depthwise))
    q.uk, q.s, q.src = ukernels(), s, x
    q.h, q.w, q.top, q.left, q.hp = s.H, s.W, s.ph, s.pw, s.H + 2 * s.ph
    q.OH, q.OW, q.parts = s.OH, s.OW, s.sw
    q.part = (width + 1) // 2 + SLACK
    if q.parts == 1:  # vectors of a row begin on a cache line
        q.left = round_up(s.pw, SLACK)
        q.part, q.first = q.left + round_up(s.W + s.pw, SLACK) + SLACK, q.left - s.pw
    q.line = q.parts * q.part
    q.row_step, q.x_row = s.sh * q.line, s.dh * q.line
    for j in range(s.KW):
        off[j] = j * s.dw % q.parts * q.part + j * s.dw // q.parts
    q.col_off = off
    return table


cdef int depthwise_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                           int activation, float *y) except -1:
    """y = act(conv(x, weight) + bias)."""
    cdef Depthwise q
    cdef Buffer _table = _window(&q, s, x)
    q.weight, q.bias, q.activation, q.out = weight, bias, activation, y
    return _run(&q, s.W + 2 * s.pw, _plane_task, s.N * s.G, 0)


cdef int depthwise_backward_input(const Shape *s, const float *dy, const float *weight,
                                  float *dx) except -1:
    """dx, stride 1: input (i, j) meets tap (r, k) at output (i + ph - r dh, j + pw - k dw)."""
    cdef:
        Depthwise q
        Buffer table = take(2 * s.KW)
        Py_ssize_t *off = <Py_ssize_t *>table.data
        Py_ssize_t j, width
    memset(&q, 0, sizeof(q))
    q.uk, q.s, q.src, q.parts = ukernels(), s, dy, 1
    q.h, q.w, q.OH, q.OW = s.OH, s.OW, s.H, s.W
    q.top, q.left = max_(0, s.dh * (s.KH - 1) - s.ph), max_(0, s.dw * (s.KW - 1) - s.pw)
    q.hp = q.top + max_(s.OH, s.ph + s.H)
    q.left = round_up(q.left, SLACK)
    width = q.left + max_(s.OW, s.pw + s.W)
    q.part = q.line = q.row_step = round_up(width, SLACK) + SLACK
    q.x_row, q.first = -s.dh * q.line, (q.top + s.ph) * q.line
    for j in range(s.KW):
        off[j] = q.left + s.pw - j * s.dw
    q.col_off, q.weight, q.out = off, weight, dx
    return _run(&q, width, _plane_task, s.N * s.G, 0)


@cython.cdivision(True)
cdef void _weight_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One input channel: its taps for each output of its group, over all images."""
    cdef:
        Depthwise *q = <Depthwise *>ctx
        const Shape *s = q.s
        Py_ssize_t g = task // s.Cg, n, o, k, taps = s.KH * s.KW
        float *plane = q.scratch + slot * q.scratch_size
        float *acc = plane + q.scratch_size - s.Og * taps * VIRTUAL
        float *out
    memset(acc, 0, s.Og * taps * VIRTUAL * sizeof(float))
    for n in range(s.N):
        _pad(q, q.src + (n * s.C + task) * q.h * q.w, plane)
        for o in range(s.Og):
            q.uk.depthwise_weight_grad(
                s.OH, s.OW, s.KH, s.KW, q.dy + (n * s.O + g * s.Og + o) * s.OH * s.OW, s.OW,
                plane + q.first, q.row_step, q.x_row, q.col_off, acc + o * taps * VIRTUAL)
    for o in range(s.Og):
        out = q.out + ((g * s.Og + o) * s.Cg + task % s.Cg) * taps
        for k in range(taps):
            out[k] = q.uk.vsum(VIRTUAL, acc + (o * taps + k) * VIRTUAL)


cdef int depthwise_backward_weight(const Shape *s, const float *dy, const float *x,
                                   float *dweight) except -1:
    """dweight (C_out, C_in/groups, KH, KW)."""
    cdef Depthwise q
    cdef Buffer _table = _window(&q, s, x)
    q.dy, q.out = dy, dweight
    return _run(&q, s.W + 2 * s.pw, _weight_task, s.C, s.Og * s.KH * s.KW * VIRTUAL)
