# Rows that are normalised, with a weight for each element; for group normalisation, too.
from ._csrc cimport fnn_ukernels

cdef struct Rows:
    const fnn_ukernels *uk
    Py_ssize_t N, G, L               # samples, rows of a sample, elements of a row
    Py_ssize_t chunk                 # samples of a task
    double eps
    const float *x
    const float *dy
    const float *weight              # (G L,), as bias, or NULL
    const float *bias
    float *mean                      # (N G,), or NULL: then rows are not centred
    float *rstd
    float *out                       # y or dx, or NULL
    float *dweight                   # (G L,), as dbias, or NULL
    float *dbias
    float *partial                   # of each chunk: dweight and dbias, those that are wanted


# Mean and 1 / sqrt(var + eps) of a row of n elements; mean NULL: 1 / sqrt(mean square + eps).
cdef void row_statistics(const fnn_ukernels *uk, Py_ssize_t n, double eps, const float *x,
                         float *mean, float *rstd) noexcept nogil
cdef int rows_forward(Rows *q) except -1
cdef int rows_backward(Rows *q) except -1
