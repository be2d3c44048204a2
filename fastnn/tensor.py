# cython: annotation_typing=False
"""Tensor, Parameter, Function: the tape.  Knows no operator; they are bound by operators.py.

A Tensor is an ndarray (`_data`) with a place on the tape: the Function that made it (`_node`) and
which of its outputs it is (`_index`).  A Function's edges lead to the Functions that made its
inputs, or to leaves.  engine.py goes back over them.

Each memory block has one Counter of in-place changes, shared by the tensors that view it: a
Function remembers the counts of what it saved and refuses to go back over changed values.

setup.py compiles this file with Cython; tensor.pxd gives the classes C fields, since an operator on
a tiny network costs little more than its record here.
"""

from __future__ import annotations

import itertools
import sys
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from .grad_mode import mode, watchers

_CHARS = frozenset("fd?Bilq")
_SUPPORTED = "float32, float64, int64, int32, uint8 or bool"
_next_seq = itertools.count().__next__
_ndarray = np.ndarray


def is_contiguous(array):
    """Whether an array is in C order."""
    return PyArray_IS_C_CONTIGUOUS(array)  # type: ignore[name-defined] # noqa: F821 (tensor.pxd)


class Counter:
    """In-place changes of a block of memory: how many (`value`), and the number of the last one
    that went on the tape (`recorded`)."""


class Core:
    """The fields of a Tensor."""

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if not isinstance(data, np.ndarray):
            data = np.asarray(data)
            if data.dtype.kind in "fiub":  # others are refused below
                data = data.astype(np.float32)
        self._data: np.ndarray = check_array(data, "data")
        self._grad: Any = None
        self._node: Any = None
        self._index: int = 0
        self._counter: Counter = Counter()
        self._is_view: bool = False
        self._seen: int = 0
        self._made: Any = None
        self._hooks: Any = None
        self._requires_grad: bool = False
        if requires_grad:
            self.requires_grad = True

    @property
    def requires_grad(self):
        """Whether operations on this tensor are recorded."""
        if self._made is not None:
            check_view(self)
        return bool(self._requires_grad)

    @requires_grad.setter
    def requires_grad(self, value):
        if not value and self.grad_fn is not None:
            raise RuntimeError(
                "requires_grad can be changed on leaf tensors only; use detach() for a tensor "
                "that is not recorded"
            )
        if value and self._data.dtype.kind != "f":
            raise RuntimeError(
                f"only floating-point tensors can require gradients, got {self._data.dtype}"
            )
        self._requires_grad = bool(value)

    @property
    def grad(self):
        """Gradient that `backward` accumulated, a Tensor, or None."""
        return self._grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            if not isinstance(value, Core):
                raise TypeError(f"grad must be a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise RuntimeError(
                    f"grad has shape {value.shape} and dtype {value.dtype}, "
                    f"expected {self.shape} and {self.dtype}"
                )
            if not is_contiguous(value._data):
                value = wrap(contiguous(value._data))
        self._grad = value

    @property
    def shape(self):
        """Sizes of the axes, a tuple."""
        return self._data.shape

    @property
    def dtype(self):
        """NumPy dtype."""
        return self._data.dtype

    @property
    def ndim(self):
        """Number of axes."""
        return self._data.ndim

    @property
    def is_leaf(self):
        """Whether no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self):
        """The Function that made this tensor, or None."""
        if self._made is not None:
            check_view(self)
        return self._node

    @property
    def _version(self):
        return self._counter.value

    def _changed(self):
        """Say that the data was changed in place."""
        self._counter.value += 1

    def _recorded_change(self):
        """The same, and the change is on the tape: views made before are recorded anew."""
        self._counter.value += 1
        self._counter.recorded = self._counter.value

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("len() of a tensor without axes")
        return self._data.shape[0]

    def detach(self):
        """The same memory, not recorded."""
        out = wrap(self._data)
        out._counter = self._counter
        return out

    def numpy(self):
        """The array itself, no copy: changing it changes the tensor, unseen by the tape.

        Raises RuntimeError if the tensor requires a gradient: use detach().numpy().
        """
        if self.requires_grad:
            raise RuntimeError(
                "numpy() on a tensor that requires grad: use tensor.detach().numpy() instead"
            )
        return self._data

    def backward(self, gradient=None, retain_graph=None, *, inputs=None):
        """Add d self / d leaf to the .grad of every leaf that requires one, or of `inputs` alone.

        gradient: Tensor of self's shape, d result / d self; 1 for a single element.  retain_graph:
        keep what was saved, for another backward.  Raises RuntimeError if nothing was recorded,
        for several elements without gradient, and for saved values that were changed or freed.
        """
        from .engine import backward

        gradients = None if gradient is None else [gradient]
        backward([self], gradients, retain_graph, inputs=inputs)

    def register_hook(self, hook):
        """Call hook(gradient) when this tensor's gradient is known; what it returns, unless None,
        replaces the gradient.  Returns a handle with remove().
        """
        if not self.requires_grad:
            raise RuntimeError("register_hook: the tensor does not require a gradient")
        from .engine import Handle, hooks_of

        return Handle(hooks_of(self), hook)

    def retain_grad(self):
        """Keep the gradient of a tensor that is not a leaf in .grad, too."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: the tensor does not require a gradient")
        from .engine import Keep, hooks_of

        hooks = hooks_of(self)
        kept = any(isinstance(hook, Keep) and hook.tensor() is self for hook in hooks)
        if self._node is not None and not kept:
            hooks.append(Keep(self))


