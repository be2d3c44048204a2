# Arithmetic of sizes.
cdef inline Py_ssize_t min_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a < b else b


cdef inline Py_ssize_t max_(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return a if a > b else b


cdef inline Py_ssize_t round_up(Py_ssize_t a, Py_ssize_t b) noexcept nogil:
    return (a + b - 1) // b * b


# Floats of a row of n with its distance to the next: an odd number of lines of 16, at most n + 31,
# so that neighbouring rows do not share a set of the cache.
cdef inline Py_ssize_t odd_row(Py_ssize_t n) noexcept nogil:
    return round_up(n, 16) | 16
