"""The weight of a convolution, packed for the algorithms that want it."""
cimport cython
from libc.string cimport memset

from ._array cimport Buffer, take
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport min_, round_up
from ._threads cimport parallel_for, threads_for


@cython.final
cdef class PackedWeights:
    """What was packed of a weight so far."""


cdef struct Packing:
    const fnn_ukernels *uk
    Py_ssize_t Og, Cg, vectors
    const float *weight
    float *out


@cython.cdivision(True)
cdef void _pack_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One vector of output channels."""
    cdef:
        Packing *q = <Packing *>ctx
        Py_ssize_t L = q.uk.lanes, g = task // q.vectors, n = task % q.vectors * L
        float *out = q.out + task * L * q.Cg * 9
    if q.Og - n < L:
        memset(out, 0, L * q.Cg * 9 * sizeof(float))
    q.uk.transpose(min_(L, q.Og - n), 9 * q.Cg, q.weight + (g * q.Og + n) * q.Cg * 9, q.Cg * 9,
                   out, L)


cdef Buffer pack_winograd(const Shape *s, const float *weight):
    cdef Packing q
    cdef Buffer packed
    q.uk, q.Og, q.Cg, q.weight = ukernels(), s.Og, s.Cg, weight
    q.vectors = round_up(s.Og, q.uk.lanes) // q.uk.lanes
    packed = take(s.G * q.vectors * q.uk.lanes * s.Cg * 9)
    q.out = <float *>packed.data
    with nogil:
        parallel_for(_pack_task, &q, s.G * q.vectors, threads_for(40.0 * s.O * s.Cg))
    return packed
