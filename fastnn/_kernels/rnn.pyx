"""Recurrent layers forward, a whole sequence in one call: RNN, LSTM, GRU, one or two directions.

The products with x of all steps are one GEMM.  Then tasks of some rows of the batch and one
direction go through the steps by themselves: the product with h, its weights packed once, goes on
with the chains of the product with x; the gates follow.  Activated gates, states and h before each
step stay for the way back (rnn_grad.pyx) in training; otherwise the states have one place each.
"""
from libc.string cimport memcpy, memset
from numpy cimport NPY_INT64, PyArray_DATA, PyArray_DIM, PyArray_TYPE, import_array, int64_t
from numpy cimport ndarray, npy_intp, PyArray_IS_C_CONTIGUOUS

from ._array cimport Buffer, empty, empty2, f32, f32_or_null, take
from ._csrc cimport fnn_ukernels, ukernels
from ._rnn cimport (
    GRU,
    LSTM,
    RNN_RELU,
    Direction,
    at,
    gates_of,
    is_first,
    is_last,
    mode_of,
    pack,
    packed_size,
    product,
    rows_at,
    runs,
)
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, threads_for
from .gemm cimport Gemm, gemm

import_array()

cdef struct Layer:
    Direction *directions
    Py_ssize_t blocks, rows    # tasks of a direction, rows of a task


