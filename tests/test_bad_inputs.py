"""Wrong arguments: the exception and the words that each gets; nothing crashes or is silent."""

import math
import re

import numpy as np
import pytest
from bad_input_table import ROWS
from programs import run_python

import fastnn
from fastnn import autograd, nn, tensor
from fastnn import functional as F


@pytest.mark.parametrize("topic, i", [(t, i) for t in ROWS for i in range(len(ROWS[t]))])
def test_refused(topic, i):
    what, call, error, words = ROWS[topic][i]
    with pytest.raises(error, match=words) as found:
        print(what, call())
    assert type(found.value) is error or error is MemoryError  # NumPy has one of its own


@pytest.mark.parametrize("topic", ROWS)
def test_refused_by_the_reference_in_the_same_words(topic):
    with fastnn.backend("reference"):
        for what, call, error, words in ROWS[topic]:
            if error is not MemoryError:
                with pytest.raises(error, match=words):
                    print(what, call())


# ---- what is taken


def test_empty_batches_have_empty_results_and_zero_gradients():
    for layer, shape in (
        (nn.Conv2d(2, 3, 3), (0, 2, 5, 5)),
        (nn.Linear(4, 3), (0, 4)),
        (nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)), (0, 2, 6, 6)),
    ):
        x = fastnn.zeros(*shape, requires_grad=True)
        y = layer(x)
        assert y.shape[0] == 0
        y.sum().backward()
        assert x.grad.shape == shape
        for p in layer.parameters():
            assert p.grad.shape == p.shape and not p.grad.numpy().any()
    for pool in (nn.MaxPool2d(2), nn.AvgPool2d(2)):
        assert pool(fastnn.zeros(0, 1, 4, 4)).shape == (0, 1, 2, 2)
    empty = F.cross_entropy(fastnn.zeros(0, 3), fastnn.zeros(0, dtype="int64"))
    assert empty.item() == 0


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_any_integers_are_labels(dtype):
    x = fastnn.randn(3, 4)
    want = F.cross_entropy(x, tensor([3, 0, 1])).item()
    assert F.cross_entropy(x, tensor([3, 0, 1], dtype=dtype)).item() == want
    longlong = fastnn.from_numpy(np.array([3, 0, 1], np.longlong))
    assert F.cross_entropy(x, longlong).item() == want
    wide = fastnn.from_numpy(np.array([3, 9, 0, 9, 1, 9], dtype)[::2])
    assert F.cross_entropy(x, wide).item() == want


@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_no_label_that_counts_gives_zero_loss_and_gradient(backend):
    x = fastnn.randn(2, 3, requires_grad=True)
    with fastnn.backend(backend):
        for options in (
            {},
            {"label_smoothing": 0.1},
            {"weight": fastnn.rand(3)},
            {"reduction": "sum"},
        ):
            x.grad = None
            loss = F.cross_entropy(x, tensor([-100, -100]), **options)
            loss.backward()
            assert loss.item() == 0 and not x.grad.numpy().any()
        assert F.cross_entropy(x, tensor([5, 5]), ignore_index=5).item() == 0


@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_nan_goes_through_and_detect_anomaly_names_where(backend):
    with fastnn.backend(backend):
        x = fastnn.randn(2, 3)
        x[0, 1] = math.nan
        w = fastnn.randn(3, 3, requires_grad=True)
        loss = F.cross_entropy(F.relu(F.linear(x, w)), tensor([0, 1]))
        assert math.isnan(loss.item())
        with (
            autograd.detect_anomaly(),
            pytest.raises(RuntimeError, match="CrossEntropy returned NaN"),
        ):
            loss.backward()
        soft = fastnn.full((2, 3), math.nan)
        assert math.isnan(F.cross_entropy(fastnn.randn(2, 3), soft).item())
        assert math.isnan(F.mse_loss(x, fastnn.zeros(2, 3)).item())
        assert np.isnan(F.max_pool2d(x.reshape(1, 1, 2, 3), 2).numpy()).any()


def test_overlapping_memory_in_place():
    a = np.arange(10, dtype=np.float32)
    x = fastnn.from_numpy(a.copy())
    x[1:].copy_(x[:-1])
    assert np.array_equal(x.numpy()[1:], a[:-1])
    x = fastnn.from_numpy(a.copy())
    x[1:].add_(x[:-1])
    assert np.array_equal(x.numpy()[1:], a[1:] + a[:-1])
    x = fastnn.from_numpy(a.copy())
    x[::-1].copy_(x)
    assert np.array_equal(x.numpy(), a[::-1])


def test_what_was_changed_after_it_was_saved():
    w = fastnn.randn(3, 3, requires_grad=True)
    h = w * 1
    loss = F.linear(h, w).sum()
    h.add_(1)
    with pytest.raises(RuntimeError, match="Linear needs for its gradient was changed in place"):
        loss.backward()


# ---- environment variables


@pytest.mark.parametrize(
    "variable, value, words",
    [
        ("FASTNN_ISA", "avx9", "choose one of .*generic"),
        ("FASTNN_ISA", "X86_V3", "choose one of"),
        ("FASTNN_NUM_THREADS", "abc", "choose an integer from 1 to 256"),
        ("FASTNN_NUM_THREADS", "-1", "choose an integer from 1 to 256"),
        ("FASTNN_NUM_THREADS", "0", "choose an integer from 1 to 256"),
        ("FASTNN_NUM_THREADS", "1.5", "choose an integer from 1 to 256"),
        ("FASTNN_NUM_THREADS", "100000", "choose an integer from 1 to 256"),
        ("FASTNN_BACKEND", "torch", "choose one of kernels, reference"),
    ],
)
def test_environment_variables_that_make_no_sense(variable, value, words):
    done = run_python("-c", "import fastnn", **{variable: value})
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and last.startswith("ImportError: ")
    assert f"environment variable {variable}={value!r}" in last
    assert re.search(words, last)


def test_environment_variables_that_do():
    code = "import fastnn; print(fastnn.get_num_threads(), fastnn.backend.name())"
    done = run_python(
        "-c", code, FASTNN_NUM_THREADS="3", FASTNN_BACKEND="reference", FASTNN_ISA="generic"
    )
    assert done.stdout.split() == ["3", "reference"]
    done = run_python("-c", code, FASTNN_NUM_THREADS="", FASTNN_BACKEND="", FASTNN_ISA="")
    assert done.stdout.split()[1] == "kernels" and done.returncode == 0
