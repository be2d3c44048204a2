"""Calls whose weights stay what they are, with these packed once."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

Call = tuple[Callable[..., Any], list[Any], list[int]]  # a function, its arguments, places of both


def prepared(kernels: Any, function: Any, args: list[Any], changing: Container[int]) -> Call | None:
    """Another function for function(*args), of the arguments at these places; None if there is
    none.  changing: the places of arguments that are others at each run."""
    name, count = getattr(function, "__name__", ""), len(args)
    fixed = 1 not in changing and 2 not in changing
    if name == "linear_forward" and count == 4 and fixed:
        x, *weights = args
        return kernels.linear_prepared(*weights), [x], [0]
    if name == "conv2d_forward" and count == 8 and fixed:
        x, weight, bias, *settings = args
        return kernels.conv2d_prepared(weight, bias, x.shape, *settings), [x], [0]
    if name == "conv2d_add_relu_forward" and count == 8 and fixed:
        x, weight, bias, residual, *settings = args
        run = kernels.conv2d_prepared(weight, bias, x.shape, *settings, None)
        return run, [x, residual], [0, 3]
    if name == "recurrent_stack" and count == 6 and 4 not in changing:
        mode, x, h0, c0, layers, batch_first = args
        return kernels.recurrent_prepared(mode, layers, batch_first), [x, h0, c0], [1, 2, 3]
    return None
