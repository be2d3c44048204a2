"""Losses fused with their softmax, and mean squared error.

Cross-entropy with class weights w, label smoothing e and target t (PyTorch's definition): a row's
loss is (1 - e) w_t nll_t + (e / C) sum_c w_c nll_c with nll = log sum exp x - x; "mean" divides by
the sum of w_t over the rows that are not ignored (0 if there are none).

Logits are (N, C), or (N, C, S): S positions of an image, whose classes are S apart.  Vectors run
over positions there.  Rows of few classes are transposed, 32 at a time, to be done likewise: a
vector of classes would be mostly tail.
"""
from libc.string cimport memset
from numpy cimport (
    PyArray_DATA,
    PyArray_DIM,
    PyArray_NDIM,
    PyArray_SIZE,
    import_array,
    int64_t,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty, empty1, empty_like, f32, same_shape, take
from ._csrc cimport fnn_ukernels, ukernels
from ._labels cimport (
    MEAN,
    NONE,
    Labels,
    gradient_scale,
    read_labels,
    reduction_code,
    sum_of_weights,
    weight_of,
)
from ._threads cimport parallel_for, threads_for
from .reduce cimport sum_of

import_array()

cdef enum:
    ROWS = 32          # rows of a task
    FEW = 32           # classes, up to which rows are transposed
    WIDTH = 256        # positions of a task
    PIECE = 65536      # elements of a partial sum: set by shape alone

cdef struct CrossEntropy:
    const fnn_ukernels *uk
    Labels labels
    Py_ssize_t N, C, S, parts      # parts: tasks of an image
    float smoothing, weight_sum, scale
    const float *logits
    const float *dloss             # per label, or NULL: scale for all
    float *rows                    # loss of each label
    float *probs
    float *dlogits


cdef int _sizes(CrossEntropy *q, ndarray x) except -1:
    cdef int nd = PyArray_NDIM(x)
    if nd != 2 and nd != 3:
        raise ValueError(f"logits have {nd} dimensions, expected 2 or 3")
    q.uk, q.N, q.C = ukernels(), PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    q.S = PyArray_DIM(x, 2) if nd == 3 else 1
    q.parts = (q.S + WIDTH - 1) // WIDTH
    q.labels.n, q.labels.C = q.N * q.S, q.C
    return 0


cdef void _settings(CrossEntropy *q, double smoothing) noexcept:
    q.smoothing = <float>smoothing
    q.weight_sum = <float>q.C
    if q.labels.weight != NULL:
        q.weight_sum = q.uk.vsum(q.C, q.labels.weight)


cdef void _losses(const CrossEntropy *q, Py_ssize_t first, Py_ssize_t count, const float *x,
                  Py_ssize_t step, Py_ssize_t stride, const float *top) noexcept nogil:
    """rows[first + i] holds the sum of exponentials and gets the loss; x[i step + c stride] is
    class c of label i."""
    cdef Py_ssize_t i, c
    cdef int64_t t
    cdef float log_total, loss, smooth, w
    cdef float *rows = q.rows + first
    q.uk.vlog(count, rows, rows)
    # Everything relative to the row's maximum, so that an offset of all logits costs no digits.
    for i in range(count):
        t = q.labels.target[first + i]
        if t == q.labels.ignore_index:
            rows[i] = 0.0
            continue
        log_total = rows[i]
        loss = weight_of(&q.labels, t) * (log_total - (x[i * step + t * stride] - top[i]))
        if q.smoothing > 0.0:
            smooth = 0.0
            for c in range(q.C):
                w = weight_of(&q.labels, c)
                if w != 0.0:
                    smooth += w * (log_total - (x[i * step + c * stride] - top[i]))
            loss = (<float>1.0 - q.smoothing) * loss + q.smoothing / <float>q.C * smooth
        rows[i] = loss


cdef void _rows_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t first = task * ROWS, count = min(ROWS, q.N - first), i
    cdef const float *x = q.logits + first * q.C
    cdef float *p = q.probs + first * q.C
    cdef float top[ROWS]
    cdef float block[ROWS * FEW]
    if q.C <= FEW:
        q.uk.transpose(count, q.C, x, q.C, block, ROWS)
        q.uk.softmax_columns(count, q.C, block, ROWS, block, ROWS, top, q.rows + first)
        q.uk.transpose(q.C, count, block, ROWS, p, q.C)
    else:
        for i in range(count):
            q.rows[first + i] = q.uk.softmax_row(q.C, x + i * q.C, p + i * q.C)
            top[i] = q.uk.vmax(q.C, x + i * q.C)
    _losses(q, first, count, x, q.C, 1, top)


cdef void _columns_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t n = task // q.parts, s = task % q.parts * WIDTH, count = min(WIDTH, q.S - s)
    cdef Py_ssize_t at = n * q.C * q.S + s
    cdef float top[WIDTH]
    q.uk.softmax_columns(count, q.C, q.logits + at, q.S, q.probs + at, q.S, top,
                         q.rows + n * q.S + s)
    _losses(q, n * q.S + s, count, q.logits + at, 1, q.S, top)


def cross_entropy_forward(logits, target, weight, ignore_index, reduction, label_smoothing):
    """logits (N, C) or (N, C, S), target (N S,) int64, weight (C,) or None -> loss () or (N S,),
    probs of the logits' shape.

    IndexError for a target that is neither a class nor ignore_index."""
    cdef CrossEntropy q
    cdef ndarray probs, loss, out
    cdef int how = reduction_code(reduction)
    cdef float total, denominator
    cdef npy_intp dims[1]
    q.logits = f32(logits, -1, "logits")
    _sizes(&q, logits)
    read_labels(&q.labels, target, weight, ignore_index)
    _settings(&q, label_smoothing)
    probs, loss = empty_like(logits), empty1(q.labels.n)
    q.probs, q.rows = f32(probs, -1, "probs"), f32(loss, 1, "loss")
    if q.labels.n and q.C:
        if q.S > 1:
            with nogil:
                parallel_for(_columns_task, &q, q.N * q.parts, threads_for(40.0 * q.N * q.C * q.S))
        elif q.N <= ROWS:
            parallel_for(_rows_task, &q, 1, 1)
        else:
            with nogil:
                parallel_for(_rows_task, &q, (q.N + ROWS - 1) // ROWS,
                             threads_for(40.0 * q.N * q.C))
    if how == NONE:
        return loss, probs
    total = <float>sum_of(q.uk, q.labels.n, q.rows)
    if how == MEAN:
        denominator = sum_of_weights(&q.labels)
        total = total / denominator if denominator != 0.0 else <float>0.0
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = total
    return out, probs


# d loss / d x_j = p_j ((1-e) w_t + (e/C) sum w) - (1-e) w_t [j = t] - (e/C) w_j

cdef void _rows_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t n, c, first = task * ROWS, end = min(q.N, first + ROWS)
    cdef int64_t t
    cdef float scale, own, spread = q.smoothing / <float>q.C
    cdef bint alike = q.dloss == NULL and q.labels.weight == NULL
    cdef float *dx
    if alike:  # one factor for all rows
        own = <float>1.0 - q.smoothing
        q.uk.vscale((end - first) * q.C, q.scale * (own + spread * q.weight_sum),
                    q.probs + first * q.C, q.dlogits + first * q.C)
    for n in range(first, end):
        dx = q.dlogits + n * q.C
        t = q.labels.target[n]
        if t == q.labels.ignore_index:
            memset(dx, 0, q.C * sizeof(float))
            continue
        scale = q.dloss[n] if q.dloss != NULL else q.scale
        own = (<float>1.0 - q.smoothing) * weight_of(&q.labels, t)
        if not alike:
            q.uk.vscale(q.C, scale * (own + spread * q.weight_sum), q.probs + n * q.C, dx)
        dx[t] -= scale * own
        if q.smoothing > 0.0:
            if q.labels.weight != NULL:
                q.uk.vaxpy(q.C, -scale * spread, q.labels.weight, dx)
            else:
                for c in range(q.C):
                    dx[c] -= scale * spread


cdef void _columns_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef CrossEntropy *q = <CrossEntropy *>ctx
    cdef Py_ssize_t n = task // q.parts, s = task % q.parts * WIDTH, count = min(WIDTH, q.S - s)
    cdef Py_ssize_t i, c, at = n * q.C * q.S + s, label = n * q.S + s
    cdef const int64_t *target = q.labels.target + label
    cdef const float *p
    cdef float own, scale, w, spread = q.smoothing / <float>q.C
    cdef float factor[WIDTH]
    cdef float share[WIDTH]
    cdef float *dx = q.dlogits + at
    cdef bint alike = q.dloss == NULL and q.labels.weight == NULL and q.smoothing == 0.0
    if alike:
        for c in range(q.C):
            q.uk.vscale(count, q.scale, q.probs + at + c * q.S, dx + c * q.S)
    else:
        for i in range(count):
            factor[i] = share[i] = 0.0
            if target[i] != q.labels.ignore_index:
                scale = q.dloss[label + i] if q.dloss != NULL else q.scale
                own = (<float>1.0 - q.smoothing) * weight_of(&q.labels, target[i])
                factor[i], share[i] = scale * (own + spread * q.weight_sum), scale * spread
        for c in range(q.C):
            p, w = q.probs + at + c * q.S, weight_of(&q.labels, c)
            for i in range(count):
                dx[c * q.S + i] = factor[i] * p[i] - share[i] * w
    for i in range(count):
        if target[i] == q.labels.ignore_index:
            for c in range(q.C):
                dx[c * q.S + i] = 0.0
        else:
            scale = q.dloss[label + i] if q.dloss != NULL else q.scale
            own = (<float>1.0 - q.smoothing) * weight_of(&q.labels, target[i])
            dx[target[i] * q.S + i] -= scale * own


def cross_entropy_backward(dloss, probs, target, weight, ignore_index, reduction,
                           label_smoothing):
    """dloss () or (N S,), probs of the forward -> dlogits of their shape."""
    cdef CrossEntropy q
    cdef ndarray dlogits
    cdef int how = reduction_code(reduction)
    q.probs = f32(probs, -1, "probs")
    _sizes(&q, probs)
    read_labels(&q.labels, target, weight, ignore_index)
    _settings(&q, label_smoothing)
    q.dloss = gradient_scale(&q.labels, dloss, how, &q.scale)
    dlogits = empty_like(probs)
    q.dlogits = f32(dlogits, -1, "dlogits")
    if q.labels.n and q.C:
        if q.S > 1:
            with nogil:
                parallel_for(_columns_grad_task, &q, q.N * q.parts,
                             threads_for(8.0 * q.N * q.C * q.S))
        elif q.N <= ROWS:
            parallel_for(_rows_grad_task, &q, 1, 1)
        else:
            with nogil:
                parallel_for(_rows_grad_task, &q, (q.N + ROWS - 1) // ROWS,
                             threads_for(8.0 * q.N * q.C))
    return dlogits


cdef struct Mse:
    const fnn_ukernels *uk
    Py_ssize_t n
    int how
    float scale
    const float *x
    const float *t
    const float *dloss
    float *out


cdef void _mse_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Mse *q = <Mse *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i), j
    cdef float d
    if q.how != NONE:
        q.out[task] = q.uk.vsqdiff(n, q.x + i, q.t + i)
        return
    for j in range(i, i + n):
        d = q.x[j] - q.t[j]
        q.out[j] = d * d


