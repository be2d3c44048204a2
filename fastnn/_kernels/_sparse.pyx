"""Which elements of dy are not zero (see csrc/ukernel/sparse.h)."""
from libc.stdint cimport int32_t

from ._csrc cimport fnn_ukernels
from ._sizes cimport max_

cdef enum:
    SLACK = 32         # nonzeros() writes whole vectors


cdef Py_ssize_t nonzeros_size(Py_ssize_t channels, Py_ssize_t P, Py_ssize_t limit) noexcept nogil:
    return 2 * (channels + 1) + 4 * (limit + P + SLACK)


cdef void nonzeros_place(Nonzeros *z, float *scratch, Py_ssize_t channels, Py_ssize_t P,
                         Py_ssize_t limit) noexcept nogil:
    z.start = <Py_ssize_t *>scratch
    z.at = z.start + channels + 1
    z.value = <float *>(z.at + limit + P + SLACK)
    z.index = <int32_t *>(z.value + limit + P + SLACK)


cdef bint nonzeros_collect(const fnn_ukernels *uk, Nonzeros *z, const float *dy,
                           Py_ssize_t channels, Py_ssize_t P, Py_ssize_t limit,
                           const Py_ssize_t *offset) noexcept nogil:
    cdef Py_ssize_t o, i, n, found = 0, least = channels * P // 8
    z.start[0] = 0
    for o in range(channels):
        n = uk.nonzeros(P, dy + o * P, z.index, z.value + found)
        for i in range(n):
            z.at[found + i] = offset[z.index[i]]
        found += n
        z.start[o + 1] = found
        # A first eighth of nearly all nonzeros is enough to know, unless any number is wanted.
        if found > limit or limit < channels * P and found > max_(least, (o + 1) * P * 3 // 4):
            return False
    return True
