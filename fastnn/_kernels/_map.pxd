# Elementwise kernels over flat arrays, cut into chunks that stay in L2.
from ._csrc cimport fnn_map, fnn_map_grad

cdef void map1(fnn_map fn, Py_ssize_t n, const float *x, float *y, double cost) noexcept
cdef void map2(fnn_map_grad fn, Py_ssize_t n, const float *dy, const float *y, float *dx,
               double cost) noexcept
