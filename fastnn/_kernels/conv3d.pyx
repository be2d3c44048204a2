"""Convolution over NCDHW volumes: forward and both gradients, on the 2-D kernels.

An output slice e of volume n sees KD slices of the input.  Those are gathered as the channels of an
image (C_in KD, H, W): a block of slices is then one batch of images for the 2-D kernels, and
(C_out, C_in/groups KD, KH, KW), which is the weight as it lies in memory, is their weight.  So each
output is one chain over (channel, depth, row, column), with bias and activation in the epilogue;
the gradient of the input sends the images' gradient back to the slices, in the order of the output
slices; the gradient of the weight is a sum over blocks, in order.  Blocks are cut by shape alone.
"""
from libc.string cimport memcpy, memset
from numpy cimport PyArray_DATA, PyArray_DIM, PyArray_DIMS, import_array, ndarray, npy_intp

from ._array cimport empty, empty4, f32, f32_or_null
from ._csrc cimport fnn_ukernels, ukernels
from ._sizes cimport max_, min_
from ._threads cimport parallel_for, threads_for

from .conv import conv2d_backward_input, conv2d_forward
from .conv_weight import conv2d_backward_weight

import_array()

cdef enum:
    BLOCK = 1 << 20    # elements of a block of images: 4 MiB, which L2 and L3 hold
    FEWEST = 8         # images of a block, for the threads and for the weight's sums

# Volumes (N, C, D, H W) and a block [first, first + count) of output slices n OD + e as images.
cdef struct Slices:
    const fnn_ukernels *uk
    Py_ssize_t N, C, D, P, OD, KD, stride, padding, dilation
    Py_ssize_t O, OP                        # channels and pixels of the output
    Py_ssize_t first, count
    float *x                                # (N, C, D, P)
    float *image                            # (count, C, KD, P)
    float *y                                # (N, O, OD, OP)
    float *slice                            # (count, O, OP)


cdef void _gather_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """The KD slices that one output slice sees of one channel; zeros beyond the ends."""
    cdef:
        Slices *q = <Slices *>ctx
        Py_ssize_t b = task // q.C, c = task % q.C, n = (q.first + b) // q.OD
        Py_ssize_t d = (q.first + b) % q.OD * q.stride - q.padding, _t
        const float *x = q.x + (n * q.C + c) * q.D * q.P
        float *out = q.image + task * q.KD * q.P
    for _t in range(q.KD):
        if 0 <= d < q.D:
            memcpy(out, x + d * q.P, q.P * sizeof(float))
        else:
            memset(out, 0, q.P * sizeof(float))
        d += q.dilation
        out += q.P


cdef void _scatter_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """Images added to the slices of one channel of one volume, output slice after output slice."""
    cdef:
        Slices *q = <Slices *>ctx
        Py_ssize_t n = q.first // q.OD + task // q.C, c = task % q.C, b, t, d
        Py_ssize_t b0 = max_(0, n * q.OD - q.first), b1 = min_(q.count, (n + 1) * q.OD - q.first)
        float *x = q.x + (n * q.C + c) * q.D * q.P
    for b in range(b0, b1):
        d = (q.first + b) % q.OD * q.stride - q.padding
        for t in range(q.KD):
            if 0 <= d < q.D:
                q.uk.vadd(q.P, q.image + ((b * q.C + c) * q.KD + t) * q.P, x + d * q.P)
            d += q.dilation


cdef void _output_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """One output slice of all channels, from the block into y."""
    cdef Slices *q = <Slices *>ctx
    cdef Py_ssize_t n = (q.first + task) // q.OD, e = (q.first + task) % q.OD, o
    for o in range(q.O):
        memcpy(q.y + ((n * q.O + o) * q.OD + e) * q.OP, q.slice + (task * q.O + o) * q.OP,
               q.OP * sizeof(float))


cdef void _input_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    """The reverse."""
    cdef Slices *q = <Slices *>ctx
    cdef Py_ssize_t n = (q.first + task) // q.OD, e = (q.first + task) % q.OD, o
    for o in range(q.O):
        memcpy(q.slice + (task * q.O + o) * q.OP, q.y + ((n * q.O + o) * q.OD + e) * q.OP,
               q.OP * sizeof(float))


