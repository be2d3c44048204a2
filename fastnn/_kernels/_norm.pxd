# What a batch normalisation knows, and what both ways through it share; see norm.pyx.
from libc.math cimport sqrt

from ._csrc cimport fnn_norm, fnn_ukernels

cdef enum:
    COLUMNS = 64           # channels of a column task, at most

cdef struct Moments:
    double count, mean, square     # square: sum of (x - mean)^2

cdef struct Norm:
    const fnn_ukernels *uk
    Py_ssize_t N, C, S
    Py_ssize_t chunks, group, part   # per channel; planes of a chunk; elements of a plane in it
    Py_ssize_t room                  # scratch of a thread
    int training, relu, need_sums, need_dx
    double eps
    const float *x
    const float *dy
    const float *weight
    const float *bias
    float *mean
    float *var
    float *out                       # y or dx, or NULL
    float *dweight
    float *dbias
    float *scratch
    float *scale                     # of each channel, in evaluation
    float *shift
    Moments *moments                 # of each chunk
    double *sums                     # of each chunk, two


cdef inline void combine(Moments *a, const Moments *b) noexcept nogil:
    cdef double total = a.count + b.count, delta = b.mean - a.mean
    if b.count == 0:
        return
    a.mean += delta * (b.count / total)
    a.square += b.square + delta * delta * (a.count * b.count / total)
    a.count = total


cdef inline void store_moments(const Norm *q, Py_ssize_t c, const Moments *m) noexcept nogil:
    q.mean[c] = <float>m.mean
    q.var[c] = <float>(m.square / m.count)


cdef inline double inverse_std(const Norm *q, Py_ssize_t c) noexcept nogil:
    return 1.0 / sqrt(<double>q.var[c] + q.eps)


cdef inline fnn_norm settings(const Norm *q, Py_ssize_t c) noexcept nogil:
    cdef fnn_norm p
    cdef double weight = q.weight[c] if q.weight != NULL else 1.0
    p.mean, p.scale = q.mean[c], <float>(weight * inverse_std(q, c))
    p.shift = q.bias[c] if q.bias != NULL else 0.0
    p.relu, p.centred = q.relu, q.training
    p.slope = p.offset = 0.0
    return p


cdef inline void finish_sums(const Norm *q, Py_ssize_t c, const double *sums,
                             fnn_norm *p) noexcept nogil:
    """Gradients of weight and bias, and the line that dx loses for the statistics."""
    cdef double inverse = inverse_std(q, c), n = <double>(q.N * q.S)
    cdef double weight = q.weight[c] if q.weight != NULL else 1.0
    if q.dweight != NULL:
        q.dweight[c] = <float>(sums[1] * inverse)
    if q.dbias != NULL:
        q.dbias[c] = <float>sums[0]
    p.slope = <float>(-weight * inverse * inverse * inverse * sums[1] / n)
    p.offset = <float>(-weight * inverse * sums[0] / n)


# Of `count` pieces of n > 0 elements, `stride` apart; see norm.pyx.
cdef Moments moments(const fnn_ukernels *uk, Py_ssize_t count, Py_ssize_t n, Py_ssize_t stride,
                     const float *x) noexcept nogil

# Tasks of _norm.pyx.
cdef void column_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil
cdef void span_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil
