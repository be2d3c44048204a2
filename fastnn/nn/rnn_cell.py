"""One step of a recurrent layer at a time: RNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.rnn import GATES
from ..tensor import Parameter, Tensor
from .rnn import WEIGHTS, Recurrent, plain_mode, two_states


class _Cell(Recurrent):
    """weight_ih (G H, I), weight_hh (G H, H), bias_ih and bias_hh (G H,), uniform in
    +-1 / sqrt(H) at first."""

    def __init__(self, mode: str, input_size: int, hidden_size: int, bias: bool) -> None:
        super().__init__()
        name = type(self).__name__
        self._mode = mode
        self.input_size = _checks.integer(input_size, name, "input_size", 1)
        self.hidden_size = _checks.integer(hidden_size, name, "hidden_size", 1)
        self.bias = bool(bias)
        rows = GATES[mode] * self.hidden_size
        self.weight_ih = Parameter(empty(rows, self.input_size))
        self.weight_hh = Parameter(empty(rows, self.hidden_size))
        for label in ("bias_ih", "bias_hh"):
            self.register_parameter(label, Parameter(empty(rows)) if self.bias else None)
        self.reset_parameters()

    def _step(self, input: Tensor, h: Any, c: Any) -> tuple[Any, Any]:
        """The states after one step; input and states (N, ...) or without the first axis."""
        name = type(self).__name__
        x = _checks.tensor(input, name, "input")
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{name}: input has shape {x.shape}, expected (N, {self.input_size}) or "
                f"({self.input_size},)"
            )
        shape = (*x.shape[:-1], self.hidden_size)
        rows = 1 if x.ndim == 1 else x.shape[0]
        for state in (h, c):
            if state is not None and _checks.tensor(state, name, "hx").shape != shape:
                raise ValueError(f"{name}: hx has shape {state.shape}, expected {shape}")
        h, c = (None if s is None else F.reshape(s, (1, rows, self.hidden_size)) for s in (h, c))
        get = self._parameters.get
        weights = [get(name) for name in WEIGHTS]
        sequence = F.reshape(x, (1, rows, self.input_size))
        _, h, c = F.recurrent_layer(sequence, h, c, [weights], self._mode)
        return F.reshape(h, shape), None if c is None else F.reshape(c, shape)

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(_Cell):
    """h' = act(W_ih x + b_ih + W_hh h + b_hh): input (N, I) or (I,), hx (N, H) or (H,) or None for
    zeros; nonlinearity "tanh" or "relu".  Raises ValueError for shapes that do not fit."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        super().__init__(plain_mode(nonlinearity, "RNNCell"), input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx, None)[0]


class GRUCell(_Cell):
    """One step of a GRU: input (N, I) or (I,), hx (N, H) or (H,) or None -> h'.  See GRU."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__("GRU", input_size, hidden_size, bias)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(input, hx, None)[0]


class LSTMCell(_Cell):
    """One step of an LSTM: input (N, I) or (I,), hx a pair (h, c) or None -> (h', c').  See
    LSTM."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        return self._step(input, *two_states(hx, "LSTMCell", "(h, c)"))
