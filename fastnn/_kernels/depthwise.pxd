# Depthwise convolution: one input channel a group.
from ._conv_shape cimport Shape

cdef enum:
    OF_OUTPUT, OF_INPUT, OF_WEIGHT  # the passes

# Whether algo ("auto", "depthwise" or others) means this one.
cdef bint depthwise_algo(const Shape *s, object algo, int which) except -1
cdef int depthwise_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                           int activation, float *y) except -1
cdef int depthwise_backward_input(const Shape *s, const float *dy, const float *weight,
                                  float *dx) except -1
cdef int depthwise_backward_weight(const Shape *s, const float *dy, const float *x,
                                   float *dweight) except -1