class Tensor(Core):
    """An ndarray that remembers how it was made: Tensor(data, requires_grad=False).

    An ndarray is shared, anything else becomes a float32 array.  See `fastnn.tensor` (copies),
    `fastnn.from_numpy` (shares).
    """

    __slots__ = ("__weakref__",)

    if TYPE_CHECKING:  # what operators.py binds
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __matmul__: Any
        __pow__: Any
        __neg__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any
        __getitem__: Any
        __setitem__: Any
        __iter__: Any

        def __getattr__(self, name: str) -> Any: ...

    def __reduce__(self):
        if self.grad_fn is not None:
            raise RuntimeError(
                "only leaf tensors can be copied deeply or pickled; use detach() first"
            )
        return type(self), (contiguous(self._data), self.requires_grad)

    def __deepcopy__(self, memo):
        if self.grad_fn is not None:
            raise RuntimeError("only leaf tensors can be copied deeply; use detach() first")
        out = type(self)(self._data.copy(), self.requires_grad)
        if self._grad is not None:
            out._grad = wrap(self._grad._data.copy())
        memo[id(self)] = out
        return out


class Parameter(Tensor):
    """A Tensor that a Module lists among its parameters; requires a gradient unless told not to.

    Shares the memory of data, but for one that is not contiguous, which is copied.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        if isinstance(data, Core):
            data = data._data
        super().__init__(data, requires_grad)
        if not mode.shapes_only:  # optimizers step over memory from end to end
            self._data = contiguous(self._data)


def contiguous(array: np.ndarray) -> np.ndarray:
    """In C order.  np.ascontiguousarray would make one axis where there is none."""
    return array if array.flags.c_contiguous else array.copy()


def check_array(a: Any, name: str) -> np.ndarray:
    """An aligned ndarray, no subclass, of a supported dtype in this machine's byte order.

    Copied where it has to be; TypeError for other dtypes.
    """
    if type(a) is not np.ndarray:
        a = np.asarray(a)  # np.matrix has a * of its own
    if a.dtype.char in _CHARS and a.dtype.isnative:
        return a if a.flags.aligned else a.copy()
    if a.dtype.kind in "fiub" and not a.dtype.isnative:
        return check_array(a.astype(a.dtype.newbyteorder("=")), name)
    if a.dtype.kind == "i" and a.dtype.itemsize == 8:
        return a.astype(np.int64, copy=False)
    raise TypeError(f"{name} has dtype {a.dtype}, expected {_SUPPORTED}")


def wrap(array):
    """A Tensor around an array that is known to be good."""
    out = Tensor.__new__(Tensor)
    out._data = array
    out._counter = Counter()
    return out


class Function:
    """One recorded operation: `y = MyFunction.apply(x, ...)`.

    Subclasses here give static methods on ndarrays, `forward(ctx, *arrays)` and `backward(ctx,
    *dys)`, which returns one gradient per argument of forward (None where there is none; trailing
    Nones may be left out).  fastnn.autograd.Function is the same on Tensors.  `strided`: takes
    arrays that are not contiguous.  `is_view`: the result shares the first argument's memory.
    `materialize`: of several outputs, those without a gradient have one of zeros, not None.
    """

    strided = False
    is_view = False
    materialize = True

    def save(self, *arrays):
        """Keep arrays for backward."""
        self._saved = arrays

    @property
    def saved(self):
        """The arrays that forward saved; RuntimeError if they were changed or freed since."""
        return self._unpack()

    def _unpack(self):
        if self._freed:
            raise RuntimeError(
                "backward through the graph a second time: its saved values are freed; pass "
                "retain_graph=True to the first backward"
            )
        if self._checks is not None:
            for counter, value in self._checks:
                if counter.value != value:
                    raise RuntimeError(
                        f"a tensor that {self.name()} needs for its gradient was changed in "
                        f"place: it is at version {counter.value}, expected {value}"
                    )
        return self._saved

    def name(self):
        """Name of the operation."""
        return type(self).__name__.lstrip("_")

    def __repr__(self):
        return f"<{self.name()}Backward>"

    @classmethod
    def apply(cls, *args):
        """Run forward on the arguments' arrays and record it where a gradient is needed."""
        return _apply(cls, args)


