"""Layer and RMS normalisation: rows (R, n), float32, a weight for each element.

Forward: a task is some rows; a row is read from memory once, its statistics are summed and the
result is written while it is in L1.  Statistics as in norm.pyx: relative to the mean of the first
512 elements, which is the row's own mean up to that length, and in pieces of 4,096, combined in
float64, so that a large mean costs no digits.  RMS: squares in the same pieces.

Backward: a task is a chunk of rows, which reads dy and x once for both gradients.  Each chunk has
its own sums of dweight and dbias, added up in order of rows; the chunks' sums are added as a tree.
At least 16 rows are a chunk, so that the sums take an eighth of x at most.  Rows of more than 8,192
elements: dx by rows, then the weights' gradients by columns, over all rows in order.
All this depends on the shape only.
"""
from libc.math cimport sqrt
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty1, empty_like, f32, f32_or_null, same_shape, take
from ._csrc cimport fnn_norm, fnn_ukernels, ukernels
from ._norm cimport Moments, moments
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 4096           # elements of a sum in float32; a literal where it is a step
    SPAN = 16384           # elements of a task of the forward pass
    CHUNK = 32768          # elements of a chunk
    CHUNK_ROWS = 16        # at least
    MAX_CHUNKS = 256
    WIDE = 8192            # elements of a sample whose weights' gradients go by columns
    COLUMNS = 2048         # of a task then


cdef void row_statistics(const fnn_ukernels *uk, Py_ssize_t n, double eps, const float *x,
                         float *mean, float *rstd) noexcept nogil:
    cdef Moments m
    cdef float sums[2]
    cdef double square = 0.0
    cdef Py_ssize_t i
    if mean != NULL:
        m = moments(uk, 1, n, 0, x)
        mean[0] = <float>m.mean
        square = m.square
    else:
        for i in range(0, n, 4096):
            uk.norm_moments(1, min(PIECE, n - i), 0, 0.0, x + i, sums)
            square += sums[1]
    rstd[0] = <float>(1.0 / sqrt(square / <double>n + eps))


cdef void _forward_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t first = task * q.chunk, n, g, r, at, L = q.L
    cdef fnn_norm p
    cdef const float *bias
    p.shift, p.relu, p.mean = 0.0, 0, 0.0
    for n in range(first, min(q.N, first + q.chunk)):
        for g in range(q.G):
            r, at = n * q.G + g, (n * q.G + g) * L
            row_statistics(q.uk, L, q.eps, q.x + at, NULL if q.mean == NULL else q.mean + r,
                           q.rstd + r)
            if q.mean != NULL:
                p.mean = q.mean[r]
            p.scale = q.rstd[r]
            if q.weight == NULL:
                q.uk.norm_apply(1, L, 0, &p, q.x + at, q.out + at)
                continue
            bias = NULL
            if q.bias != NULL:
                bias = q.bias + g * L
            q.uk.layer_norm_row(L, p.mean, p.scale, q.weight + g * L, bias, q.x + at, q.out + at)


