"""Convolution over NCHW images: forward, gradient of the input and of the bias.

Forward and the gradient of the input are gathers (see _gather.pyx): for stride s the latter has
s_h * s_w phases of input pixels, each a stride-1 convolution over dy with its own subset of taps.
With few input channels and a mostly zero dy (below ReLU and pooling) the gradient of the input is
scattered from the elements that are not zero, in the same order (csrc/ukernel/sparse.h).
The gradient of the weight is in conv_weight.pyx.
"""
cimport cython
from libc.string cimport memset
from numpy cimport PyArray_DIM, PyArray_SIZE, import_array, ndarray

from ._array cimport (
    Buffer,
    activation_code,
    empty1,
    empty4,
    f32,
    f32_or_null,
    same_shape,
    take,
)
from ._conv_packed cimport PackedWeights, pack_weights, pack_winograd
from ._conv_shape cimport Shape, check_dy, conv_shape, flatten_1x1
from ._csrc cimport fnn_ukernels, narrow_ukernels, ukernels
from ._gather cimport DIRECT, Gather, algo_code, run_gather
from ._map cimport map2
from ._polyphase cimport phase_shape, phase_weights, phases_algo
from ._sizes cimport busy, max_, min_, round_up, slot_size
from ._sparse cimport Nonzeros, nonzeros_collect, nonzeros_place, nonzeros_size
from ._threads cimport parallel_for, threads_for
from .conv_dense cimport dense_algo, dense_backward_input, dense_forward
from .depthwise cimport (
    OF_INPUT,
    OF_OUTPUT,
    depthwise_algo,
    depthwise_backward_input,
    depthwise_forward,
)
from .reduce cimport sum_of
from .winograd cimport wino_algo, wino_backward_input, wino_forward
from ._gather import ALGOS as _GATHERS

import_array()

# Time of an element in FLOPs: it is memory's.
cdef double RELU_COST = 10.0

_OWN = ("winograd2", "winograd4", "depthwise", "dense_layer")  # files of their own
ALGOS = {
    "forward": (*_GATHERS, "polyphase", *_OWN),
    "backward_input": (*_GATHERS, "sparse", *_OWN),
    "backward_weight": ("auto", "dense", "sparse", *_OWN),
}


