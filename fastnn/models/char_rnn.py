"""Character language model."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import nn
from ..random import Generator
from ..tensor import Tensor
from ._cells import CELLS
from ._sampling import sample


class CharRNN(nn.Module):
    """Predicts the next character: embedding -> num_layers recurrent layers -> linear.

    ids int (T, N), state of the step before or None for zeros -> logits (T, N, vocab_size) and the
    state after the last step: h (layers, N, H), for "lstm" (h, c). p(c_t+1 | c_1 .. c_t) =
    softmax(logits_t). cell: "lstm" (its forget bias begins at 1), "gru" or "rnn" (tanh).
    dropout: on the embedding, between layers and before the linear layer.
    Raises ValueError for another cell or sizes below 1.
    Source: Sutskever, Martens, Hinton 2011 (ICML), "Generating text with recurrent neural
    networks"; dropout as Zaremba et al. 2014, arXiv:1409.2329.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 128,
        hidden_size: int = 256,
        num_layers: int = 2,
        cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            known = ", ".join(map(repr, CELLS))
            raise ValueError(f"CharRNN: cell is {cell!r}, expected one of {known}")
        if min(vocab_size, embedding_dim, hidden_size, num_layers) < 1:
            raise ValueError(
                f"CharRNN: sizes are {vocab_size}, {embedding_dim}, {hidden_size}, {num_layers}, "
                "expected all at least 1"
            )
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.dropout = nn.Dropout(dropout)
        between = dropout if num_layers > 1 else 0.0
        options: dict[str, Any] = {"forget_bias": 1.0} if cell == "lstm" else {}
        self.rnn = CELLS[cell](embedding_dim, hidden_size, num_layers, dropout=between, **options)
        self.linear = nn.Linear(hidden_size, vocab_size)

    def forward(self, ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, state = self.rnn(self.dropout(self.embedding(ids)), state)
        return self.linear(self.dropout(x)), state

    @staticmethod
    def detach(state: Any) -> Any:
        """The state without its history: where truncated backpropagation through time is cut."""
        if state is None:
            return None
        return tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()

    def sample(
        self,
        prompt: np.ndarray,
        length: int,
        temperature: float = 1.0,
        generator: Generator | None = None,
    ) -> np.ndarray:
        """`length` ids that go on from `prompt`, ids (P,): int64 (length,), drawn one by one from
        softmax(logits / temperature), each fed back; temperature 0 takes the most probable.

        Runs in evaluation mode, without gradients. generator: default the library's.
        Raises ValueError for an empty prompt, a length below 0, or a temperature that is negative
        or not finite; TypeError if length is no integer or temperature no number.
        """
        return sample(self, prompt, length, temperature, generator)
