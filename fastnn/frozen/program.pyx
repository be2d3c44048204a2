"""Kernel calls in a row, without the Python that found them: what `freeze` recorded, run again.

Cython, as tensor.py: between two kernels the processor's caches hold weights and not the
interpreter, and each line of Python there costs microseconds.
"""

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from numpy cimport (
    NPY_ARRAY_WRITEABLE,
    PyArray_DATA,
    PyArray_ISWRITEABLE,
    PyArray_NBYTES,
    PyArray_SetBaseObject,
    import_array,
    ndarray,
    npy_intp,
)

from ..tensor cimport Core, is_contiguous

from ..tensor import check_array, contiguous

cdef extern from "numpy/arrayobject.h":
    # NumPy's own .pxd has objects where the C function has pointers.
    ndarray new_array "PyArray_New"(
        PyTypeObject *, int, npy_intp *, int, npy_intp *, void *, int, int, PyObject *
    )

import_array()


cdef class Place:
    """Where a call finds an array: all of a value of the program, or a part of one's memory."""

    cdef readonly Py_ssize_t slot
    cdef readonly bint whole
    cdef int rank
    cdef int typenum
    cdef int itemsize
    cdef npy_intp n_bytes
    cdef npy_intp offset
    cdef npy_intp[32] dims
    cdef npy_intp[32] strides

    def __init__(self, slot, ndarray array, ndarray base, offset):
        """array: what is wanted; base: the recorded value that it lies in, offset bytes in."""
        cdef int i
        if array.ndim > 32:
            raise ValueError(f"freeze: an array of {array.ndim} axes, expected at most 32")
        self.slot = slot
        self.whole = array is base
        self.rank = array.ndim
        self.typenum = array.dtype.num
        self.itemsize = array.dtype.itemsize
        self.n_bytes = PyArray_NBYTES(base)
        self.offset = offset
        for i in range(array.ndim):
            self.dims[i] = array.shape[i]
            self.strides[i] = array.strides[i]

    cdef object of(self, list values):
        """The array, from the values of this run."""
        return values[self.slot] if self.whole else self.part(values[self.slot])

    cdef ndarray part(self, ndarray base):
        cdef ndarray out
        if PyArray_NBYTES(base) != self.n_bytes:
            raise RuntimeError("a frozen network made an array of another size than when recorded")
        out = new_array(
            <PyTypeObject *>ndarray, self.rank, self.dims, self.typenum, self.strides,
            <char *>PyArray_DATA(base) + self.offset, self.itemsize,
            NPY_ARRAY_WRITEABLE if PyArray_ISWRITEABLE(base) else 0, NULL
        )
        Py_INCREF(base)  # the call steals it
        PyArray_SetBaseObject(out, base)
        return out


cdef class Step:
    """A call: a function, its arguments, and where those are that change from run to run."""

    cdef readonly object function
    cdef list args
    cdef readonly list holes
    cdef readonly list outs
    cdef bint single
    cdef list frees

    def __init__(self, function, args, holes, outs, single):
        """holes: (place in args, Place); outs: slots of the results, -1 where there is no array;
        single: the function returns one result, not a tuple."""
        self.function = function
        self.args = list(args)
        self.holes = list(holes)
        self.outs = list(outs)
        self.single = single
        self.frees = []


cdef class Program:
    """Steps from inputs (slots 0, 1, ...) to results."""

    cdef readonly list steps
    cdef list results
    cdef Py_ssize_t n_more

    def __init__(self, n_inputs, n_slots, steps, results):
        """results: a Place for each, or a constant array, of which every run returns a copy."""
        cdef Step step
        cdef dict last = {}
        self.n_more = n_slots - n_inputs
        self.steps = list(steps)
        self.results = list(results)
        for step in steps:
            for _, place in step.holes:
                last[place.slot] = step
            for slot in step.outs:
                last[slot] = step
        kept = {place.slot for place in results if isinstance(place, Place)}
        for slot, step in last.items():
            if slot >= n_inputs and slot not in kept:
                step.frees.append(slot)  # its memory serves the steps that follow

    def run(self, list inputs):
        """The results, a list of arrays, for a list of inputs that are laid out as recorded."""
        cdef Step step
        cdef Place place
        cdef Py_ssize_t i, slot
        cdef list args, values = inputs + [None] * self.n_more
        for step in self.steps:
            args = step.args[:]
            for i, place in step.holes:
                args[i] = place.of(values)
            found = step.function(*args)
            if step.single:
                slot = step.outs[0]
                if slot >= 0:
                    values[slot] = found
            else:
                for slot, array in zip(step.outs, found, strict=True):
                    if slot >= 0:
                        values[slot] = array
            for slot in step.frees:
                values[slot] = None
        found = []
        for end in self.results:
            found.append((<Place>end).of(values) if type(end) is Place else end.copy())
        return found


def take(args, list arrays):
    """Appends the arrays of Tensors and ndarrays, in C order, to a list; returns their kinds, a
    tuple of shapes and dtypes, and whether all were ndarrays.  None if there is something else."""
    cdef list kinds = []
    cdef bint plain = True
    for a in args:
        if isinstance(a, Core):
            plain = False
            a = (<Core>a)._data
        elif isinstance(a, ndarray):
            a = check_array(a, "input")
        else:
            return None
        if not is_contiguous(a):
            a = contiguous(a)
        arrays.append(a)
        kinds.append(a.shape)
        kinds.append(a.dtype)
    return tuple(kinds), plain
