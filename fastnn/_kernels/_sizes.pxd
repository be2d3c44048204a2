# Arithmetic of sizes.
cdef inline Py_ssize_t min_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline Py_ssize_t max_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a > b else b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b * b


# At least so many floats, at most 31 more, as an odd number of lines of 16: rows or matrices so far
# apart do not share a set of the cache.
cdef inline Py_ssize_t odd_lines(Py_ssize_t floats) noexcept nogil:
    return round_up(floats, 16) | 16


# Threads that find a task, and so need scratch of their own.
cdef inline int busy(int n_threads, Py_ssize_t tasks) noexcept nogil:
    return <int>max_(1, min_(n_threads, tasks))


# At least so many floats of scratch for each thread, rounded up so far that kernels which follow
# one another give a thread the same memory, which is still in its cache.
cdef inline Py_ssize_t slot_size(Py_ssize_t floats) noexcept nogil:
    cdef Py_ssize_t size = 1024
    while size < floats and size < 1 << 20:
        size *= 2
    return round_up(floats, size)


# Rows of a task, about rows / wanted, of which the thread with most has fewest: parallel_for gives
# each of n_threads its part of the tasks in turn.
cdef inline Py_ssize_t even_block(Py_ssize_t rows, Py_ssize_t wanted,
                                  int n_threads) noexcept nogil:
    cdef Py_ssize_t block = (rows + wanted - 1) // wanted, least = max_(1, rows // (2 * wanted))
    cdef Py_ssize_t tasks, most, fewest = rows + 1, best = block
    cdef int t
    while block >= least:
        tasks, most = (rows + block - 1) // block, 0
        for t in range(n_threads):
            most = max_(most, min_(rows, tasks * (t + 1) // n_threads * block)
                        - tasks * t // n_threads * block)
        if most < fewest:
            fewest, best = most, block
        block -= 1
    return best
