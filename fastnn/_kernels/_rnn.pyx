"""What the two passes of recurrent layers share: rows of steps.

A row of the batch is independent of the others, so that a thread takes some rows through the whole
sequence and never meets another at a barrier.  Rows of a step lie `row` apart, steps `step` apart,
which covers both orders of axes; with step 0 all steps share one place.
"""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DATA, PyArray_DIM, import_array, int64_t, ndarray, npy_intp

from ._array cimport Buffer, empty, f32, is_int64, take
from ._csrc cimport ukernels
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, task_fn, threads_for

import_array()

cdef int mode_of(object name) except -1:
    names = ("RNN_TANH", "RNN_RELU", "LSTM", "GRU")
    if name not in names:
        raise ValueError(f"mode is {name!r}, expected one of {', '.join(names)}")
    return names.index(name)


cdef Py_ssize_t gates_of(int mode) noexcept nogil:
    return 4 if mode == LSTM else 3 if mode == GRU else 1


cdef float *at(const Steps *s, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return s.data + t * s.step + n * s.row


cdef bint runs(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return d.lengths == NULL or t < d.lengths[n]


cdef bint _ends(const Direction *d, Py_ssize_t t, Py_ssize_t n, bint at_zero) noexcept nogil:
    if at_zero:
        return t == 0
    return t == (d.T if d.lengths == NULL else d.lengths[n]) - 1


cdef bint is_first(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return _ends(d, t, n, not d.reverse)


cdef bint is_last(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    return _ends(d, t, n, d.reverse)


cdef Py_ssize_t rows_at(const Direction *d, Py_ssize_t t, Py_ssize_t first,
                        Py_ssize_t last) noexcept nogil:
    while last > first and not runs(d, t, last - 1):
        last -= 1
    return last - first


cdef void copy_or_zero(Py_ssize_t n, const float *x, float *to) noexcept nogil:
    if x == NULL:
        memset(to, 0, n * sizeof(float))
    else:
        memcpy(to, x, n * sizeof(float))


cdef const float *c_before(const Direction *d, Py_ssize_t t, Py_ssize_t n) noexcept nogil:
    if not is_first(d, t, n):
        return at(&d.c, t + 1 if d.reverse else t - 1, n)
    return d.zeros if d.c0 == NULL else d.c0 + n * d.H


cdef ndarray empty3(Py_ssize_t a, Py_ssize_t b, Py_ssize_t c):
    cdef npy_intp dims[3]
    dims[0], dims[1], dims[2] = a, b, c
    return empty(3, dims)


cdef void place(Steps *s, float *data, Py_ssize_t width, Py_ssize_t T, Py_ssize_t N,
                bint swap) noexcept:
    s.data, s.row, s.step = data, width * (T if swap else 1), width * (1 if swap else N)


cdef float *state_of(object a, Py_ssize_t i, Py_ssize_t count, Py_ssize_t N, Py_ssize_t width,
                     str name) except? NULL:
    cdef float *data
    if a is None:
        return NULL
    data = f32(a, 3, name)
    if PyArray_DIM(a, 0) != count or PyArray_DIM(a, 1) != N or PyArray_DIM(a, 2) != width:
        raise ValueError(f"{name} has shape {a.shape}, expected {(count, N, width)}")
    return data + i * N * width


cdef const int64_t *_lengths_of(object lengths, Py_ssize_t N, Py_ssize_t T) except? NULL:
    """Pointer to lengths (N,), from 1 to T, or NULL."""
    cdef const int64_t *p
    cdef Py_ssize_t n
    if lengths is None:
        return NULL
    if not isinstance(lengths, ndarray) or not is_int64(lengths, 1) or (
            PyArray_DIM(lengths, 0) != N):
        raise ValueError(f"lengths must be int64 of shape ({N},)")
    p = <const int64_t *>PyArray_DATA(lengths)
    for n in range(N):
        if p[n] < 1 or p[n] > T:
            raise ValueError(f"lengths[{n}] is {p[n]}, expected 1 to {T}")
    return p


cdef int _check_weight(object a, Py_ssize_t rows, Py_ssize_t columns) except -1:
    """None, or an array (rows, columns) or, for columns below 0, (rows,)."""
    if a is None:
        return 0
    f32(a, 1 if columns < 0 else 2, "weight")
    if PyArray_DIM(a, 0) != rows or (columns >= 0 and PyArray_DIM(a, 1) != columns):
        expected = f"{rows}," if columns < 0 else f"{rows}, {columns}"
        raise ValueError(f"a weight has shape {a.shape}, expected ({expected})")
    return 0


cdef int _check_weights(list w, Py_ssize_t G, Py_ssize_t I, Py_ssize_t H, Py_ssize_t P,
                        bint projects) except -1:
    if len(w) != 5 or w[0] is None or w[1] is None or (P != H and w[4] is None) or (
            w[4] is not None and not projects):
        raise ValueError("weights: expected weight_ih, weight_hh, bias_ih, bias_hh, weight_hr")
    _check_weight(w[0], G * H, I)
    _check_weight(w[1], G * H, P)
    _check_weight(w[2], G * H, -1)
    _check_weight(w[3], G * H, -1)
    _check_weight(w[4], P, H)
    return 0


cdef Buffer set_up(Layer *layer, object mode, object x, object weights, object lengths,
                   object batch_first):
    cdef:
        Py_ssize_t H, P, i
        Direction *d
        Buffer zeros
        const int64_t *until
    memset(layer, 0, sizeof(Layer))
    layer.mode, layer.swap, layer.D = mode_of(mode), batch_first, len(weights)
    if layer.D < 1 or layer.D > 2:
        raise ValueError(f"weights is of {layer.D} directions, expected one or two")
    f32(x, 3, "x")
    layer.T, layer.N, layer.n_in = PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2)
    if layer.swap:
        layer.T, layer.N = layer.N, layer.T
    layer.G = gates_of(layer.mode)
    f32(weights[0][1], 2, "weight_hh")
    H, P = PyArray_DIM(weights[0][1], 0) // layer.G, PyArray_DIM(weights[0][1], 1)
    layer.H, layer.P, layer.W = H, P, 4 * H if layer.G > 1 else H
    zeros = take(max_(max_(H, P), 1))
    memset(zeros.data, 0, max_(H, P) * sizeof(float))
    until = _lengths_of(lengths, layer.N, layer.T)
    for i in range(layer.D):
        d = layer.ds + i
        _check_weights(weights[i], layer.G, layer.n_in, H, P, layer.mode == LSTM)
        d.uk, d.mode, d.reverse, d.T, d.N = ukernels(), layer.mode, i == 1, layer.T, layer.N
        d.n_in, d.H, d.P, d.width = layer.n_in, H, P, layer.W
        d.lengths, d.zeros = until, <float *>zeros.data
    return zeros


cdef void run(Layer *layer, task_fn fn, task_fn first, task_fn second, bint by_rows) noexcept:
    cdef Py_ssize_t D = layer.D, N = layer.N, weights = layer.P * layer.G * layer.H, s
    cdef int n_threads = threads_for(2.0 * D * layer.T * N * weights)
    cdef int a_step = threads_for(2.0 * N * weights)
    cdef bint steps = (a_step > 1 and D == 1 and layer.T > 1 and weights > IN_L2
                       and layer.ds[0].packed_hr == NULL)
    layer.blocks = min_((n_threads + D - 1) // D, N) if N else 1
    layer.rows = (N + layer.blocks - 1) // layer.blocks
    layer.parts = a_step
    with nogil:
        if not steps:
            parallel_for(fn, layer, D * layer.blocks, n_threads)
            return
        for s in range(layer.T):
            layer.s = s
            parallel_for(first, layer, layer.blocks if by_rows else layer.parts, a_step)
            parallel_for(second, layer, layer.parts if by_rows else layer.blocks, a_step)


cdef Direction *rows_of(Layer *layer, Py_ssize_t task, Py_ssize_t *first,
                        Py_ssize_t *last) noexcept nogil:
    first[0] = task % layer.blocks * layer.rows
    last[0] = min_(first[0] + layer.rows, layer.N)
    return layer.ds + task // layer.blocks
