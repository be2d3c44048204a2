# The elements of an image's dy that are not zero; shared by conv.pyx and conv_weight.pyx.
from libc.stdint cimport int32_t

from ._csrc cimport fnn_ukernels

cdef struct Nonzeros:
    Py_ssize_t *start      # (channels + 1): channel o has elements [start[o], start[o + 1])
    Py_ssize_t *at         # offset of each element
    float *value
    int32_t *index

# Floats of scratch for images of `channels` x P, at most `limit` elements of which count.
cdef Py_ssize_t nonzeros_size(Py_ssize_t channels, Py_ssize_t P, Py_ssize_t limit) noexcept nogil
cdef void nonzeros_place(Nonzeros *z, float *scratch, Py_ssize_t channels, Py_ssize_t P,
                         Py_ssize_t limit) noexcept nogil
# False if there are more than `limit`. offset (P,): where an element is to be found.
cdef bint nonzeros_collect(const fnn_ukernels *uk, Nonzeros *z, const float *dy,
                           Py_ssize_t channels, Py_ssize_t P, Py_ssize_t limit,
                           const Py_ssize_t *offset) noexcept nogil
