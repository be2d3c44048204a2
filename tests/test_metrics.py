"""Metrics against scikit-learn, over uneven batches."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import metrics

sk = pytest.importorskip("sklearn.metrics")


def in_batches(metric, output, target, cuts=(0, 1, 1, 40, 100)):
    for a, b in zip(cuts[:-1], cuts[1:], strict=True):
        metric.update(output[a:b], target[a:b])
    return metric.compute()


@pytest.fixture
def classes():
    rng = np.random.default_rng(1)
    target = rng.integers(0, 5, 100)
    target[target == 3] = 2  # a class that does not occur
    scores = rng.normal(size=(100, 5)).astype(np.float32)
    scores[np.arange(100), target] += 1
    return scores, target


def test_classification(classes):
    scores, target = classes
    predicted = scores.argmax(axis=1)
    assert in_batches(metrics.Accuracy(), scores, target) == sk.accuracy_score(target, predicted)
    assert in_batches(metrics.Accuracy(), predicted, target) == sk.accuracy_score(target, predicted)
    assert in_batches(metrics.TopK(2), scores, target) == pytest.approx(
        sk.top_k_accuracy_score(target, scores, k=2, labels=range(5))
    )
    matrix = in_batches(metrics.ConfusionMatrix(5), scores, target)
    assert np.array_equal(matrix, sk.confusion_matrix(target, predicted, labels=range(5)))
    for average in ("macro", "micro", "weighted"):
        assert in_batches(metrics.F1(5, average), scores, target) == pytest.approx(
            sk.f1_score(target, predicted, average=average)
        )
    assert in_batches(metrics.F1(5, None), scores, target) == pytest.approx(
        sk.f1_score(target, predicted, average=None, labels=range(5), zero_division=0)
    )


def test_tensors_and_threshold():
    logits = fastnn.tensor([[2.0], [-1.0], [0.5], [-3.0]], requires_grad=True)
    metric = metrics.Accuracy(threshold=0.0)
    metric.update(logits, fastnn.tensor([[1.0], [0.0], [0.0], [0.0]]))
    assert metric.compute() == 0.75


def test_regression():
    rng = np.random.default_rng(2)
    for shape in ((100,), (100, 3)):
        target = (rng.normal(size=shape) + 1000).astype(np.float32)
        output = target + rng.normal(size=shape).astype(np.float32)
        for metric, expected in (
            (metrics.MSE(), sk.mean_squared_error),
            (metrics.MAE(), sk.mean_absolute_error),
            (metrics.R2(), sk.r2_score),
        ):
            found = in_batches(metric, output, target)
            assert found == pytest.approx(
                expected(target.astype(np.float64), output.astype(np.float64)), rel=1e-9
            )
    constant = metrics.R2()
    constant.update(np.ones(3), np.ones(3))
    assert constant.compute() == 1.0
    constant.update(np.zeros(1), np.ones(1))
    assert constant.compute() == 0.0


def test_state_reset_and_empty(classes):
    scores, target = classes
    for metric in (metrics.Accuracy(), metrics.TopK(2), metrics.F1(5), metrics.ConfusionMatrix(5)):
        empty = metric.compute()
        assert np.all(np.asarray(empty) == 0) or math.isnan(empty)
        metric.update(scores[:50], target[:50])
        state = metric.state_dict()
        metric.update(scores[50:], target[50:])
        whole = metric.compute()
        metric.reset()
        assert np.array_equal(metric.compute(), empty, equal_nan=True)
        metric.load_state_dict(state)
        metric.update(scores[50:], target[50:])
        assert np.array_equal(metric.compute(), whole)
        with pytest.raises(ValueError, match="state has"):
            metric.load_state_dict({})
    for metric in (metrics.MSE(), metrics.R2()):
        assert math.isnan(metric.compute())


@pytest.mark.parametrize(
    ("metric", "output", "target", "error", "message"),
    [
        (metrics.Accuracy(), np.ones((3, 2)), [0, 1], ValueError, "target has shape"),
        (metrics.Accuracy(), np.ones((2, 2)), [0.0, 1.0], TypeError, "target has dtype float64"),
        (metrics.Accuracy(), np.ones(2), [0, 1], ValueError, "threshold="),
        (metrics.TopK(5), np.ones((3, 2)), [0, 1, 1], ValueError, "C >= 5"),
        (metrics.ConfusionMatrix(2), np.array([0, 2]), [0, 1], ValueError, "output has a class"),
        (metrics.ConfusionMatrix(2), np.array([0, 1]), [0, -1], ValueError, "target has a class"),
        (metrics.MSE(), np.ones((4, 1)), np.ones(4), ValueError, "equal shapes"),
    ],
)
def test_bad_inputs(metric, output, target, error, message):
    with pytest.raises(error, match=message):
        metric.update(output, target)
