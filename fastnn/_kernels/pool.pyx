"""Max and average pooling of NCHW images, forward and backward.

A task is a group of planes (n, c), or of a large plane a strip of rows whose scratch stays in the
cache.  Micro-kernels write whole rows; the backward pass gathers, so that nothing is zeroed first.
"""
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memset
from numpy cimport (
    NPY_INT32,
    NPY_UINT8,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_DIMS,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    ndarray,
)

from ._array cimport Buffer, empty4, empty_typed, f32, pair, same_shape, take
from ._csrc cimport fnn_pool, fnn_ukernels, ukernels
from ._sizes cimport max_, min_, round_up
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    MAX_TAPS = 255
    NO_TAP = 255
    SCRATCH = 12288  # float32 of scratch that a strip should need at most: L1 holds 8 to 12 K

cdef struct Pool:
    const fnn_ukernels *uk
    fnn_pool p
    Py_ssize_t planes, group, strips, rows, n_rows
    int relu, count_pad
    float divisor
    const float *x
    float *y
    int32_t *index
    uint8_t *tap
    const float *dy
    float *dx
    float *scratch
    Py_ssize_t scratch_size
    int32_t from_tap[MAX_TAPS]


cdef int _output_size(Py_ssize_t size, Py_ssize_t k, Py_ssize_t stride, Py_ssize_t pad,
                      Py_ssize_t dil, bint ceil_mode, Py_ssize_t *out) except -1:
    cdef Py_ssize_t room = size + 2 * pad - dil * (k - 1) - 1
    cdef Py_ssize_t over = stride - 1 if ceil_mode else 0  # by how much a window may hang over
    if k < 1 or stride < 1 or dil < 1 or pad < 0 or 2 * pad > k or room + over < 0:
        raise ValueError(f"pooling window of {k} (stride {stride}, padding {pad}, dilation {dil}) "
                         f"does not fit an axis of {size}")
    out[0] = (room + over) // stride + 1
    if ceil_mode and (out[0] - 1) * stride >= size + pad:
        out[0] -= 1  # the last window must start inside the image or its left padding
    return 0


