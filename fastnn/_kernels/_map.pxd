# Elementwise kernels over flat arrays, cut into chunks that stay in L2.
from ._csrc cimport fnn_map, fnn_map_grad, fnn_param_map, fnn_param_map_grad
from ._threads cimport task_fn

cdef enum:
    CHUNK = 16384              # elements of a task

# task(ctx, i, slot) for each chunk i of n elements; a lone one stays with the GIL.
cdef void run_chunks(task_fn task, void *ctx, Py_ssize_t n, double cost) noexcept
cdef void map1(fnn_map fn, Py_ssize_t n, const float *x, float *y, double cost) noexcept
cdef void map2(fnn_map_grad fn, Py_ssize_t n, const float *dy, const float *y, float *dx,
               double cost) noexcept
# A new array f(x), and g(dy, y) of equal shapes (ValueError otherwise); name: y's in messages.
cdef object mapped(fnn_map fn, object x, double cost)
cdef object mapped_grad(fnn_map_grad fn, object dy, object y, str name, double cost)
# The same for f and g with parameters p, at most three.
cdef object mapped_by(fnn_param_map fn, tuple p, object x, double cost)
cdef object mapped_grad_by(fnn_param_map_grad fn, tuple p, object dy, object x, double cost)
