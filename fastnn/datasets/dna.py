"""Random DNA with and without a planted motif."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import random

BASES = "ACGT"
# IUPAC's letters for sets of bases (NC-IUB 1985, doi:10.1093/nar/13.9.3021).
_SETS = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT",
    "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip


class MotifSamples(NamedTuple):
    """x float32 (N, 4, L), one-hot in the order ACGT; y int64 (N,), 1 with the motif; start int64
    (N,), where it begins, -1 without."""

    x: np.ndarray
    y: np.ndarray
    start: np.ndarray


def motif_dna(
    n: int,
    length: int = 100,
    *,
    motif: str = "TGACRTCAYG",
    generator: random.Generator | None = None,
) -> MotifSamples:
    """`n` random sequences of `length` bases, each base equally likely; odd rows hold the motif at
    a random place, even rows nowhere: those that hold it by chance are drawn again.

    motif: 8 letters or more of the IUPAC code, where R is A or G, Y is C or T, N any base; a letter
    that stands for several is drawn anew for each sequence.
    generator: source of the numbers; the default generator if None.
    Raises ValueError for n < 0, an unknown letter, a motif that is shorter than 8, longer than
    `length`, or fixes fewer than 4 letters (sequences without it could not be drawn).
    """
    unknown = sorted(set(motif) - set(_SETS))
    if unknown or not 8 <= len(motif) <= length:
        raise ValueError(
            f"motif_dna: motif is {motif!r}, expected 8 to {length} letters of {''.join(_SETS)}"
        )
    if n < 0 or sum(len(_SETS[letter]) == 1 for letter in motif) < 4:
        raise ValueError(
            f"motif_dna: n is {n}, motif {motif!r}, expected n >= 0 and at least 4 letters of ACGT"
        )
    rng = np.random.default_rng(list((generator or random.default_generator).reserve(1)))
    bases = rng.integers(0, 4, (n, length))
    y = np.arange(n, dtype=np.int64) % 2
    start = np.full(n, -1, np.int64)
    start[1::2] = rng.integers(0, length - len(motif) + 1, n // 2)
    for i in range(1, n, 2):
        word = [BASES.index(_SETS[s][rng.integers(len(_SETS[s]))]) for s in motif]
        bases[i, start[i] : start[i] + len(motif)] = word
    rows = np.arange(0, n, 2)
    while len(rows := rows[motif_places(bases[rows], motif).any(axis=1)]):
        bases[rows] = rng.integers(0, 4, (len(rows), length))
    x = np.eye(4, dtype=np.float32)[bases].transpose(0, 2, 1)
    return MotifSamples(np.ascontiguousarray(x), y, start)


def motif_places(bases: np.ndarray, motif: str) -> np.ndarray:
    """Where the motif begins: bool (N, L - len(motif) + 1), of bases (N, L) as numbers 0 to 3."""
    n_places = bases.shape[1] - len(motif) + 1
    found = np.ones((len(bases), n_places), bool)
    for i, letter in enumerate(motif):
        allowed = np.array([base in _SETS[letter] for base in BASES])
        found &= allowed[bases[:, i : i + n_places]]
    return found
