"""Bidirectional recurrent tagger: a class for every step."""

from __future__ import annotations

from typing import Any

from .. import nn
from ..tensor import Tensor
from ._cells import CELLS


class BiLSTMTagger(nn.Module):
    """Features or embedded ids -> bidirectional recurrent layers -> Linear at every step.

    num_embeddings None: input (T, N, input_size); otherwise ids (T, N), int64 below num_embeddings,
    embedded in input_size numbers.  (N, T, ...) if batch_first.  Returns logits (T, N, num_classes)
    in the same order: y_t = W [h_t forwards, h_t backwards] + b.
    cell: "lstm", "gru" or "rnn" (tanh).  lengths (N,): steps of each row; steps beyond it change
    nothing and get the logits of a state of zeros.  ValueError for another cell; the layers' for
    shapes.
    Source: Graves and Schmidhuber 2005, doi:10.1016/j.neunet.2005.06.042.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_classes: int,
        *,
        num_embeddings: int | None = None,
        num_layers: int = 1,
        cell: str = "lstm",
        dropout: float = 0.0,
        batch_first: bool = False,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"BiLSTMTagger: cell is {cell!r}, expected 'lstm', 'gru' or 'rnn'")
        self.embedding = None
        if num_embeddings is not None:
            self.embedding = nn.Embedding(num_embeddings, input_size)
        self.rnn = CELLS[cell](
            input_size, hidden_size, num_layers, batch_first=batch_first, dropout=dropout,
            bidirectional=True,
        )  # fmt: skip
        self.classifier = nn.Linear(2 * hidden_size, num_classes)

    def forward(self, x: Tensor, lengths: Any = None) -> Tensor:
        if self.embedding is not None:
            x = self.embedding(x)
        return self.classifier(self.rnn(x, lengths=lengths)[0])
