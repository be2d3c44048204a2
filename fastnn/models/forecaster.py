"""Recurrent forecaster of time series."""

from __future__ import annotations

from typing import Any

from .. import cat, nn, no_grad
from ..tensor import Tensor
from ._cells import CELLS


class SequenceForecaster(nn.Module):
    """Predicts at every step the next one: x_{t+1} = x_t + W h_t + b, h of recurrent layers.

    x (T, N, input_size), (N, T, input_size) if batch_first -> predictions of the same shape; train
    it with the series one step on as the target.  cell: "lstm", "gru" or "rnn".
    ValueError for another cell; the layers' for shapes.
    Source: Elman 1990, doi:10.1207/s15516709cog1402_1 (prediction of the next element).
    """

    def __init__(
        self,
        input_size: int = 1,
        hidden_size: int = 32,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"SequenceForecaster: cell is {cell!r}, expected 'lstm', 'gru', 'rnn'")
        self.batch_first = batch_first
        self.rnn = CELLS[cell](input_size, hidden_size, num_layers, batch_first=batch_first)
        self.output = nn.Linear(hidden_size, input_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x)[0]

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Predictions and the recurrent state after the last step; `state` None is zeros."""
        h, state = self.rnn(x, state)
        return x + self.output(h), state

    def forecast(self, history: Tensor, steps: int) -> Tensor:
        """`steps` values after `history`, each prediction being the next input, the state carried
        on; without gradients.  Shapes as for x.  ValueError for steps < 1 or an empty history.
        """
        time = 1 if self.batch_first else 0
        if steps < 1 or history.ndim != 3 or not history.shape[time]:
            raise ValueError(
                f"SequenceForecaster.forecast: steps is {steps}, history has shape "
                f"{history.shape}, expected at least one step of both, three dimensions"
            )
        with no_grad():
            y, state = self.step(history)
            last = y[:, -1:] if self.batch_first else y[-1:]
            values = [last]
            for _ in range(steps - 1):
                last, state = self.step(last, state)
                values.append(last)
            return cat(values, time)
