"""One optimizer step over a whole list of parameters, in place: a rule of csrc each.

The arrays are cut into pieces of 16 Ki elements; the pieces of all arrays are one list of tasks.
Scalars are computed in double, once a step.
"""
cimport cython
from libc.math cimport pow, sqrt
from libc.string cimport memset
from numpy cimport PyArray_ISWRITEABLE, PyArray_SIZE, import_array, ndarray

from ._array cimport Buffer, f32, same_shape, take
from ._csrc cimport fnn_step, fnn_update, ukernels
from ._threads cimport parallel_for, threads_for

import_array()

cdef enum:
    PIECE = 16384
    STATES = 3

cdef struct Piece:
    Py_ssize_t n
    float *param
    const float *grad
    float *state[STATES]

cdef struct Job:
    fnn_update rule
    fnn_step step
    Piece *pieces


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Job *q = <Job *>ctx
    cdef Piece *p = q.pieces + task
    q.rule(p.n, &q.step, p.param, p.grad, p.state[0], p.state[1], p.state[2])


cdef float *_data(object arrays, Py_ssize_t i, Py_ssize_t n, str name) except? NULL:
    cdef float *data = f32(arrays[i], -1, name)
    if PyArray_SIZE(arrays[i]) != n:
        raise ValueError(f"{name}[{i}] has {PyArray_SIZE(arrays[i])} elements, expected {n}")
    if not PyArray_ISWRITEABLE(arrays[i]):
        raise ValueError(f"{name}[{i}] is read-only")
    return data


cdef int _run(Job *q, list params, list grads, tuple states) except -1:
    """q.rule on all arrays; states: at most three lists, or None for one that the rule lacks."""
    cdef:
        Py_ssize_t i, k, n, count = len(params), tasks = 0, total = 0, j = 0
        int a
        Buffer buffer
        float *p
        float *state[STATES]
        const float *g
    for arrays in (grads, *states):
        if arrays is not None and len(arrays) != count:
            raise ValueError("the lists of parameters, gradients and states differ in length")
    for i in range(count):
        if not isinstance(params[i], ndarray):
            raise TypeError(f"params[{i}] must be a NumPy array, got {type(params[i]).__name__}")
        tasks += (PyArray_SIZE(params[i]) + PIECE - 1) // PIECE
    buffer = take((tasks * sizeof(Piece) + 3) // 4)
    q.pieces = <Piece *>buffer.data
    memset(state, 0, sizeof(state))
    for i in range(count):
        n = PyArray_SIZE(params[i])
        total += n
        p = _data(params, i, n, "params")
        g = f32(grads[i], -1, "grads")
        if not same_shape(params[i], grads[i]):
            raise ValueError(f"grads[{i}] has shape {grads[i].shape}, expected {params[i].shape}")
        for a in range(len(states)):
            if states[a] is not None:
                state[a] = _data(states[a], i, n, "state")
        for k in range(0, n, PIECE):
            q.pieces[j].n = min(PIECE, n - k)
            q.pieces[j].param, q.pieces[j].grad = p + k, g + k
            for a in range(STATES):
                q.pieces[j].state[a] = state[a] + k if state[a] != NULL else NULL
            j += 1
    if total <= PIECE:
        parallel_for(_task, q, tasks, 1)
    else:
        with nogil:
            parallel_for(_task, q, tasks, threads_for(30.0 * total))
    return 0


cdef int _start(Job *q, double lr, double weight_decay, double l1_decay, bint maximize,
                bint decoupled=False) except -1:
    """The scalars that all rules have."""
    memset(q, 0, sizeof(q[0]))
    q.step.lr, q.step.maximize, q.step.decoupled = lr, maximize, decoupled
    if decoupled:
        q.step.shrink, q.step.l1_shrink = 1.0 - lr * weight_decay, lr * l1_decay
    else:
        q.step.weight_decay, q.step.l1_decay = weight_decay, l1_decay
    return 0


cdef int _rates(Job *q, double beta1, double beta2, double eps) except -1:
    """The scalars of running means."""
    q.step.beta1, q.step.keep1 = beta1, 1.0 - beta1
    q.step.beta2, q.step.keep2 = beta2, 1.0 - beta2
    q.step.eps = eps
    return 0


def sgd_step(params, grads, buffers, lr, momentum, dampening, weight_decay, nesterov, maximize,
             l1_decay, first):
    """SGD with momentum (Sutskever et al. 2013) in PyTorch's form, in place on the lists of arrays
    params and buffers: g += weight_decay p + l1_decay sign(p); b = momentum b + (1 - dampening) g
    (first: b = g); p -= lr (nesterov ? g + momentum b : b).  buffers None: no momentum."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize)
    q.rule = ukernels().sgd_update
    q.step.momentum, q.step.keep1 = momentum, 1.0 - <double>dampening
    q.step.nesterov, q.step.first = nesterov, first
    _run(&q, params, grads, (buffers,))


@cython.cdivision(True)
def adam_step(params, grads, ms, vs, step, lr, beta1, beta2, eps, weight_decay, l1_decay,
              maximize, max_vs=None, decoupled=False):
    """Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1), in place on the lists params, ms, vs;
    step counts from 1.  max_vs: AMSGrad.  decoupled: AdamW, else decay goes to the gradient."""
    cdef Job q
    cdef double t = step
    _start(&q, lr, weight_decay, l1_decay, maximize, decoupled)
    _rates(&q, beta1, beta2, eps)
    q.rule = ukernels().adam_update
    q.step.lr = <double>lr / (1.0 - pow(beta1, t))
    q.step.root = 1.0 / sqrt(1.0 - pow(beta2, t))
    _run(&q, params, grads, (ms, vs, max_vs))


@cython.cdivision(True)
def nadam_step(params, grads, ms, vs, step, lr, beta1, beta2, eps, weight_decay, l1_decay,
               maximize, decoupled, momentum_decay, mu_product):
    """NAdam (Dozat 2016), in place on params, ms, vs; returns mu_product, the product of all
    momenta before, times this step's."""
    cdef Job q
    cdef double t = step, decay = momentum_decay, rate = lr
    cdef double mu = <double>beta1 * (1.0 - 0.5 * pow(0.96, t * decay))
    cdef double mu_next = <double>beta1 * (1.0 - 0.5 * pow(0.96, (t + 1.0) * decay))
    cdef double product = mu * <double>mu_product
    _start(&q, lr, weight_decay, l1_decay, maximize, decoupled)
    _rates(&q, beta1, beta2, eps)
    q.rule = ukernels().nadam_update
    q.step.root = 1.0 / sqrt(1.0 - pow(beta2, t))
    q.step.lr_grad = rate * (1.0 - mu) / (1.0 - product)
    q.step.lr = rate * mu_next / (1.0 - product * mu_next)
    _run(&q, params, grads, (ms, vs))
    return product


