# Class labels of rows, with class weights: shared by loss.pyx and nll.pyx.
from numpy cimport int64_t

cdef enum:
    NONE = 0
    MEAN = 1
    SUM = 2

cdef struct Labels:
    Py_ssize_t n, C                # labels, classes
    int64_t ignore_index
    const int64_t *target          # (n,)
    const float *weight            # (C,), or NULL: 1
    int all_count                  # no label is ignore_index

cdef int reduction_code(name) except -1
# Fill q but for n and C, which the caller has set; IndexError for a label that is no class.
cdef int read_labels(Labels *q, target, weight, ignore_index) except -1
cdef float weight_of(const Labels *q, int64_t label) noexcept nogil
# Sum of the weights of the labels that count, in order.
cdef float sum_of_weights(const Labels *q) noexcept nogil
# The factor of each label's gradient in *scale; with NONE, dloss's elements instead, and 0 there.
cdef const float *gradient_scale(const Labels *q, dloss, int how, float *scale) except? NULL
