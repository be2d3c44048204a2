"""What the functions ask of their arguments, and the words in which they refuse them."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Tensor, wrap

Pair = int | tuple[int, int]


def tensor(x: Any, function: str, name: str) -> Tensor:
    """x, if it is a Tensor; TypeError otherwise."""
    if isinstance(x, Tensor):
        return x
    hint = "; fastnn.from_numpy(array) makes one" if isinstance(x, np.ndarray) else ""
    raise TypeError(f"{function}: {name} must be a Tensor, got {type(x).__name__}{hint}")


def floating(x: Any, function: str, name: str = "input") -> Tensor:
    """x as a Tensor of floats: integers and bools become float32, as elementwise functions take
    them.  Functions that average (mean, softmax) ask `kernels` instead, which refuses integers.
    """
    found = tensor(x, function, name)
    if found._data.dtype.kind == "f":
        return found
    return wrap(found._data.astype(np.float32))


def kernels(x: np.ndarray, function: str, name: str, *others: Any) -> Any:
    """The backend for x's dtype.  others: array or None and name in turn, of the same dtype.

    Raises TypeError that names the argument.
    """
    char = x.dtype.char
    if char != "f" and char != "d":
        raise TypeError(f"{function}: {name} has dtype {x.dtype}, expected float32 or float64")
    for i in range(0, len(others), 2):
        other = others[i]
        if other is not None and other.dtype.char != char:
            raise TypeError(
                f"{function}: {others[i + 1]} has dtype {other.dtype}, "
                f"but {name} has dtype {x.dtype}"
            )
    return backend.kernels if char == "f" else backend.of(x)


def integer(value: Any, function: str, name: str, low: int) -> int:
    """An int of at least `low`; TypeError or ValueError otherwise."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{function}: {name} must be an integer, got {value!r}")
    number = operator.index(value)
    if number < low:
        raise ValueError(f"{function}: {name} is {number}, expected at least {low}")
    return number


def number(value: Any, function: str, name: str) -> float:
    """A float from any number but a bool; TypeError otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{function}: {name} must be a number, got {value!r}")
    return float(value)


def positive(value: Any, function: str, name: str) -> float:
    """A finite number above 0; TypeError or ValueError otherwise."""
    found = number(value, function, name)
    if not 0.0 < found < math.inf:
        raise ValueError(f"{function}: {name} is {value}, expected a finite number above 0")
    return found


def pair(value: Any, function: str, name: str, low: int) -> tuple[int, int]:
    """(height, width) from an int or two of them, each at least `low`."""
    found = ntuple(value, function, name, low, 2)
    return found[0], found[1]


_WORDS = {1: "an int", 2: "an int or two", 3: "an int or three"}


def ntuple(value: Any, function: str, name: str, low: int, n: int) -> tuple[int, ...]:
    """n integers from one or n of them, each at least `low` and less than 2**31."""
    if isinstance(value, (tuple, list)) and len(value) == 1:
        value = value[0]
    if isinstance(value, (tuple, list)):
        if len(value) != n:
            raise ValueError(f"{function}: {name} is {value!r}, expected {_WORDS[n]}")
        found = tuple([integer(v, function, name, low) for v in value])
    else:
        found = (integer(value, function, name, low),) * n
    if max(found) >= 1 << 31:
        raise ValueError(f"{function}: {name} is {value!r}, expected less than 2**31")
    return found


def on_cpu(device: Any, function: str) -> None:
    """ValueError for a device that is neither None nor "cpu"."""
    if device is not None and device != "cpu":
        raise ValueError(f"{function}: device is {device!r}, expected 'cpu' or None")


def axis(dim: Any, ndim: int, function: str) -> int:
    """0 <= dim < ndim; IndexError otherwise."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"{function}: dim must be an integer, got {dim!r}")
    number = operator.index(dim)
    if not -max(ndim, 1) <= number < max(ndim, 1):
        raise IndexError(
            f"{function}: dim is {number}, expected {-max(ndim, 1)} <= dim < {max(ndim, 1)}"
        )
    return number % max(ndim, 1)


def axes(dim: Any, ndim: int, function: str) -> tuple[int, ...]:
    """Sorted axes from None or () (all), an int or several; IndexError for one given twice."""
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    found = sorted(axis(d, ndim, function) for d in dims)
    if len(set(found)) != len(found):
        raise IndexError(f"{function}: dim {tuple(dims)} names an axis twice")
    return tuple(found) if ndim else ()


def reduction(value: Any, function: str) -> str:
    """ "none", "mean" or "sum"; ValueError otherwise."""
    if value not in ("none", "mean", "sum"):
        raise ValueError(f"{function}: reduction is {value!r}, expected 'none', 'mean' or 'sum'")
    return value


def probability(p: Any, function: str, name: str = "p") -> float:
    """0 <= p <= 1; TypeError or ValueError otherwise."""
    if isinstance(p, bool) or not isinstance(p, (int, float, np.floating)):
        raise TypeError(f"{function}: {name} must be a number, got {p!r}")
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{function}: {name} is {p}, expected 0 <= {name} <= 1")
    return float(p)


ACTIVATIONS = (None, "relu", "tanh", "sigmoid")


def activation(value: Any, function: str) -> str | None:
    """None or the name of an activation that a layer can fuse; ValueError otherwise."""
    if value not in ACTIVATIONS:
        raise ValueError(
            f"{function}: activation is {value!r}, expected None, 'relu', 'tanh' or 'sigmoid'"
        )
    return value
