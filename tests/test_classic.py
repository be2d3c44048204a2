"""Networks of fastnn.classic."""

import hashlib
import pickle

import numpy as np
import pytest
from programs import run_python

import fastnn
from fastnn import functional as F
from fastnn.backend import kernels
from fastnn.classic import Neocognitron, _cells, _s_layer
from fastnn.lab import shift
from fastnn.tensor import Function, Tensor

LEVELS = [isa for isa in kernels._csrc.available_isas() if isa != "generic"]
SMALL = dict(
    planes=(32,), kernel_size=(3,), thresholds=(0.5,), learning_thresholds=(0.7,),
    column=(3,), blur=(3,), stride=(1,), contrast=3, random_state=0,
)  # fmt: skip


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def windows(u, size, padding):
    """(place, window) of every place of u (K, H, W), zeros around."""
    padded = np.pad(u.astype(np.float64), ((0, 0), *((p, p) for p in padding)))
    for i in range(padded.shape[1] - size[0] + 1):
        for j in range(padded.shape[2] - size[1] + 1):
            yield (i, j), padded[:, i : i + size[0], j : j + size[1]]


def test_falloff():
    c = _cells.falloff((3, 4), 0.5)
    line = 0.5 ** np.array([2.25, 0.25, 0.25, 2.25])
    want = np.outer(0.5 ** np.array([1, 0, 1]), line)
    np.testing.assert_allclose(c, want / want.sum(), rtol=1e-6)
    assert c.dtype == np.float32


