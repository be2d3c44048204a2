"""Perplexity and the area under the ROC curve."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import metrics


def test_perplexity_is_exp_of_the_mean_cross_entropy():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(7, 5, 11)).astype(np.float32)
    target = rng.integers(0, 11, (7, 5))
    loss = F.cross_entropy(
        fastnn.from_numpy(logits.reshape(35, 11)), fastnn.from_numpy(target.reshape(35))
    )
    whole = metrics.Perplexity()
    whole.update(fastnn.from_numpy(logits), fastnn.from_numpy(target))
    assert whole.compute() == pytest.approx(math.exp(loss.item()), rel=1e-5)
    parts = metrics.Perplexity()  # uneven batches, rows of (N, C) with targets of any shape
    parts.update(logits[:1], target[:1])
    parts.update(logits[1:].reshape(30, 11), target[1:])
    assert parts.compute() == pytest.approx(whole.compute(), rel=1e-12)


def test_perplexity_takes_logits_and_log_probabilities_alike():
    rng = np.random.default_rng(1)
    logits = 50 * rng.normal(size=(40, 6))
    target = rng.integers(0, 6, 40)
    log_p = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
    log_p -= logits.max(1, keepdims=True)
    one, two = metrics.Perplexity(), metrics.Perplexity()
    one.update(logits, target)
    two.update(log_p, target)
    assert one.compute() == pytest.approx(two.compute(), rel=1e-12)


def test_perplexity_between_knowing_nothing_and_everything():
    target = np.arange(8)
    for logits, expected in ((np.zeros((8, 8)), 8.0), (1000 * np.eye(8), 1.0)):
        metric = metrics.Perplexity()
        metric.update(logits, target)
        assert metric.compute() == pytest.approx(expected, rel=1e-12)
    sure_and_wrong = metrics.Perplexity()
    with np.errstate(divide="ignore"):
        sure_and_wrong.update(np.log([[1.0, 0.0]]), [1])
    assert sure_and_wrong.compute() == math.inf
    nan = metrics.Perplexity()
    nan.update(np.array([[np.nan, 0.0]]), [1])
    assert math.isnan(nan.compute())


def test_perplexity_leaves_out_ignored_targets():
    rng = np.random.default_rng(2)
    logits, target = rng.normal(size=(9, 4)), rng.integers(0, 4, 9)
    for ignored in (-100, 2):
        kept = metrics.Perplexity()
        kept.update(logits[target != ignored], target[target != ignored])
        masked, hidden = metrics.Perplexity(ignored), target.copy()
        if ignored < 0:
            kept.update(np.zeros((0, 4)), np.zeros(0, int))
            masked.update(np.full((3, 4), 1e9), np.full(3, ignored))
        masked.update(logits, hidden)
        assert masked.compute() == pytest.approx(kept.compute(), rel=1e-12)
    assert math.isnan(metrics.Perplexity().compute())


def pairs_won(scores, target):
    """The definition: over all pairs of a positive and a negative, counted one by one."""
    ahead = scores[target == 1][:, None] - scores[target == 0][None]
    return ((ahead > 0) + 0.5 * (ahead == 0)).mean()


@pytest.mark.parametrize("n", [2, 3, 50])
@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_auc_counts_pairs_ties_as_one_half(n, levels):
    rng = np.random.default_rng(n + levels)
    scores = rng.integers(0, levels, n) / levels
    target = np.arange(n) % 2
    metric = metrics.AUC()
    for part in np.array_split(np.arange(n), 3):
        metric.update(scores[part], target[part])
    assert metric.compute() == pytest.approx(pairs_won(scores, target), rel=1e-14)


def test_auc_is_scikit_learns_and_does_not_depend_on_the_scale():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    target = rng.integers(0, 2, 300)
    scores = np.round(rng.normal(size=300) + target, 1)
    expected = sk.roc_auc_score(target, scores)
    two = np.stack([np.zeros(300), scores], axis=1)
    flipped = metrics.AUC()
    flipped.update(-scores, target)
    assert flipped.compute() == pytest.approx(1 - expected, rel=1e-14)
    for output in (scores, scores[:, None], two, np.exp(scores), fastnn.from_numpy(scores)):
        metric = metrics.AUC()
        metric.update(output, target[:, None].astype(np.float32))
        assert metric.compute() == pytest.approx(expected, rel=1e-14)


def test_auc_needs_both_classes():
    metric = metrics.AUC()
    assert math.isnan(metric.compute())
    metric.update([0.5, 1.0], [1, 1])
    assert math.isnan(metric.compute())
    metric.update([-np.inf, np.inf], [0, 1])
    assert metric.compute() == 1.0


@pytest.mark.parametrize("make", [metrics.Perplexity, metrics.AUC])
def test_state_goes_on_where_it_was(make):
    rng = np.random.default_rng(5)
    output, target = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    metric = make()
    metric.update(output[:20], target[:20])
    state = metric.state_dict()
    metric.update(output[20:], target[20:])
    whole = metric.compute()
    metric.reset()
    assert math.isnan(metric.compute())
    metric.load_state_dict(state)
    metric.update(output[20:], target[20:])
    assert metric.compute() == whole
    other = make()
    other.load_state_dict(state)
    assert set(vars(other)) == set(vars(metric))
    with pytest.raises(ValueError, match="state has"):
        metric.load_state_dict({"x": 1})


@pytest.mark.parametrize(
    ("metric", "output", "target", "error", "message"),
    [
        (metrics.Perplexity(), np.ones(3), [0, 1, 0], ValueError, "output is float64 of shape"),
        (metrics.Perplexity(), np.ones((3, 0)), [0, 1, 0], ValueError, "output is float64 of"),
        (metrics.Perplexity(), np.ones((3, 2), int), [0, 1, 0], ValueError, "output is int64"),
        (metrics.Perplexity(), np.ones((3, 2)), [0, 1], ValueError, "target has shape"),
        (metrics.Perplexity(), np.ones((3, 4, 2)), np.zeros((4, 3), int), ValueError,
         r"expected \(3, 4\)"),
        (metrics.Perplexity(), np.ones((2, 2)), [0.0, 1.0], TypeError, "target has dtype float64"),
        (metrics.Perplexity(), np.ones((2, 2)), [0, 2], ValueError, "target has 2, expected 0..1"),
        (metrics.Perplexity(), np.ones((2, 2)), [0, -1], ValueError, "target has -1"),
        (metrics.AUC(), np.ones((2, 3)), [0, 1], ValueError, "output has shape"),
        (metrics.AUC(), np.ones(3), [0, 1], ValueError, r"target \(2,\)"),
        (metrics.AUC(), [0.5, np.nan], [0, 1], ValueError, "output has a NaN"),
        (metrics.AUC(), np.array([[np.inf, np.inf]]), [1], ValueError, "output has a NaN"),
        (metrics.AUC(), [0.5, 0.5], [0, 2], ValueError, "target has another value"),
    ],
)  # fmt: skip
def test_bad_inputs(metric, output, target, error, message):
    with pytest.raises(error, match=message):
        metric.update(output, target)
