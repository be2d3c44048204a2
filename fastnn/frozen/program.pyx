"""Kernel calls in a row, without the Python that found them: what `freeze` recorded, run again.

Cython, as tensor.py: between two kernels the processor's caches hold weights and not the
interpreter, and each line of Python there costs microseconds.
"""

from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcmp
from numpy cimport (
    NPY_ARRAY_WRITEABLE,
    PyArray_DATA,
    PyArray_DIMS,
    PyArray_ISCARRAY_RO,
    PyArray_ISWRITEABLE,
    PyArray_NBYTES,
    PyArray_NDIM,
    PyArray_SetBaseObject,
    PyArray_TYPE,
    import_array,
    ndarray,
    npy_intp,
)

from ..tensor cimport Core

from .. import backend
from ..tensor import wrap
from .structure import LEAF, join

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
    cdef readonly list args
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
        for i, _ in holes:
            self.args[i] = None  # what it was when it was recorded is not needed
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


cdef class Input:
    """What an array has to be: its dtype and shape."""

    cdef int typenum
    cdef int rank
    cdef npy_intp[32] dims

    def __init__(self, ndarray array):
        cdef int i
        self.typenum, self.rank = array.dtype.num, array.ndim
        for i in range(min(array.ndim, 32)):
            self.dims[i] = array.shape[i]

    cdef bint fits(self, ndarray a) noexcept:
        return (self.rank <= 32 and PyArray_TYPE(a) == self.typenum and PyArray_NDIM(a) == self.rank
                and PyArray_ISCARRAY_RO(a)
                and memcmp(PyArray_DIMS(a), self.dims, self.rank * sizeof(npy_intp)) == 0)


cdef class Recorded:
    """A program, the form of the arguments that it is for, and the form of its result; kernels: the
    backend that it calls."""

    cdef readonly Program program
    cdef object form, result, kernels
    cdef list inputs
    cdef bint single, flat

    def __init__(self, program, form, result, arrays, kernels):
        """form: of (args, kwargs); arrays: those in them, as the program takes them."""
        self.program, self.form, self.result, self.kernels = program, form, result, kernels
        self.inputs = [Input(a) for a in arrays]
        self.single = result is LEAF
        self.flat = type(result) is tuple and result == (tuple, *[LEAF] * (len(result) - 1))

    cdef bint takes(self, object form, object value, list arrays, bint *plain) except -1:
        """Whether a value is of this form; appends its arrays, and notes whether there are Tensors
        among them."""
        cdef object kind
        cdef Py_ssize_t i, first = 1
        if form is LEAF:
            if isinstance(value, Core):
                plain[0] = False
                value = (<Core>value)._data
            if type(value) is not ndarray:
                return False
            if not (<Input>self.inputs[len(arrays)]).fits(value):
                return False
            arrays.append(value)
            return True
        if type(form) is not tuple:
            return form is value or (
                type(form) is type(value) and form == value and repr(form) == repr(value))
        kind = (<tuple>form)[0]
        if type(value) is not kind:
            return False
        if kind is dict:
            if repr(tuple(value)) != repr((<tuple>form)[1]):  # 1 is not True
                return False
            first, value = 2, list(value.values())
        if len(value) != len(<tuple>form) - first:
            return False
        for i in range(len(value)):
            if not self.takes((<tuple>form)[i + first], value[i], arrays, plain):
                return False
        return True

    def give(self, list arrays, bint plain):
        """The result for these inputs, of ndarrays or of Tensors."""
        cdef Py_ssize_t i
        cdef list results = self.program.run(arrays)
        if not plain:
            for i in range(len(results)):
                results[i] = wrap(results[i])
        if self.single:
            return results[0]
        return tuple(results) if self.flat else join(self.result, iter(results))


cdef class Caller:
    """Calls what was recorded last, or `_first(args, kwargs)` for arguments of another form."""

    cdef public Recorded _last

    def __call__(self, *args, **kwargs):
        cdef Recorded last = self._last
        cdef list arrays = []
        cdef bint plain = True
        if last is not None and backend.kernels is last.kernels:
            if last.takes(last.form, (args, kwargs), arrays, &plain):
                return last.give(arrays, plain and len(arrays) > 0)
        return self._first(args, kwargs)