cdef void _mse_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Mse *q = <Mse *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i), j
    if q.how != NONE:
        q.uk.vscaled_diff(n, q.scale, q.x + i, q.t + i, q.out + i)
        return
    for j in range(i, i + n):
        q.out[j] = <float>2.0 * q.dloss[j] * (q.x[j] - q.t[j])


cdef int _same_shape(x, target) except -1:
    if not same_shape(x, target):
        raise ValueError(f"target has shape {target.shape}, expected {x.shape}")
    return 0


def mse_forward(x, target, reduction):
    """(x - target)^2, its mean or its sum; equal shapes -> loss of that shape or ()."""
    cdef Mse q
    cdef ndarray out
    cdef Buffer partial
    cdef Py_ssize_t tasks, i
    cdef double total = 0.0
    cdef npy_intp dims[1]
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    q.uk, q.how = ukernels(), reduction_code(reduction)
    _same_shape(x, target)
    q.n = PyArray_SIZE(x)
    tasks = (q.n + PIECE - 1) // PIECE
    if q.how == NONE:
        out = empty_like(x)
        q.out = f32(out, -1, "loss")
        with nogil:
            parallel_for(_mse_task, &q, tasks, threads_for(8.0 * q.n))
        return out
    partial = take(tasks)
    q.out = <float *>partial.data
    with nogil:
        parallel_for(_mse_task, &q, tasks, threads_for(8.0 * q.n))
    for i in range(tasks):
        total += q.out[i]
    out = empty(0, dims)
    (<float *>PyArray_DATA(out))[0] = <float>(total / q.n if q.how == MEAN else total)
    return out


def mse_backward(dloss, x, target, reduction):
    """dx = 2 (x - target) dloss (over the number of elements for "mean")."""
    cdef Mse q
    cdef ndarray dx
    q.x, q.t = f32(x, -1, "x"), f32(target, -1, "target")
    q.uk, q.how = ukernels(), reduction_code(reduction)
    _same_shape(x, target)
    q.n, q.dloss, q.scale = PyArray_SIZE(x), NULL, 0.0
    if q.how == NONE:
        _same_shape(x, dloss)
        q.dloss = f32(dloss, -1, "dloss")
    else:
        q.scale = <float>2.0 * f32(dloss, 0, "dloss")[0]
        if q.how == MEAN:
            q.scale = q.scale / <float>q.n
    dx = empty_like(x)
    q.out = f32(dx, -1, "dx")
    with nogil:
        parallel_for(_mse_grad_task, &q, (q.n + PIECE - 1) // PIECE, threads_for(8.0 * q.n))
    return dx
