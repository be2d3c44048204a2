"""fastnn.classic: settings and pictures that are refused, and the largest that are not."""

import numpy as np
import pytest

import fastnn
from fastnn.classic import Neocognitron

SMALL = dict(
    planes=(32,), kernel_size=(3,), thresholds=(0.5,), learning_thresholds=(0.7,),
    column=(3,), blur=(3,), stride=(1,), contrast=3, random_state=0,
)  # fmt: skip


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


GOOD = uniform(4, 1, 8, 8)
BAD = {
    "planes is empty": (dict(planes=()), GOOD),
    "planes is (0,), expected 1 positive integers": (dict(planes=(0,)), GOOD),
    "kernel_size is (4,), expected 1 positive odd integers": (dict(kernel_size=(4,)), GOOD),
    "blur is (3, 3), expected 1 positive odd": (dict(blur=(3, 3)), GOOD),
    "stride is (1.5,)": (dict(stride=(1.5,)), GOOD),
    "thresholds is (1.0,), expected 1 numbers in (0, 1)": (dict(thresholds=(1.0,)), GOOD),
    "learning_thresholds is (nan,)": (dict(learning_thresholds=(float("nan"),)), GOOD),
    "tolerance is -1, expected an integer of at least 0": (dict(tolerance=-1), GOOD),
    "pictures is 0": (dict(pictures=0), GOOD),
    "max_iter is None": (dict(max_iter=None), GOOD),
    "contrast is 4, expected None or an odd integer above 1": (dict(contrast=4), GOOD),
    "X has shape (4, 7), expected (N, C, H, W)": ({}, uniform(4, 7)),
    "X has shape (4,)": ({}, uniform(4)),
    "X has no pictures": ({}, GOOD[:0]),
    "X has values that are not finite": ({}, GOOD * np.float32("nan")),
    "not finite in float32": ({}, GOOD.astype(np.float64) * 1e39),
    "expected at most 1e+08": ({}, GOOD * np.float32(1e15)),
    "X has negative values": (dict(contrast=None), -GOOD),
    "y has shape (3,), expected (4,)": ({}, GOOD, np.arange(3)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message):
    settings, *arguments = BAD[message]
    with pytest.raises(ValueError) as caught:
        Neocognitron(**{**SMALL, **settings}).fit(*arguments)
    assert message in str(caught.value) and "Neocognitron" in str(caught.value)


PER_LAYER = ("planes", "kernel_size", "thresholds", "learning_thresholds", "column", "blur",
             "stride")  # fmt: skip


@pytest.mark.parametrize("name", PER_LAYER)
def test_settings_by_layer_are_sequences_of_numbers(name):
    for value in (16, 0.5, None, "5"):
        with pytest.raises(TypeError, match=rf"Neocognitron: {name} is .*, expected a tuple"):
            Neocognitron(**{**SMALL, name: value}).fit(GOOD)
    with pytest.raises(TypeError, match=rf"Neocognitron: {name} is \('a',\), expected numbers"):
        Neocognitron(**{**SMALL, name: ("a",)}).fit(GOOD)
    for same in (list(SMALL[name]), np.array(SMALL[name])):
        Neocognitron(**{**SMALL, name: same}).fit(GOOD)


def test_large_pictures_are_read_as_others():
    x, y = fastnn.datasets.digits8x8()
    x = x / x.max() * np.float32(9e7)
    model = Neocognitron(**SMALL).fit(x[:100], y[:100])
    assert np.isfinite(model.decision_function(x[100:200])).all()
    assert model.score(x[100:300], y[100:300]) > 0.8


def test_bad_types_and_states():
    with pytest.raises(TypeError, match="X has dtype complex64"):
        Neocognitron(**SMALL).fit(GOOD.astype(np.complex64))
    with pytest.raises(TypeError, match="seed must be an integer"):
        Neocognitron(**{**SMALL, "random_state": "x"}).fit(GOOD)
    for method in ("predict", "transform", "responses", "decision_function"):
        with pytest.raises(RuntimeError, match=r"not fitted yet"):
            getattr(Neocognitron(), method)(GOOD)
    model = Neocognitron(**SMALL).fit(GOOD, np.arange(4))
    with pytest.raises(ValueError, match=r"expected pictures \(1, 8, 8\)"):
        model.predict(uniform(2, 1, 9, 9))
    with pytest.raises(ValueError, match=r"score: y has shape \(3,\)"):
        model.score(GOOD, np.arange(3))