cdef int _slices(Slices *q, const npy_intp *size, Py_ssize_t c_out, kernel, stride, padding,
                 dilation, Py_ssize_t groups) except -1:
    """Fill in the sizes; size: (N, C, D, H, W).  Rows and columns are checked by the 2-D kernels,
    but one that has no slices to work on is not called."""
    cdef tuple k = kernel, s = stride, p = padding, d = dilation
    cdef Py_ssize_t i, room
    cdef Py_ssize_t out[3]
    if len(k) != 3 or len(s) != 3 or len(p) != 3 or len(d) != 3:
        raise ValueError(f"expected three of stride, padding and dilation, got {stride}, "
                         f"{padding}, {dilation}")
    if groups < 1 or size[1] % groups or c_out % groups:
        raise ValueError(f"groups={groups} must divide the channels {size[1]} and {c_out}")
    for i in range(3):
        if s[i] < 1 or d[i] < 1 or p[i] < 0:
            raise ValueError(f"stride {stride} and dilation {dilation} must be positive, "
                             f"padding {padding} not negative")
        if max(k[i], s[i], p[i], d[i]) > 1 << 31 or d[i] * k[i] > 1 << 40:
            raise MemoryError(f"cannot allocate the padded volume: padding {padding}, "
                              f"stride {stride}, dilation {dilation}")
        room = size[2 + i] + 2 * p[i] - d[i] * (k[i] - 1) - 1
        if k[i] < 1 or room < 0:
            raise ValueError(f"kernel {kernel} does not fit the padded volume")
        out[i] = room // s[i] + 1
    q.uk = ukernels()
    q.N, q.C, q.D, q.P = size[0], size[1], size[2], size[3] * size[4]
    q.KD, q.stride, q.padding, q.dilation = k[0], s[0], p[0], d[0]
    q.O, q.OD, q.OP = c_out, out[0], out[1] * out[2]
    q.first, q.count = 0, 0
    return 0


