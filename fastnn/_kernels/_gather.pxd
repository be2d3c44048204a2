# Gathering convolution patches by tables of offsets; shared by conv.pyx and conv_weight.pyx.
from ._array cimport Buffer
from ._csrc cimport fnn_ukernels

cdef enum:
    IMPLICIT_GEMM = 1
    DIRECT = 2
    INDIRECT = 3
    POINTWISE = 4

# One gather: out (M x TH*TW) = act(A (M x K) * patches + bias) for every image and group.
cdef struct Gather:
    const fnn_ukernels *uk
    int algo, activation
    Py_ssize_t N, G, M, K, TH, TW
    Py_ssize_t channels, h, w               # source planes per group and their size
    Py_ssize_t hp, wp, top, left            # padded plane and where the source sits in it
    Py_ssize_t split                        # column u of a padded row is at u % split * wp / split
    Py_ssize_t line, step                   # padded elements from an output row / pixel to the next
    Py_ssize_t taps_per_row                 # see _direct_rows
    Py_ssize_t run                          # pixels written in one go, 0: all; see _direct
    bint copies_patches                     # for it, of a kernel of one tap
    Py_ssize_t min_row, max_row             # padded rows of the taps
    const Py_ssize_t *tap_off
    const Py_ssize_t *tap_row               # padded row of each kernel row's taps
    const Py_ssize_t *pixel_off
    const float *x                          # (N, G * channels, h, w)
    const float *a                          # (G, M, K)
    const float *packed                     # A packed for the algorithm, per group; NULL: not yet
    Py_ssize_t packed_size
    const float *bias                       # (G * M,) or NULL
    float *out                              # (N, G * M, out_h, out_w)
    Py_ssize_t out_h, out_w
    Py_ssize_t sh, sw                       # an array of so many phases; see _interleave.pyx
    Py_ssize_t phase_size
    Py_ssize_t blocks, block_rows
    bint cuts_rows                          # a task reads a part of its image: it clears no more
    Py_ssize_t block_cols                   # pixels of a block where there is one row, 0: all
    Py_ssize_t block_channels               # channels of a block, all rows, 0: all
    float *scratch
    Py_ssize_t scratch_size, image_size, work_size


cdef int algo_code(object name, const Gather *q) except -1
cdef void pad_image(const Gather *q, const float *x, Py_ssize_t row0, Py_ssize_t row1, bint clears,
                    float *out) noexcept nogil
cdef Buffer pixel_table(Gather *q)
cdef int run_gather(Gather *q) except -1
