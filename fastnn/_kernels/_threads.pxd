# fn(ctx, task, slot): one task; slot in [0, n_threads) names the thread, for its slice of scratch.
ctypedef void (*task_fn)(void *ctx, Py_ssize_t task, int slot) noexcept nogil

cdef void parallel_for(task_fn fn, void *ctx, Py_ssize_t n_tasks, int n_threads) noexcept nogil
cdef int threads_for(double flops) noexcept nogil
# A task between the two has denormals as IEEE 754 has them; others count them as zero.
cdef unsigned keep_denormals() noexcept nogil
cdef void restore_denormals(unsigned saved) noexcept nogil
