"""Counter-based random numbers and dropout (Philox; csrc/ukernel/philox.h).

Element e of a draw depends on key, offset and e only, so neither threads nor CPU level show.
offset is a counter, a multiple of 16; a draw of n elements uses 16 ceil(n / 64) counters.
"""
from libc.math cimport nextafterf, rint
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset
from numpy cimport (
    NPY_UINT32,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_SIZE,
    import_array,
    ndarray,
    npy_intp,
)

from ._array cimport Buffer, empty, empty_like, empty_typed, f32, take
from ._csrc cimport fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    BITS = 0
    UNIFORM = 1
    NORMAL = 2
    DROPOUT = 3
    BERNOULLI = 4
    PIECE = 16384      # elements of a task; a multiple of the 64 that share a group of counters

cdef struct Draw:
    const fnn_ukernels *uk
    int kind
    Py_ssize_t n
    uint64_t key, offset
    float a, b, c
    uint32_t threshold
    uint32_t *bits
    const float *x
    float *out


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Draw *q = <Draw *>ctx
    cdef Py_ssize_t i = task * PIECE, n = min(PIECE, q.n - i)
    cdef uint64_t counter = q.offset + <uint64_t>(task * (PIECE // 4))
    cdef Py_ssize_t end = i + n
    if q.kind == BITS:
        q.uk.philox_bits(n, q.key, counter, q.bits + i)
    elif q.kind == UNIFORM:
        q.uk.philox_uniform(n, q.key, counter, q.a, q.b, q.c, q.out + i)
    elif q.kind == BERNOULLI:
        q.uk.philox_uniform(n, q.key, counter, q.a, q.b, q.c, q.out + i)
        for i in range(i, end):
            q.out[i] = <float>(q.out[i] < q.x[i])
    elif q.kind == NORMAL:
        q.uk.philox_normal(n, q.key, counter, q.a, q.b, q.out + i)
    else:
        q.uk.philox_dropout(n, q.key, counter, q.threshold, q.a, q.x + i, q.out + i)


cdef int _run(Draw *q, key, offset) except -1:
    cdef Py_ssize_t tasks = (q.n + PIECE - 1) // PIECE
    q.uk, q.key, q.offset = ukernels(), key, offset
    if q.offset % 16:
        raise ValueError(f"offset must be a multiple of 16, got {offset}")
    with nogil:
        parallel_for(_task, q, tasks, threads_for(50.0 * q.n))
    return 0


cdef ndarray _new(shape):
    cdef npy_intp dims[32]
    cdef tuple t = tuple(shape)
    cdef Py_ssize_t i
    if len(t) > 32:
        raise ValueError(f"shape has {len(t)} axes, at most 32 are possible")
    for i in range(len(t)):
        dims[i] = t[i]
        if dims[i] < 0:
            raise ValueError(f"shape {t} has a negative size")
    return empty(<int>len(t), dims)


def random_bits(n, key, offset):
    """n uniform 32-bit integers -> uint32 (n,)."""
    cdef Draw q
    cdef npy_intp dims[1]
    cdef ndarray out
    dims[0] = n
    if dims[0] < 0:
        raise ValueError(f"n must not be negative, got {n}")
    out = empty_typed(1, dims, NPY_UINT32, sizeof(uint32_t))
    q.kind, q.n, q.bits = BITS, dims[0], <uint32_t *>PyArray_DATA(out)
    _run(&q, key, offset)
    return out


def random_uniform(shape, key, offset, low, high):
    """Uniform float32 in [low, high), 2^24 equal steps."""
    cdef Draw q
    cdef ndarray out = _new(shape)
    q.kind, q.n, q.out = UNIFORM, PyArray_SIZE(out), f32(out, -1, "out")
    q.a, q.b = low, <float>high - <float>low
    q.c = nextafterf(high, low)
    _run(&q, key, offset)
    return out


def random_normal(shape, key, offset, mean, std):
    """Normal float32, by Box and Muller's transform."""
    cdef Draw q
    cdef ndarray out = _new(shape)
    q.kind, q.n, q.out = NORMAL, PyArray_SIZE(out), f32(out, -1, "out")
    q.a, q.b = mean, std
    _run(&q, key, offset)
    return out


def random_bernoulli(p, key, offset):
    """1 with probability p, else 0: float32 of p's shape; 1 where the uniform draw is below p."""
    cdef Draw q
    cdef ndarray y
    q.x = f32(p, -1, "p")
    y = empty_like(p)
    q.kind, q.n, q.out = BERNOULLI, PyArray_SIZE(y), f32(y, -1, "y")
    q.a, q.b, q.c = 0.0, 1.0, nextafterf(1.0, 0.0)
    _run(&q, key, offset)
    return y


def dropout(x, p, key, offset):
    """y = x / (1 - p) with probability 1 - p, else 0; the same call on dy is the gradient."""
    cdef Draw q
    cdef ndarray y
    cdef double drop = p
    if not 0.0 <= drop <= 1.0:
        raise ValueError(f"p must be from 0 to 1, got {p}")
    q.x = f32(x, -1, "x")
    y = empty_like(x)
    q.kind, q.n, q.out = DROPOUT, PyArray_SIZE(y), f32(y, -1, "y")
    q.threshold = <uint32_t>rint(drop * 16777216.0)
    q.a = <float>(1.0 / (1.0 - drop)) if drop < 1.0 else <float>0.0
    _run(&q, key, offset)
    return y


cdef struct Planes:
    const fnn_ukernels *uk
    Py_ssize_t planes, S, group      # group: planes of a task
    const float *scale               # of each plane
    const float *x
    float *out


cdef void _planes_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Planes *q = <Planes *>ctx
    cdef Py_ssize_t i, first = task * q.group
    for i in range(first, min(q.planes, first + q.group)):
        if q.scale[i] == 0:
            memset(q.out + i * q.S, 0, q.S * sizeof(float))
        else:
            q.uk.vscale(q.S, q.scale[i], q.x + i * q.S, q.out + i * q.S)


def plane_dropout(x, p, key, offset):
    """x (planes, S): dropout of whole planes, one draw for each; the same call on dy is the
    gradient."""
    cdef Draw draw
    cdef Planes q
    cdef ndarray y
    cdef Buffer scratch
    cdef Py_ssize_t i
    cdef float *scale
    cdef double drop = p
    if not 0.0 <= drop <= 1.0:
        raise ValueError(f"p must be from 0 to 1, got {p}")
    q.x = f32(x, 2, "x")
    y = empty_like(x)
    q.out, q.planes, q.S = f32(y, 2, "y"), PyArray_DIM(x, 0), PyArray_DIM(x, 1)
    scratch = take(q.planes)
    scale = <float *>scratch.data
    for i in range(q.planes):
        scale[i] = 1.0
    draw.kind, draw.n, draw.x, draw.out = DROPOUT, q.planes, scale, scale
    draw.threshold = <uint32_t>rint(drop * 16777216.0)
    draw.a = <float>(1.0 / (1.0 - drop)) if drop < 1.0 else <float>0.0
    _run(&draw, key, offset)
    q.uk, q.scale, q.group = draw.uk, scale, max(1, PIECE // max(1, q.S))
    with nogil:
        parallel_for(_planes_task, &q, (q.planes + q.group - 1) // q.group,
                     threads_for(2.0 * q.planes * q.S))
    return y
