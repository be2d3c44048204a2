"""Max and average pooling of NCHW images: one plane (n, c) per task, forward and backward."""
from libc.string cimport memset
from numpy cimport (
    NPY_INT32,
    PyArray_DATA,
    PyArray_DIM,
    PyArray_DIMS,
    PyArray_IS_C_CONTIGUOUS,
    PyArray_NDIM,
    PyArray_TYPE,
    import_array,
    int32_t,
    ndarray,
)

from ._array cimport empty4, empty_typed, f32, pair
from ._csrc cimport fnn_pool, fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Pool:
    const fnn_ukernels *uk
    fnn_pool p
    Py_ssize_t planes, oh, group
    int relu, count_pad, cells
    const float *x
    float *y
    int32_t *index
    const float *dy
    float *dx


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
    pair(kernel_size, &q.p.kh, &q.p.kw)
    pair(stride, &q.p.sh, &q.p.sw)
    pair(padding, &q.p.ph, &q.p.pw)
    pair(dilation, &q.p.dh, &q.p.dw)
    q.p.h, q.p.w = h, w
    _output_size(h, q.p.kh, q.p.sh, q.p.ph, q.p.dh, ceil_mode, &q.oh)
    _output_size(w, q.p.kw, q.p.sw, q.p.pw, q.p.dw, ceil_mode, &q.p.ow)
    return 0


