"""Random DNA with a planted motif."""

import re

import numpy as np
import pytest

import fastnn
from fastnn import datasets

PATTERN = re.compile("(?=TGAC[AG]TCA[CT]G)")


def words(x):
    return ["".join("ACGT"[i] for i in row.argmax(axis=0)) for row in x]


def test_the_motif_is_where_it_is_said_to_be_and_nowhere_else():
    d = datasets.motif_dna(400, 60, generator=fastnn.Generator(1))
    assert d.x.shape == (400, 4, 60) and d.x.dtype == np.float32 and d.x.flags.c_contiguous
    assert (d.x.sum(axis=1) == 1).all() and set(np.unique(d.x)) == {0, 1}
    np.testing.assert_array_equal(d.y, np.arange(400) % 2)
    seen = set()
    for word, y, start in zip(words(d.x), d.y, d.start, strict=True):
        places = [m.start() for m in PATTERN.finditer(word)]
        assert start in places if y else (places == [] and start == -1)
        seen |= {word[start + 4] + word[start + 8]} if y else set()
    assert seen == {"AC", "AT", "GC", "GT"}
    assert d.start.max() == 50 and d.start[1::2].min() == 0


def test_negatives_that_hold_the_motif_by_chance_are_drawn_again():
    """With 8 letters of which 4 are free every 256th place fits: without redrawing most would."""
    d = datasets.motif_dna(100, 150, motif="ACGTNNNN", generator=fastnn.Generator(2))
    assert not any("ACGT" in word[:-4] for word in words(d.x[::2]))


def test_bases_are_equally_likely_and_drawn_from_the_generator():
    a, b, c = (datasets.motif_dna(200, generator=fastnn.Generator(s)).x for s in (3, 3, 4))
    assert (a == b).all() and (a != c).any()
    np.testing.assert_allclose(a[::2].mean(axis=(0, 2)), 0.25, atol=0.02)
    g = fastnn.Generator(3)
    assert (datasets.motif_dna(9, generator=g).x != datasets.motif_dna(9, generator=g).x).any()


@pytest.mark.parametrize("motif", ["ACGTACG", "ACGTACGX", "A" * 101, "NNNNNACG"])
def test_wrong_motifs(motif):
    with pytest.raises(ValueError, match="motif_dna: "):
        datasets.motif_dna(2, motif=motif)


def test_none():
    assert datasets.motif_dna(0).x.shape == (0, 4, 100)
