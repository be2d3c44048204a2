"""A text as numbers: vocabulary, parts, and batches that go on from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np


class TextSplit(NamedTuple):
    """Ids, int64 (length,), of the parts of a text, in the order of the text."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


class CharText:
    """A text and its vocabulary: the sorted characters of `vocabulary` (default: of the text).

    unknown: the character that stands for those outside the vocabulary; it joins the vocabulary.
    None: such a character is a ValueError.
    `ids` is the text, int64 (length,). Raises ValueError for an empty text.
    """

    def __init__(
        self, text: str, *, vocabulary: str | None = None, unknown: str | None = None
    ) -> None:
        if not text:
            raise ValueError("CharText: text is empty")
        if unknown is not None and len(unknown) != 1:
            raise ValueError(f"CharText: unknown is {unknown!r}, expected one character or None")
        letters = text if vocabulary is None else vocabulary
        self.vocabulary = "".join(sorted(set(letters) | set(unknown or "")))
        self.unknown = unknown
        self._id = {c: i for i, c in enumerate(self.vocabulary)}
        self.ids = self.encode(text)

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, text: str) -> np.ndarray:
        """Ids, int64 (len(text),)."""
        other = None if self.unknown is None else self._id[self.unknown]
        ids = [self._id.get(c, other) for c in text]
        if None in ids:
            i = ids.index(None)
            raise ValueError(f"CharText: character {i}, {text[i]!r}, is not in the vocabulary")
        return np.array(ids, np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The text of ids; ValueError for one outside the vocabulary."""
        array = np.asarray(ids)
        if array.size and not 0 <= array.min() <= array.max() < len(self.vocabulary):
            raise ValueError(f"CharText: ids must be in 0 .. {len(self.vocabulary) - 1}")
        return "".join(self.vocabulary[i] for i in array.tolist())

    def split(self, valid: float = 0.1, test: float = 0.1) -> TextSplit:
        """The text cut by position: training first, then validation, then test; fractions."""
        if not (valid >= 0 and test >= 0 and valid + test < 1):
            raise ValueError(f"CharText.split: valid {valid} and test {test} leave no training")
        n = len(self.ids)
        b = n - int(n * test)
        a = b - int(n * valid)
        return TextSplit(self.ids[:a], self.ids[a:b], self.ids[b:])


def tbptt_batches(
    ids: np.ndarray, batch_size: int, seq_len: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches (input, target) for truncated backpropagation through time, each int64 (T, N).

    The text is cut into N = `batch_size` columns of equal length; batch k holds the steps k * T to
    (k + 1) * T of each, T = `seq_len`, so that column n goes on where it ended in the batch before
    and a recurrent state may be carried. target[t] is the character after input[t]. The last batch
    may be shorter; fewer than N characters at the end are left out.
    Raises ValueError if a column would have no target.
    Source: Williams and Peng 1990, doi:10.1162/neco.1990.2.4.490.
    """
    if batch_size < 1 or seq_len < 1:
        raise ValueError(f"tbptt_batches: batch_size {batch_size} and seq_len {seq_len} must be 1+")
    length = (len(ids) - 1) // batch_size
    if length < 1:
        raise ValueError(f"tbptt_batches: {len(ids)} characters are too few for {batch_size} rows")
    n = length * batch_size
    x = np.ascontiguousarray(np.reshape(ids[:n], (batch_size, length)).T)
    y = np.ascontiguousarray(np.reshape(ids[1 : n + 1], (batch_size, length)).T)
    return ((x[i : i + seq_len], y[i : i + seq_len]) for i in range(0, length, seq_len))