cdef void _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Pool *q) noexcept:
    # Time in FLOPs for each element that a window looks at: 0.17 ns (pytest bench -k pool).
    cdef double work = 8.0 * q.planes * q.oh * q.p.ow * q.p.kh * q.p.kw
    cdef int n_threads = threads_for(work)
    # Planes are grouped so that a task is worth the trip to the scheduler.
    q.group = max(1, q.planes // (8 * n_threads))
    with nogil:
        parallel_for(task, q, (q.planes + q.group - 1) // q.group, n_threads)


cdef void _max_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Py_ssize_t i, r, at, end = min(q.planes, (task + 1) * q.group)
    for i in range(task * q.group, end):
        for r in range(q.oh):
            at = (i * q.oh + r) * q.p.ow
            q.uk.max_pool_row(&q.p, r, q.relu, q.x + i * q.p.h * q.p.w, q.y + at, q.index + at)


cdef bint _grad_by_cells(const Pool *q, Py_ssize_t i, float *dx) noexcept nogil:
    """Plane i written cell by cell; False if a maximum lies outside its own 2x2 cell."""
    cdef Py_ssize_t r, at, w = q.p.w
    for r in range(q.oh):
        at = (i * q.oh + r) * q.p.ow
        if not q.uk.max_pool_2x2_grad_row(q.p.ow, q.relu, <int32_t>(2 * r * w), w, q.dy + at,
                                          q.y + at, q.index + at, dx + 2 * r * w,
                                          dx + (2 * r + 1) * w):
            return False
        if w > 2 * q.p.ow:
            dx[2 * r * w + w - 1] = dx[(2 * r + 1) * w + w - 1] = 0.0
    if q.p.h > 2 * q.oh:
        memset(dx + 2 * q.oh * w, 0, w * sizeof(float))
    return True


cdef void _max_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Py_ssize_t i, end = min(q.planes, (task + 1) * q.group), n = q.oh * q.p.ow
    cdef float *dx
    for i in range(task * q.group, end):
        dx = q.dx + i * q.p.h * q.p.w
        if q.cells and _grad_by_cells(q, i, dx):
            continue
        memset(dx, 0, q.p.h * q.p.w * sizeof(float))
        q.uk.max_pool_plane_grad(n, q.relu, q.dy + i * n, q.y + i * n if q.relu else NULL,
                                 q.index + i * n, dx)


cdef int _relu(activation) except -1:
    if activation is None:
        return 0
    if activation == "relu":
        return 1
    raise ValueError(f"activation must be None or 'relu', got {activation!r}")


def max_pool2d_forward(x, kernel_size, stride, padding, dilation, ceil_mode, activation):
    """x (N, C, H, W) -> y (N, C, OH, OW) and the int32 position of each maximum in its plane."""
    cdef Pool q
    cdef ndarray y, index
    q.uk = ukernels()
    q.x = f32(x, 4, "x")
    q.relu = _relu(activation)
    _window(&q, PyArray_DIM(x, 2), PyArray_DIM(x, 3), kernel_size, stride, padding, dilation,
            ceil_mode)
    if q.p.h * q.p.w > 2147483647:
        raise ValueError("x has planes of more than 2^31 - 1 pixels")
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.oh, q.p.ow)
    index = empty_typed(4, PyArray_DIMS(y), NPY_INT32, sizeof(int32_t))
    q.y, q.index = f32(y, 4, "y"), <int32_t *>PyArray_DATA(index)
    _run(_max_task, &q)
    return y, index


def max_pool2d_backward(dy, indices, input_size, y, activation):
    """dy (N, C, OH, OW) and the forward's indices -> dx of shape input_size.  With activation
    "relu" the gradient passes only where y > 0."""
    cdef Pool q
    cdef ndarray dx, index = indices
    cdef int i
    cdef tuple size = input_size
    memset(&q, 0, sizeof(q))
    q.uk = ukernels()
    q.dy, q.relu = f32(dy, 4, "dy"), _relu(activation)
    if q.relu:
        q.y = f32(y, 4, "y")
    if (PyArray_TYPE(index) != NPY_INT32 or PyArray_NDIM(index) != 4
            or not PyArray_IS_C_CONTIGUOUS(index)):
        raise TypeError("indices must be the int32 array of max_pool2d_forward")
    for i in range(4):
        if (PyArray_DIM(index, i) != PyArray_DIM(dy, i)
                or (q.relu and PyArray_DIM(y, i) != PyArray_DIM(dy, i))):
            raise ValueError(f"dy has shape {dy.shape}, expected {indices.shape}")
    q.index = <int32_t *>PyArray_DATA(index)
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    if PyArray_DIM(dx, 0) * PyArray_DIM(dx, 1) != q.planes:
        raise ValueError(f"dy has shape {dy.shape}, input_size is {input_size}")
    q.dx = f32(dx, 4, "dx")
    q.p.h, q.p.w, q.oh, q.p.ow = size[2], size[3], PyArray_DIM(dy, 2), PyArray_DIM(dy, 3)
    q.p.kh = q.p.kw = 2
    # Output sizes of a 2x2 stride-2 window: each row kernel checks that the maxima lie in their
    # 2x2 cells (another window may have the same output size) and reports if not.  Short rows
    # are faster one by one.
    q.cells = q.p.h // 2 == q.oh and q.p.w // 2 == q.p.ow and q.p.ow >= 3 * q.uk.lanes
    _run(_max_grad_task, &q)
    return dx


cdef void _avg_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Py_ssize_t i, r, end = min(q.planes, (task + 1) * q.group)
    for i in range(task * q.group, end):
        for r in range(q.oh):
            q.uk.avg_pool_row(&q.p, r, q.count_pad, q.x + i * q.p.h * q.p.w,
                              q.y + (i * q.oh + r) * q.p.ow)


cdef void _avg_grad_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Pool *q = <Pool *>ctx
    cdef Py_ssize_t i, r, end = min(q.planes, (task + 1) * q.group)
    cdef float *dx
    for i in range(task * q.group, end):
        dx = q.dx + i * q.p.h * q.p.w
        memset(dx, 0, q.p.h * q.p.w * sizeof(float))
        for r in range(q.oh):
            q.uk.avg_pool_row_grad(&q.p, r, q.count_pad, q.dy + (i * q.oh + r) * q.p.ow, dx)


def avg_pool2d_forward(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """x (N, C, H, W) -> y (N, C, OH, OW), the mean of each window."""
    cdef Pool q
    cdef ndarray y
    q.uk, q.x, q.count_pad = ukernels(), f32(x, 4, "x"), count_include_pad
    _window(&q, PyArray_DIM(x, 2), PyArray_DIM(x, 3), kernel_size, stride, padding, (1, 1),
            ceil_mode)
    q.planes = PyArray_DIM(x, 0) * PyArray_DIM(x, 1)
    y = empty4(PyArray_DIM(x, 0), PyArray_DIM(x, 1), q.oh, q.p.ow)
    q.y = f32(y, 4, "y")
    _run(_avg_task, &q)
    return y


def avg_pool2d_backward(dy, input_size, kernel_size, stride, padding, ceil_mode,
                        count_include_pad):
    """dy (N, C, OH, OW) -> dx of shape input_size."""
    cdef Pool q
    cdef ndarray dx
    cdef tuple size = input_size
    q.uk, q.dy, q.count_pad = ukernels(), f32(dy, 4, "dy"), count_include_pad
    _window(&q, size[2], size[3], kernel_size, stride, padding, (1, 1), ceil_mode)
    if (PyArray_DIM(dy, 0) != size[0] or PyArray_DIM(dy, 1) != size[1]
            or PyArray_DIM(dy, 2) != q.oh or PyArray_DIM(dy, 3) != q.p.ow):
        raise ValueError(f"dy has shape {dy.shape}, expected "
                         f"{(size[0], size[1], q.oh, q.p.ow)}")
    q.planes = PyArray_DIM(dy, 0) * PyArray_DIM(dy, 1)
    dx = empty4(size[0], size[1], size[2], size[3])
    q.dx = f32(dx, 4, "dx")
    _run(_avg_grad_task, &q)
    return dx
