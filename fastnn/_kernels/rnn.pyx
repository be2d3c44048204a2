"""Recurrent layers forward, a whole sequence in one call: RNN, LSTM, GRU, one or two directions.

The products with x of all steps are one GEMM, or each step's own where many rows share weights that
stay in L2: the gates are then at hand for what follows.  Tasks of some rows of the batch and one
direction go through the steps by themselves: the product with h, its weights packed once, goes on
with the chains of the product with x; the gates follow.  Weights beyond L2 are cut by columns
instead, a part for each thread, which then meet twice a step (see `run`).  A single step packs
nothing: its products with h are GEMMs too, before the tasks, with the same chains.  Activated
gates, states and h before each step stay for the way back (rnn_grad.pyx) in training; otherwise the
states have one place each.
"""
cimport cython
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty2, f32, f32_or_null, take
from ._csrc cimport fnn_ukernels, ukernels
from ._packed cimport gemm_packed, pack, pack_matrix, packed_size, product
from ._rnn cimport (
    GRU,
    IN_L2,
    LSTM,
    RNN_RELU,
    RNN_TANH,
    Direction,
    Layer,
    Steps,
    at,
    c_before,
    copy_or_zero,
    empty3,
    gates_of,
    is_first,
    is_last,
    mode_of,
    place,
    rows_at,
    rows_of,
    run,
    runs,
    set_up,
    state_of,
)
from ._sizes cimport max_
from .gemm cimport Gemm

import_array()

# Rows that are worth packing weight_ih for.
cdef Py_ssize_t MANY_ROWS = 64

