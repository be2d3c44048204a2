# Images as winograd.pyx reads them: channels last, and of a strided convolution its phases.
from ._array cimport Buffer
from ._conv_shape cimport Shape
from ._csrc cimport fnn_ukernels

# Side of Winograd's tiles for algo ("auto", "polyphase" or others); 0: another algorithm.
cdef int phases_algo(const Shape *s, object algo) except -1
# The convolution over phases, but for H, W, padding and stride, which stay those of the images; and
# its weight (O, Cg, KH, KW).
cdef Shape phase_shape(const Shape *s) noexcept nogil
cdef Buffer phase_weights(const Shape *s, const float *weight)

# Element u of a row, with `left` before it, goes to (left + u) // phases of line
# (left + u) % phases; lines lie `line` floats apart.  Nothing else of them is written.
cdef void split_row(const fnn_ukernels *uk, Py_ssize_t phases, Py_ssize_t left, Py_ssize_t w,
                    const float *x, Py_ssize_t line, float *out) noexcept nogil
# Channels [c0, c0 + channels), up to `lanes`, rows [first, first + rows) and columns [0, width) of
# the phases of one image x (C, h, w) behind a border of (top, left), as (rows, width, lanes); zero
# outside it.  room: as much again, of at least 6 rows.
cdef void pixels_last(const fnn_ukernels *uk, const float *x, Py_ssize_t C, Py_ssize_t h,
                      Py_ssize_t w, Py_ssize_t top, Py_ssize_t left, Py_ssize_t phases,
                      Py_ssize_t c0, Py_ssize_t channels, Py_ssize_t first, Py_ssize_t rows,
                      Py_ssize_t width, float *out, float *room) noexcept nogil
