"""Convolution and pooling operators in PyTorch: eager, and tuned (channels-last memory)."""

from __future__ import annotations

from typing import Any

from .op_cases import Conv, Pool, Step


def contenders(op: Conv | Pool) -> dict[str, Step]:
    """PyTorch's for one case."""
    import torch

    steps: dict[str, Step] = {}
    for name in ("torch", "torch tuned"):
        form = torch.channels_last if name == "torch tuned" else torch.contiguous_format
        tensors = [torch.from_numpy(a).contiguous(memory_format=form) for a in op.arrays()]
        steps[name] = _conv(op, *tensors) if isinstance(op, Conv) else _pool(op, *tensors)
    return steps


def _conv(op: Conv, x: Any, w: Any, dy: Any) -> Step:
    import torch

    if op.which == "fwd":
        return lambda: torch.nn.functional.conv2d(x, w, None, op.s, op.p, 1, op.groups)
    mask = [op.which == "bwd_input", op.which == "bwd_weight", False]
    geometry = [op.s] * 2, [op.p] * 2, [1, 1], False, [0, 0], op.groups
    return lambda: torch.ops.aten.convolution_backward(dy, x, w, None, *geometry, mask)


def _pool(op: Pool, x: Any, dy: Any) -> Step:
    import torch

    f = torch.nn.functional
    pool: Any = f.max_pool2d if op.kind == "max" else f.avg_pool2d
    if not op.backward:
        return lambda: pool(x, *op.window)
    x.requires_grad_()

    def both() -> Any:
        x.grad = None
        pool(x, *op.window).backward(dy)
        return x.grad

    return both
