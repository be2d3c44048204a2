"""Kohonen's online rule (1982, doi:10.1007/BF00337288), one sample after the other.

Called by classic.SOM.  Each sample needs the weights that the one before it left, so samples are a
loop; the units are what is done side by side.  They are packed once a call into panels
(csrc/ukernel/som.h), and learning from one sample and the distances to the next are one pass over
them.  A map that is worth several threads is cut into tasks by its shape; the best unit of all is
the first of the tasks' best ones.
"""
from libc.math cimport INFINITY
from libc.string cimport memset
from numpy cimport PyArray_DIM, import_array, ndarray

from ._array cimport Buffer, empty2, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PANEL = 32         # SOM_PANEL of csrc
    TASK = 65536       # weights that one task goes through

cdef struct Som:
    const fnn_ukernels *uk
    Py_ssize_t units, panels, n, samples, per_task, tasks
    bint bubble
    const float *x
    const float *rates
    const float *sigmas
    float *w                       # (panels, n, PANEL)
    float *row                     # these four (panels, PANEL)
    float *col
    float *h
    float *d
    float *nearest                 # of each task: its least distance, and whose it is
    Py_ssize_t *which
    Py_ssize_t now, best           # the sample that is learned, -1 at first, and its best unit


cdef void _neighbourhood(const Som *q, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    """h of the units [first, last): what they learn from the present sample."""
    cdef Py_ssize_t i
    cdef float rate = q.rates[q.now]
    cdef double sigma = q.sigmas[q.now], reach
    cdef float *h = q.h + first
    if q.bubble:
        reach = 1.0001 * sigma * sigma  # at a distance of sigma is within, however it was rounded
        q.uk.grid_distances(last - first, 1.0, q.row[q.best], q.col[q.best], q.row + first,
                            q.col + first, h)
        for i in range(last - first):
            h[i] = rate if h[i] <= reach else <float>0.0
        return
    # at most 1e30: infinity times a distance of 0 would be NaN
    q.uk.grid_distances(last - first, <float>-min(0.5 / (sigma * sigma), 1e30), q.row[q.best],
                        q.col[q.best], q.row + first, q.col + first, h)
    q.uk.vexp(last - first, h, h)
    q.uk.vscale(last - first, rate, h, h)


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Learn from sample `now`, if there is one, and look for the best unit of the next."""
    cdef Som *q = <Som *>ctx
    cdef Py_ssize_t panel = task * q.per_task, i
    cdef Py_ssize_t panels = min(q.per_task, q.panels - panel)
    cdef Py_ssize_t first = panel * PANEL, last = min(first + panels * PANEL, q.units)
    cdef const float *x = NULL
    cdef const float *after = NULL
    if q.now >= 0:
        x = q.x + q.now * q.n
        _neighbourhood(q, first, last)
    if q.now + 1 < q.samples:
        after = q.x + (q.now + 1) * q.n
    q.uk.som_panels(panels, q.n, q.h + first, x, after, q.w + panel * q.n * PANEL, q.d + first)
    if after != NULL:
        q.which[task] = first
        for i in range(first + 1, last):
            if q.d[i] < q.d[q.which[task]]:
                q.which[task] = i
        q.nearest[task] = q.d[q.which[task]]


cdef void _best(Som *q) noexcept nogil:
    cdef Py_ssize_t task, least = 0
    for task in range(1, q.tasks):
        if q.nearest[task] < q.nearest[least]:
            least = task
    q.best = q.which[least]


cdef void _whole(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """All samples on one thread."""
    cdef Som *q = <Som *>ctx
    cdef Py_ssize_t t, k
    for t in range(-1, q.samples):
        q.now = t
        for k in range(q.tasks):
            _task(ctx, k, 0)
        _best(q)


cdef void _run(Som *q, int threads) noexcept nogil:
    cdef Py_ssize_t t
    if threads == 1 or q.tasks == 1:
        parallel_for(_whole, q, 1, 1)
        return
    for t in range(-1, q.samples):
        q.now = t
        parallel_for(_task, q, q.tasks, threads)
        _best(q)


cdef void _pack(Som *q, const float *weights) noexcept nogil:
    cdef Py_ssize_t p
    memset(q.w, 0, q.panels * q.n * PANEL * sizeof(float))
    for p in range(q.panels):
        q.uk.transpose(min(PANEL, q.units - p * PANEL), q.n, weights + p * PANEL * q.n, q.n,
                       q.w + p * PANEL * q.n, PANEL)


cdef void _unpack(const Som *q, float *weights) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(q.panels):
        q.uk.transpose(q.n, min(PANEL, q.units - p * PANEL), q.w + p * PANEL * q.n, PANEL,
                       weights + p * PANEL * q.n, q.n)


def som_online(weights, x, grid, rates, sigmas, neighborhood):
    """For each sample x_t (N, n) in turn: b = argmin_u |x_t - w_u|, of equal ones the first;
    w_u += rates_t h_u (x_t - w_u) for all units u.  d is the distance of u and b on the grid
    (units, 2): h = exp(-d^2 / 2 sigmas_t^2) if neighborhood is "gaussian"; "bubble": 1 where
    d^2 <= 1.0001 sigmas_t^2, otherwise 0.  rates and sigmas (N,), sigmas > 0.

    Returns the new weights (units, n).  ValueError for wrong shapes, no units, other names.
    """
    cdef Som q
    cdef ndarray out
    cdef Buffer scratch
    cdef const float *old = f32(weights, 2, "weights")
    cdef const float *places = f32(grid, 2, "grid")
    cdef float *new
    cdef Py_ssize_t u, padded
    cdef int threads
    if neighborhood not in ("gaussian", "bubble"):
        raise ValueError(f"neighborhood is {neighborhood!r}, expected 'gaussian' or 'bubble'")
    q.uk, q.x = ukernels(), f32(x, 2, "x")
    q.rates, q.sigmas = f32(rates, 1, "rates"), f32(sigmas, 1, "sigmas")
    q.units, q.n, q.samples = PyArray_DIM(weights, 0), PyArray_DIM(weights, 1), PyArray_DIM(x, 0)
    q.bubble = neighborhood == "bubble"
    if q.units == 0:
        raise ValueError(f"weights has shape {weights.shape}, expected one unit or more")
    for name, array, shape in (("x", x, (q.samples, q.n)), ("grid", grid, (q.units, 2)),
                               ("rates", rates, (q.samples,)), ("sigmas", sigmas, (q.samples,))):
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    for u in range(q.samples):
        if not q.sigmas[u] > 0:
            raise ValueError(f"sigmas[{u}] is {q.sigmas[u]}, expected above 0")
    q.panels = (q.units + PANEL - 1) // PANEL
    q.per_task = max(1, TASK // (PANEL * max(1, q.n)))
    q.tasks = (q.panels + q.per_task - 1) // q.per_task
    q.best = 0
    padded = q.panels * PANEL
    scratch = take(padded * (q.n + 4) + 4 * q.tasks)
    q.w = <float *>scratch.data
    q.row = q.w + padded * q.n
    q.col, q.h, q.d = q.row + padded, q.row + 2 * padded, q.row + 3 * padded
    q.which = <Py_ssize_t *>(q.row + 4 * padded)
    q.nearest = <float *>(q.which + q.tasks)
    memset(q.row, 0, 3 * padded * sizeof(float))
    for u in range(q.units):
        q.row[u], q.col[u] = places[2 * u], places[2 * u + 1]
    for u in range(q.tasks):
        q.which[u], q.nearest[u] = 0, INFINITY
    out = empty2(q.units, q.n)
    new = f32(out, 2, "out")
    threads = threads_for(8.0 * padded * q.n)
    with nogil:
        _pack(&q, old)
        _run(&q, threads)
        _unpack(&q, new)
    return out