cdef void _to_next(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    """What step t left of row n goes where the next step, or the caller, looks for it."""
    cdef const float *h = at(&d.y, t, n)
    if is_last(d, t, n):
        memcpy(d.h_n + n * d.P, h, d.P * sizeof(float))
        if d.mode == LSTM:
            memcpy(d.c_n + n * d.H, at(&d.c, t, n), d.H * sizeof(float))
    else:
        memcpy(at(&d.h_prev, t - 1 if d.reverse else t + 1, n), h, d.P * sizeof(float))


cdef void _start(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    """The first state of row n, before step t."""
    cdef float *h = at(&d.h_prev, t, n)
    if d.h0 == NULL:
        memset(h, 0, d.P * sizeof(float))
    else:
        memcpy(h, d.h0 + n * d.P, d.P * sizeof(float))


cdef const float *c_before(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    if not is_first(d, t, n):
        return at(&d.c, t + 1 if d.reverse else t - 1, n)
    return d.zeros if d.c0 == NULL else d.c0 + n * d.H


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Layer *layer = <Layer *>ctx
        Direction *d = layer.directions + task // layer.blocks
        Py_ssize_t first = task % layer.blocks * layer.rows, last = min_(first + layer.rows, d.N)
        Py_ssize_t s, t, n, m, G = 4 * d.H
        const fnn_ukernels *uk = d.uk
        float *gates
        int activation = 1 if d.mode == RNN_RELU else 2
        bint multiply
    for s in range(d.T):
        t = d.T - 1 - s if d.reverse else s
        m = rows_at(d, t, first, last)
        for n in range(first, first + m):
            if is_first(d, t, n):
                _start(d, t, n)
        multiply = s > 0 or d.h0 != NULL
        if d.mode == GRU:
            gates = at(&d.gates, t, first)
            if multiply:
                product(uk, m, 2 * d.H, d.P, at(&d.h_prev, t, first), d.h_prev.row, d.packed_hh,
                        gates, d.gates.row, True, NULL, 0)
            product(uk, m, d.H, d.P if multiply else 0, at(&d.h_prev, t, first), d.h_prev.row,
                    d.packed_hh + packed_size(uk, d.P, 2 * d.H), gates + 3 * d.H, d.gates.row,
                    False, d.bias_n, 0)
            for n in range(first, first + m):
                if runs(d, t, n):
                    uk.gru_gates(d.H, at(&d.gates, t, n), at(&d.h_prev, t, n), at(&d.y, t, n))
        elif d.mode == LSTM:
            if multiply:
                product(uk, m, G, d.P, at(&d.h_prev, t, first), d.h_prev.row, d.packed_hh,
                        at(&d.gates, t, first), d.gates.row, True, NULL, 0)
            for n in range(first, first + m):
                if runs(d, t, n):
                    uk.lstm_gates(d.H, at(&d.gates, t, n), c_before(d, t, n), at(&d.c, t, n),
                                  at(&d.m, t, n))
            if d.packed_hr != NULL:
                product(uk, m, d.P, d.H, at(&d.m, t, first), d.m.row, d.packed_hr,
                        at(&d.y, t, first), d.y.row, False, NULL, 0)
        else:
            product(uk, m, d.H, d.P if multiply else 0, at(&d.h_prev, t, first), d.h_prev.row,
                    d.packed_hh, at(&d.y, t, first), d.y.row, True, NULL, activation)
        for n in range(first, last):
            if n < first + m and runs(d, t, n):
                _to_next(d, t, n)
            else:
                memset(at(&d.y, t, n), 0, d.P * sizeof(float))
                if d.h_prev.step:  # the gradients of the weights read it
                    memset(at(&d.h_prev, t, n), 0, d.P * sizeof(float))
                    if d.packed_hr != NULL:
                        memset(at(&d.m, t, n), 0, d.H * sizeof(float))


cdef ndarray empty3(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c):
    cdef npy_intp dims[3]
    dims[0], dims[1], dims[2] = a, b, c
    return empty(3, dims)


def recurrent_forward(mode, x, h0, c0, weights, lengths, batch_first, training):
    """One layer over whole sequences; see fastnn.reference.recurrent_forward."""
    cdef:
        const fnn_ukernels *uk = ukernels()
        Layer layer
        Direction ds[2]
        Direction *d
        Gemm g
        Py_ssize_t T, N, I, H, P, D = len(weights), G, W, i, k, size, steps  # no-cython-lint
        int which = mode_of(mode), n_threads
        bint swap = batch_first, keep = training
        const float *px = f32(x, 3, "x")
        const float *b_ih
        const float *b_hh
        float *bias
        ndarray y, h_n, c_n = None, gates, h_prev, cells, mid
        list saved = [], held = []
        Buffer buffer
    T, N, I = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)  # no-cython-lint
    if swap:
        T, N = N, T
    if D < 1 or D > 2:
        raise ValueError(f"weights is of {D} directions, expected one or two")
    G = gates_of(which)
    f32(weights[0][0], 2, "weight_ih")
    f32(weights[0][1], 2, "weight_hh")
    H, P = PyArray_DIM(weights[0][1], 0) // G, PyArray_DIM(weights[0][1], 1)
    W = 4 * H if G > 1 else H
    y = empty3(N, T, D * P) if swap else empty3(T, N, D * P)
    h_n = empty3(D, N, P)
    if which == LSTM:
        c_n = empty3(D, N, H)
    steps = T if keep else 1
    memset(ds, 0, sizeof(ds))
    for i in range(D):
        d = ds + i
        check_weights(weights[i], G, I, H, P, which == LSTM)
        d.uk, d.mode, d.reverse, d.T, d.N, d.H, d.P, d.width = uk, which, i == 1, T, N, H, P, W
        d.lengths = lengths_of(lengths, N, T)
        d.h0, d.c0 = states_of(h0, D, N, P, "h0"), states_of(c0, D, N, H, "c0")
        if d.h0 != NULL:
            d.h0 += i * N * P
        if d.c0 != NULL:
            d.c0 += i * N * H
        d.h_n = f32(h_n, 3, "h_n") + i * N * P
        d.y.data, d.y.row, d.y.step = f32(y, 3, "y") + i * P, D * P, D * P
        # Steps of y and gates have the order of x's rows; those of the states when they are kept.
        if G > 1:
            gates = empty2(T * N, W)
            d.gates.data, d.gates.row, d.gates.step = f32(gates, 2, "gates"), W, W
        else:
            gates = None
        h_prev = empty2(steps * N, P)
        d.h_prev.data, d.h_prev.row, d.h_prev.step = f32(h_prev, 2, "h"), P, P
        cells = mid = None
        if which == LSTM:
            d.c_n = f32(c_n, 3, "c_n") + i * N * H
            cells = empty2(steps * N, H)
            d.c.data, d.c.row, d.c.step = f32(cells, 2, "c"), H, H
            if weights[i][4] is not None:
                mid = empty2(steps * N, H)
                d.m.data, d.m.row, d.m.step = f32(mid, 2, "m"), H, H
        d.y.row *= T if swap else 1
        d.y.step *= 1 if swap else N
        d.gates.row *= T if swap else 1
        d.gates.step *= 1 if swap else N
        if keep:
            d.h_prev.row *= T if swap else 1
            d.h_prev.step *= 1 if swap else N
            d.c.row *= T if swap else 1
            d.c.step *= 1 if swap else N
            d.m.row *= T if swap else 1
            d.m.step *= 1 if swap else N
        else:
            d.h_prev.step = d.c.step = d.m.step = 0
        if which == LSTM and mid is None:
            d.m = d.y
        saved.append((gates, h_prev, cells, mid))
        # x's share of all steps, with both biases but for what a GRU's reset gate multiplies
        buffer = take(max_(G * H, 1))
        held.append(buffer)
        bias = <float *>buffer.data
        b_ih, b_hh = f32_or_null(weights[i][2], 1, "bias_ih"), f32_or_null(weights[i][3], 1, "b")
        for k in range(G * H):
            bias[k] = b_ih[k] if b_ih != NULL else 0.0
            if b_hh != NULL and (which != GRU or k < 2 * H):
                bias[k] += b_hh[k]
        if which == GRU and b_hh != NULL:
            d.bias_n = b_hh + 2 * H
        g.m, g.n, g.k = T * N, G * H, I
        g.a, g.a_row, g.a_col = px, I, 1
        g.b, g.b_row, g.b_col = f32(weights[i][0], 2, "weight_ih"), 1, I
        g.c, g.c_row = d.gates.data if G > 1 else d.y.data, W if G > 1 else D * P
        g.bias_row, g.bias_col = NULL, bias
        g.accumulate = g.activation = 0
        gemm(&g)
        size = packed_size(uk, P, 2 * H) + packed_size(uk, P, H) if which == GRU else (
            packed_size(uk, P, G * H))
        buffer = take(max_(size + max_(H, P), 1))
        held.append(buffer)
        d.packed_hh = <float *>buffer.data
        d.zeros = d.packed_hh + size
        memset(<void *>d.zeros, 0, max_(H, P) * sizeof(float))
        if which == GRU:
            pack(uk, P, 2 * H, f32(weights[i][1], 2, "w"), 1, P, <float *>d.packed_hh)
            pack(uk, P, H, f32(weights[i][1], 2, "w") + 2 * H * P, 1, P,
                 <float *>d.packed_hh + packed_size(uk, P, 2 * H))
        else:
            pack(uk, P, G * H, f32(weights[i][1], 2, "w"), 1, P, <float *>d.packed_hh)
        if weights[i][4] is not None:
            buffer = take(max_(packed_size(uk, H, P), 1))
            held.append(buffer)
            d.packed_hr = <float *>buffer.data
            pack(uk, H, P, f32(weights[i][4], 2, "weight_hr"), 1, H, <float *>buffer.data)
    n_threads = threads_for(2.0 * D * T * N * P * G * H)
    layer.directions = ds
    layer.blocks = min_((n_threads + D - 1) // D, N) if N else 1
    layer.rows = (N + layer.blocks - 1) // layer.blocks
    with nogil:
        parallel_for(_task, &layer, D * layer.blocks, n_threads)
    return y, h_n, c_n, saved if keep else None


cdef const int64_t *lengths_of(object lengths, Py_ssize_t N, Py_ssize_t T) except? NULL:
    """Pointer to lengths (N,), from 1 to T, or NULL."""
    cdef const int64_t *p
    cdef Py_ssize_t n
    if lengths is None:
        return NULL
    if not isinstance(lengths, ndarray) or PyArray_TYPE(lengths) != NPY_INT64 or (
            not PyArray_IS_C_CONTIGUOUS(lengths) or lengths.shape != (N,)):
        raise ValueError(f"lengths must be int64 of shape ({N},)")
    p = <const int64_t *>PyArray_DATA(lengths)
    for n in range(N):
        if p[n] < 1 or p[n] > T:
            raise ValueError(f"lengths[{n}] is {p[n]}, expected 1 to {T}")
    return p


cdef const float *states_of(object a, Py_ssize_t D, Py_ssize_t N, Py_ssize_t H,
                            str name) except? NULL:
    """Pointer to states (D, N, H), or NULL."""
    if a is not None and a.shape != (D, N, H):
        raise ValueError(f"{name} has shape {a.shape}, expected {(D, N, H)}")
    return f32_or_null(a, 3, name)


cdef int check_weights(list w, Py_ssize_t G, Py_ssize_t I, Py_ssize_t H, Py_ssize_t P,
                       bint projects) except -1:
    cdef list wanted = [(G * H, I), (G * H, P), (G * H,), (G * H,), (P, H)]
    if len(w) != 5 or w[0] is None or w[1] is None or (P != H and w[4] is None) or (
            w[4] is not None and not projects):
        raise ValueError("weights: expected weight_ih, weight_hh, bias_ih, bias_hh, weight_hr")
    for a, shape in zip(w, wanted):
        if a is not None:
            f32(a, len(shape), "weight")
            if a.shape != shape:
                raise ValueError(f"a weight has shape {a.shape}, expected {shape}")
    return 0
