# Types that engine.py sees when it is compiled.
from .tensor cimport Core, Function, wrap

cdef object _add(object a, object b)
cdef tuple _run_node(Function node, list outs)
cdef object _run_hooks(list hooks, object gradient)
