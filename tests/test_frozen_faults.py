"""fastnn.freeze: what it refuses, and what must not mislead it."""

import os
import threading
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
from frozen_cases import Calls, agrees, run, same_bits
from test_models_reference import numbers, symbols

import fastnn
from fastnn import models, nn
from fastnn.frozen import FreezeError


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", fastnn.zeros(1))

    def forward(self, x):
        self.count.add_(1)
        return x * 2


REFUSED = {
    "a branch": (Calls(lambda x: x * 2 if x.sum() > 0 else x), "depends on the input"),
    "a number": (Calls(lambda x: x * x.max().item()), "depends on the input"),
    "a list": (Calls(lambda x: x + len([v for v in x.tolist() if v])), "depends on the input"),
    "a loop": (Calls(lambda x: x * float(x[0])), "depends on the input"),
    "a mask": (Calls(lambda x: x[x > 0]), "shapes that depend"),
    "noise": (Calls(lambda x: x + fastnn.randn(3)), "random numbers"),
    "NumPy": (Calls(lambda x: fastnn.tensor(np.array(x.numpy()) * 2)), "outside of fastnn"),
    "an array": (Calls(lambda x: x.numpy()), "of type ndarray"),
    "a state": (Counting(), "changes the network"),
    "a dict of its own": (Calls(lambda x: OrderedDict(a=x * 2)), "of type OrderedDict"),
    "an object": (Calls(lambda x: SimpleNamespace(a=x * 2)), "of type SimpleNamespace"),
    "a set": (Calls(lambda x: {x * 2}), "of type set"),
    "a place": (Calls(lambda x: (x * 2, int(np.array(x.numpy()).argmax()))), "another result"),
    "a shared array": (Calls(lambda x: fastnn.from_numpy(x.numpy().sum(out=SHARED))), "of its own"),
    "a hidden change": (Calls(lambda x: hidden(x * 2)), "not recorded"),
}


SHARED = np.zeros((), np.float32)


def hidden(x):
    values = np.asarray(x.numpy())
    values[values > 5] = 5
    values[0] = 7
    return x + 1


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused(name):
    model, words = REFUSED[name]
    frozen = fastnn.freeze(model.eval())
    for _ in range(2):
        with pytest.raises(FreezeError, match=words):
            for n in (3, 3, 50, 50):
                frozen(numbers(n))
                frozen(-numbers(n))
    assert name == "a mask" or frozen.inputs == 0
    assert fastnn.backend.kernels.__name__ == "fastnn._kernels"  # nothing is recorded any more
    agrees(nn.Linear(3, 2).eval(), numbers(5, 3))


def test_training_and_other_things_are_refused():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).eval()
    model[1].train()
    with pytest.raises(ValueError, match="'?1'? is in training mode; use .eval"):
        fastnn.freeze(model)
    with pytest.raises(TypeError, match="must be a Module, got function"):
        fastnn.freeze(lambda x: x)
    with pytest.raises(ValueError, match="expected"):
        fastnn.freeze(nn.Linear(3, 2).eval())(numbers(5, 4))


def test_symbols_beyond_the_table_are_refused_at_each_call():
    frozen = fastnn.freeze(models.CharRNN(20, 9, 12).eval())
    frozen(symbols(7, 2))
    for bad in (20, -1):
        with pytest.raises(IndexError):
            frozen(np.full((7, 2), bad))


TABLE = numbers(6, 2)


PICKS = {
    "row": lambda w, i: w[i],
    "rows and all": lambda w, i: w[i, :] * 2,
    "index_select": lambda w, i: w.index_select(0, i),
    "embedding": lambda w, i: fastnn.functional.embedding(i, w),
    "one hot": lambda w, i: fastnn.functional.one_hot(i, 6),
    "take along": lambda w, i: w[:, :1].gather(0, i.reshape(-1, 1)),
    "eye": lambda w, i: fastnn.eye(6)[i],
    "scatter": lambda w, i: fastnn.zeros(1, 6).scatter(1, i.reshape(1, -1), 1.0),
}


@pytest.mark.parametrize("name", PICKS)
@pytest.mark.parametrize("first", [[1], [2, 2], [0, 5]])
def test_indices_are_followed_or_refused(name, first):
    """One symbol, or the same one throughout, is no reason to take it for a constant."""
    weight = fastnn.from_numpy(TABLE)
    model = Calls(lambda i: PICKS[name](weight, i)).eval()
    frozen = fastnn.freeze(model)
    try:
        frozen(np.array(first))
    except FreezeError:
        assert name in ("index_select", "one hot", "take along", "scatter")
        return
    for value in range(6):
        i = np.full(len(first), value)
        same_bits(frozen(i), run(model, i))


