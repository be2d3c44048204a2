"""The weight of a convolution, packed for the algorithms that want it."""
cimport cython
from libc.string cimport memset

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels, ukernels
from ._gather cimport DIRECT, INDIRECT, POINTWISE, Gather
from ._sizes cimport min_, round_up
from ._threads cimport parallel_for, threads_for


@cython.final
cdef class PackedWeights:
    """What was packed of a weight so far."""

    def __cinit__(self):
        self.panels = {}


cdef struct Packing:
    const fnn_ukernels *uk
    Py_ssize_t Og, line, vectors      # line: weights of an output
    const float *weight
    float *out


@cython.cdivision(True)
cdef void _pack_vector(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One vector of output channels."""
    cdef:
        Packing *q = <Packing *>ctx
        Py_ssize_t L = q.uk.lanes, g = task // q.vectors, n = task % q.vectors * L
        float *out = q.out + task * L * q.line
    if q.Og - n < L:
        memset(out, 0, L * q.line * sizeof(float))
    q.uk.transpose(min_(L, q.Og - n), q.line, q.weight + (g * q.Og + n) * q.line, q.line, out, L)


cdef Buffer pack_winograd(const Shape *s, const float *weight):
    cdef Packing q
    cdef Buffer packed
    q.uk, q.Og, q.line, q.weight = ukernels(), s.Og, s.Cg * s.KH * s.KW, weight
    q.vectors = round_up(s.Og, q.uk.lanes) // q.uk.lanes
    packed = take(s.G * q.vectors * q.uk.lanes * q.line)
    q.out = <float *>packed.data
    with nogil:
        parallel_for(_pack_vector, &q, s.G * q.vectors, threads_for(4.0 * s.O * q.line))
    return packed


@cython.cdivision(True)
cdef void _pack_panel(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """A panel of output channels of one group."""
    cdef:
        Gather *q = <Gather *>ctx
        const fnn_ukernels *uk = q.uk
        Py_ssize_t wide = uk.nr if q.algo == INDIRECT else uk.mr, panels = (q.M + wide - 1) // wide
        Py_ssize_t g = task // panels, m = task % panels * wide, width = min_(wide, q.M - m)
        Py_ssize_t p = 0, k, kc = q.K if q.algo == POINTWISE else uk.kc
        const float *a = q.a + (g * q.M + m) * q.K
        float *out = <float *>q.packed + g * q.packed_size
    if q.algo == INDIRECT:
        uk.pack_b(q.K, width, a, 1, q.K, out + m * q.K)
        return
    while p < q.K:
        k = min_(q.K - p, kc)
        uk.pack_a(width, k, a + p, q.K, 1, out + p * round_up(q.M, wide) + m * k)
        p += k


cdef Buffer pack_weights(Gather *q):
    """A as the algorithm wants it: sets q.packed; None where it is read as it is."""
    cdef Buffer packed
    cdef Py_ssize_t wide = q.uk.nr if q.algo == INDIRECT else q.uk.mr
    cdef Py_ssize_t rows = round_up(q.M, wide)
    q.packed_size = rows * q.K
    if q.algo == DIRECT or q.K == 0 or q.packed != NULL:  # packed by an earlier call
        return None
    packed = take(q.packed_size * q.G)
    q.packed = <float *>packed.data
    with nogil:
        parallel_for(_pack_panel, q, q.G * (rows // wide), threads_for(20.0 * q.G * q.M * q.K))
    return packed
