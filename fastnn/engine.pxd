# Types that engine.py sees when it is compiled.
cimport cython

from .tensor cimport Core, Function, is_contiguous, wrap

cdef object _add(object a, object b)
cdef tuple _run_node(Function node, list outs)
cdef tuple _call_backward(Function node, list outs)
cdef tuple _watch_node(Function node, list outs)
cdef object _run_hooks(list hooks, object gradient)
cdef Py_ssize_t _n_outputs(Function node)


@cython.locals(leaf=Core, other=Core)
cdef object _accumulate(dict leaves, bint with_hooks=*)


@cython.locals(found=set, stack=list, node=Function)
cdef list _ordered(dict nodes)


@cython.locals(node=Function, outs=list)
cdef object _send(dict pending, dict leaves, object edge, Py_ssize_t slot, object g)


@cython.locals(pending=dict, leaves=dict, captured=dict, t=Core, node=Function,
               outs=list, results=tuple, i=Py_ssize_t, n=Py_ssize_t)
cpdef object run_backward(list roots, list grads, bint retain_graph, object wanted=*)
