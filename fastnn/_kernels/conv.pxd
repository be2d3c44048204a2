# Convolution forward, for conv_prepared.pyx.
from numpy cimport ndarray

from ._conv_packed cimport PackedWeights

cdef ndarray convolved(object x, object weight, object bias, object residual, object stride,
                       object padding, object dilation, object groups, object activation,
                       object algo, PackedWeights packed)