@cython.cdivision(True)
def radam_step(params, grads, ms, vs, step, lr, beta1, beta2, eps, weight_decay, l1_decay,
               maximize, decoupled):
    """RAdam (Liu et al. 2020, arXiv:1908.03265, Algorithm 2), in place on params, ms, vs."""
    cdef Job q
    cdef double t = step, b2 = beta2, rate = <double>lr / (1.0 - pow(beta1, t))
    cdef double correction2 = 1.0 - pow(b2, t)
    cdef double most = 2.0 / (1.0 - b2) - 1.0
    cdef double rho = most - 2.0 * t * pow(b2, t) / correction2
    _start(&q, lr, weight_decay, l1_decay, maximize, decoupled)
    _rates(&q, beta1, beta2, eps)
    q.rule = ukernels().radam_update
    q.step.rectified = rho > 5.0
    if rho > 5.0:
        rate *= sqrt(correction2 * (rho - 4.0) * (rho - 2.0) * most
                     / ((most - 4.0) * (most - 2.0) * rho))
    q.step.lr = rate
    _run(&q, params, grads, (ms, vs))


@cython.cdivision(True)
def adamax_step(params, grads, ms, us, step, lr, beta1, beta2, eps, weight_decay, l1_decay,
                maximize):
    """Adamax (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2), in place on params, ms, us."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize)
    _rates(&q, beta1, beta2, eps)
    q.rule = ukernels().adamax_update
    q.step.lr = <double>lr / (1.0 - pow(beta1, <double>step))
    _run(&q, params, grads, (ms, us))


def rmsprop_step(params, grads, vs, means, buffers, lr, alpha, eps, momentum, weight_decay,
                 l1_decay, maximize):
    """RMSprop (Tieleman & Hinton 2012), in place on params, vs, means (None: not centred) and
    buffers (None: no momentum)."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize)
    _rates(&q, 0.0, alpha, eps)
    q.rule = ukernels().rmsprop_update
    q.step.momentum = momentum
    _run(&q, params, grads, (vs, means, buffers))


@cython.cdivision(True)
def adagrad_step(params, grads, sums, step, lr, lr_decay, eps, weight_decay, l1_decay, maximize):
    """Adagrad (Duchi et al. 2011), in place on params and sums; step counts from 1."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize)
    q.rule = ukernels().adagrad_update
    q.step.lr = <double>lr / (1.0 + (<double>step - 1.0) * <double>lr_decay)
    q.step.eps = eps
    _run(&q, params, grads, (sums,))


def adadelta_step(params, grads, vs, deltas, lr, rho, eps, weight_decay, l1_decay, maximize):
    """Adadelta (Zeiler 2012, arXiv:1212.5701, Algorithm 1), in place on params, vs, deltas."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize)
    _rates(&q, 0.0, rho, eps)
    q.rule = ukernels().adadelta_update
    _run(&q, params, grads, (vs, deltas))


def rprop_step(params, grads, prevs, sizes, eta_minus, eta_plus, smallest, largest, l1_decay,
               maximize):
    """Rprop (Riedmiller & Braun 1993), in place on params, prevs (gradients) and step sizes."""
    cdef Job q
    _start(&q, 1.0, 0.0, l1_decay, maximize)
    q.rule = ukernels().rprop_update
    q.step.eta_minus, q.step.eta_plus = eta_minus, eta_plus
    q.step.smallest, q.step.largest = smallest, largest
    _run(&q, params, grads, (prevs, sizes))


def lion_step(params, grads, ms, lr, beta1, beta2, weight_decay, l1_decay, maximize):
    """Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2), in place on params and ms."""
    cdef Job q
    _start(&q, lr, weight_decay, l1_decay, maximize, True)
    _rates(&q, beta1, beta2, 0.0)
    q.rule = ukernels().lion_update
    _run(&q, params, grads, (ms,))
