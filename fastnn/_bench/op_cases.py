"""Convolution and pooling operators: the cases, and fastnn's contenders for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Step = Callable[[], Any]
PASSES = ("fwd", "bwd_input", "bwd_weight")


@dataclass(frozen=True)
class Conv:
    """One pass of a convolution: x (n, c, size, size), weight (k, c / groups, r, r)."""

    which: str
    n: int
    c: int
    size: int
    k: int
    r: int
    s: int = 1
    p: int = 0
    groups: int = 1

    @property
    def out(self) -> int:
        """Pixels along an axis of the output."""
        return (self.size + 2 * self.p - self.r) // self.s + 1

    @property
    def name(self) -> str:
        """As peers print it."""
        shape = f"{self.n}x{self.c}x{self.size}x{self.size}"
        if self.groups > 1:
            return f"dwconv_{self.which} {shape} r{self.r} s{self.s} p{self.p}"
        return f"conv_{self.which} {shape} k{self.k} r{self.r} s{self.s} p{self.p}"

    @property
    def flops(self) -> float:
        """2 a multiply-add, padding included."""
        return 2.0 * self.n * self.k * self.out**2 * self.c // self.groups * self.r**2

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, weight, dy."""
        rng = np.random.default_rng(0)
        shapes = (
            (self.n, self.c, self.size, self.size),
            (self.k, self.c // self.groups, self.r, self.r),
            (self.n, self.k, self.out, self.out),
        )
        x, w, dy = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
        return x, w, dy

    def spec(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


@dataclass(frozen=True)
class Pool:
    """Pooling of (32, 64, 32, 32): kind "max" (2x2) or "avg" (3x3, stride 2, padding 1)."""

    kind: str
    backward: bool

    @property
    def name(self) -> str:
        """As peers print it."""
        window = "maxpool2x2" if self.kind == "max" else "avgpool3x3s2"
        return f"{window} fwd+bwd" if self.backward else f"{window} fwd"

    @property
    def window(self) -> tuple[int, int, int]:
        """Kernel, stride, padding."""
        return (2, 2, 0) if self.kind == "max" else (3, 2, 1)

    flops = 0.0

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """x, dy."""
        rng = np.random.default_rng(0)
        shapes = (32, 64, 32, 32), (32, 64, 16, 16)
        x, dy = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
        return x, dy

    def spec(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


_LAYERS: tuple[dict[str, int], ...] = (
    {"n": 32, "c": 64, "size": 32, "k": 64, "r": 3, "p": 1},
    {"n": 32, "c": 128, "size": 16, "k": 128, "r": 3, "p": 1},
    {"n": 8, "c": 64, "size": 56, "k": 64, "r": 3, "p": 1},
    {"n": 8, "c": 256, "size": 14, "k": 256, "r": 3, "p": 1},
    {"n": 8, "c": 3, "size": 224, "k": 64, "r": 7, "s": 2, "p": 3},
    {"n": 8, "c": 64, "size": 56, "k": 128, "r": 1},
    {"n": 64, "c": 6, "size": 14, "k": 16, "r": 5},
    {"n": 8, "c": 128, "size": 28, "k": 128, "r": 3, "p": 1, "groups": 128},
)
CONV = [Conv(which, **layer) for layer in _LAYERS for which in PASSES]
POOL = [Pool(kind, backward) for kind in ("max", "avg") for backward in (False, True)]


def case(spec: dict[str, Any]) -> Conv | Pool:
    """What spec() came from."""
    return Pool(**spec) if "kind" in spec else Conv(**spec)


def fastnn_op(op: Conv | Pool) -> Step:
    """fastnn's contender: kernels on NumPy arrays, for pooling the functional."""
    import fastnn
    from fastnn import functional as F

    if isinstance(op, Conv):
        return fastnn_conv(op)
    x, dy = map(fastnn.from_numpy, op.arrays())
    pool = F.max_pool2d if op.kind == "max" else F.avg_pool2d
    if not op.backward:
        return lambda: pool(x, *op.window)
    x.requires_grad_()

    def both() -> Any:
        x.grad = None
        pool(x, *op.window).backward(dy)
        return x.grad

    return both


def fastnn_conv(op: Conv) -> Step:
    """One pass by the kernels."""
    from .. import backend

    x, w, dy = op.arrays()
    k = backend.kernels
    geometry = (op.s, op.s), (op.p, op.p), (1, 1), op.groups
    if op.which == "fwd":
        return lambda: k.conv2d_forward(x, w, None, *geometry, None)
    if op.which == "bwd_input":
        return lambda: k.conv2d_backward_input(dy, w, x.shape, *geometry)
    return lambda: k.conv2d_backward_weight(dy, x, w.shape[2:], *geometry)
