"""Character language model with causal self-attention."""

from __future__ import annotations

import numpy as np

from .. import functional as F
from .. import nn
from ..functional import _checks
from ..random import Generator
from ..tensor import Tensor
from ._sampling import sample


class CharTransformer(nn.Module):
    """Predicts the next character: embedding + position -> num_layers causal layers -> logits.

    ids int (T, N), T at most `context`, and the state of the step before, or None -> logits
    (T, N, vocab_size) and the state: the ids (S, N) of the last `context` steps at most, which a
    later call puts before its own as far as the window has room.  With T = context nothing goes
    in front: windows do not overlap, as in training; with T = 1 the window slides.

    h = embedding[ids] + position; h += attention(norm(h)), h += W2 gelu(W1 norm(h)) in each layer,
    W1 four times as wide; logits = norm(h) embedding^T (one matrix for both ends).
    p(c_t+1 | c_1 .. c_t) = softmax(logits_t).  embedding_dim: a multiple of num_heads.  dropout:
    of embedding + position, of attention's probabilities, in and behind each branch.
    Matrices begin normal with deviation 0.02, those that end a branch with 0.02 / sqrt(2
    num_layers), biases 0.
    Raises TypeError and ValueError for sizes below 1 or that do not fit, for ids and states.

    Source: Vaswani et al. 2017, arXiv:1706.03762; the decoder alone, its positions and the shared
    matrix: Radford et al. 2018, "Improving language understanding by generative pre-training";
    norms first, one at the end, first values: Radford et al. 2019, "Language models are
    unsupervised multitask learners"; norms first: Xiong et al. 2020, arXiv:2002.04745.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 128,
        num_layers: int = 2,
        num_heads: int = 4,
        context: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = "CharTransformer"
        self.vocab_size = _checks.integer(vocab_size, name, "vocab_size", 1)
        self.context = _checks.integer(context, name, "context", 1)
        d = _checks.integer(embedding_dim, name, "embedding_dim", 1)
        _checks.integer(num_layers, name, "num_layers", 1)
        if d % _checks.integer(num_heads, name, "num_heads", 1):
            raise ValueError(f"{name}: num_heads {num_heads} does not divide embedding_dim {d}")
        self.embedding = nn.Embedding(self.vocab_size, d)
        self.position = nn.LearnedPositionalEncoding(d, self.context, dropout)
        layer = nn.TransformerEncoderLayer(d, num_heads, 4 * d, dropout, "gelu", norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(d))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        # A residual sum of 2 num_layers branches then has the variance of one.
        last = 0.02 / (2 * self.encoder.num_layers) ** 0.5
        for name, p in self.named_parameters():
            if p.ndim == 2:
                ends = name.endswith(("out_proj.weight", "linear2.weight"))
                nn.init.normal_(p, 0.0, last if ends else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)
            else:
                nn.init.ones_(p)  # of a LayerNorm

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        shape = _checks.tensor(ids, "CharTransformer", "ids").shape
        if len(shape) != 2 or not 1 <= shape[0] <= self.context:
            raise ValueError(
                f"CharTransformer: ids has shape {shape}, expected (T, N) with T from 1 to "
                f"{self.context}"
            )
        steps, window = shape[0], ids.long()
        if state is not None:
            _checks.tensor(state, "CharTransformer", "state")
            if state.ndim != 2 or state.shape[1] != shape[1]:
                raise ValueError(
                    f"CharTransformer: state has shape {state.shape}, expected (S, {shape[1]})"
                )
            window = F.cat([state.long(), window])[-self.context :]
        mask = nn.Transformer.generate_square_subsequent_mask(
            window.shape[0], dtype=self.embedding.weight.dtype
        )
        h = self.encoder(self.position(self.embedding(window)), mask, is_causal=True)
        return F.linear(h[-steps:], self.embedding.weight), window

    @staticmethod
    def detach(state: Tensor | None) -> Tensor | None:
        """The state itself: ids have no gradient.  For `train.tbptt_epoch`."""
        return state

    def sample(
        self,
        prompt: np.ndarray,
        length: int,
        temperature: float = 1.0,
        generator: Generator | None = None,
    ) -> np.ndarray:
        """`length` ids that go on from `prompt`, ids (P,): int64 (length,), drawn one by one from
        softmax(logits / temperature), each fed back; temperature 0 takes the most probable.

        Each is drawn from the `context` ids before it, all computed again: positions are learned,
        so that a window that slides leaves nothing to keep.  Runs in evaluation mode, without
        gradients.  generator: default the library's.
        Raises ValueError for an empty prompt, a length below 0, or a temperature that is negative
        or not finite; TypeError if length is no integer or temperature no number.
        """
        return sample(self, prompt, length, temperature, generator, self.context)
