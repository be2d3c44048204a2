"""Recurrent layers backward: back-propagation through time (Werbos 1990), see rnn.pyx.

Tasks of some rows and one direction go back through the steps and leave the gradients of all gates.
Those of x and of the weights are then one GEMM each over all steps.
"""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, int64_t, ndarray

from ._array cimport Buffer, empty1, empty2, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._packed cimport pack, packed_size, product
from ._rnn cimport (
    GRU,
    LSTM,
    RNN_RELU,
    Direction,
    Layer,
    at,
    c_before,
    copy_or_zero,
    empty3,
    gates_of,
    is_first,
    is_last,
    place,
    rows_at,
    rows_of,
    run,
    runs,
    set_up,
    state_of,
)
from ._sizes cimport max_
from .gemm cimport Gemm, gemm
from .reduce cimport sum_columns

import_array()

cdef const float *_carried(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    """The gradient of row n's h that the step after t handed back."""
    if not is_last(d, t, n):
        return d.carry + n * d.P
    return d.zeros if d.dh_n == NULL else d.dh_n + n * d.P


cdef void _gates_back(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    cdef const fnn_ukernels *uk = d.uk
    cdef float *dgates = at(&d.dgates, t, n)
    cdef const float *carry = _carried(d, t, n)
    cdef const float *dy = at(&d.dy, t, n)
    if d.mode == LSTM:
        if d.packed_hr != NULL:
            dy, carry = d.dm + n * d.H, d.zeros
        uk.lstm_gates_grad(d.H, at(&d.gates, t, n), c_before(d, t, n), at(&d.c, t, n), dy, carry,
                           d.dc + n * d.H, dgates)
    elif d.mode == GRU:
        uk.gru_gates_grad(d.H, at(&d.gates, t, n), at(&d.h_prev, t, n), dy, carry,
                          d.carry + n * d.P, dgates)
    else:
        uk.rnn_grad(d.H, d.mode == RNN_RELU, at(&d.y, t, n), dy, carry, dgates)


cdef Py_ssize_t _time(const Direction *d, Py_ssize_t s) noexcept nogil:
    return s if d.reverse else d.T - 1 - s


cdef void _end(const Direction *d, Py_ssize_t s, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """The gradient of h0 of the rows that began with the step."""
    cdef Py_ssize_t n, t = _time(d, s)
    if d.dh0 == NULL:
        return
    for n in range(first, first + rows_at(d, t, first, last)):
        if is_first(d, t, n):
            memcpy(d.dh0 + n * d.P, d.carry + n * d.P, d.P * sizeof(float))


cdef void _rows_back(const Direction *d, Py_ssize_t s, Py_ssize_t first,
                     Py_ssize_t last) noexcept nogil:
    """The gates' gradients of one step, after what ended with the step before."""
    cdef:
        const fnn_ukernels *uk = d.uk
        Py_ssize_t n, t = _time(d, s), m = rows_at(d, t, first, last)
    if s:
        _end(d, s - 1, first, last)
    for n in range(first, last):
        if not runs(d, t, n):
            memset(at(&d.dgates, t, n), 0, d.width * sizeof(float))
            if d.packed_hr != NULL:
                memset(at(&d.dh, t, n), 0, d.P * sizeof(float))
            continue
        if d.mode == LSTM and is_last(d, t, n):
            copy_or_zero(d.H, d.dc_n + n * d.H if d.dc_n != NULL else NULL, d.dc + n * d.H)
        if d.packed_hr != NULL:
            uk.vadd_pair(d.P, at(&d.dy, t, n), _carried(d, t, n), at(&d.dh, t, n))
    if d.packed_hr != NULL:
        product(uk, m, d.H, d.P, at(&d.dh, t, first), d.dh.row, d.packed_hr, d.dm + first * d.H,
                d.H, False, NULL, 0, 0, 1)
    for n in range(first, first + m):
        if runs(d, t, n):
            _gates_back(d, t, n)


cdef void _columns_back(const Direction *d, Py_ssize_t s, Py_ssize_t first, Py_ssize_t last,
                        Py_ssize_t part, Py_ssize_t parts) noexcept nogil:
    """What the step hands to the one before; a part of the columns."""
    cdef Py_ssize_t t = _time(d, s)
    if s < d.T - 1 or d.dh0 != NULL:
        product(d.uk, rows_at(d, t, first, last), d.P, gates_of(d.mode) * d.H,
                at(&d.dgates, t, first), d.dgates.row, d.packed_hh, d.carry + first * d.P, d.P,
                d.mode == GRU, NULL, 0, part, parts)


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Some rows back through all steps."""
    cdef Py_ssize_t first, last, s
    cdef Direction *d = rows_of(<Layer *>ctx, task, &first, &last)
    for s in range(d.T):
        _rows_back(d, s, first, last)
        _columns_back(d, s, first, last, 0, 1)


cdef void _rows_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Py_ssize_t first, last
    cdef Direction *d = rows_of(<Layer *>ctx, task, &first, &last)
    _rows_back(d, (<Layer *>ctx).s, first, last)


cdef void _columns_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Layer *layer = <Layer *>ctx
    _columns_back(layer.ds, layer.s, 0, layer.N, task, layer.parts)


cdef object _without_padding(ndarray x, const int64_t *lengths, Py_ssize_t T, Py_ssize_t N,
                             Py_ssize_t I, bint swap):
    """x with zeros behind the rows' ends: zero times what stands there might be NaN."""
    cdef ndarray clean = empty2(T * N, I)
    cdef Py_ssize_t t, n, r
    cdef const float *a = f32(x, 3, "x")
    cdef float *b = f32(clean, 2, "x")
    for t in range(T):
        for n in range(N):
            r = n * T + t if swap else t * N + n
            if t < lengths[n]:
                memcpy(b + r * I, a + r * I, I * sizeof(float))
            else:
                memset(b + r * I, 0, I * sizeof(float))
    return clean


cdef int _gemm(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const float *a, Py_ssize_t a_row,
               Py_ssize_t a_col, const float *b, Py_ssize_t b_row, float *c, Py_ssize_t c_row,
               bint accumulate) except -1:
    cdef Gemm g
    g.m, g.n, g.k = m, n, k
    g.a, g.a_row, g.a_col, g.b, g.b_row, g.b_col = a, a_row, a_col, b, b_row, 1
    g.c, g.c_row = c, c_row
    g.bias_row = g.bias_col = NULL
    g.accumulate, g.activation = accumulate, 0
    return gemm(&g)


cdef list _weight_grads(const Direction *d, list w, const float *x, Py_ssize_t I):
    """Gradients of one direction's weights, from those of the gates of all steps."""
    cdef:
        Py_ssize_t G = gates_of(d.mode), H = d.H, R = d.T * d.N, W = d.width
        Py_ssize_t own = 2 * H if d.mode == GRU else G * H  # columns that x and h have in common
        const float *dgates = d.dgates.data
        ndarray dw_ih = empty2(G * H, I), dw_hh = empty2(G * H, d.P), sums, dw_hr = None
        float *p = f32(dw_ih, 2, "dw")
        object db_ih = None, db_hh = None
    _gemm(own, I, R, dgates, 1, W, x, I, p, I, False)
    if d.mode == GRU:
        _gemm(H, I, R, dgates + 3 * H, 1, W, x, I, p + 2 * H * I, I, False)
    _gemm(G * H, d.P, R, dgates, 1, W, d.h_prev.data, d.P, f32(dw_hh, 2, "dw"), d.P, False)
    if w[2] is not None or w[3] is not None:
        sums = empty1(W)
        sum_columns(1, R, W, dgates, f32(sums, 1, "db"))
        if w[2] is not None:
            db_ih = empty1(G * H)
            memcpy(f32(db_ih, 1, "db"), f32(sums, 1, "db"), own * sizeof(float))
            if d.mode == GRU:
                memcpy(f32(db_ih, 1, "db") + own, f32(sums, 1, "db") + 3 * H, H * sizeof(float))
        if w[3] is not None:
            db_hh = empty1(G * H)
            memcpy(f32(db_hh, 1, "db"), f32(sums, 1, "db"), G * H * sizeof(float))
    if w[4] is not None:
        dw_hr = empty2(d.P, H)
        _gemm(d.P, H, R, d.dh.data, 1, d.P, d.m.data, H, f32(dw_hr, 2, "dw"), H, False)
    return [dw_ih, dw_hh, db_ih, db_hh, dw_hr]


def recurrent_backward(mode, dy, dh_n, dc_n, x, h0, c0, weights, lengths, batch_first, y, saved,
                       needs):
    """Gradients of recurrent_forward; see fastnn.reference.recurrent_backward."""
    cdef:
        const fnn_ukernels *uk = ukernels()
        Layer layer
        Buffer zeros = set_up(&layer, mode, x, weights, lengths, batch_first), buffer
        Direction *d
        Py_ssize_t T = layer.T, N = layer.N, I = layer.n_in, H = layer.H  # no-cython-lint
        Py_ssize_t P = layer.P, D = layer.D, G = layer.G, W = layer.W, i, own
        bint swap = layer.swap, need_x = needs[0], need_states = needs[1], need_w = needs[2]
        const float *px = f32(x, 3, "x")
        const float *w_ih
        ndarray dx = None, dh0 = None, dc0 = None, dgates, dh, carry
        object inputs = x, dweights = []
        list held = [zeros]
    if len(saved) != D:
        raise ValueError(f"saved is of {len(saved)} directions, expected {D}")
    f32(dy, 3, "dy")
    f32(y, 3, "y")
    if dy.shape != y.shape or y.shape != (x.shape[0], x.shape[1], D * P):
        raise ValueError(f"dy has shape {dy.shape} and y {y.shape}, expected "
                         f"{(x.shape[0], x.shape[1], D * P)}")
    if need_states:
        dh0 = empty3(D, N, P)
    if layer.mode == LSTM:
        dc0 = empty3(D, N, H)
    for i in range(D):
        d = layer.ds + i
        d.c0 = state_of(c0, i, D, N, H, "c0")
        d.dh_n = state_of(dh_n, i, D, N, P, "dh_n")
        d.dc_n = state_of(dc_n, i, D, N, H, "dc_n")
        place(&d.y, f32(y, 3, "y") + i * P, D * P, T, N, swap)
        place(&d.dy, f32(dy, 3, "dy") + i * P, D * P, T, N, swap)
        place(&d.h_prev, f32(saved[i][1], 2, "h"), P, T, N, swap)
        if G > 1:
            place(&d.gates, f32(saved[i][0], 2, "gates"), W, T, N, swap)
        dgates, carry = empty2(T * N, W), empty2(N, P)
        held += [dgates, carry]
        place(&d.dgates, f32(dgates, 2, "dgates"), W, T, N, swap)
        d.carry = f32(carry, 2, "carry")
        memset(d.carry, 0, N * P * sizeof(float))
        if layer.mode == LSTM:
            place(&d.c, f32(saved[i][2], 2, "c"), H, T, N, swap)
            d.dc = f32(dc0, 3, "dc0") + i * N * H
        if need_states:
            d.dh0 = f32(dh0, 3, "dh0") + i * N * P
        buffer = take(max_(packed_size(uk, G * H, P), 1))
        held.append(buffer)
        d.packed_hh = <float *>buffer.data
        pack(uk, G * H, P, f32(weights[i][1], 2, "w"), P, 1, <float *>buffer.data)
        if weights[i][4] is not None:
            place(&d.m, f32(saved[i][3], 2, "m"), H, T, N, swap)
            dh = empty2(T * N, P)
            place(&d.dh, f32(dh, 2, "dh"), P, T, N, swap)
            buffer = take(max_(packed_size(uk, P, H) + N * H, 1))
            held += [dh, buffer]
            d.packed_hr = <float *>buffer.data
            d.dm = <float *>buffer.data + packed_size(uk, P, H)
            pack(uk, P, H, f32(weights[i][4], 2, "weight_hr"), H, 1, <float *>buffer.data)
    run(&layer, _task, _rows_task, _columns_task, True)
    for i in range(D if T else 0):
        _end(layer.ds + i, T - 1, 0, N)
    if need_x:
        dx = empty3(PyArray_DIM(x, 0), PyArray_DIM(x, 1), I)
    if need_w and lengths is not None:
        inputs = _without_padding(x, layer.ds[0].lengths, T, N, I, swap)
        px = f32(inputs, 2, "x")
    for i in range(D):
        d = layer.ds + i
        if need_x:
            own = 2 * H if layer.mode == GRU else G * H
            w_ih = f32(weights[i][0], 2, "weight_ih")
            _gemm(T * N, I, own, d.dgates.data, W, 1, w_ih, I, f32(dx, 3, "dx"), I, i > 0)
            if layer.mode == GRU:
                _gemm(T * N, I, H, d.dgates.data + 3 * H, W, 1, w_ih + own * I, I,
                      f32(dx, 3, "dx"), I, True)
        if need_w:
            dweights.append(_weight_grads(d, weights[i], px, I))
    return dx, dh0, dc0 if need_states else None, dweights if need_w else None
