"""Binds the operators and methods of Tensor to functional: `a + b`, `a @ b`, `x.relu()`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from . import functional as F
from .creation import normal_array, uniform_array
from .creation_like import new_empty, new_full, new_ones, new_tensor, new_zeros
from .dtypes import bool_, float32, float64, int32, int64
from .functional import _checks, inplace, vocabulary
from .functional.arrange import unfold
from .functional.binary import _Add, _Div, _Mul, _Sub, binary, operands
from .functional.draws import bernoulli_array
from .functional.repeats import repeat
from .functional.shape import contiguous, getitem, sizes, to, view
from .grad_mode import mode
from .random import Generator
from .tensor import Parameter, Tensor, wrap
from .tensor import contiguous as contiguous_array

_OPERANDS = (Tensor, int, float, np.number, np.bool_, np.ndarray)


def _binary(function: Callable[..., Any], swapped: bool = False) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        return function(other, self) if swapped else function(self, other)

    return method


def _compare(ufunc: Any, name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        a, b = operands(self, other, name)
        return wrap(np.asanyarray(ufunc(a._data, b._data)))

    return method


def _logic(ufunc: Any, name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        a, b = operands(self, other, name)
        if a.dtype.kind == "f" or b.dtype.kind == "f":
            raise TypeError(f"{name}: expected booleans or integers, got {a.dtype} and {b.dtype}")
        return wrap(np.asanyarray(ufunc(a._data, b._data)))

    return method


def _inplace(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Any, other: Any, **options: Any) -> Any:
        inplace.writable(self, name)
        source = self
        if name in ("mul_", "div_") and isinstance(other, Tensor) and other.requires_grad:
            source = F.clone(self)  # other's gradient needs the values that are written over
        result = function(source, other, **options)
        if result.dtype != self.dtype:
            raise TypeError(f"{name}: a result of dtype {result.dtype} into {self.dtype}")
        return inplace.assign(self, result, name)

    method.__doc__ = f"{function.__name__} in place; returns self."
    return method


def _changing(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """function as a method `name` that writes its result into the tensor."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        inplace.writable(self, name)
        # the gradient may need the values that are written over
        source = F.clone(self) if mode.enabled and self.requires_grad else self
        result = function(source, *args, **kwargs)
        if result.dtype != self.dtype:
            raise TypeError(f"{name}: a result of dtype {result.dtype} into {self.dtype}")
        return inplace.assign(self, result, name)

    method.__name__ = name
    method.__doc__ = f"{function.__name__} in place; returns self."
    return method


