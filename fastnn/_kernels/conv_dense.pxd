# Convolutions whose kernel covers the whole image: matrix products.
from ._conv_shape cimport Shape

# Whether algo ("auto", "dense_layer" or others) means this one.
cdef bint dense_algo(const Shape *s, object algo) except -1
cdef int dense_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                       int activation, float *y) except -1
cdef int dense_backward_input(const Shape *s, const float *dy, const float *weight,
                              float *dx) except -1
cdef int dense_backward_weight(const Shape *s, const float *dy, const float *x,
                               float *dweight) except -1
