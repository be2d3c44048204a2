"""Products of many matrices in one call, around gemm (called by matmul, bmm, einsum, attention).

Operands are read where they lie: any strides, so transposed matrices and broadcast batches (stride
0) are not copied.  Leading axes that lie one behind the other are merged with the rows, or with the
terms of a sum: a batch times one matrix is one product.  Threads take matrices of their own, or
share each product where there are fewer matrices.  Every output is one chain of multiply-adds, over
the matrices that it sums in order and in each in increasing k, so neither shows in the bits.
"""
cimport cython
from libc.string cimport memset
from numpy cimport (
    NPY_FLOAT32,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_ISALIGNED,
    PyArray_ISNOTSWAPPED,
    PyArray_NDIM,
    PyArray_STRIDE,
    PyArray_TYPE,
    import_array,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport busy, min_, slot_size
from ._threads cimport parallel_for, threads_for
from .gemm cimport Gemm, gemm, gemm_scratch, gemm_serial

import_array()

cdef enum:
    MAX_AXES = 64  # NumPy's own limit

# A single row waits for B from the cache, as in gemm.
cdef double GEMV_COST = 4.0
# Multiply-adds that make a task: small matrices are handed out several at a time.
cdef Py_ssize_t TASK = 32768

# Leading axes that are all of one kind, and how far apart their matrices are.
cdef struct Axes:
    int n
    Py_ssize_t count
    Py_ssize_t size[MAX_AXES]
    Py_ssize_t a_step[MAX_AXES]
    Py_ssize_t b_step[MAX_AXES]

cdef struct Batch:
    const fnn_ukernels *uk
    Gemm g  # of the first matrices
    Axes kept, summed
    Py_ssize_t per_task
    float *scratch
    Py_ssize_t scratch_size


cdef ndarray _matrices(object x, str name):
    """x, if it is an aligned float32 array of two axes or more; TypeError, ValueError."""
    if not isinstance(x, ndarray):
        raise TypeError(f"{name} must be an ndarray, got {type(x).__name__}")
    cdef ndarray a = x
    if PyArray_TYPE(a) != NPY_FLOAT32 or not PyArray_ISNOTSWAPPED(a):
        raise TypeError(f"{name} has dtype {a.dtype}, expected float32")
    if PyArray_NDIM(a) < 2:
        raise ValueError(f"{name} has {PyArray_NDIM(a)} axes, expected 2 or more")
    if not PyArray_ISALIGNED(a):
        raise ValueError(f"{name} is not aligned")
    return a


@cython.cdivision(True)
cdef Py_ssize_t _step(ndarray a, int axis) noexcept:
    """Elements from one to the next; 0 where there is no next, or where the axis is missing."""
    if axis < 0 or PyArray_DIM(a, axis) <= 1:
        return 0
    return PyArray_STRIDE(a, axis) // <Py_ssize_t>sizeof(float)


@cython.cdivision(True)
cdef void _seek(const Axes *axes, Py_ssize_t i, Gemm *g) noexcept nogil:
    """From the first matrices to the i-th of these axes."""
    cdef Py_ssize_t at
    cdef int d = axes.n - 1
    while d >= 0:
        at = i % axes.size[d]
        i //= axes.size[d]
        g.a += at * axes.a_step[d]
        g.b += at * axes.b_step[d]
        d -= 1


cdef Gemm _product(const Batch *s, Py_ssize_t i, Py_ssize_t term) noexcept nogil:
    cdef Gemm g = s.g
    _seek(&s.kept, i, &g)
    _seek(&s.summed, term, &g)
    g.c += i * g.m * g.n
    g.accumulate = term > 0
    return g


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Batch *s = <Batch *>ctx
        Py_ssize_t i, term, first = task * s.per_task
        Gemm g
    for i in range(first, min_(first + s.per_task, s.kept.count)):
        for term in range(s.summed.count):
            g = _product(s, i, term)
            gemm_serial(s.uk, &g, s.scratch + slot * s.scratch_size)


cdef void _merge(Batch *s) noexcept:
    """The innermost leading axes become rows, or terms, where the strides allow it."""
    cdef Gemm *g = &s.g
    cdef Axes *x = &s.kept
    cdef int d
    while x.n:
        d = x.n - 1
        if x.b_step[d] != 0 or (g.m != 1 and x.a_step[d] != g.m * g.a_row):
            break
        if g.m == 1:
            g.a_row = x.a_step[d]
        g.m *= x.size[d]
        x.count //= x.size[d]
        x.n -= 1
    x = &s.summed
    while x.n:
        d = x.n - 1
        if g.k == 1:
            g.a_col, g.b_row = x.a_step[d], x.b_step[d]
        elif x.a_step[d] != g.k * g.a_col or x.b_step[d] != g.k * g.b_row:
            break
        g.k *= x.size[d]
        x.count //= x.size[d]
        x.n -= 1


cdef int _add_axis(Axes *x, Py_ssize_t size, Py_ssize_t a_step, Py_ssize_t b_step) noexcept:
    x.count *= size
    if size > 1:
        x.size[x.n], x.a_step[x.n], x.b_step[x.n] = size, a_step, b_step
        x.n += 1
    return 0


@cython.cdivision(True)
cdef int _run(Batch *s) except -1:
    cdef:
        Gemm g
        Py_ssize_t i, term, n_tasks, terms = s.g.k * s.summed.count
        double one = 2.0 * s.g.m * s.g.n * terms * (GEMV_COST if s.g.m == 1 else 1.0)
        int n_threads = threads_for(one * s.kept.count)
        Buffer scratch
    if s.kept.count % n_threads and s.kept.count < 4 * n_threads:
        for i in range(s.kept.count):  # too few to share out: the threads share each
            for term in range(s.summed.count):
                g = _product(s, i, term)
                gemm(&g)
        return 0
    s.per_task = 1 + <Py_ssize_t>(TASK / (one + 1.0))
    n_tasks = (s.kept.count + s.per_task - 1) // s.per_task
    s.scratch_size = slot_size(gemm_scratch(s.uk, &s.g))
    scratch = take(s.scratch_size * busy(n_threads, n_tasks))
    s.scratch = <float *>scratch.data
    if one * s.kept.count < 1e5:  # as in gemm: not worth the way out of the GIL and back
        parallel_for(_task, s, n_tasks, 1)
    else:
        with nogil:
            parallel_for(_task, s, n_tasks, n_threads)
    return 0


def batched_matmul(a, b, lead):
    """a (..., m, k) times b (..., k, n), their leading axes broadcast -> (*lead, m, n), float32.

    Any strides.  lead: the broadcast axes, of which those that are 1 or missing are summed over.
    """
    cdef:
        Batch s
        Gemm *g = &s.g
        ndarray x = _matrices(a, "a"), y = _matrices(b, "b"), c
        int na = PyArray_NDIM(x), nb = PyArray_NDIM(y), n_lead = len(lead), d, i, j
        int n_axes = max(na, nb) - 2
        Py_ssize_t p, q, size, kept
        npy_intp dims[MAX_AXES + 2]
    g.m, g.k, g.n = PyArray_DIM(x, na - 2), PyArray_DIM(x, na - 1), PyArray_DIM(y, nb - 1)
    if PyArray_DIM(y, nb - 2) != g.k:
        raise ValueError(
            f"batched_matmul: a has {g.k} columns, b has {PyArray_DIM(y, nb - 2)} rows"
        )
    if n_lead > n_axes:
        raise ValueError(f"batched_matmul: lead {lead}, expected {n_axes} axes or fewer")
    # An axis of one element has no stride; in C order it would be this.
    g.a_row, g.a_col = _step(x, na - 2) if g.m > 1 else g.k, _step(x, na - 1) if g.k > 1 else 1
    g.b_row, g.b_col = _step(y, nb - 2) if g.k > 1 else g.n, _step(y, nb - 1) if g.n > 1 else 1
    s.kept.n = s.summed.n = 0
    s.kept.count = s.summed.count = 1
    for d in range(n_axes):
        i, j = d + na - 2 - n_axes, d + nb - 2 - n_axes
        p = PyArray_DIM(x, i) if i >= 0 else 1
        q = PyArray_DIM(y, j) if j >= 0 else 1
        size = q if p == 1 else p
        kept = lead[d + n_lead - n_axes] if d + n_lead >= n_axes else 1
        if (q != size and q != 1) or (kept != size and kept != 1):
            raise ValueError(
                f"batched_matmul: shapes {a.shape} and {b.shape} do not broadcast to {lead}"
            )
        _add_axis(&s.kept if kept == size else &s.summed, size, _step(x, i), _step(y, j))
    for d in range(n_lead):
        dims[d] = lead[d]
    dims[n_lead], dims[n_lead + 1] = g.m, g.n
    c = empty(n_lead + 2, dims)
    g.a, g.b = <const float *>PyArray_DATA(x), <const float *>PyArray_DATA(y)
    g.c, g.c_row = f32(c, -1, "c"), g.n
    g.bias_row = g.bias_col = NULL
    g.accumulate = g.activation = 0
    if g.m == 0 or g.n == 0 or s.kept.count == 0:
        return c
    if s.summed.count == 0:
        memset(g.c, 0, s.kept.count * g.m * g.n * sizeof(float))
        return c
    s.uk = ukernels()
    _merge(&s)
    _run(&s)
    return c
