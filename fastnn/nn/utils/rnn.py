"""Sequences of different lengths (`torch.nn.utils.rnn`): padded, packed, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import functional as F
from ...creation import from_numpy, full
from ...functional import _checks
from ...functional.shape import contiguous
from ...tensor import Tensor

__all__ = [
    "PackedSequence",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence:
    """A batch of sequences of different lengths, for the recurrent layers; made by
    pack_padded_sequence and pack_sequence, not by hand: that is a TypeError.

    padded: (T, N, *), or (N, T, *) if batch_first, T the longest length; what stands behind a row's
    end is never read.  lengths: int64 (N,), each from 1 to T, in the caller's order of rows.
    PyTorch's fields are computed when asked for: `data` (sum of lengths, *), step by step, longest
    row first; `batch_sizes` (T,): rows that each step has; `sorted_indices`, `unsorted_indices`
    (N,), or None if packed with enforce_sorted=True.
    """

    padded: Tensor
    batch_first: bool
    enforce_sorted: bool
    _lengths: np.ndarray
    _zero_padded: bool  # known of a recurrent layer's output

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "PackedSequence: it is not made from data and batch_sizes here; use "
            "nn.utils.rnn.pack_padded_sequence(input, lengths) or pack_sequence(sequences)"
        )

    @property
    def lengths(self) -> Tensor:
        """Steps of each row, int64 (N,)."""
        return from_numpy(self._lengths.copy())

    @property
    def batch_sizes(self) -> Tensor:
        """Rows that are still going on at each step, int64 (T,)."""
        steps = np.arange(self._lengths.max())
        return from_numpy((self._lengths[None] > steps[:, None]).sum(1))

    def _order(self) -> np.ndarray:
        return np.argsort(-self._lengths, kind="stable")

    @property
    def sorted_indices(self) -> Tensor | None:
        """Rows from the longest to the shortest."""
        return None if self.enforce_sorted else from_numpy(self._order())

    @property
    def unsorted_indices(self) -> Tensor | None:
        """Where each row stands among the sorted ones."""
        return None if self.enforce_sorted else from_numpy(np.argsort(self._order()))

    @property
    def data(self) -> Tensor:
        """All steps of all rows in PyTorch's order; the gradient passes."""
        order = self._order()
        steps = np.arange(self._lengths.max())
        step, rank = np.nonzero(self._lengths[order][None] > steps[:, None])
        row = order[rank]
        n_steps, n_rows = _sizes(self.padded, self.batch_first)
        places = row * n_steps + step if self.batch_first else step * n_rows + row
        return _gather(self.padded, 2, places)

    def with_padded(self, padded: Tensor) -> PackedSequence:
        """The same lengths with other values, whose padding is known to be 0."""
        return _packed(padded, self._lengths, self.batch_first, self.enforce_sorted, True)

    def __repr__(self) -> str:
        return (
            f"PackedSequence(padded of shape {tuple(self.padded.shape)}, lengths "
            f"{self._lengths.tolist()}, batch_first={self.batch_first})"
        )


def _packed(
    padded: Tensor, lengths: np.ndarray, batch_first: bool, enforce_sorted: bool, zero_padded: bool
) -> PackedSequence:
    packed = PackedSequence.__new__(PackedSequence)
    packed.padded, packed.batch_first = padded, batch_first
    packed.enforce_sorted, packed._zero_padded = enforce_sorted, zero_padded
    packed._lengths = lengths
    return packed


def _sizes(x: Tensor, batch_first: bool) -> tuple[int, int]:
    """(T, N)."""
    return (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])


def _gather(x: Tensor, axes: int, places: np.ndarray, padding: float | None = None) -> Tensor:
    """The first `axes` axes of x as one, rows of it by number; with padding, -1 names a row of
    that."""
    rest = tuple(x.shape[axes:])
    width = math.prod(rest)
    table = F.reshape(x, (math.prod(x.shape[:axes]), width))
    if padding is not None:
        places = np.where(places < 0, table.shape[0], places)
        table = F.cat([table, full((1, width), padding, dtype=x.dtype)])
    if x._data.dtype.kind == "f":
        found = F.embedding(from_numpy(np.ascontiguousarray(places)), table)
    else:
        found = table[places]
    return F.reshape(found, (*places.shape, *rest))


def _length_array(lengths: Any, function: str) -> np.ndarray:
    a = lengths._data if isinstance(lengths, Tensor) else np.asarray(lengths)
    if a.ndim != 1 or a.dtype.kind not in "iu":
        raise TypeError(
            f"{function}: lengths has dtype {a.dtype} and shape {a.shape}, expected integers (N,)"
        )
    return np.array(a, np.int64)


def _padded(input: Any, function: str) -> Tensor:
    x = _checks.tensor(input, function, "input")
    if x.ndim < 2:
        raise RuntimeError(f"{function}: input has shape {x.shape}, expected at least 2 axes")
    return x


