"""Sizes of a convolution over images, shared by all ways to do it."""
from numpy cimport PyArray_DIM, import_array

from ._array cimport pair
from ._sizes cimport max_, min_

import_array()

cdef double MOST = 1 << 40  # elements of a padded image


cdef int conv_shape(Shape *s, stride, padding, dilation, Py_ssize_t groups) except -1:
    """Fill in what follows from N C H W O KH KW."""
    pair(stride, &s.sh, &s.sw)
    pair(padding, &s.ph, &s.pw)
    pair(dilation, &s.dh, &s.dw)
    s.G = groups
    if groups < 1 or s.C % groups or s.O % groups:
        raise ValueError(f"groups={groups} must divide the channels {s.C} and {s.O}")
    if s.sh < 1 or s.sw < 1 or s.dh < 1 or s.dw < 1 or s.ph < 0 or s.pw < 0:
        raise ValueError(f"stride {stride} and dilation {dilation} must be positive, "
                         f"padding {padding} not negative")
    s.Cg, s.Og = s.C // groups, s.O // groups
    if (s.H + 2 * s.ph < s.dh * (s.KH - 1) + 1 or s.W + 2 * s.pw < s.dw * (s.KW - 1) + 1
            or s.KH < 1 or s.KW < 1 or s.H < 1 or s.W < 1):
        raise ValueError(f"kernel {(s.KH, s.KW)} does not fit the padded image")
    s.OH = (s.H + 2 * s.ph - s.dh * (s.KH - 1) - 1) // s.sh + 1
    s.OW = (s.W + 2 * s.pw - s.dw * (s.KW - 1) - 1) // s.sw + 1
    # A lone window needs no stride, and the gradient takes one phase for each step of it.
    if s.OH == 1:
        s.sh = min_(s.sh, s.H)
    if s.OW == 1:
        s.sw = min_(s.sw, s.W)
    # With padding or stride beyond all use the padded image could not even be counted.
    if (<double>(s.H + 2 * s.ph + s.sh + s.dh * s.KH)
            * <double>(s.W + 2 * s.pw + s.sw + s.dw * s.KW)
            * <double>(max_(s.Cg, s.Og) + 64) > MOST):
        raise MemoryError(f"cannot allocate the padded image: padding {padding}, stride {stride}, "
                          f"dilation {dilation}")
    return 0


cdef int check_dy(const Shape *s, dy) except -1:
    if (PyArray_DIM(dy, 0) != s.N or PyArray_DIM(dy, 1) != s.O or PyArray_DIM(dy, 2) != s.OH
            or PyArray_DIM(dy, 3) != s.OW):
        raise ValueError(f"dy has shape {dy.shape}, expected {(s.N, s.O, s.OH, s.OW)}")
    return 0


cdef void flatten_1x1(Shape *s) noexcept nogil:
    """The pixels of a 1x1 convolution as one row."""
    if s.KH == s.KW == s.sh == s.sw == 1 and s.ph == s.pw == 0:
        s.W, s.H = s.W * s.H, 1
        s.OW, s.OH = s.W, 1
