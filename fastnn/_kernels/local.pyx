"""Locally connected layers: a window of weights of its own for each output pixel.

Per pixel the layer is a small product over the batch, so the lanes are images: x and y are turned
round once, (C, H, W, N) with N padded to vectors, and the weight (OH, OW, C_out, C_in, KH, KW) is
read in place, each number once for all images.

  forward          y (C_out x N) = W (C_out x K) patch (K x N), patch rows read by a table
  backward_input   task: a row of dx; each pixel's window adds its KW rows, in the pixels' order
  backward_weight  dW^T (K x C_out) = patch (K x N) dy (N x C_out), lanes are output channels

Each output is one chain of terms, whatever the batch, the threads and the CPU level.
"""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray, npy_intp

from ._array cimport Buffer, activation_code, empty, empty4, f32, f32_or_null, pair, take
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    CHUNK = 16         # output pixels of a task
    ROWS = 16          # fewest tasks of the gradient of the input, channels permitting

cdef struct Local:
    const fnn_ukernels *uk
    Py_ssize_t N, C, H, W, O, KH, KW, OH, OW, sh, sw, ph, pw
    Py_ssize_t hp, wp, K, P, width, channels, blocks
    int activation
    const float *x                          # (N, C, H, W)
    float *xt                               # (C, hp, wp, width), or (N, C, hp, wp)
    const float *weight                     # (P, O, K)
    const float *bias                       # (P, O) or NULL
    float *yt                               # (P, O, width), or (P, N, width)
    float *y                                # (N, O, P)
    float *dx
    float *dweight
    const Py_ssize_t *tap_off
    const Py_ssize_t *image_off
    float *scratch
    Py_ssize_t scratch_size


cdef int _sizes(Local *q, kernel, stride, padding) except -1:
    """Fill in what follows from N C H W O."""
    pair(kernel, &q.KH, &q.KW)
    pair(stride, &q.sh, &q.sw)
    pair(padding, &q.ph, &q.pw)
    q.hp, q.wp = q.H + 2 * q.ph, q.W + 2 * q.pw
    if (q.sh < 1 or q.sw < 1 or q.ph < 0 or q.pw < 0 or q.KH < 1 or q.KW < 1 or q.hp < q.KH
            or q.wp < q.KW):
        raise ValueError(f"kernel {kernel}, stride {stride} and padding {padding} do not fit an "
                         f"image of {(q.H, q.W)}")
    q.OH, q.OW = (q.hp - q.KH) // q.sh + 1, (q.wp - q.KW) // q.sw + 1
    q.K, q.P = q.C * q.KH * q.KW, q.OH * q.OW
    q.uk = ukernels()
    q.width = round_up(q.N, q.uk.lanes)
    if (<double>q.hp * <double>q.wp * <double>(q.C + 1) * <double>(q.width + 1)
            > <double>(<Py_ssize_t>1 << 40)):
        raise MemoryError(f"cannot allocate the padded images: padding {padding}")
    return 0


cdef int _image_size(Local *q, size) except -1:
    q.N, q.C, q.H, q.W = size
    return 0


cdef int _check_weight(const Local *q, weight) except -1:
    expected = (q.OH, q.OW, q.O, q.C, q.KH, q.KW)
    if weight.shape != expected:
        raise ValueError(f"weight has shape {weight.shape}, expected {expected}")
    return 0


cdef int _check_dy(const Local *q, dy) except -1:
    expected = (q.N, q.O, q.OH, q.OW)
    if dy.shape != expected:
        raise ValueError(f"dy has shape {dy.shape}, expected {expected}")
    return 0


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Local *q, Py_ssize_t tasks,
              double work) except -1:
    with nogil:
        parallel_for(task, q, tasks, threads_for(work))
    return 0


cdef double _work(const Local *q) noexcept:
    """FLOPs; a weight that is read for few images costs as much as for eight."""
    return 2.0 * max_(q.N, 8) * q.P * q.O * q.K


cdef Buffer _tap_table(Local *q, Py_ssize_t unit):
    cdef Buffer table = take(2 * q.K)
    cdef Py_ssize_t *off = <Py_ssize_t *>table.data
    cdef Py_ssize_t c, r, t
    for c in range(q.C):
        for r in range(q.KH):
            for t in range(q.KW):
                off[(c * q.KH + r) * q.KW + t] = ((c * q.hp + r) * q.wp + t) * unit
    q.tap_off = off
    return table


