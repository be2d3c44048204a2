"""Kernels with packed weights: the bits of those without."""

import pytest
from frozen_cases import same_bits, shuffled
from test_models_reference import numbers

import fastnn

CONVOLUTIONS = {  # channels, filters, size, kernel, stride, padding, groups
    "few tiles": (24, 40, 7, 3, 1, 1, 1),
    "tiles kept": (16, 130, 13, 3, 1, 1, 1),
    "kernels kept": (40, 24, 20, 3, 1, 1, 1),
    "two groups": (34, 36, 9, 3, 1, 1, 2),
    "strided": (24, 70, 15, 3, 2, 1, 1),
    "one pixel": (40, 24, 9, 1, 2, 0, 1),
    "direct": (3, 8, 40, 5, 1, 2, 1),
    "many pixels": (40, 24, 70, 1, 1, 0, 1),
    "each plane": (20, 20, 9, 3, 1, 1, 20),
    "dense": (6, 20, 5, 5, 1, 0, 1),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_prepared_convolutions_have_the_bits_of_others(name, n_threads):
    channels, filters, size, kernel, stride, padding, groups = CONVOLUTIONS[name]
    k = fastnn.backend.kernels
    weight, bias = numbers(filters, channels // groups, kernel, kernel), numbers(filters)
    settings = ((stride, stride), (padding, padding), (1, 1), groups)
    with fastnn.threads(n_threads):
        for act in (None, "relu", "tanh"):
            run = k.conv2d_prepared(weight, bias, *settings, act)
            for n in (1, 3, 0):
                x = numbers(n, channels, size, size)
                y = k.conv2d_forward(x, weight, bias, *settings, act)
                same_bits(run(x), y)
                if act is None:
                    more = shuffled(y)
                    theirs = k.conv2d_add_relu_forward(x, weight, bias, more, *settings)
                    same_bits(run(x, more), theirs)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_one_prepared_convolution_serves_all_sizes(kernel):
    """Sizes of which Winograd's algorithm takes some, and others by pixels or by channels."""
    k = fastnn.backend.kernels
    weight, settings = numbers(24, 32, kernel, kernel), ((1, 1), (0, 0), (1, 1), 1, None)
    more = max(0, kernel - 3)  # for the smallest to have an output
    run = k.conv2d_prepared(weight, None, *settings)
    for h, w in ((9, 9), (3, 3), (48, 48), (3, 40), (4, 3), (9, 9), (3, 3), (48, 48)):
        x = numbers(2, 32, h + more, w + more)
        same_bits(run(x), k.conv2d_forward(x, weight, None, *settings))


@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_prepared_convolutions_refuse_what_does_not_fit(backend):
    k = fastnn.reference if backend == "reference" else fastnn.backend.kernels
    weight, settings = numbers(5, 16, 3, 3), ((1, 1), (1, 1), (1, 1), 1)
    run = k.conv2d_prepared(weight, None, *settings, None)
    with pytest.raises(ValueError, match="channels"):
        run(numbers(1, 15, 9, 9))
    with pytest.raises(ValueError):
        run(numbers(1, 16, 9, 9), numbers(1, 5, 9, 8))
    relu = k.conv2d_prepared(weight, None, *settings, "relu")
    with pytest.raises(ValueError, match="exclude each other"):
        relu(numbers(1, 16, 9, 9), numbers(1, 5, 9, 9))
    with pytest.raises(ValueError):
        k.conv2d_prepared(weight, numbers(4), *settings, None)(numbers(1, 16, 9, 9))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_prepared_dense_layers_have_the_bits_of_others(n_threads):
    k = fastnn.backend.kernels
    with fastnn.threads(n_threads):
        for units, features in ((1, 1), (10, 84), (120, 400), (1030, 300), (33, 0)):
            weight, bias = numbers(units, features), numbers(units)
            for act in (None, "relu", "tanh", "sigmoid"):
                run = k.linear_prepared(weight, bias, act)
                for n in (1, 2, 3, 17, 200, 0):
                    x = numbers(n, features)
                    same_bits(run(x), k.linear_forward(x, weight, bias, act))
    with pytest.raises(ValueError, match="features"):
        k.linear_prepared(weight, None, None)(numbers(2, 1))


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("mode", ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"])
def test_prepared_recurrent_layers_have_the_bits_of_others(mode, n_threads):
    k = fastnn.backend.kernels
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)

    def weights(features, units, outputs, directions, bias):
        rows = gates * units
        more = [numbers(rows), numbers(rows)] if bias else [None, None]
        project = None if outputs == units else numbers(outputs, units)
        shapes = (rows, features), (rows, outputs)
        return [[*[numbers(*s) * 0.1 for s in shapes], *more, project] for _ in range(directions)]

    cases = [(20, 30, 30, 1, True), (300, 256, 256, 1, True), (7, 9, 9, 2, False)]
    if mode == "LSTM":
        cases.append((8, 20, 6, 1, True))
    with fastnn.threads(n_threads):
        for features, units, outputs, directions, bias in cases:
            below = weights(features, units, outputs, directions, bias)
            layers = [below, weights(outputs * directions, units, outputs, directions, bias)]
            for batch_first in (False, True):
                run = k.recurrent_prepared(mode, layers, batch_first)
                for n_steps, rows in ((1, 1), (1, 5), (6, 1), (5, 3), (2, 70)):
                    shape = (rows, n_steps) if batch_first else (n_steps, rows)
                    x = numbers(*shape, features)
                    h = numbers(2 * directions, rows, outputs)
                    c = numbers(2 * directions, rows, units) if mode == "LSTM" else None
                    for states in ((None, None), (h, c)):
                        theirs = k.recurrent_stack(mode, x, *states, layers, batch_first)
                        for a, b in zip(run(x, *states), theirs, strict=True):
                            assert (a is None) == (b is None)
                            if a is not None:
                                same_bits(a, b)


def test_lists_of_weights_may_change_afterwards():
    k = fastnn.backend.kernels
    weights = [numbers(12, 3), numbers(12, 4), None, None, None]
    layers = [[list(weights)]]
    run = k.recurrent_prepared("GRU", layers, False)
    x = numbers(2, 1, 3)
    y = run(x)[0]
    layers[0].append(list(weights))
    layers[0][0][1] = numbers(120, 40)
    same_bits(run(x)[0], y)