def _apply(cls, args):
    ctx = cls.__new__(cls)
    enabled = mode.enabled
    record = False
    call = [ctx]
    needs = []
    for a in args:
        if isinstance(a, Core):
            t = a
            array = t._data
            if not is_contiguous(array) and not cls.strided:
                array = contiguous(array)
            call.append(array)
            if t._is_view and enabled:
                check_view(t)
            if enabled and t._requires_grad:
                record = True
                needs.append(True)
            else:
                needs.append(False)
        else:
            call.append(a)
            needs.append(False)
    ctx.needs_input_grad = tuple(needs)
    result = cls.forward(*call)
    source = made = None
    if cls.is_view:
        source = args[0]
        if enabled and source._seen >= 0:
            made = (cls, args)
    if not record:
        if isinstance(result, tuple):
            return tuple([_output(None, y, 0, source, made) for y in result])
        return _output(None, result, 0, source, made)

    edges = []
    slots = []
    for a, need in zip(args, needs, strict=True):
        if need:
            t = a
            edges.append(t if t._node is None else t._node)
            slots.append(t._index)
        else:
            edges.append(None)
            slots.append(0)
    ctx._edges = tuple(edges)
    ctx._slots = tuple(slots)
    ctx._seq = _next_seq()
    if watchers[0] and mode.anomaly:
        ctx._stack = traceback.StackSummary.extract(
            traceback.walk_stack(sys._getframe()), lookup_lines=False
        )
    if isinstance(result, tuple):
        outputs = [_output(ctx, y, i, source, made) for i, y in enumerate(result)]
        ctx._outputs = [(y.shape, y.dtype) for y in result]
    else:
        outputs = [_output(ctx, result, 0, source, made)]
    if ctx._saved is not None:
        ctx._checks = _versions(ctx._saved, args, outputs)
    return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def check_view(t):
    """Give a view its place on the tape again, if its memory was changed by a recorded operation
    since.  RuntimeError for one that a backward hook of a module made."""
    if t._seen >= 0 and t._seen != t._counter.recorded:
        from .engine import view_again

        view_again(t)


def _output(node, array, index, source, made):
    if not isinstance(array, _ndarray):
        array = np.asarray(array)  # NumPy gives scalars where there are no axes
    out = Tensor.__new__(Tensor)
    out._data = array
    if source is not None:
        out._counter = source._counter
        out._is_view = True
        out._made = made
        out._seen = -1 if made is None else source._counter.recorded
    else:
        out._counter = Counter.__new__(Counter)
    if node is not None and array.dtype.kind == "f":
        out._node = node
        out._index = index
        out._requires_grad = True
    return out


def _versions(saved, inputs, outputs):
    """(counter, count) of each saved array that is the data of a tensor."""
    found = []
    for array in saved:
        if array is None:
            continue
        for a in inputs:
            if isinstance(a, Core):
                t = a
                if t._data is array:
                    found.append((t._counter, t._counter.value))
                    break
        else:
            for a in outputs:
                t = a
                if t._data is array:
                    found.append((t._counter, t._counter.value))
                    break
    return found