cdef void _turn_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One padded row of one channel of x, images innermost."""
    cdef Local *q = <Local *>ctx
    cdef Py_ssize_t c = task // q.hp, h = task % q.hp - q.ph
    cdef float *out = q.xt + task * q.wp * q.width
    memset(out, 0, q.wp * q.width * sizeof(float))
    if 0 <= h < q.H:
        q.uk.transpose(q.N, q.W, q.x + (c * q.H + h) * q.W, q.C * q.H * q.W,
                       out + q.pw * q.width, q.width)


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Local *q = <Local *>ctx
        Py_ssize_t p, o, first = task * CHUNK, end = min_(q.P, first + CHUNK)
        fnn_gemm g
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = q.O, q.N, q.K
    g.a_row, g.a_col = q.K, 1
    g.b_panel, g.b_row_off = q.uk.nr, q.tap_off
    g.c_row = q.width
    g.activation = q.activation
    for p in range(first, end):
        g.a = q.weight + p * q.O * q.K
        g.b = q.xt + (p // q.OW * q.sh * q.wp + p % q.OW * q.sw) * q.width
        g.c = q.yt + p * q.O * q.width
        g.bias_row = q.bias + p * q.O if q.bias != NULL else NULL
        q.uk.gemm_block(&g)
    for o in range(q.O):
        q.uk.transpose(end - first, q.N, q.yt + (first * q.O + o) * q.width, q.O * q.width,
                       q.y + o * q.P + first, q.O * q.P)


def locally_connected2d_forward(x, weight, bias, stride, padding, activation):
    """y[n, o, i, j] = act(bias[o, i, j] + sum over c, r, t of
    weight[i, j, o, c, r, t] xpad[n, c, i sh + r, j sw + t]): x (N, C_in, H, W), weight
    (OH, OW, C_out, C_in, KH, KW), bias (C_out, OH, OW) or None -> y (N, C_out, OH, OW)."""
    cdef:
        Local q
        ndarray y
        Buffer xt, yt, turned
        Buffer _taps
        const float *b = f32_or_null(bias, 3, "bias")
    memset(&q, 0, sizeof(q))
    q.x, q.weight = f32(x, 4, "x"), f32(weight, 6, "weight")
    _image_size(&q, x.shape)
    q.O, q.activation = PyArray_DIM(weight, 2), activation_code(activation)
    _sizes(&q, weight.shape[4:], stride, padding)
    _check_weight(&q, weight)
    y = empty4(q.N, q.O, q.OH, q.OW)
    q.y = f32(y, 4, "y")
    if b != NULL:
        if bias.shape != (q.O, q.OH, q.OW):
            raise ValueError(f"bias has shape {bias.shape}, expected {(q.O, q.OH, q.OW)}")
        turned = take(q.O * q.P)
        q.bias = <float *>turned.data
        q.uk.transpose(q.O, q.P, b, q.P, <float *>turned.data, q.O)
    xt, yt = take(q.C * q.hp * q.wp * q.width), take(q.P * q.O * q.width)
    q.xt, q.yt = <float *>xt.data, <float *>yt.data
    _taps = _tap_table(&q, q.width)
    if q.N:
        _run(_turn_task, &q, q.C * q.hp, 8.0 * q.C * q.hp * q.wp * q.width)
        _run(_forward_task, &q, (q.P + CHUNK - 1) // CHUNK, _work(&q))
    return y


cdef void _turn_dy_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """dy of a chunk of pixels, images innermost."""
    cdef:
        Local *q = <Local *>ctx
        Py_ssize_t o, first = task * CHUNK, n = min_(CHUNK, q.P - first)
        float *out = q.yt + first * q.O * q.width
    memset(out, 0, n * q.O * q.width * sizeof(float))
    for o in range(q.O):
        q.uk.transpose(q.N, n, q.y + o * q.P + first, q.O * q.P, out + o * q.width,
                       q.O * q.width)


cdef void _input_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One row of dx, some channels."""
    cdef:
        Local *q = <Local *>ctx
        Py_ssize_t h = task // q.blocks, c0 = task % q.blocks * q.channels
        Py_ssize_t c1 = min_(q.C, c0 + q.channels), c, i, j, r, t0, t1, left
        float *rows = q.scratch + slot * q.scratch_size
        const float *w
        fnn_gemm g
    memset(rows, 0, (c1 - c0) * q.W * q.width * sizeof(float))
    memset(&g, 0, sizeof(g))
    g.n, g.k = q.N, q.O
    g.a_row, g.a_col = 1, q.K
    g.b_panel, g.b_row = q.uk.nr, q.width
    g.c_row, g.accumulate = q.width, 1
    for i in range(q.OH):
        r = h + q.ph - i * q.sh
        if r < 0 or r >= q.KH:
            continue
        for j in range(q.OW):
            left = j * q.sw - q.pw
            t0, t1 = max_(0, -left), min_(q.KW, q.W - left)
            if t0 >= t1:
                continue
            g.m = t1 - t0
            g.b = q.yt + (i * q.OW + j) * q.O * q.width
            w = q.weight + (i * q.OW + j) * q.O * q.K + r * q.KW + t0
            for c in range(c0, c1):
                g.a = w + c * q.KH * q.KW
                g.c = rows + ((c - c0) * q.W + left + t0) * q.width
                q.uk.gemm_block(&g)
    for c in range(c0, c1):
        q.uk.transpose(q.W, q.N, rows + (c - c0) * q.W * q.width, q.width,
                       q.dx + (c * q.H + h) * q.W, q.C * q.H * q.W)