@pytest.mark.parametrize("theta", [0.01, 0.6])
def test_cells_are_the_equations(theta):
    u, a, b = (
        uniform(2, 3, 6, 7),
        uniform(4, 3, 3, 5, seed=1),
        uniform(4, seed=2) * np.float32(38 / theta),
    )
    c, padding = _cells.falloff((3, 5), 0.7), (1, 0)
    v = _cells.v_cells(u, c, padding)
    s = _cells.s_cells(u, v, a, b, theta, padding)
    assert v.shape == (2, 1, 6, 3) and s.shape == (2, 4, 6, 3)
    assert (s == 0).any() and (s > 0).any()
    for n in range(2):
        for (i, j), window in windows(u[n], (3, 5), padding):
            inhibition = np.sqrt((c * window**2).sum())
            assert v[n, 0, i, j] == pytest.approx(inhibition, rel=1e-5)
            for k in range(4):
                ratio = (1 + (a[k] * window).sum()) / (1 + theta * b[k] * inhibition)
                want = theta / (1 - theta) * max(0, ratio - 1)
                assert s[n, k, i, j] == pytest.approx(want, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_c_cells_are_the_equation(stride):
    s, d = uniform(2, 3, 5, 6), _cells.falloff((3, 3), 0.9)
    c, single = _cells.c_cells(s, d, stride), _cells.c_cells(s, None, stride)
    for n, k in np.ndindex(2, 3):
        for (i, j), window in windows(s[n, k : k + 1], (3, 3), (1, 1)):
            if i % stride == 0 and j % stride == 0:
                x = (d * window).sum()
                assert c[n, k, i // stride, j // stride] == pytest.approx(x / (1 + x), rel=1e-5)
                x = s[n, k, i, j]
                assert single[n, k, i // stride, j // stride] == pytest.approx(x / (1 + x))
    assert c.shape == single.shape == (2, 3, -(-5 // stride), -(-6 // stride))


def test_contrast_cells():
    x = np.zeros((1, 1, 9, 9), np.float32)
    x[0, 0, :, 4:] = 1
    on, off = _cells.contrast_cells(x, 5)[0]
    assert (on * off == 0).all()
    assert on[4, 4] > 0.1 and off[4, 3] > 0.1  # the two sides of the edge
    assert abs(off[2:7, :2]).max() == 0 and abs(on[4, 6]) < 1e-6  # nothing where all is even


def test_seed_cells():
    s = np.zeros((3, 7, 7), np.float32)
    s[0, 1, 1], s[1, 1, 2] = 0.5, 0.4  # rivals in one hypercolumn: the first wins
    s[1, 5, 5] = 0.2  # alone, so a candidate though weak
    s[0, 5, 1] = 0.3  # a second candidate of plane 0, weaker
    assert _cells.seed_cells(s, 3) == [(0, 1, 1), (1, 5, 5)]
    assert _cells.seed_cells(np.zeros((2, 4, 4), np.float32), 3) == []


def test_a_cell_that_learned_answers_the_cosine():
    u = uniform(1, 3, 7, 7)
    layer = _s_layer.SLayer(3, (3, 3), (1, 1), 0.8)
    layer.learn(layer.add_plane(), u[0], 2, 4)
    s = layer.respond(u, 0.6)[0, 0]
    root = np.sqrt(layer.c)
    seed = dict(windows(u[0], (3, 3), (1, 1)))[2, 4] * root
    for place, window in windows(u[0], (3, 3), (1, 1)):
        cosine = (seed * window * root).sum() / np.linalg.norm(seed) / np.linalg.norm(window * root)
        assert s[place] == pytest.approx(max(0, (cosine - 0.6) / 0.4), abs=1e-4)
    assert s.argmax() == 2 * 7 + 4
    # of one seed cell, b = q v
    assert layer.b[0] == pytest.approx(float(layer.q * layer.inhibition(u)[0, 0, 2, 4]), rel=1e-5)


def test_planes_are_added_where_all_are_silent():
    bars = np.zeros((4, 1, 5, 5), np.float32)
    bars[0::2, 0, 2], bars[1::2, 0, :, 2] = 1, 1
    layer = _s_layer.SLayer(1, (3, 3), (1, 1), 0.8)
    _s_layer.learn_features(layer, bars, 0.9, 5, 8)
    silent = layer.respond(bars, 0.5).max((1, 2, 3)) == 0
    assert not silent.any() and 2 <= layer.n_planes <= 8
    few = _s_layer.SLayer(1, (3, 3), (1, 1), 0.8)
    _s_layer.learn_features(few, bars, 0.9, 5, 1)
    assert few.n_planes == 1
    none = _s_layer.SLayer(1, (3, 3), (1, 1), 0.8)
    _s_layer.learn_features(none, bars * 0, 0.9, 5, 8)
    assert none.n_planes == 0


def test_batches_of_the_highest_layer_do_not_show(monkeypatch):
    x, y = fastnn.datasets.digits8x8()
    found = []
    for batch in (1, 7, 64):
        monkeypatch.setattr(_s_layer, "BATCH", batch)
        layer, labels = _s_layer.SLayer(1, (8, 8), (1, 1), 0.98), []
        new = [_s_layer.learn_labelled(layer, x[:150], y[:150], labels, 0.01) for _ in range(2)]
        found.append((new, labels, layer.a.tobytes(), layer.b.tobytes()))
    assert found[0] == found[1] == found[2]
    assert 10 <= sum(found[0][0]) < 150


@pytest.fixture(scope="module")
def taught():
    """Test accuracy, and what it loses if all digits move by 1 and by 2 pixels."""
    d = fastnn.datasets.digits()
    x, y = d.x_test[:300], d.y_test[:300]
    settings = {
        "whole": {},
        "blur": {"tolerance": 0},  # the highest layer looks at one place only
        "without": {"c_cells": False, "thresholds": (0.3, 0.3)},  # the best thresholds for it
    }
    found = {}
    for name, values in settings.items():
        model = Neocognitron(random_state=0, **values).fit(d.x_train[:1000], d.y_train[:1000])
        still = model.score(x, y)
        lost = {}
        for by in (1, 2):
            moves = ((by, 0), (-by, 0), (0, by), (0, -by))
            lost[by] = still - np.mean([model.score(shift(x, *move), y) for move in moves])
        found[name] = model.score(d.x_test, d.y_test), lost
    return found


def test_neocognitron_reads_digits(taught):
    assert taught["whole"][0] >= 0.90


@pytest.mark.parametrize("by", [1, 2])
def test_c_cells_forgive_shifts(taught, by):
    accuracy, lost = taught["without"]
    assert accuracy >= 0.80 and lost[by] > 0.04  # a network that works until digits move
    assert taught["whole"][1][by] < lost[by] / 2
    assert taught["blur"][1][by] < lost[by] / 2


def test_neocognitron_reads_small_digits():
    x, y = fastnn.datasets.digits8x8()
    model = Neocognitron(**SMALL).fit(x[:1000], y[:1000])
    assert model.score(x[1000:], y[1000:]) >= 0.90
    assert model.n_iter_ == len(model.new_planes_) <= 3
    assert sum(model.new_planes_) == model.top_.n_planes == len(model.plane_labels_)


def every_function(cls=Function):
    for sub in cls.__subclasses__():
        yield sub
        yield from every_function(sub)


def test_autograd_is_never_entered(monkeypatch):
    calls = []

    def refuse(*args, **kwargs):
        raise AssertionError("a backward pass")

    def watch(function):
        apply = function.apply

        def watched(*args):
            assert not fastnn.is_grad_enabled()
            out = apply(*args)
            for tensor in out if isinstance(out, tuple) else (out,):
                assert tensor.grad_fn is None and not tensor.requires_grad
            calls.append(function.__name__)
            return out

        monkeypatch.setattr(function, "apply", watched)

    for function in list(every_function()):
        if "forward" in function.__dict__ or "backward" in function.__dict__:
            watch(function)
            monkeypatch.setattr(function, "backward", refuse)
    backward = [name for name in kernels.__all__ if "backward" in name]
    assert "conv2d_backward_weight" in backward
    for name in backward:
        monkeypatch.setattr(kernels, name, refuse)
    monkeypatch.setattr(Tensor, "backward", refuse)
    x, y = fastnn.datasets.digits8x8()
    assert fastnn.is_grad_enabled()
    model = Neocognitron(**SMALL).fit(x[:60], y[:60])
    model.predict(x[:5]), model.transform(x[:5]), model.responses(x[:5])
    assert fastnn.is_grad_enabled()
    assert {"_Conv2d", "_MaxPool2d", "_Sum"} <= set(calls)
    w = fastnn.ones(1, 1, 1, 1, requires_grad=True)
    with pytest.raises(AssertionError):  # the watch does bite
        F.conv2d(fastnn.ones(1, 1, 2, 2), w)
    with pytest.raises(AssertionError, match="a backward pass"):
        w.backward()


JOB = """
import hashlib, fastnn
from fastnn.classic import Neocognitron
x, y = fastnn.datasets.digits()[:2]
model = Neocognitron(random_state=3, pictures=30).fit(x[:100], y[:100])
parts = [*model.layers_, model.top_]
data = b"".join(layer.a.tobytes() + layer.b.tobytes() for layer in parts)
print(hashlib.sha256(data + model.decision_function(x[:70]).tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def bits():
    done = run_python("-c", JOB, FASTNN_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
    return done.stdout


@pytest.mark.parametrize("threads", ["2", "3", "8"])
def test_threads_do_not_show(bits, threads):
    assert run_python("-c", JOB, FASTNN_NUM_THREADS=threads).stdout == bits


@pytest.mark.parametrize("isa", LEVELS)
def test_levels_with_fma_do_not_show(bits, isa):
    assert run_python("-c", JOB, FASTNN_ISA=isa, FASTNN_NUM_THREADS="2").stdout == bits


def test_seed_shows():
    x, y = fastnn.datasets.digits8x8()
    digests = []
    for seed in (0, 0, 1, fastnn.Generator(0)):
        model = Neocognitron(**{**SMALL, "random_state": seed}).fit(x[:60], y[:60])
        digests.append(hashlib.sha256(model.top_.a.tobytes()).hexdigest())
    assert digests[0] == digests[1] == digests[3] != digests[2]
    fastnn.manual_seed(0)
    by_default = Neocognitron(**{**SMALL, "random_state": None}).fit(x[:60], y[:60])
    assert hashlib.sha256(by_default.top_.a.tobytes()).hexdigest() == digests[0]


def test_runs_on_the_reference():
    x, y = fastnn.datasets.digits8x8()
    x, y = x[:80], y[:80]
    fast = Neocognitron(**SMALL).fit(x, y)
    with fastnn.backend("reference"):
        slow = Neocognitron(**SMALL).fit(x, y)
        scores = slow.decision_function(x)
    assert [layer.n_planes for layer in slow.layers_] == [layer.n_planes for layer in fast.layers_]
    np.testing.assert_array_equal(slow.plane_labels_, fast.plane_labels_)
    np.testing.assert_allclose(slow.layers_[0].a, fast.layers_[0].a, rtol=1e-4, atol=1)
    np.testing.assert_allclose(slow.top_.a, fast.top_.a, rtol=1e-3, atol=10)
    np.testing.assert_allclose(scores, fast.decision_function(x), atol=1e-3)


def test_layers_and_shapes():
    x, y = fastnn.datasets.digits8x8()
    model = Neocognitron(**SMALL).fit(x[:60], y[:60])
    k, top = model.layers_[0].n_planes, model.top_.n_planes
    found = {name: u.shape[1:] for name, u in model.responses(x[:3]).items()}
    assert found == {
        "G": (2, 8, 8), "S1": (k, 8, 8), "C1": (k, 8, 8), "S2": (top, 3, 3), "C2": (10,)
    }  # fmt: skip
    assert model.image_shape_ == (1, 8, 8) and model.n_features_in_ == 64
    last = model.responses(x[:3])
    np.testing.assert_array_equal(model.transform(x[:3]), last["C1"].reshape(3, -1))
    np.testing.assert_array_equal(model.decision_function(x[:3]), last["C2"])
    assert ((model.transform(x) >= 0) & (model.transform(x) < 1)).all()
    for same in (x[:5, 0], x[:5].reshape(5, 64), x[:5].astype(np.float64), fastnn.tensor(x[:5])):
        np.testing.assert_array_equal(model.transform(same), model.transform(x[:5]))
    assert model.predict(x[:0]).shape == (0,)
    wide = Neocognitron(**{**SMALL, "contrast": None, "stride": (2,)})
    shape = wide.fit(uniform(5, 2, 6, 9)).responses(uniform(2, 2, 6, 9))["C1"].shape
    assert shape == (2, wide.layers_[0].n_planes, 3, 5)


def test_labels_may_be_words_or_absent():
    x, y = fastnn.datasets.digits8x8()
    words = np.array(["even", "odd"])[y % 2]
    model = Neocognitron(**SMALL).fit(x[:100], words[:100])
    assert model.classes_.tolist() == ["even", "odd"]
    assert model.score(x[:100], words[:100]) > 0.9
    model.fit(x[:20])
    assert model.transform(x[:2]).shape[0] == 2 and "S2" not in model.responses(x[:2])
    with pytest.raises(RuntimeError, match="without labels"):
        model.predict(x[:2])
    np.testing.assert_array_equal(
        Neocognitron(**SMALL).fit_transform(x[:20]), model.transform(x[:20])
    )


def test_a_picture_with_nothing_to_see():
    x, y = fastnn.datasets.digits8x8()
    model = Neocognitron(**SMALL).fit(x[:60], y[:60])
    assert not model.decision_function(x[:1] * 0).any()
    with pytest.raises(ValueError, match="nothing to see"):
        model.fit(x[:4] * 0, y[:4])


def test_pickle_and_parameters():
    x, y = fastnn.datasets.digits8x8()
    model = Neocognitron(**SMALL).fit(x[:60], y[:60])
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.decision_function(x), model.decision_function(x))
    assert model.get_params()["planes"] == (32,) and "max_iter=3" in repr(model)
    assert model.set_params(max_iter=5) is model and model.max_iter == 5
    with pytest.raises(ValueError, match="no parameter 'depth'"):
        model.set_params(depth=3)


def test_scikit_learn_clones_and_pipes():
    base = pytest.importorskip("sklearn.base")
    pipeline = pytest.importorskip("sklearn.pipeline")
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, y = fastnn.datasets.digits8x8("float64")
    x = x.reshape(len(x), 64)
    model = base.clone(Neocognitron(**SMALL))
    assert model.get_params() == SMALL | {
        name: value for name, value in Neocognitron().get_params().items() if name not in SMALL
    }
    pipe = pipeline.make_pipeline(model, linear_model.RidgeClassifier())
    assert pipe.fit(x[:200], y[:200]).score(x[200:400], y[200:400]) > 0.8
