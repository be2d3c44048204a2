"""Arguments, masks, dropout and products of attention, for both passes.

Arrays are (N, H, T, width); key heads may be fewer than query heads, each shared by `group`
neighbours.  A mask is boolean (True: may be seen) or is added, with axes of size 1 repeated but for
the last.
"""
from libc.math cimport rint
from libc.string cimport memset
from numpy cimport (
    NPY_BOOL,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    ndarray,
)

from ._array cimport f32
from ._csrc cimport fnn_gemm, fnn_ukernels, ukernels
from ._sizes cimport max_, min_, round_up

import_array()


cdef int _set_mask(Attention *a, mask, Py_ssize_t N) except -1:
    cdef ndarray m
    cdef Py_ssize_t sizes[3]
    cdef Py_ssize_t *strides[3]
    cdef Py_ssize_t i, n, stride = a.Tk
    if mask is None:
        return 0
    if not isinstance(mask, ndarray):
        raise TypeError(f"mask must be a NumPy array, got {type(mask).__name__}")
    m = mask
    sizes[0], sizes[1], sizes[2] = N, a.H, a.Tq
    strides[0], strides[1], strides[2] = &a.mask_n, &a.mask_h, &a.mask_q
    if PyArray_TYPE(m) == NPY_BOOL:
        if PyArray_NDIM(m) != 4 or not PyArray_IS_C_CONTIGUOUS(m):
            raise ValueError("mask must be C-contiguous with 4 axes")
        a.keep = <const uint8_t *>PyArray_DATA(m)
    else:
        a.bias = f32(m, 4, "mask")
    for i in range(2, -1, -1):
        n = PyArray_DIM(m, <int>i)
        if n != 1 and n != sizes[i]:
            raise ValueError(f"mask has shape {mask.shape}, expected {(N, a.H, a.Tq, a.Tk)}")
        strides[i][0] = 0 if n == 1 else stride
        stride *= n
    if PyArray_DIM(m, 3) != a.Tk:
        raise ValueError(f"mask has shape {mask.shape}, expected {(N, a.H, a.Tq, a.Tk)}")
    return 0


cdef int set_up(Attention *a, q, k, v, mask, is_causal, scale, dropout_p, key, offset) except -1:
    cdef Py_ssize_t N, heads
    cdef double p = dropout_p
    memset(a, 0, sizeof(Attention))
    a.uk = ukernels()
    a.q, a.k, a.v = f32(q, 4, "q"), f32(k, 4, "k"), f32(v, 4, "v")
    N, a.H, a.Tq, a.E = q.shape
    heads, a.Tk, a.V = PyArray_DIM(k, 1), PyArray_DIM(k, 2), PyArray_DIM(v, 3)
    if k.shape != (N, heads, a.Tk, a.E) or v.shape != (N, heads, a.Tk, a.V):
        raise ValueError(f"q, k and v have shapes {q.shape}, {k.shape} and {v.shape}")
    if a.H != heads and (heads == 0 or a.H % heads):
        raise ValueError(f"q has {a.H} heads, expected a multiple of k's {heads}")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout_p must be from 0 to 1, got {dropout_p}")
    a.B, a.group = N * a.H, a.H // heads if heads else 1
    a.query_blocks = (a.Tq + QUERIES - 1) // QUERIES
    a.key_blocks = (a.Tk + KEYS - 1) // KEYS
    a.causal, a.scale = is_causal, scale
    _set_mask(a, mask, N)
    if p > 0.0:
        a.drops, a.key, a.offset = True, key, offset
        if a.offset % 16:
            raise ValueError(f"offset must be a multiple of 16, got {offset}")
        a.threshold = <uint32_t>rint(p * 16777216.0)
        a.kept = <float>(1.0 / (1.0 - p)) if p < 1.0 else <float>0.0
        a.width = round_up(a.Tk, 64)
    return 0


cdef Py_ssize_t visible(const Attention *a, Py_ssize_t i, Py_ssize_t j0,
                        Py_ssize_t n) noexcept nogil:
    return max_(0, min_(n, i + 1 - j0)) if a.causal else n


cdef void mask_row(const Attention *a, Py_ssize_t b, Py_ssize_t i, Py_ssize_t j0, Py_ssize_t n,
                   float *s) noexcept nogil:
    cdef Py_ssize_t at
    if a.keep == NULL and a.bias == NULL:
        return
    at = b // a.H * a.mask_n + b % a.H * a.mask_h + i * a.mask_q + j0
    if a.keep != NULL:
        a.uk.vmask_out(n, a.keep + at, s)
    else:
        a.uk.vadd(n, a.bias + at, s)


cdef void drop_row(const Attention *a, Py_ssize_t b, Py_ssize_t i, Py_ssize_t j0, Py_ssize_t n,
                   float *x) noexcept nogil:
    cdef uint64_t element = <uint64_t>((b * a.Tq + i) * a.width + j0)
    a.uk.philox_dropout(n, a.key, a.offset + element // 4, a.threshold, a.kept, x, x)


cdef void product(const fnn_ukernels *uk, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                  const float *a, Py_ssize_t a_panel, Py_ssize_t a_row, Py_ssize_t a_col,
                  const float *b, Py_ssize_t b_panel, float *c, Py_ssize_t c_row,
                  bint accumulate) noexcept nogil:
    cdef fnn_gemm g
    if m == 0 or n == 0:
        return
    memset(&g, 0, sizeof(g))
    g.m, g.n, g.k = m, n, k
    g.a, g.a_panel, g.a_row, g.a_col = a, a_panel, a_row, a_col
    g.b, g.b_panel, g.b_row = b, b_panel, uk.nr
    g.c, g.c_row, g.accumulate = c, c_row, accumulate
    uk.gemm_block(&g)


cdef Py_ssize_t chunks_of(Py_ssize_t heads, Py_ssize_t blocks, int n_threads) noexcept nogil:
    if n_threads == 1 or heads == 0:
        return 1
    return max_(1, min_(blocks, (4 * n_threads + heads - 1) // heads))
