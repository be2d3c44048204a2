"""The judge of generated digits is sure of digits, and much less sure of what is none."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets
from fastnn.demos._probe import probe


@pytest.fixture(scope="module")
def judge():
    fastnn.manual_seed(0)
    return probe(True, 0)


@pytest.fixture(scope="module")
def digits():
    d = datasets.digits()
    return d.x_test, d.y_test


def test_it_knows_digits_and_is_sure_of_them(judge, digits):
    x, y = digits
    confidence, counts = judge.confidence(x)
    assert (judge.classes(x) == y).mean() > 0.9 and 0.85 < confidence <= 1
    assert counts.sum() == len(x) and np.abs(counts - np.bincount(y)).max() < 40


def test_it_is_less_sure_of_what_is_no_digit(judge, digits):
    x, _ = digits
    rng = np.random.default_rng(0)
    shuffled = rng.permuted(x.reshape(len(x), -1), axis=1)
    noise = rng.random((500, 784), dtype=np.float32)
    for images in (shuffled, noise, np.zeros((9, 784), np.float32)):
        assert judge.confidence(images)[0] < 0.65
    blend = (x + x[rng.permutation(len(x))]) / 2
    assert judge.confidence(blend)[0] < judge.confidence(x)[0] - 0.1


def test_images_may_be_rows(judge, digits):
    x, _ = digits
    p = judge.probabilities(x[:7])
    np.testing.assert_array_equal(p, judge.probabilities(x[:7].reshape(7, 784)))
    np.testing.assert_allclose(p.sum(axis=1), 1)