def locally_connected2d_backward_input(dy, weight, input_size, stride, padding):
    """dy (N, C_out, OH, OW), weight (OH, OW, C_out, C_in, KH, KW) -> dx of shape input_size."""
    cdef:
        Local q
        ndarray dx
        Buffer yt, scratch
        double work
    memset(&q, 0, sizeof(q))
    q.y, q.weight = f32(dy, 4, "dy"), f32(weight, 6, "weight")
    _image_size(&q, input_size)
    q.O = PyArray_DIM(weight, 2)  # no-cython-lint
    _sizes(&q, weight.shape[4:], stride, padding)
    _check_weight(&q, weight)
    _check_dy(&q, dy)
    dx = empty4(q.N, q.C, q.H, q.W)
    if not q.N or not q.C:
        return dx
    q.dx = f32(dx, 4, "dx")
    q.blocks = min_(q.C, max_(1, ROWS // max_(q.H, 1)))
    q.channels = (q.C + q.blocks - 1) // q.blocks
    q.blocks = (q.C + q.channels - 1) // q.channels
    q.scratch_size = round_up(q.channels * q.W * q.width, 1024)
    work = _work(&q)
    yt = take(q.P * q.O * q.width)
    scratch = take(q.scratch_size * threads_for(work))
    q.yt, q.scratch = <float *>yt.data, <float *>scratch.data
    _run(_turn_dy_task, &q, (q.P + CHUNK - 1) // CHUNK, 8.0 * q.P * q.O * q.width)
    _run(_input_task, &q, q.H * q.blocks, work)
    return dx


cdef void _pad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One plane of x with its padding."""
    cdef Local *q = <Local *>ctx
    cdef Py_ssize_t h
    cdef float *out = q.xt + task * q.hp * q.wp
    memset(out, 0, q.hp * q.wp * sizeof(float))
    for h in range(q.H):
        memcpy(out + (h + q.ph) * q.wp + q.pw, q.x + (task * q.H + h) * q.W, q.W * sizeof(float))


cdef void _weight_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Local *q = <Local *>ctx
        Py_ssize_t p, n, first = task * CHUNK, end = min_(q.P, first + CHUNK)
        float *dy = q.scratch + slot * q.scratch_size
        fnn_gemm g
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = q.K, q.O, q.N
    g.a_row_off, g.a_col_off = q.tap_off, q.image_off
    g.b_panel, g.b_row = q.uk.nr, q.width
    g.c, g.c_row = dy + CHUNK * q.N * q.width, q.width
    memset(dy, 0, CHUNK * q.N * q.width * sizeof(float))
    for n in range(q.N):
        q.uk.transpose(q.O, end - first, q.y + n * q.O * q.P + first, q.P, dy + n * q.width,
                       q.N * q.width)
    for p in range(first, end):
        g.a = q.xt + p // q.OW * q.sh * q.wp + p % q.OW * q.sw
        g.b = dy + (p - first) * q.N * q.width
        q.uk.gemm_block(&g)
        q.uk.transpose(q.K, q.O, g.c, q.width, q.dweight + p * q.O * q.K, q.K)


def locally_connected2d_backward_weight(dy, x, kernel_size, stride, padding):
    """dy (N, C_out, OH, OW), x (N, C_in, H, W) -> dweight (OH, OW, C_out, C_in, KH, KW), sums over
    the images."""
    cdef:
        Local q
        npy_intp dims[6]
        ndarray dweight
        Buffer xt, scratch, images
        Buffer _taps
        Py_ssize_t n
        Py_ssize_t *off
        double work
    memset(&q, 0, sizeof(q))
    q.x, q.y = f32(x, 4, "x"), f32(dy, 4, "dy")
    _image_size(&q, x.shape)
    q.O = PyArray_DIM(dy, 1)  # no-cython-lint
    _sizes(&q, kernel_size, stride, padding)
    _check_dy(&q, dy)
    dims[0], dims[1], dims[2] = q.OH, q.OW, q.O
    dims[3], dims[4], dims[5] = q.C, q.KH, q.KW
    dweight = empty(6, dims)
    q.dweight = f32(dweight, 6, "dweight")
    if not q.N:
        memset(q.dweight, 0, q.P * q.O * q.K * sizeof(float))
        return dweight
    q.width = round_up(q.O, q.uk.lanes)
    q.xt = <float *>q.x
    if q.ph or q.pw:
        xt = take(q.N * q.C * q.hp * q.wp)
        q.xt = <float *>xt.data
        _run(_pad_task, &q, q.N * q.C, 8.0 * q.N * q.C * q.hp * q.wp)
    images = take(2 * q.N)
    off = <Py_ssize_t *>images.data
    for n in range(q.N):
        off[n] = n * q.C * q.hp * q.wp
    q.image_off = off
    _taps = _tap_table(&q, 1)
    q.scratch_size = round_up((CHUNK * q.N + q.K) * q.width, 1024)
    work = _work(&q)
    scratch = take(q.scratch_size * threads_for(work))
    q.scratch = <float *>scratch.data
    _run(_weight_task, &q, (q.P + CHUNK - 1) // CHUNK, work)
    return dweight
