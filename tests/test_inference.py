"""Sequential where nothing is recorded: kernels on arrays, with the layers' results and errors."""

import numpy as np
import pytest

import fastnn
from fastnn import nn


def nets():
    conv = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    yield [*conv, nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)]
    yield [nn.Conv2d(2, 4, 3, activation="relu"), nn.Sigmoid(), nn.MaxPool2d(3, 2, 1)]
    yield [nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 5)]
    yield [nn.Conv2d(2, 3, 3, padding_mode="circular"), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    yield [nn.Conv2d(2, 3, 2, padding="same"), nn.Flatten(2), nn.Linear(64, 2)]
    yield [nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.ReLU()), nn.Flatten()]
    yield [nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(2, 2, 3, stride=2), nn.Identity()]


def one_by_one(modules, x):
    for m in modules:
        x = m(x)
    return x


def input_of(dtype="float32"):
    rng = np.random.default_rng(0)
    return fastnn.from_numpy(rng.standard_normal((3, 2, 8, 8)).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("modules", list(nets()), ids=lambda net: type(net[-1]).__name__)
def test_same_as_the_layers(modules, dtype):
    model = nn.Sequential(*modules).eval()
    for p in model.parameters():
        p._data = p._data.astype(dtype)
    for _, b in model.named_buffers():
        if b._data.dtype.kind == "f":
            b._data = b._data.astype(dtype)
    with fastnn.no_grad():
        want = one_by_one(modules, input_of(dtype)).numpy()
        x = input_of(dtype)
        for _ in range(2):
            np.testing.assert_allclose(model(input_of(dtype)).numpy(), want, rtol=1e-5, atol=1e-6)
        with fastnn.backend("reference"):
            np.testing.assert_allclose(model(x).numpy(), want, rtol=1e-4, atol=1e-5)


def test_parameters_and_settings_are_looked_up_at_each_call():
    conv, linear = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(256, 3)
    model = nn.Sequential(conv, nn.ReLU(), nn.Flatten(), linear).eval()
    x = input_of()

    def check():
        with fastnn.no_grad():
            want = one_by_one(list(model), x).numpy()
            assert model(x).numpy().tobytes() == want.tobytes()
            return want

    first = check()
    conv.weight = nn.Conv2d(2, 4, 3).weight
    second = check()
    conv.bias = None
    third = check()
    conv.padding, conv.stride = (3, 3), (2, 2)  # 8 -> 6: another size for the dense layer
    with fastnn.no_grad(), pytest.raises(ValueError, match="linear"):
        model(x)
    assert not np.array_equal(first, second) and not np.array_equal(second, third)


@pytest.mark.parametrize("at", range(4))
def test_hooks_run_once(at):
    modules = [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)]
    model, calls = nn.Sequential(*modules).eval(), []
    with fastnn.no_grad():
        want = model(input_of()).numpy()
        handle = modules[at].register_forward_hook(lambda m, args, y: calls.append(m))
        assert model(input_of()).numpy().tobytes() == want.tobytes()
        assert calls == [modules[at]]
        handle.remove()
        assert model(input_of()).numpy().tobytes() == want.tobytes()
        assert len(calls) == 1


def test_a_layer_runs_once_where_a_later_one_cannot_be_lowered():
    class Counts(nn.Module):
        calls = 0

        def forward(self, x):
            Counts.calls += 1
            return x

    model = nn.Sequential(Counts(), nn.ReLU(inplace=True), nn.Flatten(2)).eval()
    with fastnn.no_grad():
        model(input_of())
    assert Counts.calls == 1


def test_dropout_still_drops_in_training():
    model = nn.Sequential(nn.Linear(8, 400), nn.Dropout(0.5))
    with fastnn.no_grad():
        y = model(input_of()).numpy()
    assert 0.3 < (y == 0).mean() < 0.7


def test_errors_have_the_layers_words():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    with fastnn.no_grad():
        with pytest.raises(ValueError, match="conv2d: input has 2 channels"):
            model(input_of())
        with pytest.raises(TypeError, match="int32"):
            model(fastnn.from_numpy(np.zeros((1, 3, 8, 8), np.int32)))


class Adds(nn.Module):
    def forward(self, x):
        x += 1
        return x


CHANGE = [
    lambda: [nn.ReLU(inplace=True), nn.MaxPool2d(2)],
    lambda: [nn.Dropout(0.5), nn.ReLU(inplace=True)],
    lambda: [nn.Sequential(nn.ReLU(inplace=True))],
    lambda: [nn.LeakyReLU(inplace=True)],
    lambda: [Adds()],
]


@pytest.mark.parametrize("make", CHANGE)
def test_the_tape_sees_what_changes_in_place(make):
    x = fastnn.randn(1, 1, 4, 4, requires_grad=True)
    h = x * 1
    z = (h * h).sum()
    with fastnn.no_grad():
        nn.Sequential(*make()).eval()(h)
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


@pytest.mark.parametrize("layer", [nn.Flatten(), nn.Dropout(0.5)])
def test_the_tape_sees_changes_of_what_shares_memory(layer):
    x = fastnn.randn(2, 3, requires_grad=True)
    h = x * 1
    z = (h * h).sum()
    with fastnn.no_grad():
        y = nn.Sequential(layer).eval()(h)
        y += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_an_empty_sequential_and_dropout_return_their_input():
    x = input_of()
    with fastnn.no_grad():
        assert nn.Sequential()(x) is x


class Counts(nn.Module):
    def __init__(self, result):
        super().__init__()
        self.result, self.calls = result, 0

    def forward(self, x):
        self.calls += 1
        if self.result is None:
            raise KeyError("no")
        return self.result


@pytest.mark.parametrize("result", [None, (1, 2), {"y": 3}])
def test_a_step_runs_once_whatever_it_gives(result):
    counts = Counts(result)
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.Identity(), counts)))
    with fastnn.no_grad():
        if result is None:
            with pytest.raises(KeyError):
                model(input_of())
        else:
            assert model(input_of()) is result
    assert counts.calls == 1


def test_recording_can_be_switched_on_inside():
    class Records(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(fastnn.ones(1))

        def forward(self, x):
            with fastnn.enable_grad():
                return x * self.p

    with fastnn.no_grad():
        assert nn.Sequential(Records())(input_of()).requires_grad


def test_inplace_may_be_set_later():
    relu = nn.ReLU()
    model = nn.Sequential(relu, nn.MaxPool2d(2)).eval()
    with fastnn.no_grad():
        model(input_of())
        relu.inplace = True
        x = input_of()
        model(x)
    assert x.numpy().min() == 0


def test_an_empty_image_is_refused_with_and_without_recording():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, padding=1))
    for switch in (fastnn.no_grad, fastnn.enable_grad):
        with switch(), pytest.raises(ValueError, match="axis of size 0"):
            model(fastnn.zeros(1, 1, 0, 3))