cdef ndarray convolved(object x, object weight, object bias, object residual, object stride,
                       object padding, object dilation, object groups, object activation,
                       object algo, PackedWeights packed):
    """conv2d_forward, or, with a residual, conv2d_add_relu_forward.  packed: where the packed
    weight is kept, or None."""
    cdef:
        Shape s
        Gather q
        Buffer taps, phased, kept = None
        Py_ssize_t *off
        Py_ssize_t c, r, j, part
        int m
        ndarray y
        float *out
        const float *more = NULL
    memset(&q, 0, sizeof(q))
    q.x, q.a = f32(x, 4, "x"), f32(weight, 4, "weight")
    q.bias = f32_or_null(bias, 1, "bias")
    s.N, s.C, s.H, s.W = (PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2),
                          PyArray_DIM(x, 3))
    s.O, s.KH, s.KW = PyArray_DIM(weight, 0), PyArray_DIM(weight, 2), PyArray_DIM(weight, 3)
    conv_shape(&s, stride, padding, dilation, groups)
    if PyArray_DIM(weight, 1) != s.Cg:
        raise ValueError(f"weight has {PyArray_DIM(weight, 1)} input channels a group, "
                         f"x has {s.Cg}")
    if q.bias != NULL and PyArray_DIM(bias, 0) != s.O:
        raise ValueError(f"bias has {PyArray_DIM(bias, 0)} elements, expected {s.O}")
    y = empty4(s.N, s.O, s.OH, s.OW)
    out = f32(y, 4, "y")
    if residual is not None:
        more = f32(residual, 4, "residual")
        if not same_shape(<ndarray>residual, y):
            raise ValueError(f"residual has shape {residual.shape}, "
                             f"expected {(s.N, s.O, s.OH, s.OW)}")
    q.uk = ukernels()
    q.activation = activation_code(activation)
    m = wino_algo(&s, algo, s.OH, s.OW)
    if not m:
        m = phases_algo(&s, algo)
        if m:
            if packed is None or packed.winograd is None:
                phased = phase_weights(&s, q.a)
                q.a = <float *>phased.data
            s = phase_shape(&s)
    if m:
        if packed is not None:
            kept = packed.winograd  # held here: another thread may pack it, too
            if kept is None:
                packed.winograd = kept = pack_winograd(&s, q.a)
        if s.N and s.O:
            wino_forward(&s, q.x, q.a, q.bias, more, q.activation, m, out,
                         NULL if kept is None else <float *>kept.data)
        return y
    if dense_algo(&s, algo):
        dense_forward(&s, q.x, q.a, q.bias, q.activation, out)
        return _added(y, more)
    if depthwise_algo(&s, algo, OF_OUTPUT):
        depthwise_forward(&s, q.x, q.a, q.bias, q.activation, out)
        return _added(y, more)
    flatten_1x1(&s)
    q.N, q.G, q.M, q.K = s.N, s.G, s.Og, s.Cg * s.KH * s.KW
    q.TH, q.TW, q.channels, q.h, q.w = s.OH, s.OW, s.Cg, s.H, s.W
    q.hp, q.wp, q.top, q.left = s.H + 2 * s.ph, s.W + 2 * s.pw, s.ph, s.pw
    q.step, q.split, q.max_row = s.sw, 1, s.dh * (s.KH - 1)
    q.out, q.out_h, q.out_w, q.sh, q.sw = out, s.OH, s.OW, 1, 1
    q.algo = algo_code(algo if q.K else "indirect", &q)
    if q.algo == DIRECT and s.sw > 1:
        q.step, q.split, q.wp = 1, s.sw, round_up(q.wp, s.sw)
    part = q.wp // q.split
    q.line = s.sh * q.wp
    taps = take(2 * q.K)
    off = <Py_ssize_t *>taps.data
    for c in range(s.Cg):
        for r in range(s.KH):
            for j in range(s.KW):
                off[(c * s.KH + r) * s.KW + j] = (
                    (c * q.hp + r * s.dh) * q.wp + j * s.dw % q.split * part + j * s.dw // q.split)
    q.tap_off = off
    if packed is not None and q.algo != DIRECT:
        kept = packed.panels.get(q.algo)
        if kept is None:
            packed.panels[q.algo] = kept = pack_weights(&q)
        else:
            q.packed = <float *>kept.data
    if s.N and s.O:
        run_gather(&q)
    return _added(y, more)


cdef ndarray _added(ndarray y, const float *residual):
    """y = max(y + residual, 0), in place; y itself without one."""
    cdef float *out = f32(y, 4, "y")
    if residual != NULL:
        map2(ukernels().vadd_relu, PyArray_SIZE(y), out, residual, out, RELU_COST)
    return y


def conv2d_forward(x, weight, bias, stride, padding, dilation, groups, activation, algo="auto"):
    """y = act(conv(x, weight) + bias): x (N, C_in, H, W), weight (C_out, C_in/groups, KH, KW),
    bias (C_out,) or None -> y (N, C_out, OH, OW)."""
    return convolved(x, weight, bias, None, stride, padding, dilation, groups, activation, algo,
                     None)


def conv2d_add_relu_forward(x, weight, bias, residual, stride, padding, dilation, groups):
    """y = max(conv(x, weight) + bias + residual, 0), as a residual block ends; residual of y's
    shape.  The bits are those of add_relu_forward; Winograd's adds while y is in L1."""
    f32(residual, 4, "residual")
    return convolved(x, weight, bias, residual, stride, padding, dilation, groups, None, "auto",
                     None)


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


# The weights of all phases: phase p has rows (K_p) of taps for each group and input channel.
cdef struct PhaseWeights:
    const Shape *s
    const Gather *phases
    const float *weight
    Py_ssize_t *rows                        # (phases, KH) kernel rows, (phases, KW) columns
    Py_ssize_t *cols
    Py_ssize_t *n_rows
    Py_ssize_t *n_cols


@cython.cdivision(True)
cdef void _phase_weights_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """The taps of one input channel: in the order kernel row, output channel, kernel column; rows
    of padding are then one run of terms at either end."""
    cdef:
        PhaseWeights *q = <PhaseWeights *>ctx
        const Shape *s = q.s
        Py_ssize_t g = task // s.Cg, c = task % s.Cg, phase, i, o, j, taps = s.KH * s.KW
        const float *w = q.weight + (g * s.Og * s.Cg + c) * taps
        const float *line
        float *a
    for phase in range(s.sh * s.sw):
        a = <float *>q.phases[phase].a + task * q.phases[phase].K
        for i in range(q.n_rows[phase]):
            for o in range(s.Og):
                line = w + o * s.Cg * taps + q.rows[phase * s.KH + i] * s.KW
                for j in range(q.n_cols[phase]):
                    a[0] = line[q.cols[phase * s.KW + j]]
                    a += 1


@cython.cdivision(False)
cdef int _gather_input(const Shape *s, const float *dy, const float *weight, object algo,
                       float *dx) except -1:
    """Phase (fh, fw): the inputs (fh + sh t, fw + sw u) of every image."""
    cdef:
        Py_ssize_t n = s.sh * s.sw, sizes = s.KH + s.KW
        Buffer room = take(n * (sizeof(Gather) // sizeof(float) + 4 * sizes + 4) + 64), taps, kernel
        Gather *phases = <Gather *>room.data
        Gather *q
        PhaseWeights w
        Py_ssize_t *rows = <Py_ssize_t *>(phases + n)
        Py_ssize_t *cols = rows + n * s.KH
        Py_ssize_t *row_off = cols + n * s.KW
        Py_ssize_t *col_off = row_off + n * s.KH
        Py_ssize_t *n_rows = NULL
        Py_ssize_t *n_cols = NULL
        Py_ssize_t *off
        Py_ssize_t p, fh, fw, i, j, o, k, lo = 0, left = 0, hp = 0, wp = 0
        Buffer counts = take(4 * n)
        list alive = []
    n_rows = <Py_ssize_t *>counts.data
    n_cols = n_rows + n
    memset(phases, 0, n * sizeof(Gather))
    for p in range(n):
        q, fh, fw = phases + p, p // s.sw, p % s.sw
        n_rows[p] = _phase_taps(fh, s.sh, s.ph, s.dh, s.KH, rows + p * s.KH, row_off + p * s.KH)
        n_cols[p] = _phase_taps(fw, s.sw, s.pw, s.dw, s.KW, cols + p * s.KW, col_off + p * s.KW)
        q.M, q.K = s.Cg, n_rows[p] * s.Og * n_cols[p]
        q.TH = (s.H - fh + s.sh - 1) // s.sh if fh < s.H else 0
        q.TW = (s.W - fw + s.sw - 1) // s.sw if fw < s.W else 0
        for i in range(n_rows[p]):
            lo = min_(lo, row_off[p * s.KH + i])
            hp = max_(hp, q.TH + row_off[p * s.KH + i])
        for j in range(n_cols[p]):
            left = min_(left, col_off[p * s.KW + j])
            wp = max_(wp, q.TW + col_off[p * s.KW + j])
    hp, wp = max_(s.OH, hp) - lo, max_(s.OW, wp) - left
    for p in range(n):
        q = phases + p
        q.uk, q.N, q.G, q.channels, q.h, q.w, q.x = ukernels(), s.N, s.G, s.Og, s.OH, s.OW, dy
        q.out, q.out_h, q.out_w, q.sh, q.sw = dx, s.H, s.W, s.sh, s.sw
        q.top, q.left, q.hp, q.wp, q.line, q.step = -lo, -left, hp, wp, wp, 1
        q.algo = algo_code(algo, q)
        taps, kernel = take(2 * (q.K + n_rows[p])), take(q.G * q.M * q.K)
        alive += [taps, kernel]
        off = <Py_ssize_t *>taps.data
        q.min_row, q.max_row, k = hp, 0, 0
        for i in range(n_rows[p]):
            off[q.K + i] = q.top + row_off[p * s.KH + i]
            q.min_row, q.max_row = min_(q.min_row, off[q.K + i]), max_(q.max_row, off[q.K + i])
            for o in range(s.Og):
                for j in range(n_cols[p]):
                    off[k] = (o * hp + off[q.K + i]) * wp + q.left + col_off[p * s.KW + j]
                    k += 1
        q.tap_off, q.tap_row, q.taps_per_row = off, off + q.K, s.Og * n_cols[p]
        q.a = <float *>kernel.data
    w.s, w.phases, w.weight, w.rows, w.cols = s, phases, weight, rows, cols
    w.n_rows, w.n_cols = n_rows, n_cols
    with nogil:
        parallel_for(_phase_weights_task, &w, s.C, threads_for(20.0 * s.O * s.Cg * s.KH * s.KW))
    return run_gather(phases)


# The gradient of the input from the nonzero elements of dy: dx with channels innermost, padded.
cdef struct Scatter:
    const fnn_ukernels *uk
    const Shape *s
    Py_ssize_t P, width, hp, wp, limit
    const Py_ssize_t *offset                # (P,) of each pixel of dy in the padded dx
    const float *dy
    const float *w                          # (G, KH, Og, KW, width)
    float *dx
    float *scratch
    Py_ssize_t scratch_size
    bint failed


cdef void _scatter_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Scatter *q = <Scatter *>ctx
        const Shape *s = q.s
        Nonzeros z
        Py_ssize_t g = task % s.G, r, o, i, plane = s.H * s.W
        float *image = q.scratch + slot * q.scratch_size
        float *out = q.dx + task * s.Cg * plane
        const float *w = q.w + g * s.KH * s.Og * s.KW * q.width
    if q.failed:
        return
    nonzeros_place(&z, image + q.hp * q.wp * q.width, s.Og, q.P, q.limit)
    if not nonzeros_collect(q.uk, &z, q.dy + task * s.Og * q.P, s.Og, q.P, q.limit, q.offset):
        q.failed = True
        return
    memset(image, 0, q.hp * q.wp * q.width * sizeof(float))
    for r in range(s.KH):  # terms of an element: kernel row, output channel, kernel column
        for o in range(s.Og):
            q.uk.sparse_input_grad(z.start[o + 1] - z.start[o], z.at + z.start[o],
                                   z.value + z.start[o], w, s.KW, q.width, s.dw * q.width,
                                   image + r * s.dh * q.wp * q.width)
            w += s.KW * q.width
    if s.pw == 0 and q.wp == s.W:
        q.uk.transpose(plane, s.Cg, image + s.ph * q.wp * q.width, q.width, out, plane)
        return
    for i in range(s.H):
        q.uk.transpose(s.W, s.Cg, image + ((i + s.ph) * q.wp + s.pw) * q.width, q.width,
                       out + i * s.W, plane)


cdef bint _scatter(const Shape *s, const float *dy, const float *weight, float *dx,
                   Py_ssize_t limit) except -1:
    """dx from the nonzero elements of dy; False if an image has more than `limit`."""
    cdef:
        Scatter q
        Buffer tables, packed, scratch
        Py_ssize_t t, u, g, r, o, j, c, k = 0
        Py_ssize_t *offset
        float *w
        int n_threads = threads_for(2.0 * s.N * s.O * s.OH * s.OW * s.Cg * s.KH * s.KW / 3)
    q.uk = narrow_ukernels() if s.Cg <= 8 else ukernels()
    q.s, q.dy, q.dx, q.limit, q.failed = s, dy, dx, limit, False
    q.P = s.OH * s.OW
    q.width = round_up(s.Cg, q.uk.lanes)
    q.hp, q.wp = s.H + 2 * s.ph, s.W + 2 * s.pw
    tables = take(2 * q.P)
    offset = <Py_ssize_t *>tables.data
    for t in range(s.OH):
        for u in range(s.OW):
            offset[t * s.OW + u] = (t * s.sh * q.wp + u * s.sw) * q.width
    q.offset = offset
    packed = take(s.O * s.KH * s.KW * q.width)
    w = <float *>packed.data
    memset(w, 0, s.O * s.KH * s.KW * q.width * sizeof(float))
    for g in range(s.G):
        for r in range(s.KH):
            for o in range(s.Og):
                for j in range(s.KW):
                    for c in range(s.Cg):
                        w[k + c] = weight[
                            (((g * s.Og + o) * s.Cg + c) * s.KH + r) * s.KW + j]
                    k += q.width
    q.w = w
    q.scratch_size = slot_size(q.hp * q.wp * q.width + nonzeros_size(s.Og, q.P, limit))
    scratch = take(q.scratch_size * busy(n_threads, s.N * s.G))
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(_scatter_task, &q, s.N * s.G, n_threads)
    return not q.failed


cdef Py_ssize_t _scatter_limit(const Shape *s, object algo) except -1:
    """Nonzero elements of dy in an image up to which scattering is faster; 0: never.
    Measured: pytest bench -k "conv2d and input"."""
    if algo == "sparse":
        return s.Og * s.OH * s.OW
    if algo == "auto" and s.Cg <= 16 and s.KW > 1:
        return s.Og * s.OH * s.OW // 3
    return 0


def conv2d_backward_input(dy, weight, input_size, stride, padding, dilation, groups, algo="auto"):
    """dy (N, C_out, OH, OW), weight (C_out, C_in/groups, KH, KW) -> dx of shape input_size."""
    cdef:
        Shape s
        ndarray dx
        const float *w = f32(weight, 4, "weight")
        const float *dy_data = f32(dy, 4, "dy")
        Py_ssize_t limit
        int m
        tuple size = input_size
    s.N, s.C, s.H, s.W = size
    s.O, s.KH, s.KW = PyArray_DIM(weight, 0), PyArray_DIM(weight, 2), PyArray_DIM(weight, 3)
    conv_shape(&s, stride, padding, dilation, groups)
    check_dy(&s, dy)
    if PyArray_DIM(weight, 1) != s.Cg:
        raise ValueError(f"weight has {PyArray_DIM(weight, 1)} input channels a group, "
                         f"input_size gives {s.Cg}")
    dx = empty4(s.N, s.C, s.H, s.W)
    m = wino_algo(&s, algo, s.H, s.W)
    if m:  # however sparse dy is: scattering has other sums
        if s.N and s.C:
            wino_backward_input(&s, dy_data, w, m, f32(dx, 4, "dx"))
        return dx
    limit = _scatter_limit(&s, algo)
    if limit and s.N and _scatter(&s, dy_data, w, f32(dx, 4, "dx"), limit):
        return dx
    if dense_algo(&s, algo):
        dense_backward_input(&s, dy_data, w, f32(dx, 4, "dx"))
        return dx
    if depthwise_algo(&s, algo, OF_INPUT):
        depthwise_backward_input(&s, dy_data, w, f32(dx, 4, "dx"))
        return dx
    flatten_1x1(&s)
    if s.N and s.C:
        _gather_input(&s, dy_data, w, algo, f32(dx, 4, "dx"))
    return dx


cdef struct BiasGrad:
    const fnn_ukernels *uk
    Py_ssize_t N, C, P
    const float *dy
    float *dbias


cdef void _bias_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef BiasGrad *q = <BiasGrad *>ctx
    cdef Py_ssize_t n
    cdef double total = 0.0
    for n in range(q.N):
        total += sum_of(q.uk, q.P, q.dy + (n * q.C + task) * q.P)
    q.dbias[task] = <float>total


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
        parallel_for(_bias_task, &q, q.C, threads_for(4.0 * q.N * q.C * q.P))
    return dbias
