"""Unfold (im2col) and fold (its adjoint) of NCHW images: one plane (n, c) per task."""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DIM, import_array, ndarray, npy_intp

from ._array cimport empty, empty4, f32, pair
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, threads_for

import_array()

cdef struct Fold:
    const fnn_ukernels *uk
    Py_ssize_t N, C, H, W, KH, KW, OH, OW, sh, sw, ph, pw, dh, dw
    float *image                            # (N, C, H, W)
    float *cols                             # (N, C KH KW, OH OW)


cdef int _fold_shape(Fold *q, kernel_size, dilation, padding, stride) except -1:
    """Fill in what follows from N C H W."""
    pair(kernel_size, &q.KH, &q.KW)
    pair(dilation, &q.dh, &q.dw)
    pair(padding, &q.ph, &q.pw)
    pair(stride, &q.sh, &q.sw)
    if (q.sh < 1 or q.sw < 1 or q.dh < 1 or q.dw < 1 or q.ph < 0 or q.pw < 0 or q.KH < 1
            or q.KW < 1 or q.H + 2 * q.ph < q.dh * (q.KH - 1) + 1
            or q.W + 2 * q.pw < q.dw * (q.KW - 1) + 1):
        raise ValueError(f"kernel_size {kernel_size}, dilation {dilation}, padding {padding} and "
                         f"stride {stride} do not fit an image of {(q.H, q.W)}")
    if (<double>(q.H + 2 * q.ph) * <double>(q.W + 2 * q.pw) * <double>(q.KH * q.KW)
            > <double>(<Py_ssize_t>1 << 40)):
        raise MemoryError(f"cannot allocate the columns: padding {padding}, kernel_size "
                          f"{kernel_size}")
    q.OH = (q.H + 2 * q.ph - q.dh * (q.KH - 1) - 1) // q.sh + 1
    q.OW = (q.W + 2 * q.pw - q.dw * (q.KW - 1) - 1) // q.sw + 1
    q.uk = ukernels()
    return 0


cdef void _inside(Py_ssize_t start, Py_ssize_t step, Py_ssize_t size, Py_ssize_t n,
                  Py_ssize_t *first, Py_ssize_t *end) noexcept nogil:
    """Those j in [0, n) for which 0 <= start + j step < size: [first, end)."""
    first[0] = min_(n, (step - 1 - start) // step) if start < 0 else 0
    end[0] = max_(first[0], min_(n, (size - 1 - start) // step + 1 if start < size else 0))


cdef void _unfold_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Fold *q = <Fold *>ctx
        Py_ssize_t r, t, i, j, top, left, j0, j1
        const float *x = q.image + task * q.H * q.W
        const float *row
        float *out = q.cols + task * q.KH * q.KW * q.OH * q.OW
    for r in range(q.KH):
        for t in range(q.KW):
            left = t * q.dw - q.pw
            _inside(left, q.sw, q.W, q.OW, &j0, &j1)
            for i in range(q.OH):
                top = i * q.sh + r * q.dh - q.ph
                if top < 0 or top >= q.H:
                    memset(out, 0, q.OW * sizeof(float))
                    out += q.OW
                    continue
                row = x + top * q.W + left
                memset(out, 0, j0 * sizeof(float))
                if q.sw == 1:
                    memcpy(out + j0, row + j0, (j1 - j0) * sizeof(float))
                else:
                    for j in range(j0, j1):
                        out[j] = row[j * q.sw]
                memset(out + j1, 0, (q.OW - j1) * sizeof(float))
                out += q.OW


cdef void _fold_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef:
        Fold *q = <Fold *>ctx
        Py_ssize_t r, t, i, j, top, left, j0, j1
        float *x = q.image + task * q.H * q.W
        float *row
        const float *cols = q.cols + task * q.KH * q.KW * q.OH * q.OW
    memset(x, 0, q.H * q.W * sizeof(float))
    for r in range(q.KH):
        for t in range(q.KW):
            left = t * q.dw - q.pw
            _inside(left, q.sw, q.W, q.OW, &j0, &j1)
            for i in range(q.OH):
                top = i * q.sh + r * q.dh - q.ph
                if 0 <= top < q.H:
                    row = x + top * q.W + left
                    if q.sw == 1:
                        q.uk.vadd(j1 - j0, cols + j0, row + j0)
                    else:
                        for j in range(j0, j1):
                            row[j * q.sw] += cols[j]
                cols += q.OW


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Fold *q) except -1:
    cdef double work = 8.0 * q.N * q.C * q.KH * q.KW * q.OH * q.OW  # of memory: 0.2 ns each
    with nogil:
        parallel_for(task, q, q.N * q.C, threads_for(work))
    return 0


def unfold(x, kernel_size, dilation, padding, stride):
    """x (N, C, H, W) -> cols (N, C KH KW, OH OW): the window of each output pixel, a column."""
    cdef Fold q
    cdef npy_intp dims[3]
    cdef ndarray cols
    q.image = f32(x, 4, "x")
    q.N, q.C, q.H, q.W = (PyArray_DIM(x, 0), PyArray_DIM(x, 1), PyArray_DIM(x, 2),
                          PyArray_DIM(x, 3))
    _fold_shape(&q, kernel_size, dilation, padding, stride)
    dims[0], dims[1], dims[2] = q.N, q.C * q.KH * q.KW, q.OH * q.OW
    cols = empty(3, dims)
    q.cols = f32(cols, 3, "cols")
    _run(_unfold_task, &q)
    return cols


def fold(cols, output_size, kernel_size, dilation, padding, stride):
    """cols (N, C KH KW, OH OW) -> x (N, C, *output_size): the sum of all windows, each at its
    place."""
    cdef Fold q
    cdef ndarray x
    q.cols = f32(cols, 3, "cols")
    pair(output_size, &q.H, &q.W)
    _fold_shape(&q, kernel_size, dilation, padding, stride)
    if PyArray_DIM(cols, 1) % (q.KH * q.KW) or PyArray_DIM(cols, 2) != q.OH * q.OW:
        raise ValueError(f"cols has shape {cols.shape}, expected (N, C {q.KH * q.KW}, "
                         f"{q.OH * q.OW})")
    q.N, q.C = PyArray_DIM(cols, 0), PyArray_DIM(cols, 1) // (q.KH * q.KW)
    x = empty4(q.N, q.C, q.H, q.W)
    q.image = f32(x, 4, "x")
    _run(_fold_task, &q)
    return x