cdef int _window(Pool *q, Py_ssize_t h, Py_ssize_t w, kernel_size, stride, padding, dilation,
                 bint ceil_mode) except -1:
    memset(q, 0, sizeof(q[0]))
    q.uk = ukernels()
    pair(kernel_size, &q.p.kh, &q.p.kw)
    pair(stride, &q.p.sh, &q.p.sw)
    pair(padding, &q.p.ph, &q.p.pw)
    pair(dilation, &q.p.dh, &q.p.dw)
    q.p.h, q.p.w = h, w
    _output_size(h, q.p.kh, q.p.sh, q.p.ph, q.p.dh, ceil_mode, &q.p.oh)
    _output_size(w, q.p.kw, q.p.sw, q.p.pw, q.p.dw, ceil_mode, &q.p.ow)
    # The stride of a lone window means nothing; rows of one phase need no splitting.
    if q.p.oh == 1 and q.p.sh != 2:
        q.p.sh = 1
    if q.p.ow == 1 and q.p.sw != 2:
        q.p.sw = 1
    if h * w > 2147483647 or q.p.sw * (q.p.w + q.p.kw * q.p.dw + 64) > 2147483647:
        raise ValueError("x has planes of more than 2^31 - 1 pixels")
    return 0


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Pool *q,
              bint gradient) except -1:
    # Time in FLOPs: 0.1 ns for a pixel and 0.03 ns for each that a window looks at.
    cdef double work = q.planes * (5.0 * q.p.h * q.p.w + 1.5 * q.p.oh * q.p.ow * q.p.kh * q.p.kw)
    cdef int n_threads = threads_for(work)
    cdef Buffer scratch
    q.n_rows = q.p.h if gradient else q.p.oh
    if q.planes == 0 or q.n_rows == 0:
        return 0
    q.rows = q.n_rows
    while q.rows > 8 and q.uk.pool_scratch(&q.p, q.rows, gradient) > SCRATCH:
        q.rows = round_up((q.rows + 1) // 2, 2)
    q.strips = (q.n_rows + q.rows - 1) // q.rows
    # Planes are grouped so that a task is worth the trip to the scheduler.
    q.group = 1 if q.strips > 1 else max_(1, q.planes // (8 * n_threads))
    q.scratch_size = round_up(q.uk.pool_scratch(&q.p, q.rows, gradient), 16)
    scratch = take(q.scratch_size * n_threads)
    q.scratch = <float *>scratch.data
    with nogil:
        parallel_for(task, q, (q.planes + q.group - 1) // q.group * q.strips, n_threads)
    return 0


cdef struct Part:
    Py_ssize_t plane, planes, first, last


cdef Part _part(const Pool *q, Py_ssize_t task) noexcept nogil:
    cdef Part part
    part.plane = task // q.strips * q.group
    part.planes = min_(q.group, q.planes - part.plane)
    part.first = task % q.strips * q.rows
    part.last = min_(q.n_rows, part.first + q.rows)
    return part


cdef void _max_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Part t = _part(q, task)
    cdef Py_ssize_t at = t.plane * q.p.oh * q.p.ow, size = q.p.h * q.p.w, i, o
    cdef const float *x = q.x + t.plane * size
    if q.index != NULL and q.tap == NULL:
        for i in range(t.planes):
            for o in range(t.first, t.last):
                q.uk.max_pool_row(&q.p, o, x + i * size, q.y + at + (i * q.p.oh + o) * q.p.ow,
                                  q.index + at + (i * q.p.oh + o) * q.p.ow)
    else:
        q.uk.max_pool_planes(&q.p, t.planes, t.first, t.last, q.relu and q.index == NULL, x,
                             q.y + at, q.tap + at if q.tap != NULL else NULL,
                             q.scratch + slot * q.scratch_size)
    if q.index == NULL:
        return
    for i in range(t.planes):
        for o in range(t.first, t.last):
            if q.tap != NULL:
                _index_row(q, o, at + (i * q.p.oh + o) * q.p.ow)
            if q.relu:
                q.uk.vrelu(q.p.ow, q.y + at + (i * q.p.oh + o) * q.p.ow,
                           q.y + at + (i * q.p.oh + o) * q.p.ow)


cdef void _index_row(const Pool *q, Py_ssize_t o, Py_ssize_t at) noexcept nogil:
    """Positions in the plane from positions in the window, of output row o, which starts at at."""
    cdef Py_ssize_t i, corner = (o * q.p.sh - q.p.ph) * q.p.w - q.p.pw
    for i in range(q.p.ow):
        if q.tap[at + i] == NO_TAP:
            q.index[at + i] = -1
        else:
            q.index[at + i] = <int32_t>(corner + i * q.p.sw + q.from_tap[q.tap[at + i]])


cdef void _max_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Part t = _part(q, task)
    cdef Py_ssize_t at = t.plane * q.p.oh * q.p.ow
    q.uk.max_pool_planes_grad(&q.p, t.planes, t.first, t.last, q.dy + at, q.tap + at,
                              q.dx + t.plane * q.p.h * q.p.w, q.scratch + slot * q.scratch_size)


cdef void _scatter_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Py_ssize_t i, end = min_(q.planes, (task + 1) * q.group), n = q.p.oh * q.p.ow
    cdef Py_ssize_t size = q.p.h * q.p.w
    for i in range(task * q.group, end):
        memset(q.dx + i * size, 0, size * sizeof(float))
        q.uk.max_pool_scatter(n, q.relu, q.dy + i * n, q.y + i * n if q.relu else NULL,
                              q.index + i * n, q.dx + i * size)


cdef int _relu(activation) except -1:
    if activation is None:
        return 0
    if activation == "relu":
        return 1
    raise ValueError(f"activation must be None or 'relu', got {activation!r}")


def max_pool2d_forward(x, kernel_size, stride, padding, dilation, ceil_mode, activation,
                       keep="index"):
    """x (N, C, H, W) -> y (N, C, OH, OW), and by keep where each maximum was: "index", int32, its
    position in the plane; "tap", uint8, its position in the window; None: y alone."""
    cdef Pool q
    cdef ndarray y, index = None, tap = None
    cdef Py_ssize_t i, taps
    cdef const float *pixels = f32(x, 4, "x")
    _window(&q, PyArray_DIM(x, 2), PyArray_DIM(x, 3), kernel_size, stride, padding, dilation,
            ceil_mode)
    q.x, q.relu = pixels, _relu(activation)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.p.oh, q.p.ow)
    q.y = f32(y, 4, "y")
    taps = q.p.kh * q.p.kw
    if keep == "index":
        index = empty_typed(4, PyArray_DIMS(y), NPY_INT32, sizeof(int32_t))
        q.index = <int32_t *>PyArray_DATA(index)
    elif keep == "tap" and taps > MAX_TAPS:
        raise ValueError(f"a window of {taps} elements is too large to keep a tap")
    elif keep != "tap" and keep is not None:
        raise ValueError(f"keep must be 'index', 'tap' or None, got {keep!r}")
    if keep is not None and taps <= MAX_TAPS:
        tap = empty_typed(4, PyArray_DIMS(y), NPY_UINT8, 1)
        q.tap = <uint8_t *>PyArray_DATA(tap)
        for i in range(taps):
            q.from_tap[i] = <int32_t>(i // q.p.kw * q.p.dh * q.p.w + i % q.p.kw * q.p.dw)
    _run(_max_task, &q, False)
    if keep is None:
        return y
    return y, tap if keep == "tap" else index


def max_pool2d_backward(dy, indices, input_size, y, activation):
    """dy (N, C, OH, OW) and the forward's indices -> dx of shape input_size.  With activation
    "relu" the gradient passes only where y > 0."""
    cdef Pool q
    cdef ndarray dx, index = indices
    cdef int n_threads
    cdef tuple size = input_size
    memset(&q, 0, sizeof(q))
    q.uk = ukernels()
    q.dy, q.relu = f32(dy, 4, "dy"), _relu(activation)
    if q.relu:
        q.y = f32(y, 4, "y")
    if (PyArray_TYPE(index) != NPY_INT32 or PyArray_NDIM(index) != 4
            or not PyArray_IS_C_CONTIGUOUS(index)):
        raise TypeError("indices must be the int32 array of max_pool2d_forward")
    if not same_shape(index, dy) or (q.relu and not same_shape(y, dy)):
        raise ValueError(f"dy has shape {dy.shape}, expected {indices.shape}")
    q.index = <int32_t *>PyArray_DATA(index)
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    if PyArray_DIM(dx, 0) != PyArray_DIM(dy, 0) or PyArray_DIM(dx, 1) != PyArray_DIM(dy, 1):
        raise ValueError(f"dy has shape {dy.shape}, input_size is {input_size}")
    q.dx = f32(dx, 4, "dx")
    q.p.h, q.p.w, q.p.oh, q.p.ow = size[2], size[3], PyArray_DIM(dy, 2), PyArray_DIM(dy, 3)
    n_threads = threads_for(q.planes * (5.0 * q.p.h * q.p.w + 20.0 * q.p.oh * q.p.ow))
    q.group = max_(1, q.planes // (8 * n_threads))
    with nogil:
        parallel_for(_scatter_task, &q, (q.planes + q.group - 1) // q.group, n_threads)
    return dx


cdef int _expect_outputs(ndarray dy, tuple size, const Pool *q) except -1:
    if (PyArray_DIM(dy, 0) != size[0] or PyArray_DIM(dy, 1) != size[1]
            or PyArray_DIM(dy, 2) != q.p.oh or PyArray_DIM(dy, 3) != q.p.ow):
        raise ValueError(f"dy has shape {(<object>dy).shape}, expected "
                         f"{(size[0], size[1], q.p.oh, q.p.ow)}")
    return 0


def max_pool2d_backward_tap(dy, taps, input_size, kernel_size, stride, padding, dilation,
                            ceil_mode):
    """dy (N, C, OH, OW) and the forward's taps -> dx of shape input_size."""
    cdef Pool q
    cdef ndarray dx, tap = taps
    cdef tuple size = input_size
    cdef const float *gradient = f32(dy, 4, "dy")
    _window(&q, size[2], size[3], kernel_size, stride, padding, dilation, ceil_mode)
    if PyArray_TYPE(tap) != NPY_UINT8 or not PyArray_IS_C_CONTIGUOUS(tap):
        raise TypeError("taps must be the uint8 array of max_pool2d_forward")
    _expect_outputs(dy, size, &q)
    if not same_shape(tap, dy):
        raise ValueError(f"taps has shape {taps.shape}, expected {dy.shape}")
    q.dy, q.tap = gradient, <uint8_t *>PyArray_DATA(tap)
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    q.dx = f32(dx, 4, "dx")
    _run(_max_grad_task, &q, True)
    return dx


cdef void _avg_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Part t = _part(q, task)
    q.uk.avg_pool_planes(&q.p, t.planes, t.first, t.last, q.count_pad, q.divisor,
                         q.x + t.plane * q.p.h * q.p.w, q.y + t.plane * q.p.oh * q.p.ow,
                         q.scratch + slot * q.scratch_size)


cdef void _avg_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Part t = _part(q, task)
    q.uk.avg_pool_planes_grad(&q.p, t.planes, t.first, t.last, q.count_pad, q.divisor,
                              q.dy + t.plane * q.p.oh * q.p.ow, q.dx + t.plane * q.p.h * q.p.w,
                              q.scratch + slot * q.scratch_size)


cdef float _divisor(divisor_override) except? -1:
    if divisor_override is None:
        return 0.0
    if divisor_override == 0:
        raise ValueError("divisor_override must not be 0")
    return divisor_override


def avg_pool2d_forward(x, kernel_size, stride, padding, ceil_mode, count_include_pad,
                       divisor_override=None):
    """x (N, C, H, W) -> y (N, C, OH, OW), the mean of each window."""
    cdef Pool q
    cdef ndarray y
    cdef const float *pixels = f32(x, 4, "x")
    _window(&q, PyArray_DIM(x, 2), PyArray_DIM(x, 3), kernel_size, stride, padding, (1, 1),
            ceil_mode)
    q.x, q.count_pad, q.divisor = pixels, count_include_pad, _divisor(divisor_override)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.p.oh, q.p.ow)
    q.y = f32(y, 4, "y")
    _run(_avg_task, &q, False)
    return y


def avg_pool2d_backward(dy, input_size, kernel_size, stride, padding, ceil_mode,
                        count_include_pad, divisor_override=None):
    """dy (N, C, OH, OW) -> dx of shape input_size."""
    cdef Pool q
    cdef ndarray dx
    cdef tuple size = input_size
    cdef const float *gradient = f32(dy, 4, "dy")
    _window(&q, size[2], size[3], kernel_size, stride, padding, (1, 1), ceil_mode)
    _expect_outputs(dy, size, &q)
    q.dy, q.count_pad, q.divisor = gradient, count_include_pad, _divisor(divisor_override)
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    q.dx = f32(dx, 4, "dx")
    _run(_avg_grad_task, &q, True)
    return dx