cdef int rows_forward(Rows *q) except -1:
    """y, mean and rstd; q.chunk is set here."""
    cdef Py_ssize_t i, width = q.G * q.L
    cdef Buffer ones
    if q.weight == NULL and q.bias != NULL:  # rare: not worth a kernel of its own
        ones = take(width)
        q.weight = <float *>ones.data
        for i in range(width):
            (<float *>ones.data)[i] = 1.0
    q.chunk = max(1, SPAN // width)
    with nogil:
        parallel_for(_forward_task, q, (q.N + q.chunk - 1) // q.chunk,
                     threads_for(12.0 * q.N * width))
    return 0


cdef void _input_gradient(const Rows *q, Py_ssize_t r, Py_ssize_t g) noexcept nogil:
    cdef Py_ssize_t L = q.L, at = r * L, i, n
    cdef const float *weight = NULL
    cdef double rstd = q.rstd[r]
    cdef double total[2]
    cdef float sums[2]
    cdef fnn_norm p
    if q.weight != NULL:
        weight = q.weight + g * L
    p.mean = q.mean[r] if q.mean != NULL else 0.0
    p.scale, p.shift, p.relu, p.centred = q.rstd[r], 0.0, 0, 1
    total[0] = total[1] = 0.0
    for i in range(0, L, 4096):
        n = min(PIECE, L - i)
        if weight == NULL:
            q.uk.norm_grad_sums(1, n, 0, &p, q.dy + at + i, q.x + at + i, sums)
        else:
            q.uk.layer_norm_grad_sums(n, p.mean, weight + i, q.dy + at + i, q.x + at + i, sums)
        total[0] += sums[0]
        total[1] += sums[1]
    p.slope = <float>(-rstd * rstd * rstd * total[1] / L)
    p.offset = <float>(-rstd * total[0] / L) if q.mean != NULL else 0.0
    if weight == NULL:
        q.uk.norm_grad_apply(1, L, 0, &p, q.dy + at, q.x + at, q.out + at)
    else:
        q.uk.layer_norm_row_grad(L, &p, weight, q.dy + at, q.x + at, q.out + at)


cdef void _add_gradients(const Rows *q, Py_ssize_t r, Py_ssize_t i, Py_ssize_t n, float *dweight,
                         float *dbias) noexcept nogil:
    """Add what elements [i, i + n) of row r give; each output may be NULL."""
    cdef Py_ssize_t at = r * q.L + i
    cdef float mean = q.mean[r] if q.mean != NULL else 0.0
    if dweight != NULL:
        q.uk.layer_norm_param_grad(n, mean, q.rstd[r], q.dy + at, q.x + at, dweight, dbias)
    elif dbias != NULL:
        q.uk.vadd(n, q.dy + at, dbias)


cdef void _chunk_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t first = task * q.chunk, n, g, width = q.G * q.L
    cdef float *dweight = NULL
    cdef float *dbias = NULL
    cdef float *own = q.partial
    if own != NULL:
        own += task * _sums_of_chunk(q)
        memset(own, 0, _sums_of_chunk(q) * sizeof(float))
        if q.dweight != NULL:
            dweight = own
            own += width
        if q.dbias != NULL:
            dbias = own
    for n in range(first, min(q.N, first + q.chunk)):
        for g in range(q.G):
            if q.out != NULL:
                _input_gradient(q, n * q.G + g, g)
            if q.partial != NULL:
                _add_gradients(q, n * q.G + g, 0, q.L,
                               NULL if dweight == NULL else dweight + g * q.L,
                               NULL if dbias == NULL else dbias + g * q.L)


cdef Py_ssize_t _sums_of_chunk(const Rows *q) noexcept nogil:
    return q.G * q.L * ((q.dweight != NULL) + (q.dbias != NULL))


cdef void _columns_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Columns of one row of all samples."""
    cdef Rows *q = <Rows *>ctx
    cdef Py_ssize_t parts = (q.L + COLUMNS - 1) // COLUMNS, g = task // parts, sample
    cdef Py_ssize_t i = task % parts * COLUMNS, n = min(COLUMNS, q.L - i), at = g * q.L + i
    cdef float *dweight = NULL if q.dweight == NULL else q.dweight + at
    cdef float *dbias = NULL if q.dbias == NULL else q.dbias + at
    if dweight != NULL:
        memset(dweight, 0, n * sizeof(float))
    if dbias != NULL:
        memset(dbias, 0, n * sizeof(float))
    for sample in range(q.N):
        _add_gradients(q, sample * q.G + g, i, n, dweight, dbias)


cdef void _add_chunks(const Rows *q, Py_ssize_t chunks) noexcept nogil:
    """Chunks i and i + 1, then i and i + 2, i + 4 ...; the first one has the total."""
    cdef Py_ssize_t each = _sums_of_chunk(q), step = 1, i, width = q.G * q.L
    while step < chunks:
        i = 0
        while i + step < chunks:
            q.uk.vadd(each, q.partial + (i + step) * each, q.partial + i * each)
            i += 2 * step
        step *= 2
    if q.dweight != NULL:
        memcpy(q.dweight, q.partial, width * sizeof(float))
    if q.dbias != NULL:
        memcpy(q.dbias, q.partial + each - width, width * sizeof(float))


cdef int rows_backward(Rows *q) except -1:
    """dx, dweight and dbias, those that are not NULL, N > 0; q.chunk is set here."""
    cdef Py_ssize_t width = q.G * q.L, tasks
    cdef Buffer scratch
    cdef bint sums = _sums_of_chunk(q) > 0
    cdef int threads = threads_for(24.0 * q.N * width)
    if sums and width <= WIDE:
        q.chunk = max(CHUNK_ROWS, CHUNK // width, (q.N + MAX_CHUNKS - 1) // MAX_CHUNKS)
        tasks = (q.N + q.chunk - 1) // q.chunk
        scratch = take(tasks * _sums_of_chunk(q))
        q.partial = <float *>scratch.data
        with nogil:
            parallel_for(_chunk_task, q, tasks, threads)
            _add_chunks(q, tasks)
        return 0
    q.chunk, q.partial = max(1, SPAN // width), NULL
    with nogil:
        if q.out != NULL:
            parallel_for(_chunk_task, q, (q.N + q.chunk - 1) // q.chunk, threads)
        if sums:
            parallel_for(_columns_task, q, q.G * ((q.L + COLUMNS - 1) // COLUMNS), threads)
    return 0


cdef int _inputs(Rows *q, x, weight, bias) except -1:
    q.uk, q.x = ukernels(), f32(x, 2, "x")
    q.N, q.G, q.L = PyArray_DIM(x, 0), 1, PyArray_DIM(x, 1)
    q.weight, q.bias = f32_or_null(weight, 1, "weight"), f32_or_null(bias, 1, "bias")
    q.mean, q.dy, q.out, q.dweight, q.dbias = NULL, NULL, NULL, NULL, NULL
    for name, a in (("weight", weight), ("bias", bias)):
        if a is not None and a.shape[0] != q.L:
            raise ValueError(f"{name} has {a.shape[0]} elements, expected {q.L}")
    return 0


cdef object _forward(Rows *q, x, bint centred, double eps):
    cdef ndarray y = empty_like(x), mean = None, rstd = empty1(q.N)
    q.out, q.rstd, q.eps = f32(y, 2, "y"), f32(rstd, 1, "rstd"), eps
    if centred:
        mean = empty1(q.N)
        q.mean = f32(mean, 1, "mean")
    if q.N and q.L:
        rows_forward(q)
    else:
        memset(q.rstd, 0, q.N * sizeof(float))
        if centred:
            memset(q.mean, 0, q.N * sizeof(float))
    return y, mean, rstd


cdef object _backward(Rows *q, dy, x, mean, rstd, needs):
    cdef ndarray dx = None, dweight = None, dbias = None
    need_dx, need_weight, need_bias = needs
    q.dy, q.rstd = f32(dy, 2, "dy"), f32(rstd, 1, "rstd")
    q.mean = f32_or_null(mean, 1, "mean")
    if not same_shape(dy, x):
        raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}")
    for name, a in (("mean", mean), ("rstd", rstd)):
        if a is not None and a.shape[0] != q.N:
            raise ValueError(f"{name} has {a.shape[0]} elements, expected {q.N}")
    if need_dx:
        dx = empty_like(x)
        q.out = f32(dx, 2, "dx")
    if need_weight:
        dweight = empty1(q.L)
        q.dweight = f32(dweight, 1, "dweight")
    if need_bias:
        dbias = empty1(q.L)
        q.dbias = f32(dbias, 1, "dbias")
    if q.N and q.L:
        rows_backward(q)
    else:
        if need_weight:
            memset(q.dweight, 0, q.L * sizeof(float))
        if need_bias:
            memset(q.dbias, 0, q.L * sizeof(float))
    return dx, dweight, dbias


def layer_norm_forward(x, weight, bias, eps):
    """y = (x - mean) rstd weight + bias, x (R, n), weight and bias (n,) or None.

    mean and rstd = 1 / sqrt(var + eps), var over n, are those of each row -> y, mean, rstd (R,).
    """
    cdef Rows q
    _inputs(&q, x, weight, bias)
    return _forward(&q, x, True, eps)


def layer_norm_backward(dy, x, weight, mean, rstd, needs):
    """dx, dweight, dbias, each None unless needed; mean and rstd from the forward.

    With g = dy weight, x_hat = (x - mean) rstd: dx = rstd (g - mean(g) - x_hat mean(g x_hat)),
    dweight = sum dy x_hat, dbias = sum dy over the rows.
    """
    cdef Rows q
    _inputs(&q, x, weight, None)
    return _backward(&q, dy, x, mean, rstd, needs)


def rms_norm_forward(x, weight, eps):
    """y = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps) of each row of x (R, n) -> y, rstd (R,).
    """
    cdef Rows q
    _inputs(&q, x, weight, None)
    y, _, rstd = _forward(&q, x, False, eps)
    return y, rstd


def rms_norm_backward(dy, x, weight, rstd, needs):
    """dx, dweight, each None unless needed; rstd from the forward.

    With g = dy weight, x_hat = x rstd: dx = rstd (g - x_hat mean(g x_hat)),
    dweight = sum dy x_hat over the rows.
    """
    cdef Rows q
    need_dx, need_weight = needs
    _inputs(&q, x, weight, None)
    return _backward(&q, dy, x, None, rstd, (need_dx, need_weight, False))[:2]
