# Convolution forward, for conv_prepared.pyx.
from numpy cimport ndarray

from ._conv_shape cimport Shape
from ._gather cimport Gather

cdef int conv_settings(Shape *s, object weight, object bias, object stride, object padding,
                       object dilation, object groups) except -1
cdef int conv_gather(Gather *q, Shape *s, object algo) except -1
cdef ndarray convolved(object x, object weight, object bias, object residual, object stride,
                       object padding, object dilation, object groups, object activation,
                       object algo, const float *packed)
