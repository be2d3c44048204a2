"""Elementwise kernels over flat arrays: y = f(x) and dx = g(dy, y), in chunks of 16 Ki elements.

cost: time of one element in FLOPs at half peak (about 1 per 0.02 ns), for the choice of threads.
"""
from numpy cimport PyArray_SIZE, import_array, ndarray

from ._array cimport empty_like, f32, same_shape
from ._threads cimport parallel_for, task_fn, threads_for

import_array()

cdef struct Map:
    fnn_map fn
    fnn_map_grad grad
    Py_ssize_t n
    const float *dy
    const float *x
    float *y

cdef struct ParamMap:
    fnn_param_map fn               # or NULL: backward
    fnn_param_map_grad grad
    Py_ssize_t n
    float p[3]
    const float *dy
    const float *x
    float *out


cdef void run_chunks(task_fn task, void *ctx, Py_ssize_t n, double cost) noexcept:
    cdef Py_ssize_t tasks = (n + CHUNK - 1) // CHUNK
    if tasks <= 1:
        parallel_for(task, ctx, tasks, 1)
        return
    with nogil:
        parallel_for(task, ctx, tasks, threads_for(cost * n))


cdef void _task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef Map *m = <Map *>ctx
    cdef Py_ssize_t i = task * CHUNK, n = min(CHUNK, m.n - i)
    if m.fn != NULL:
        m.fn(n, m.x + i, m.y + i)
    else:
        m.grad(n, m.dy + i, m.x + i, m.y + i)


cdef void map1(fnn_map fn, Py_ssize_t n, const float *x, float *y, double cost) noexcept:
    cdef Map m
    m.fn, m.grad, m.n, m.dy, m.x, m.y = fn, NULL, n, NULL, x, y
    run_chunks(_task, &m, n, cost)


cdef void map2(fnn_map_grad fn, Py_ssize_t n, const float *dy, const float *y, float *dx,
               double cost) noexcept:
    cdef Map m
    m.fn, m.grad, m.n, m.dy, m.x, m.y = NULL, fn, n, dy, y, dx
    run_chunks(_task, &m, n, cost)


cdef object mapped(fnn_map fn, object x, double cost):
    cdef float *px = f32(x, -1, "x")
    cdef ndarray y = empty_like(<ndarray>x)
    map1(fn, PyArray_SIZE(y), px, f32(y, -1, "y"), cost)
    return y


cdef object mapped_grad(fnn_map_grad fn, object dy, object y, str name, double cost):
    cdef float *pdy = f32(dy, -1, "dy")
    cdef float *py = f32(y, -1, name)
    cdef ndarray dx = empty_like(<ndarray>y)
    if not same_shape(<ndarray>dy, <ndarray>y):
        raise ValueError(f"dy has shape {dy.shape}, expected {y.shape}")
    map2(fn, PyArray_SIZE(dx), pdy, py, f32(dx, -1, "dx"), cost)
    return dx


cdef void _param_task(void *ctx, Py_ssize_t task, int slot) noexcept nogil:
    cdef ParamMap *m = <ParamMap *>ctx
    cdef Py_ssize_t i = task * CHUNK, n = min(CHUNK, m.n - i)
    if m.fn != NULL:
        m.fn(n, m.p, m.x + i, m.out + i)
    else:
        m.grad(n, m.p, m.dy + i, m.x + i, m.out + i)


cdef object _mapped(ParamMap *m, tuple p, object x, double cost):
    cdef Py_ssize_t i
    cdef ndarray out
    for i in range(len(p)):
        m.p[i] = p[i]
    out = empty_like(<ndarray>x)
    m.out, m.n = f32(out, -1, "y"), PyArray_SIZE(out)
    run_chunks(_param_task, m, m.n, cost)
    return out


cdef object mapped_by(fnn_param_map fn, tuple p, object x, double cost):
    cdef ParamMap m
    m.fn, m.grad, m.dy, m.x = fn, NULL, NULL, f32(x, -1, "x")
    return _mapped(&m, p, x, cost)


cdef object mapped_grad_by(fnn_param_map_grad fn, tuple p, object dy, object x, double cost):
    cdef ParamMap m
    m.fn, m.grad, m.dy, m.x = NULL, fn, f32(dy, -1, "dy"), f32(x, -1, "x")
    if not same_shape(<ndarray>dy, <ndarray>x):
        raise ValueError(f"dy has shape {dy.shape}, expected {x.shape}")
    return _mapped(&m, p, x, cost)