def _check_sorted(lengths: np.ndarray, function: str) -> None:
    if (lengths[1:] > lengths[:-1]).any():
        raise RuntimeError(
            f"{function}: `lengths` array must be sorted in decreasing order when "
            "`enforce_sorted` is True; pass enforce_sorted=False for lengths in any order"
        )


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Rows of a padded batch with their lengths: input (T, N, *), or (N, T, *) if batch_first;
    lengths (N,), a list, array or Tensor.  Rows keep their order, and input is not copied, unlike
    in PyTorch: it is held as it is, or as a view of its first steps (batch_first and steps that no
    row has: a copy of the others), so a later change of it in place shows.  lengths are copied.

    Raises RuntimeError, as PyTorch does, for lengths that are not from 1 to T, of another number
    than rows, or that rise although enforce_sorted; TypeError for lengths that are not integers.
    """
    function = "pack_padded_sequence"
    x, steps = _padded(input, function), _length_array(lengths, function)
    n_steps, n_rows = _sizes(x, batch_first)
    if len(steps) != n_rows:
        raise RuntimeError(
            f"{function}: Expected `len(lengths)` to be equal to batch_size {n_rows}, "
            f"got {len(steps)}"
        )
    if not n_rows:
        raise RuntimeError(f"{function}: Cannot pack empty tensors, input has shape {x.shape}")
    if steps.min() <= 0:
        raise RuntimeError(
            f"{function}: Length of all samples has to be greater than 0, but lengths["
            f"{steps.argmin()}] is {steps.min()}"
        )
    if steps.max() > n_steps:
        raise RuntimeError(
            f"{function}: lengths[{steps.argmax()}] is {steps.max()}, but input has {n_steps} steps"
        )
    if enforce_sorted:
        _check_sorted(steps, function)
    longest = int(steps.max())
    if longest < n_steps:
        x = contiguous(x[:, :longest] if batch_first else x[:longest])
    return _packed(x, steps, bool(batch_first), bool(enforce_sorted), False)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The padded batch (T, N, *), or (N, T, *) if batch_first, with padding_value behind each row's
    end, and the lengths (N,).  T is the longest length, or total_length.

    Raises TypeError for another sequence, ValueError for a total_length below the longest length.
    """
    function = "pad_packed_sequence"
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"{function}: expected a PackedSequence, got {type(sequence).__name__}")
    x, lengths, n_steps = sequence.padded, sequence._lengths, int(sequence._lengths.max())
    wanted = n_steps
    if total_length is not None:
        wanted = _checks.integer(total_length, function, "total_length", 0)
        if wanted < n_steps:
            raise ValueError(
                f"{function}: Expected total_length to be at least the length of the longest "
                f"sequence in input, but got total_length={wanted} and max sequence length being "
                f"{n_steps}"
            )
    # A layer's output is handed on as it is; what the caller packed is copied, as PyTorch does.
    if wanted == n_steps and sequence._zero_padded and padding_value == 0.0:
        y = x if sequence.batch_first == bool(batch_first) else F.transpose(x, 0, 1)
        return y, sequence.lengths
    step, row = np.arange(wanted)[:, None], np.arange(len(lengths))[None]
    places = row * n_steps + step if sequence.batch_first else step * len(lengths) + row
    places = np.where(step < lengths, places, -1)
    return _gather(x, 2, places.T if batch_first else places, padding_value), sequence.lengths


def _checked_list(sequences: Any, function: str) -> list[Tensor]:
    if isinstance(sequences, Tensor):
        sequences = [sequences[i] for i in range(len(sequences))]
    found = [_checks.tensor(s, function, f"sequences[{i}]") for i, s in enumerate(sequences)]
    if not found:
        raise RuntimeError(f"{function}: received an empty list of sequences")
    for i, s in enumerate(found):
        if not s.ndim or s.shape[1:] != found[0].shape[1:]:
            raise RuntimeError(
                f"{function}: sequences[{i}] has shape {s.shape}, expected (L, *) with the axes * "
                f"of sequences[0], {found[0].shape}"
            )
    return found


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L_n, *) in one tensor (T, N, *), or (N, T, *) if batch_first, T the longest;
    padding_side "right" or "left": where padding_value stands.

    Raises RuntimeError for no sequence or shapes that do not fit, ValueError for another side.
    """
    function = "pad_sequence"
    if padding_side not in ("left", "right"):
        raise ValueError(
            f"{function}: padding_side is {padding_side!r}, expected 'right' or 'left'"
        )
    found = _checked_list(sequences, function)
    lengths = np.array([s.shape[0] for s in found])
    first = np.cumsum(lengths) - lengths
    step = np.arange(lengths.max())[:, None]
    if padding_side == "left":
        step = step - (lengths.max() - lengths)
    places = np.where((step >= 0) & (step < lengths), first + step, -1)
    return _gather(F.cat(found), 1, places.T if batch_first else places, padding_value)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The rows of a padded batch, each without its padding: a list of N tensors (L_n, *), views.

    Raises TypeError for lengths that are not integers, RuntimeError for another number of them
    than rows, or for a length that is not from 0 to T.
    """
    function = "unpad_sequence"
    x, steps = _padded(padded_sequences, function), _length_array(lengths, function)
    n_steps, n_rows = _sizes(x, batch_first)
    if len(steps) != n_rows or len(steps) and not 0 <= steps.min() <= steps.max() <= n_steps:
        raise RuntimeError(
            f"{function}: lengths is {steps.tolist()}, expected {n_rows} from 0 to {n_steps}"
        )
    return [
        x[n, :length] if batch_first else x[:length, n] for n, length in enumerate(steps.tolist())
    ]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_n, *) as one PackedSequence.  Errors as in pad_sequence and
    pack_padded_sequence."""
    found = _checked_list(sequences, "pack_sequence")
    lengths = [s.shape[0] for s in found]
    return pack_padded_sequence(pad_sequence(found), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in the caller's order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
