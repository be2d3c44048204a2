# N images of C channels (H x W), O filters of (KH, KW): outputs (OH x OW), channels of a group
# Cg -> Og.
cdef struct Shape:
    Py_ssize_t N, C, H, W, O, KH, KW, OH, OW, G, Cg, Og
    Py_ssize_t sh, sw, ph, pw, dh, dw


# Fill in what follows from N C H W O KH KW.
cdef int conv_shape(Shape *s, stride, padding, dilation, Py_ssize_t groups) except -1
cdef int check_dy(const Shape *s, dy) except -1
# The pixels of a 1x1 convolution as one row.
cdef void flatten_1x1(Shape *s) noexcept nogil