def test_a_position_is_followed():
    class Placed(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions = nn.Parameter(fastnn.from_numpy(TABLE))

        def forward(self, x, i):
            return x + self.positions[i]

    model = Placed().eval()
    frozen = fastnn.freeze(model)
    x = numbers(1, 2)
    for value in (1, 4, 0):
        same_bits(frozen(x, np.array([value])), run(model, x, np.array([value])))


def test_masks_are_followed():
    model = Calls(lambda x, mask: fastnn.where(mask, x, x * 2)).eval()
    frozen = fastnn.freeze(model)
    x = numbers(4)
    for mask in ([0, 0, 0, 0], [1, 0, 1, 1], [1, 1, 1, 1]):
        mask = np.array(mask, bool)
        same_bits(frozen(x, mask), run(model, x, mask))


def test_other_arguments_are_told_apart():
    frozen = fastnn.freeze(Calls(lambda x, n: x * 2 if n is True else x * 3).eval())
    x = numbers(3)
    for n, factor in ((True, 2), (1, 3), (1.0, 3), (True, 2)):
        np.testing.assert_array_equal(frozen(x, n), x * np.float32(factor))
    signs = fastnn.freeze(Calls(lambda x, n: x * float(np.copysign(1, n))).eval())
    for n in (0.0, -0.0, 0.0):
        np.testing.assert_array_equal(signs(x, n), x * np.float32(np.copysign(1, n)))
    for bad in ({1, 2}, SimpleNamespace(x=1), object()):
        with pytest.raises(TypeError, match="an argument is of type"):
            frozen(x, bad)


def test_a_call_without_arrays_is_checked_too():
    constant = fastnn.freeze(Calls(lambda n: fastnn.ones(n)).eval())
    assert constant(2).tolist() == [1, 1] and constant(3).shape == (3,)
    with pytest.raises(FreezeError, match="random"):
        fastnn.freeze(Calls(lambda n: fastnn.randn(n)).eval())(2)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e38, 1e-40])
def test_first_inputs_may_be_extreme(value):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh()).eval()
    frozen = fastnn.freeze(model)
    for x in (np.array([[1, value, 2]], np.float32), numbers(1, 3), np.full((1, 3), value, "f4")):
        same_bits(frozen(x), run(model, x))


def test_inputs_that_must_fit_each_other():
    model = nn.EmbeddingBag(10, 3).eval()
    frozen = fastnn.freeze(model)
    tokens = np.arange(5)
    with pytest.raises(FreezeError, match="freeze"):
        frozen(tokens, np.array([0, 2, 3]))  # offsets decide what is done
    same_bits(frozen(tokens.reshape(1, 5)), run(model, tokens.reshape(1, 5)))


def test_many_axes():
    model = Calls(lambda x, y: x * 2).eval()
    frozen = fastnn.freeze(model)
    for _ in range(2):
        same_bits(
            frozen(numbers(3), numbers(*[1] * 40)), run(model, numbers(3), numbers(*[1] * 40))
        )
    with pytest.raises(ValueError, match="axes"):
        fastnn.freeze(Calls(lambda x: x * 2).eval())(numbers(*[1] * 40))


def recording():
    """A thread in the midst of recording a network, and the event that it waits for."""
    began, go_on = threading.Event(), threading.Event()

    def slow(x):
        began.set()
        go_on.wait(5)
        return x * 2

    frozen = fastnn.freeze(Calls(slow).eval())
    recorder = threading.Thread(target=frozen, args=(numbers(3),))
    recorder.start()
    began.wait(5)
    return recorder, go_on


def test_the_backend_may_be_switched_while_another_thread_records():
    names = []

    def switch():
        with fastnn.backend("reference"):
            names.append(fastnn.backend.name())
        names.append(fastnn.backend.name())

    recorder, go_on = recording()
    switcher = threading.Thread(target=switch)
    switcher.start()
    go_on.set()
    recorder.join()
    switcher.join()
    assert names == ["reference", "kernels"]
    assert fastnn.backend.kernels is fastnn._kernels


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_process_that_records_can_freeze():
    recorder, go_on = recording()
    child = os.fork()
    if child == 0:
        good = False
        try:
            other = fastnn.freeze(nn.Linear(3, 2).eval())
            with fastnn.backend("reference"):
                pass
            good = other(numbers(2, 3)).shape == (2, 2)
            good &= fastnn.backend.kernels is fastnn._kernels
        finally:
            os._exit(0 if good else 1)
    go_on.set()
    recorder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("char", "fd?Bil")
@pytest.mark.parametrize("shape", [(), (3, 4), (40, 64)])
def test_inputs_of_every_dtype(char, shape):
    model = Calls(lambda x: x.float().reshape(-1) / 255).eval()
    frozen = fastnn.freeze(model)
    for scale in (1, 3, 255):
        x = np.asarray(np.arange(np.prod(shape, dtype=int)).reshape(shape) * scale % 256).astype(
            char
        )
        same_bits(frozen(x), run(model, x))


@pytest.mark.parametrize("shape", [(3, 4), (40, 64)])
def test_scales_without_axes(shape):
    model = Calls(lambda x, s: (x * x.mean().sigmoid() * s, s * x - x.max())).eval()
    frozen = fastnn.freeze(model)
    for scale in (2.0, 0.5):
        same_bits(
            frozen(numbers(*shape), np.array(scale, np.float32)),
            run(model, numbers(*shape), np.array(scale, np.float32)),
        )
