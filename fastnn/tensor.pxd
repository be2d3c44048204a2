# C fields of the classes in tensor.py, which setup.py compiles.
cdef class Counter:
    cdef public Py_ssize_t value

cdef class Core:
    cdef public object _data
    cdef public object _grad
    cdef public Function _node
    cdef public Py_ssize_t _index
    cdef public Counter _counter
    cdef public bint _requires_grad
    cdef public bint _is_view
    cdef public list _hooks

cdef class Function:
    cdef public tuple needs_input_grad
    cdef public tuple _edges
    cdef public tuple _slots
    cdef public tuple _saved
    cdef public list _checks
    cdef public list _outputs
    cdef public dict _hooks
    cdef public Py_ssize_t _seq
    cdef public bint _freed
    cpdef tuple _unpack(self)

cpdef object wrap(object array)
cdef object _output(Function node, object array, Py_ssize_t index, bint is_view, object source)
cdef list _versions(tuple saved, list inputs, list outputs)
