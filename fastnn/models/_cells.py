"""The recurrent layers by the name that models take for `cell`."""

from __future__ import annotations

from typing import Any

from .. import nn

CELLS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