def _assigning(operator: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The operator `name`, such as x &= y, from the one that gives a new tensor."""
    change = _changing(operator, name)
    return lambda self, other: (
        change(self, other) if isinstance(other, _OPERANDS) else NotImplemented
    )


def _item(self: Any) -> Any:
    """The value of a single element, as a Python number.  Raises ValueError for several."""
    if self._data.size != 1:
        raise ValueError(f"item: a tensor of shape {self.shape} has {self._data.size} elements")
    return self._data.item()


def _array(self: Any, dtype: Any = None, copy: Any = None) -> np.ndarray:
    array = self.numpy()
    if copy is False and dtype is not None and array.dtype != dtype:
        raise ValueError(
            f"a tensor of dtype {array.dtype} becomes {np.dtype(dtype)} by a copy only"
        )
    return array.astype(dtype) if copy else np.asanyarray(array, dtype)


def _index(self: Any) -> int:
    if self._data.size != 1 or self._data.dtype.kind not in "iub":
        raise TypeError(
            f"a tensor of shape {self.shape} and dtype {self.dtype} cannot be an index; expected "
            "a single integer"
        )
    return int(self._data.item())


def _format(self: Any, spec: str) -> str:
    return format(self._data.item(), spec) if spec and self._data.size == 1 else _repr(self)


def _repr(self: Any) -> str:
    kind = "Parameter" if type(self).__name__ == "Parameter" else "tensor"
    text = np.array2string(self._data, separator=", ", prefix=f"{kind}(", precision=4)
    if self.dtype not in (float32, int64, bool_):
        text += f", dtype={self.dtype}"
    if self.grad_fn is not None:
        text += f", grad_fn={self.grad_fn!r}"
    elif self.requires_grad:
        text += ", requires_grad=True"
    return f"{kind}({text})"


def _bool(self: Any) -> bool:
    if self._data.size != 1:
        raise RuntimeError(
            f"the truth of a tensor of shape {self.shape} is ambiguous; use .numpy().any()"
        )
    return bool(self._data)


def _iter(self: Any) -> Any:
    return (getitem(self, i) for i in range(len(self)))


def _requires_grad_(self: Any, requires_grad: bool = True) -> Any:
    """Set requires_grad; returns self."""
    self.requires_grad = requires_grad
    return self


def _to(self: Any, *target: Any, dtype: Any = None, device: Any = None) -> Any:
    """In another dtype: to(dtype), to(other Tensor), to(device, dtype) or by keyword.  A device may
    be named, but "cpu" is the only one."""
    if target and _is_device(target[0]):
        device, *target = target  # type: ignore[assignment]
    if device is not None and device != "cpu":
        raise RuntimeError(f"to: device is {device!r}; fastnn computes on the CPU only")
    if len(target) > 1 or (target and dtype is not None):
        raise TypeError(f"to: more than one dtype, {(*target, dtype)}")
    if target:
        dtype = target[0].dtype if isinstance(target[0], Tensor) else target[0]
        return to(self, dtype)
    return self if dtype is None else to(self, dtype)


def _is_device(name: Any) -> bool:
    return isinstance(name, str) and name.split(":")[0] in ("cpu", "cuda", "mps", "xpu", "meta")


def _size(self: Any, dim: int | None = None) -> Any:
    """The shape, or one of its sizes."""
    return self.shape if dim is None else self.shape[dim]


def _only_float(self: Any, name: str) -> None:
    if self.dtype.kind != "f":
        raise TypeError(f"{name}: a tensor of dtype {self.dtype}, expected float32 or float64")


def _uniform_(
    self: Any, low: float = 0.0, high: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """Uniform in [low, high); returns self."""
    _only_float(self, "uniform_")
    return inplace.fill(self, uniform_array(self.shape, low, high, generator), "uniform_")


def _normal_(
    self: Any, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Any:
    """Normal with mean and std; returns self."""
    _only_float(self, "normal_")
    return inplace.fill(self, normal_array(self.shape, mean, std, generator), "normal_")


def _bernoulli_(self: Any, p: Any = 0.5, *, generator: Generator | None = None) -> Any:
    """1 with probability p, a number or a Tensor that broadcasts, and 0 otherwise; returns self."""
    share = p
    if isinstance(p, Tensor):
        _checks.kernels(p._data, "bernoulli_", "p")
        share = p._data
    return inplace.fill(
        self, bernoulli_array(share, self.shape, generator, "bernoulli_"), "bernoulli_"
    )


def _data_of(self: Any) -> Any:
    return self.detach()


def _set_data(self: Any, value: Any) -> None:
    if not isinstance(value, Tensor) or value.shape != self.shape or value.dtype != self.dtype:
        raise ValueError(f"data must be a Tensor of shape {self.shape} and dtype {self.dtype}")
    self._data = contiguous_array(value._data) if isinstance(self, Parameter) else value._data


def _transposed(self: Any) -> Any:
    if self.ndim != 2:
        raise ValueError(f"T: shape {self.shape} has {self.ndim} axes, expected 2")
    return F.transpose(self, 0, 1)


def _matrices_transposed(self: Any) -> Any:
    if self.ndim < 2:
        raise ValueError(f"mT: shape {self.shape} has {self.ndim} axes, expected at least 2")
    return F.transpose(self, -2, -1)


def _detach_(self: Any) -> Any:
    """Forget how this tensor was made: a leaf that needs no gradient; returns self.

    Raises RuntimeError for a view, which would be recorded again with its base.
    """
    if self._is_view:
        raise RuntimeError("detach_: the tensor is a view of another one; use detach()")
    self._node, self._index, self._requires_grad = None, 0, False
    return self


def _several(function: Callable[..., Any]) -> Callable[..., Any]:
    """x.reshape(2, 3) as well as x.reshape((2, 3))."""

    def method(self: Any, *shape: Any) -> Any:
        return function(self, sizes(shape, function.__name__))

    method.__doc__ = function.__doc__
    return method


METHODS: dict[str, Any] = {
    "__add__": _binary(partial(binary, _Add)),
    "__radd__": _binary(partial(binary, _Add), True),
    "__sub__": _binary(partial(binary, _Sub)),
    "__rsub__": _binary(partial(binary, _Sub), True),
    "__mul__": _binary(partial(binary, _Mul)),
    "__rmul__": _binary(partial(binary, _Mul), True),
    "__truediv__": _binary(partial(binary, _Div)),
    "__rtruediv__": _binary(partial(binary, _Div), True),
    "__matmul__": lambda self, other: (
        F.matmul(self, other) if isinstance(other, Tensor) else NotImplemented
    ),
    "__pow__": lambda self, exponent: F.pow(self, exponent),
    "__rpow__": lambda self, base: F.pow(base, self),
    "__mod__": _binary(vocabulary.remainder),
    "__rmod__": _binary(vocabulary.remainder, True),
    "__floordiv__": _binary(vocabulary.floor_divide),
    "__rfloordiv__": _binary(vocabulary.floor_divide, True),
    "__neg__": lambda self: F.neg(self),
    "__abs__": lambda self: F.abs(self),
    "__iadd__": _inplace(F.add, "add_"),
    "__isub__": _inplace(F.sub, "sub_"),
    "__imul__": _inplace(F.mul, "mul_"),
    "__itruediv__": _inplace(F.div, "div_"),
    "__ipow__": _assigning(F.pow, "__ipow__"),
    "__ifloordiv__": _assigning(vocabulary.floor_divide, "__ifloordiv__"),
    "__imod__": _assigning(vocabulary.remainder, "__imod__"),
    "__iand__": _assigning(_logic(np.bitwise_and, "and"), "__iand__"),
    "__ior__": _assigning(_logic(np.bitwise_or, "or"), "__ior__"),
    "__ixor__": _assigning(_logic(np.bitwise_xor, "xor"), "__ixor__"),
    "__eq__": _compare(np.equal, "eq"),
    "__ne__": _compare(np.not_equal, "ne"),
    "__lt__": _compare(np.less, "lt"),
    "__le__": _compare(np.less_equal, "le"),
    "__gt__": _compare(np.greater, "gt"),
    "__ge__": _compare(np.greater_equal, "ge"),
    "__and__": _logic(np.bitwise_and, "and"),
    "__or__": _logic(np.bitwise_or, "or"),
    "__xor__": _logic(np.bitwise_xor, "xor"),
    "__invert__": lambda self: wrap(np.asanyarray(np.invert(self._data))),
    "__hash__": object.__hash__,
    "__getitem__": getitem,
    "__setitem__": inplace.setitem,
    "__iter__": _iter,
    "__repr__": _repr,
    "__bool__": _bool,
    "__float__": lambda self: float(_item(self)),
    "__int__": lambda self: int(_item(self)),
    "__index__": _index,
    "__format__": _format,
    "__array__": _array,
    "__array_priority__": 1000,
    "__array_ufunc__": None,  # ndarray + Tensor asks the Tensor
    "__dlpack__": lambda self, **options: self.numpy().__dlpack__(**options),
    "__dlpack_device__": lambda self: self._data.__dlpack_device__(),
    "data": property(_data_of, _set_data),
    "T": property(_transposed),
    "mT": property(_matrices_transposed),
    "device": property(lambda self: "cpu"),
    "t": lambda self: self if self.ndim < 2 else _transposed(self),
    "item": _item,
    "tolist": lambda self: self._data.tolist(),
    "dim": lambda self: self._data.ndim,
    "size": _size,
    "requires_grad_": _requires_grad_,
    "cpu": lambda self: self,
    "to": _to,
    "type_as": lambda self, other: to(self, other.dtype),
    "float": lambda self: to(self, float32),
    "double": lambda self: to(self, float64),
    "long": lambda self: to(self, int64),
    "int": lambda self: to(self, int32),
    "bool": lambda self: to(self, bool_),
    "contiguous": contiguous,
    "is_contiguous": lambda self: bool(self._data.flags.c_contiguous),
    "reshape": _several(F.reshape),
    "view": _several(view),
    "where": lambda self, condition, other: vocabulary.where(condition, self, other),
    "permute": _several(F.permute),
    "expand": _several(F.expand),
    "broadcast_to": _several(vocabulary.broadcast_to),
    "unfold": unfold,
    "detach_": _detach_,
    "new_empty": new_empty,
    "new_full": new_full,
    "new_ones": new_ones,
    "new_tensor": new_tensor,
    "new_zeros": new_zeros,
    "repeat": repeat,
    "copy_": inplace.copy,
    "fill_": inplace.fill,
    "zero_": lambda self: inplace.fill(self, 0, "zero_"),
    "uniform_": _uniform_,
    "normal_": _normal_,
    "bernoulli_": _bernoulli_,
    "add_": _inplace(F.add, "add_"),
    "sub_": _inplace(F.sub, "sub_"),
    "mul_": _inplace(F.mul, "mul_"),
    "div_": _inplace(F.div, "div_"),
    "clip": F.clamp,
    "clip_": _changing(F.clamp, "clip_"),
}
IN_PLACE = (
    "abs acos acosh addcdiv addcmul addmm asin asinh atan atan2 atanh baddbmm ceil clamp clamp_max "
    "clamp_min cos cosh cumprod cumsum erf erfc exp expm1 floor floor_divide fmod index_add "
    "index_copy index_fill lerp log log10 log1p log2 logit masked_fill nan_to_num neg pow "
    "reciprocal relu remainder round rsqrt scatter scatter_add scatter_reduce sigmoid sign sin "
    "sinh sqrt square tan tanh tril triu true_divide trunc"
).split()
for _name in IN_PLACE:
    _function = getattr(vocabulary if _name in vocabulary.__all__ else F, _name)
    METHODS[f"{_name}_"] = _changing(_function, f"{_name}_")
SAME_NAME = (
    "abs add argmax argmin chunk clamp clone div exp flatten log log_softmax matmul max mean min "
    "mul neg pow relu sigmoid softmax split sqrt squeeze std sub sum tanh transpose unsqueeze var"
).split()

NO_METHODS = {  # `where` is above, in another order
    "einsum", "hstack", "meshgrid", "normal", "tensordot", "vstack", "where",
}  # fmt: skip

for _name in SAME_NAME:
    setattr(Tensor, _name, getattr(F, _name))
for _name in vocabulary.__all__:
    if _name not in NO_METHODS:
        setattr(Tensor, _name, getattr(vocabulary, _name))
for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
