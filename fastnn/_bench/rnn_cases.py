"""Recurrent layers over whole sequences: the cases, and fastnn's and PyTorch's contenders."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .op_cases import Step

GATES = {"lstm": 4, "gru": 3}


@dataclass(frozen=True)
class Recurrent:
    """One layer, one direction, first states of zeros: x (T, N, I) -> y (T, N, H)."""

    kind: str
    T: int
    N: int
    I: int  # noqa: E741 - the letter of the papers
    H: int
    backward: bool

    @property
    def name(self) -> str:
        """As peers print it."""
        passes = "fwd+bwd" if self.backward else "fwd"
        return f"{self.kind} {passes} T{self.T} B{self.N} I{self.I} H{self.H}"

    @property
    def flops(self) -> float:
        """2 a multiply-add of the products; the way back has twice as many."""
        once = 2.0 * self.T * self.N * GATES[self.kind] * self.H * (self.I + self.H)
        return once * (3 if self.backward else 1)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """x, dy, weight_ih (G H, I), weight_hh (G H, H), bias (G H,), bias of a GRU's candidate."""
        rng = np.random.default_rng(0)
        rows, bound = GATES[self.kind] * self.H, self.H**-0.5
        x, dy = (rng.standard_normal((self.T, self.N, n), np.float32) for n in (self.I, self.H))
        w_ih, w_hh = (rng.uniform(-bound, bound, (rows, n)) for n in (self.I, self.H))
        b, b_n = rng.uniform(-bound, bound, rows), rng.uniform(-bound, bound, self.H)
        return x, dy, *(a.astype(np.float32) for a in (w_ih, w_hh, b, b_n))

    def by_columns(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """dy; x and the weights (I, G H), (H, G H), the bias and, of a GRU, the candidate's."""
        x, dy, w_ih, w_hh, b, b_n = self.arrays()
        return dy, [x, w_ih.T, w_hh.T, b, *([b_n] if self.kind == "gru" else [])]

    def spec(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


_LAYERS = ((64, 32, 256, 256), (50, 1, 64, 64), (28, 128, 28, 128), (100, 16, 512, 512))
RECURRENT = [
    Recurrent(kind, *layer, backward)
    for kind in GATES
    for layer in _LAYERS
    for backward in (False, True)
]


def step(op: Recurrent, lib: Any) -> Step:
    """The layer by fastnn or PyTorch; gradients of x and the parameters."""
    x, dy, w_ih, w_hh, b, b_n = op.arrays()
    layer = {"lstm": lib.nn.LSTM, "gru": lib.nn.GRU}[op.kind](op.I, op.H)
    rest = np.zeros_like(b)
    if op.kind == "gru":
        rest[2 * op.H :] = b_n
    weights = {"weight_ih_l0": w_ih, "weight_hh_l0": w_hh, "bias_ih_l0": b, "bias_hh_l0": rest}
    layer.load_state_dict({name: lib.from_numpy(a) for name, a in weights.items()})
    x, dy = lib.from_numpy(x), lib.from_numpy(dy)
    if not op.backward:

        def forward() -> Any:
            with lib.no_grad():
                return layer(x)[0]

        return forward
    parameters = list(layer.parameters())
    x.requires_grad_()

    def both() -> Any:
        x.grad = None
        for p in parameters:
            p.grad = None
        layer(x)[0].backward(dy)
        return x.grad

    return both
