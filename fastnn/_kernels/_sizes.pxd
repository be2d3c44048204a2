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
