# C fields of the classes in tensor.py, which setup.py compiles, and types of its inner functions.
cimport cython
from numpy cimport PyArray_IS_C_CONTIGUOUS, ndarray

cdef class Counter:
    cdef public Py_ssize_t value
    cdef public Py_ssize_t recorded

cdef class Core:
    cdef public object _data
    cdef public object _grad
    cdef public Function _node
    cdef public Py_ssize_t _index
    cdef public Counter _counter
    cdef public bint _requires_grad
    cdef public bint _is_view
    cdef public Py_ssize_t _seen
    cdef public tuple _made
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
    cdef public object _stack
    cpdef tuple _unpack(self)

cpdef bint is_contiguous(ndarray array) noexcept

cpdef object wrap(object array)

cpdef object check_view(Core t)


@cython.locals(ctx=Function, t=Core, call=list, needs=list, edges=list, slots=list, enabled=bint,
               record=bint, outputs=list, source=Core, made=tuple)
cdef object _apply(object cls, tuple args)


@cython.locals(out=Core)
cdef object _output(Function node, object array, Py_ssize_t index, Core source, tuple made)


@cython.locals(t=Core, found=list)
cdef list _versions(tuple saved, tuple inputs, list outputs)
