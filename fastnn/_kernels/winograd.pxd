# Winograd convolution, 3x3 and 5x5, stride 1, and forward with other strides; called from conv.pyx
# and conv_weight.pyx.
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels

cdef enum:
    WIDEST = 16       # lanes of the widest level
    TAPS = 25         # of the largest kernel


# Images x of C channels (h x w) seen through a border of (top, left), cut into TH x TW tiles of
# side m, for kernels of side r with an overlap of r - 1; (units = N * TH) rows of tiles, R of them
# in a task.
cdef struct Grid:
    const fnn_ukernels *uk
    int m, r, a
    Py_ssize_t N, G, TH, TW, units, R


cdef struct Source:
    const float *x                   # (N, G * C, h, w)
    Py_ssize_t C, h, w, top, left, row    # row: channels of a transformed tile, padded
    Py_ssize_t phases                # > 1: x is (N, G * C / phases^2, h, w), see _polyphase.pyx
    bint is_gradient                 # tiles of m x m, transformed by A


# Side of the tiles for algo ("auto", "winograd2", "winograd4" or others) and OH x OW outputs; 0:
# another algorithm.
cdef int wino_algo(const Shape *s, object algo, Py_ssize_t OH, Py_ssize_t OW) except -1
cdef int wino_forward(const Shape *s, const float *x, const float *weight, const float *bias,
                      const float *residual, int activation, int m, float *y,
                      const float *packed) except -1
cdef int wino_backward_input(const Shape *s, const float *dy, const float *weight, int m,
                             float *dx) except -1

cdef void wino_grid(Grid *t, const Shape *s, int m, Py_ssize_t OH, Py_ssize_t OW,
                    Py_ssize_t tiles) noexcept nogil
cdef Py_ssize_t wino_strip_size(const Grid *t) noexcept nogil
cdef double wino_flops(const Shape *s) noexcept nogil
cdef void wino_transform(const Grid *t, const Source *s, Py_ssize_t g, Py_ssize_t c0,
                         Py_ssize_t c1, Py_ssize_t unit, Py_ssize_t end, float *strip, float *v,
                         Py_ssize_t v_xi) noexcept nogil