cdef bint _next_block(Slices *q) noexcept:
    """The slices after those of the last block; False if there are none."""
    cdef Py_ssize_t most = max_(FEWEST, BLOCK // max_(1, q.C * q.KD * q.P) // FEWEST * FEWEST)
    q.first += q.count
    q.count = min_(most, q.N * q.OD - q.first)
    return q.count > 0


cdef int _run(void (*task)(void *, Py_ssize_t, int) noexcept nogil, Slices *q, Py_ssize_t tasks,
              Py_ssize_t elements) except -1:
    cdef int n_threads = threads_for(8.0 * elements)  # a copied element: some 0.2 ns
    with nogil:
        parallel_for(task, q, tasks, n_threads)
    return 0


def conv3d_forward(x, weight, bias, stride, padding, dilation, groups, activation):
    """y = act(conv(x, weight) + bias): x (N, C_in, D, H, W), weight (C_out, C_in/groups, KD, KH,
    KW), bias (C_out,) or None -> y (N, C_out, OD, OH, OW)."""
    cdef:
        Slices q
        npy_intp dims[5]
        ndarray image, y
        tuple size = weight.shape
        object flat, part
    q.x = f32(x, 5, "x")
    f32(weight, 5, "weight")
    if f32_or_null(bias, 1, "bias") != NULL and bias.shape[0] != size[0]:
        raise ValueError(f"bias has {bias.shape[0]} elements, expected {size[0]}")
    _slices(&q, PyArray_DIMS(x), size[0], size[2:], stride, padding, dilation, groups)
    if size[1] * groups != q.C:
        raise ValueError(f"weight has {size[1]} input channels a group, x has {q.C // groups}")
    flat = weight.reshape(size[0], size[1] * size[2], size[3], size[4])
    dims[0], dims[1], dims[2] = q.N, q.O, q.OD
    dims[3], dims[4] = _plane(x.shape, size, stride, padding, dilation)
    y = empty(5, dims)
    q.y = f32(y, 5, "y")
    while _next_block(&q):
        image = empty4(q.count, q.C * q.KD, PyArray_DIM(x, 3), PyArray_DIM(x, 4))
        q.image = <float *>PyArray_DATA(image)
        _run(_gather_task, &q, q.count * q.C, q.count * q.C * q.KD * q.P)
        part = conv2d_forward(image, flat, bias, stride[1:], padding[1:], dilation[1:], groups,
                              activation)
        q.slice = f32(part, 4, "y")
        _run(_output_task, &q, q.count, q.count * q.O * q.OP)
    return y


cdef tuple _plane(size, kernel, stride, padding, dilation):
    """(OH, OW) of (N, C, D, H, W) and (C_out, C_in, KD, KH, KW)."""
    cdef object h = size[3] + 2 * padding[1] - dilation[1] * (kernel[3] - 1) - 1
    cdef object w = size[4] + 2 * padding[2] - dilation[2] * (kernel[4] - 1) - 1
    return h // stride[1] + 1, w // stride[2] + 1


cdef int _check_dy(const Slices *q, dy, kernel, size, stride, padding, dilation) except -1:
    cdef tuple plane = _plane(size, (0, 0, *kernel), stride, padding, dilation)
    cdef tuple expected = (q.N, q.O, q.OD, *plane)
    if dy.shape != expected:
        raise ValueError(f"dy has shape {dy.shape}, expected {expected}")
    return 0


cdef object _dy_block(Slices *q, object dy):
    """The block's slices of dy as images."""
    cdef ndarray part = empty4(q.count, q.O, PyArray_DIM(dy, 3), PyArray_DIM(dy, 4))
    q.slice = <float *>PyArray_DATA(part)
    _run(_input_task, q, q.count, q.count * q.O * q.OP)
    return part


def conv3d_backward_input(dy, weight, input_size, stride, padding, dilation, groups):
    """dy (N, C_out, OD, OH, OW), weight (C_out, C_in/groups, KD, KH, KW) -> dx of shape
    input_size."""
    cdef:
        Slices q
        npy_intp dims[5]
        ndarray dx
        tuple size = weight.shape
        Py_ssize_t volumes
        object flat, part
    q.y = f32(dy, 5, "dy")
    f32(weight, 5, "weight")
    dims[0], dims[1], dims[2], dims[3], dims[4] = input_size
    _slices(&q, dims, size[0], size[2:], stride, padding, dilation, groups)
    _check_dy(&q, dy, size[2:], input_size, stride, padding, dilation)
    if size[1] * groups != q.C:
        raise ValueError(f"weight has {size[1]} input channels a group, "
                         f"input_size gives {q.C // groups}")
    flat = weight.reshape(size[0], size[1] * size[2], size[3], size[4])
    dx = empty(5, dims)
    q.x = f32(dx, 5, "dx")
    memset(q.x, 0, q.N * q.C * q.D * q.P * sizeof(float))
    while _next_block(&q):
        part = conv2d_backward_input(
            _dy_block(&q, dy), flat, (q.count, q.C * q.KD, dims[3], dims[4]), stride[1:],
            padding[1:], dilation[1:], groups)
        q.image = f32(part, 4, "dx")
        volumes = (q.first + q.count - 1) // q.OD - q.first // q.OD + 1
        _run(_scatter_task, &q, volumes * q.C, 2 * q.count * q.C * q.KD * q.P)
    return dx


def conv3d_backward_weight(dy, x, kernel_size, stride, padding, dilation, groups):
    """dy (N, C_out, OD, OH, OW), x (N, C_in, D, H, W) -> dweight (C_out, C_in/groups,
    *kernel_size)."""
    cdef:
        Slices q
        npy_intp dims[5]
        ndarray image, dweight
        float *total
        Py_ssize_t n
        object part
    q.x, q.y = f32(x, 5, "x"), f32(dy, 5, "dy")
    _slices(&q, PyArray_DIMS(x), PyArray_DIM(dy, 1), kernel_size, stride, padding, dilation,
            groups)
    _check_dy(&q, dy, kernel_size, x.shape, stride, padding, dilation)
    dims[0], dims[1] = q.O, q.C // groups
    dims[2], dims[3], dims[4] = kernel_size
    dweight = empty(5, dims)
    total = f32(dweight, 5, "dweight")
    n = dims[0] * dims[1] * dims[2] * dims[3] * dims[4]
    memset(total, 0, n * sizeof(float))
    while _next_block(&q):
        image = empty4(q.count, q.C * q.KD, PyArray_DIM(x, 3), PyArray_DIM(x, 4))
        q.image = <float *>PyArray_DATA(image)
        _run(_gather_task, &q, q.count * q.C, q.count * q.C * q.KD * q.P)
        part = conv2d_backward_weight(_dy_block(&q, dy), image, kernel_size[1:], stride[1:],
                                      padding[1:], dilation[1:], groups)
        q.uk.vadd(n, f32(part, 4, "dweight"), total)
    return dweight
