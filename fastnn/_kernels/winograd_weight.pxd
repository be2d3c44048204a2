from ._conv_shape cimport Shape

cdef int wino_backward_weight(const Shape *s, const float *dy, const float *x, int m,
                              float *dweight) except -1
