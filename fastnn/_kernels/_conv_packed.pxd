# The weight of a convolution, packed by the first call that wants it so.
from ._array cimport Buffer
from ._conv_shape cimport Shape
from ._gather cimport Gather

cdef class PackedWeights:
    cdef Buffer winograd       # (G, C_out / lanes, C_in, r * r, lanes)
    cdef dict panels           # of the matrix product, by algorithm, see _gather.pyx

cdef Buffer pack_winograd(const Shape *s, const float *weight)
cdef Buffer pack_weights(Gather *q)
