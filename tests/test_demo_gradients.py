"""What the rows on activations and back-propagation must keep an eye on."""

import importlib
import inspect

import numpy as np
import pytest

import fastnn
from fastnn import demos, functional, nn
from fastnn.demos import activation_properties, back_propagation, step

FAMILIES = ("activation", "gate", "rectifier", "threshold")
WITHOUT_A_CURVE = {"GLU", "Softmax", "LogSoftmax", "Softmin", "Softmax2d", "InPlace"}


def measured(row):
    return {figure.name: figure for figure in row.run(quick=True).figures}


def test_every_elementwise_activation_is_measured():
    modules = [importlib.import_module(f"fastnn.nn.{name}") for name in FAMILIES]
    classes = {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and name[0] != "_"
    }
    there = {type(make()).__name__ for make, _ in activation_properties._KINKS.values()}
    assert there == classes - WITHOUT_A_CURVE


relu = functional.relu
KINKS = "with other kinks than the formula's"
JUMPS = "jumping or not, unlike the formula"
MONOTONE = "monotone or not, unlike the formula"


@pytest.mark.parametrize(
    "function, missed",
    [
        (lambda x: relu(x) + relu(x - 2), KINKS),
        (lambda x: relu(x) + functional.step(x, "triangle"), JUMPS),
        (lambda x: -relu(x), MONOTONE),
        (lambda x: 2 * relu(x), "largest slope (SELU)"),
    ],
)
def test_a_wrong_activation_is_found(function, missed, monkeypatch):
    class Wrong(nn.Module):
        def forward(self, x):
            return function(x)

    table = activation_properties._KINKS
    monkeypatch.setitem(table, "ReLU", (Wrong, table["ReLU"][1]))
    assert not measured(demos.find("24"))[missed].passed


def test_a_wrong_backward_is_found(monkeypatch):
    """A layer whose gradient is a thousandth too large: of activations, of any layer."""

    class Off(fastnn.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, dy):
            return dy * 1.001

    class Wrong(nn.Module):
        def forward(self, x):
            return functional.tanh(Off.apply(x))

    monkeypatch.setitem(activation_properties._KINKS, "Tanh", (Wrong, ()))
    assert not measured(demos.find("24"))["slope against differences, float64"].passed
    layers = back_propagation._layers
    monkeypatch.setattr(
        back_propagation,
        "_layers",
        lambda rng: {**layers(rng), "Tanh": (Wrong(), layers(rng)["Tanh"][1])},
    )
    assert not measured(demos.find("38"))["layers: largest difference"].passed


def test_differences_leave_the_values_as_they_were():
    a = np.array([[1.0, -2.0], [0.5, 3.0]])
    kept = a.copy()
    found = back_propagation._differences(lambda: (fastnn.from_numpy(a) ** 2).sum(), a, 1e-5)
    np.testing.assert_allclose(found, 2 * kept, rtol=1e-8)
    assert np.array_equal(a, kept)


def test_units_left_as_drawn_are_left_as_drawn():
    x, y = fastnn.datasets.moons(60, noise=0.1, generator=fastnn.Generator(0))
    split = fastnn.datasets.Split(x, y, x, y)
    fastnn.manual_seed(3)
    before = nn.Linear(2, step._UNITS).weight.detach().numpy().copy()
    drawn, trained = (step._train(split, 3, hidden=hidden)[0] for hidden in (False, True))
    assert np.array_equal(drawn[0].weight.detach().numpy(), before)
    assert not np.array_equal(trained[0].weight.detach().numpy(), before)
