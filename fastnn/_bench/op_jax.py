"""Convolution and pooling operators in JAX, jitted, with channels second and last.  Runs in a
worker."""

from __future__ import annotations

from typing import Any

import numpy as np

from .op_cases import Conv, Pool, Step, case

LAYOUTS = {"jax nchw": ("NCHW", "OIHW", "NCHW"), "jax nhwc": ("NHWC", "HWIO", "NHWC")}


def contenders(spec: dict[str, Any]) -> dict[str, Step]:
    """JAX's for one case."""
    op = case(spec)
    make: Any = _conv if isinstance(op, Conv) else _pool
    return {name: make(op, layout) for name, layout in LAYOUTS.items()}


def _timed(function: Any, *arrays: np.ndarray) -> Step:
    import jax

    compiled = jax.jit(function)
    values = [jax.numpy.asarray(a) for a in arrays]
    return lambda: compiled(*values).block_until_ready()


def _conv(op: Conv, layout: tuple[str, str, str]) -> Step:
    import jax

    def forward(x: Any, w: Any) -> Any:
        padding = [(op.p, op.p)] * 2
        return jax.lax.conv_general_dilated(
            x, w, (op.s, op.s), padding, dimension_numbers=layout, feature_group_count=op.groups
        )

    x, w, dy = op.arrays()
    if layout[0] == "NHWC":
        x, dy = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, dy))
        w = np.ascontiguousarray(w.transpose(2, 3, 1, 0))
    if op.which == "fwd":
        return _timed(forward, x, w)
    if op.which == "bwd_input":
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return _timed(
            lambda dy, w: jax.linear_transpose(lambda x: forward(x, w), shape)(dy)[0], dy, w
        )
    shape = jax.ShapeDtypeStruct(w.shape, w.dtype)
    return _timed(lambda dy, x: jax.linear_transpose(lambda w: forward(x, w), shape)(dy)[0], dy, x)


def _pool(op: Pool, layout: tuple[str, str, str]) -> Step:
    import jax

    kernel, stride, padding = op.window

    def spatial(inner: Any, outer: Any) -> list[Any]:
        last = layout[0] == "NHWC"
        return [outer, inner, inner, outer] if last else [outer, outer, inner, inner]

    def forward(x: Any) -> Any:
        windows = spatial(kernel, 1), spatial(stride, 1), spatial((padding, padding), (0, 0))
        if op.kind == "max":
            return jax.lax.reduce_window(x, -np.inf, jax.lax.max, *windows)
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, *windows) / kernel**2

    x, dy = op.arrays()
    if layout[0] == "NHWC":
        x, dy = (np.ascontiguousarray(a.transpose(0, 2, 3, 1)) for a in (x, dy))
    if not op.backward:
        return _timed(forward, x)

    def both(x: Any, dy: Any) -> Any:
        y, back = jax.vjp(forward, x)
        return y, back(dy)[0]

    compiled = jax.jit(both)
    values = jax.numpy.asarray(x), jax.numpy.asarray(dy)
    return lambda: jax.block_until_ready(compiled(*values))
