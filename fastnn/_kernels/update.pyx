"""One optimizer step over a whole list of parameters: SGD and Adam, in place.

The arrays are cut into pieces of 16 Ki elements; the pieces of all arrays are one list of tasks.
"""
cimport cython
from libc.math cimport pow, sqrt
from libc.string cimport memset
from numpy cimport PyArray_ISWRITEABLE, PyArray_SIZE, import_array, ndarray

from ._array cimport Buffer, f32, same_shape, take
from ._csrc cimport fnn_adam, fnn_sgd, fnn_ukernels, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 16384

cdef struct Piece:
    Py_ssize_t n
    float *param
    const float *grad
    float *first
    float *second

cdef struct Step:
    const fnn_ukernels *uk
    fnn_sgd sgd
    fnn_adam adam
    bint is_adam
    Piece *pieces


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Step *q = <Step *>ctx
    cdef Piece *p = q.pieces + task
    if q.is_adam:
        q.uk.adam_update(p.n, &q.adam, p.param, p.grad, p.first, p.second)
    else:
        q.uk.sgd_update(p.n, &q.sgd, p.param, p.grad, p.first)


cdef float *_state(object arrays, Py_ssize_t i, Py_ssize_t n, str name) except? NULL:
    cdef float *data = f32(arrays[i], -1, name)
    if PyArray_SIZE(arrays[i]) != n:
        raise ValueError(f"{name}[{i}] has {PyArray_SIZE(arrays[i])} elements, expected {n}")
    if not PyArray_ISWRITEABLE(arrays[i]):
        raise ValueError(f"{name}[{i}] is read-only")
    return data


cdef int _run(Step *q, list params, list grads, list first, list second) except -1:
    cdef:
        Py_ssize_t i, k, n, count = len(params), tasks = 0, total = 0, j
        Buffer buffer
        float *p
        float *a
        float *b
        const float *g
    if len(grads) != count or (first is not None and len(first) != count) or (
            second is not None and len(second) != count):
        raise ValueError("the lists of parameters, gradients and states differ in length")
    for i in range(count):
        if not isinstance(params[i], ndarray):
            raise TypeError(f"params[{i}] must be a NumPy array, got {type(params[i]).__name__}")
        tasks += (PyArray_SIZE(params[i]) + PIECE - 1) // PIECE
    buffer = take((tasks * sizeof(Piece) + 3) // 4)
    q.pieces = <Piece *>buffer.data
    j = 0
    for i in range(count):
        n = PyArray_SIZE(params[i])
        total += n
        p = _state(params, i, n, "params")
        g = f32(grads[i], -1, "grads")
        if not same_shape(params[i], grads[i]):
            raise ValueError(f"grads[{i}] has shape {grads[i].shape}, expected {params[i].shape}")
        a = _state(first, i, n, "state") if first is not None else NULL
        b = _state(second, i, n, "state") if second is not None else NULL
        for k in range(0, n, PIECE):
            q.pieces[j].n = min(PIECE, n - k)
            q.pieces[j].param, q.pieces[j].grad = p + k, g + k
            q.pieces[j].first = a + k if a != NULL else NULL
            q.pieces[j].second = b + k if b != NULL else NULL
            j += 1
    if total <= PIECE:
        parallel_for(_task, q, tasks, 1)
    else:
        with nogil:
            parallel_for(_task, q, tasks, threads_for(30.0 * total))
    return 0


def sgd_step(params, grads, buffers, lr, momentum, dampening, weight_decay, nesterov, maximize,
             l1_decay, first):
    """SGD with momentum (Sutskever et al. 2013) in PyTorch's form, in place on the lists of arrays
    params and buffers: g += weight_decay p + l1_decay sign(p); b = momentum b + (1 - dampening) g
    (first: b = g); p -= lr (nesterov ? g + momentum b : b).  buffers None: no momentum."""
    cdef Step q
    memset(&q, 0, sizeof(q))
    q.uk = ukernels()
    q.sgd.lr, q.sgd.momentum, q.sgd.keep = lr, momentum, 1.0 - <double>dampening
    q.sgd.weight_decay, q.sgd.l1_decay = weight_decay, l1_decay
    q.sgd.nesterov, q.sgd.maximize, q.sgd.first = nesterov, maximize, first
    _run(&q, params, grads, buffers, None)


@cython.cdivision(True)
def adam_step(params, grads, ms, vs, step, lr, beta1, beta2, eps, weight_decay, l1_decay,
              maximize):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1), in place on the lists params, ms, vs;
    step counts from 1; decay is added to the gradient."""
    cdef Step q
    cdef double b1 = beta1, b2 = beta2, t = step
    memset(&q, 0, sizeof(q))
    q.uk = ukernels()
    q.is_adam = True
    q.adam.beta1, q.adam.beta2 = b1, b2
    q.adam.one_minus_beta1, q.adam.one_minus_beta2 = 1.0 - b1, 1.0 - b2
    q.adam.step_size = <double>lr / (1.0 - pow(b1, t))
    q.adam.inv_sqrt_correction2 = 1.0 / sqrt(1.0 - pow(b2, t))
    q.adam.eps, q.adam.weight_decay, q.adam.l1_decay = eps, weight_decay, l1_decay
    q.adam.maximize = maximize
    _run(&q, params, grads, ms, vs)