cdef void _to_next(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    """What step t left of row n goes where the next step, or the caller, looks for it."""
    cdef const float *h = at(&d.y, t, n)
    if is_last(d, t, n):
        memcpy(d.h_n + n * d.P, h, d.P * sizeof(float))
        if d.mode == LSTM:
            memcpy(d.c_n + n * d.H, at(&d.c, t, n), d.H * sizeof(float))
    else:
        memcpy(at(&d.h_prev, t - 1 if d.reverse else t + 1, n), h, d.P * sizeof(float))


cdef Py_ssize_t _time(const Direction *d, Py_ssize_t s) noexcept nogil:
    return d.T - 1 - s if d.reverse else s


cdef void _begin(const Direction *d, Py_ssize_t s, Py_ssize_t first,
                 Py_ssize_t last) noexcept nogil:
    """h0 of the rows that begin with step s."""
    cdef Py_ssize_t n, t = _time(d, s)
    for n in range(first, first + rows_at(d, t, first, last)):
        if is_first(d, t, n):
            copy_or_zero(d.P, d.h0 + n * d.P if d.h0 != NULL else NULL, at(&d.h_prev, t, n))


cdef void _products(const Direction *d, Py_ssize_t s, Py_ssize_t first, Py_ssize_t last,
                    Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """Of h with weight_hh, behind those with x; a part of the columns."""
    cdef:
        const fnn_ukernels *uk = d.uk
        Py_ssize_t t = _time(d, s), m = rows_at(d, t, first, last)
        const float *h = at(&d.h_prev, t, first)
        const Steps *out = &d.y if d.mode == RNN_RELU or d.mode == RNN_TANH else &d.gates
        float *c = at(out, t, first)
        bint multiply = s > 0 or d.h0 != NULL
    if d.packed_hh == NULL:
        return
    if d.mode == GRU:
        if multiply:
            product(uk, m, 2 * d.H, d.P, h, d.h_prev.row, d.packed_hh, c, out.row, True, NULL, 0,
                    part, parts)
        product(uk, m, d.H, d.P if multiply else 0, h, d.h_prev.row,
                d.packed_hh + packed_size(uk, d.P, 2 * d.H), c + 3 * d.H, out.row, False, d.bias_n,
                0, part, parts)
    elif d.mode == LSTM:
        if multiply:
            product(uk, m, 4 * d.H, d.P, h, d.h_prev.row, d.packed_hh, c, out.row, True, NULL, 0,
                    part, parts)
    else:
        product(uk, m, d.H, d.P if multiply else 0, h, d.h_prev.row, d.packed_hh, c, out.row, True,
                NULL, 1 if d.mode == RNN_RELU else 2, part, parts)


cdef void _finish(const Direction *d, Py_ssize_t s, Py_ssize_t first,
                  Py_ssize_t last) noexcept nogil:
    """The gates of step s and the states that follow; what begins with the next step."""
    cdef:
        const fnn_ukernels *uk = d.uk
        Py_ssize_t n, t = _time(d, s), m = rows_at(d, t, first, last)
    for n in range(first, first + m):
        if not runs(d, t, n):
            continue
        if d.mode == GRU:
            uk.gru_gates(d.H, at(&d.gates, t, n), at(&d.h_prev, t, n), at(&d.y, t, n))
        elif d.mode == LSTM:
            uk.lstm_gates(d.H, at(&d.gates, t, n), c_before(d, t, n), at(&d.c, t, n),
                          at(&d.m, t, n))
    if d.packed_hr != NULL:
        product(uk, m, d.P, d.H, at(&d.m, t, first), d.m.row, d.packed_hr, at(&d.y, t, first),
                d.y.row, False, NULL, 0, 0, 1)
    for n in range(first, last):
        if n < first + m and runs(d, t, n):
            _to_next(d, t, n)
        else:
            memset(at(&d.y, t, n), 0, d.P * sizeof(float))
            if d.h_prev.step:  # the gradients of the weights read it
                memset(at(&d.h_prev, t, n), 0, d.P * sizeof(float))
                if d.packed_hr != NULL:
                    memset(at(&d.m, t, n), 0, d.H * sizeof(float))
    if s + 1 < d.T:
        _begin(d, s + 1, first, last)


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Some rows through all steps."""
    cdef:
        Py_ssize_t first, last, s, t
        Direction *d = rows_of(<Layer *>ctx, task, &first, &last)
        const Steps *out = &d.gates if d.width > d.H else &d.y
    for s in range(d.T):
        if d.packed_ih != NULL:
            t = _time(d, s)
            product(d.uk, rows_at(d, t, first, last), gates_of(d.mode) * d.H, d.n_in,
                    at(&d.x, t, first), d.x.row, d.packed_ih, at(out, t, first), out.row, False,
                    d.bias, 0, 0, 1)
        _products(d, s, first, last, 0, 1)
        _finish(d, s, first, last)


cdef void _columns_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Layer *layer = <Layer *>ctx
    _products(layer.ds, layer.s, 0, layer.N, task, layer.parts)


cdef void _rows_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Py_ssize_t first, last
    cdef Direction *d = rows_of(<Layer *>ctx, task, &first, &last)
    _finish(d, (<Layer *>ctx).s, first, last)


cdef Buffer _pack_hh(const fnn_ukernels *uk, int mode, Py_ssize_t H, Py_ssize_t P,
                     const float *w):
    """weight_hh (G H, P) for `product`; of a GRU the candidate's part by itself."""
    cdef:
        Py_ssize_t rows = gates_of(mode) * H, first = 2 * H if mode == GRU else rows
        Buffer buffer = take(max_(packed_size(uk, P, first)
                                  + packed_size(uk, P, rows - first), 1))
        float *packed = <float *>buffer.data
    pack(uk, P, first, w, 1, P, packed)
    pack(uk, P, rows - first, w + first * P, 1, P, packed + packed_size(uk, P, first))
    return buffer


cdef int _one_step(Direction *d, Gemm *g, const float *w, const float *packed) except -1:
    """The products of h0 with weight_hh (G H, P), behind those with x that *g left.  packed: that
    of _pack_hh, or NULL."""
    g.k, g.a, g.a_row = d.P if d.h0 != NULL else 0, d.h0, d.P
    g.b, g.b_col, g.bias_col = w, d.P, NULL
    g.accumulate = True
    if d.mode == RNN_TANH or d.mode == RNN_RELU:
        g.activation = 1 if d.mode == RNN_RELU else 2
    if d.mode == GRU:
        g.n = 2 * d.H
        if g.k:
            gemm_packed(g, packed)
        g.n, g.b, g.c, g.bias_col = d.H, w + 2 * d.H * d.P, d.gates.data + 3 * d.H, d.bias_n
        g.accumulate = False
        if packed != NULL:
            packed += packed_size(d.uk, d.P, 2 * d.H)
    if g.k or d.mode != LSTM:
        gemm_packed(g, packed)
    return 0


@cython.final
cdef class Ready:
    """The weights of a direction as a call wants them: bias (G H,), the others packed."""

    cdef Buffer bias, ih, hh, hr


cdef Buffer _bias(int mode, Py_ssize_t G, Py_ssize_t H, object bias_ih, object bias_hh):
    """Both biases but for what a GRU's reset gate multiplies."""
    cdef:
        Buffer buffer = take(max_(G * H, 1))
        float *bias = <float *>buffer.data
        const float *b_ih = f32_or_null(bias_ih, 1, "bias_ih")
        const float *b_hh = f32_or_null(bias_hh, 1, "bias_hh")
        Py_ssize_t k
    for k in range(G * H):
        bias[k] = b_ih[k] if b_ih != NULL else 0.0
        if b_hh != NULL and (mode != GRU or k < 2 * H):
            bias[k] += b_hh[k]
    return buffer


cdef list _ready(int mode, object weights):
    """Ready for each direction; the weights are checked by set_up at each call."""
    cdef Py_ssize_t H, P
    cdef Ready r
    cdef list found = []
    for w in weights:
        f32(w[1], 2, "weight_hh")
        H, P = PyArray_DIM(w[1], 0) // gates_of(mode), PyArray_DIM(w[1], 1)
        for b in w[2:4]:
            if b is not None and (f32(b, 1, "bias") == NULL or PyArray_DIM(b, 0)
                                  != gates_of(mode) * H):
                raise ValueError(f"a bias has shape {b.shape}, expected ({gates_of(mode) * H},)")
        r = Ready()
        r.bias, r.ih = _bias(mode, gates_of(mode), H, w[2], w[3]), pack_matrix(w[0])
        r.hh = _pack_hh(ukernels(), mode, H, P, f32(w[1], 2, "weight_hh"))
        if w[4] is not None:
            r.hr = pack_matrix(w[4])
        found.append(r)
    return found


cdef tuple _forward(object mode, object x, object h0, object c0, object weights, object lengths,
                    object batch_first, object training, Py_ssize_t first, Py_ssize_t total,
                    object h_n, object c_n, list ready):
    """One layer: y, h_n, c_n and what is saved.  The states, given and left, are of `total`
    directions, this layer's from `first` on; h_n, c_n: None to make them.  ready: of _ready, or
    None."""
    cdef:
        const fnn_ukernels *uk = ukernels()
        Layer layer
        Buffer zeros = set_up(&layer, mode, x, weights, lengths, batch_first)
        Ready r
        Direction *d
        Gemm g
        Py_ssize_t T = layer.T, N = layer.N, H = layer.H, P = layer.P, D = layer.D
        Py_ssize_t G = layer.G, W = layer.W, i, k
        bint swap = layer.swap, keep = training, by_step
        Py_ssize_t steps = T if keep else 1  # places of the states
        const float *hh
        const float *bias
        ndarray y, gates, h_prev, cells, mid
        list saved = [], held = [zeros]
    by_step = T > 1 and N >= MANY_ROWS and (layer.n_in + P) * G * H <= IN_L2
    y = empty3(N, T, D * P) if swap else empty3(T, N, D * P)
    if h_n is None:
        h_n = empty3(total, N, P)
    if layer.mode == LSTM and c_n is None:
        c_n = empty3(total, N, H)
    for i in range(D):
        d = layer.ds + i
        d.h0 = state_of(h0, first + i, total, N, P, "h0")
        d.c0 = state_of(c0, first + i, total, N, H, "c0")
        d.h_n = state_of(h_n, first + i, total, N, P, "h_n")
        place(&d.y, f32(y, 3, "y") + i * P, D * P, T, N, swap)
        gates = cells = mid = None
        if G > 1:
            k = steps if by_step else T
            gates = empty2(k * N, W)
            place(&d.gates, f32(gates, 2, "gates"), W, k, N, swap)
            if k < T:
                d.gates.step = 0
        h_prev = empty2(steps * N, P)
        place(&d.h_prev, f32(h_prev, 2, "h"), P, steps, N, swap)
        if layer.mode == LSTM:
            d.c_n = state_of(c_n, first + i, total, N, H, "c_n")
            cells = empty2(steps * N, H)
            place(&d.c, f32(cells, 2, "c"), H, steps, N, swap)
            if weights[i][4] is not None:
                mid = empty2(steps * N, H)
                place(&d.m, f32(mid, 2, "m"), H, steps, N, swap)
        if not keep:
            d.h_prev.step = d.c.step = d.m.step = 0
        if mid is None:
            d.m = d.y
        saved.append((gates, h_prev, cells, mid))
        # x's share of all steps, with both biases but for what a GRU's reset gate multiplies
        r = Ready() if ready is None else ready[i]
        if ready is None:
            r.bias = _bias(layer.mode, G, H, weights[i][2], weights[i][3])
        held.append(r)
        bias = <float *>r.bias.data
        if layer.mode == GRU and weights[i][3] is not None:
            d.bias_n = f32(weights[i][3], 1, "bias_hh") + 2 * H
        g.m, g.n, g.k = T * N, G * H, layer.n_in
        g.a, g.a_row, g.a_col = f32(x, 3, "x"), g.k, 1
        g.b, g.b_row, g.b_col = f32(weights[i][0], 2, "weight_ih"), 1, g.k
        g.c, g.c_row = d.gates.data if G > 1 else d.y.data, W if G > 1 else D * P
        g.bias_row, g.bias_col = NULL, bias
        g.accumulate = g.activation = 0
        if by_step:
            place(&d.x, <float *>g.a, g.k, T, N, swap)
            if r.ih is None:
                r.ih = pack_matrix(weights[i][0])
            d.packed_ih, d.bias = <float *>r.ih.data, bias
        else:
            gemm_packed(&g, NULL if r.ih is None else <float *>r.ih.data)
        hh = f32(weights[i][1], 2, "weight_hh")
        if T == 1:
            _one_step(d, &g, hh, NULL if r.hh is None else <float *>r.hh.data)
        else:
            if r.hh is None:
                r.hh = _pack_hh(uk, layer.mode, H, P, hh)
            d.packed_hh = <float *>r.hh.data
        if weights[i][4] is not None:
            if r.hr is None:
                r.hr = pack_matrix(weights[i][4])
            d.packed_hr = <float *>r.hr.data
    for i in range(D):
        if T:
            _begin(layer.ds + i, 0, 0, N)
            continue
        d = layer.ds + i
        copy_or_zero(N * P, d.h0, d.h_n)
        if layer.mode == LSTM:
            copy_or_zero(N * H, d.c0, d.c_n)
    run(&layer, _task, _columns_task, _rows_task, False)
    return y, h_n, c_n, saved if keep else None


def recurrent_forward(mode, x, h0, c0, weights, lengths, batch_first, training):
    """One layer over whole sequences; see fastnn.reference.recurrent_forward."""
    return _forward(mode, x, h0, c0, weights, lengths, batch_first, training, 0, len(weights), None,
                    None, None)


cdef tuple _stack(object mode, object x, object h0, object c0, object layers, object batch_first,
                  list ready):
    cdef Py_ssize_t first = 0, total = 0, i
    cdef object h_n = None, c_n = None
    if not layers:
        raise ValueError("layers is empty")
    for weights in layers:
        total += len(weights)
    for i, weights in enumerate(layers):
        x, h_n, c_n, _ = _forward(mode, x, h0, c0, weights, None, batch_first, False, first, total,
                                  h_n, c_n, None if ready is None else ready[i])
        first += len(weights)
    return x, h_n, c_n


def recurrent_stack(mode, x, h0, c0, layers, batch_first):
    """Layers one on another, nothing kept; see fastnn.reference.recurrent_stack."""
    return _stack(mode, x, h0, c0, layers, batch_first, None)


cdef class PreparedStack:
    """See recurrent_prepared."""

    cdef object __weakref__
    cdef object mode, layers, batch_first
    cdef list ready

    def __init__(self, mode, layers, batch_first):
        self.mode, self.batch_first = mode, batch_first
        self.layers = [[list(w) for w in weights] for weights in layers]  # the caller's may change
        self.ready = [_ready(mode_of(mode), weights) for weights in self.layers]

    def __call__(self, x, h0=None, c0=None):
        """y, h_n and c_n."""
        return _stack(self.mode, x, h0, c0, self.layers, self.batch_first, self.ready)


def recurrent_prepared(mode, layers, batch_first):
    """A function (x, h0=None, c0=None) -> y, h_n, c_n: recurrent_stack with these weights, packed
    once.  They may not change from here on."""
    return PreparedStack(mode, layers, batch_first)
