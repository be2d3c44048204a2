"""Recurrent layers and cells against PyTorch's: outputs, states, all gradients, packed lengths."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import (  # noqa: E402
    backward,
    close,
    compare_parameters,
    random_array,
    same_parameters,
)

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")

KINDS = ("tanh", "relu", "LSTM", "GRU")


def pair(kind, *sizes, dtype, **options):
    """The same layer here and there."""
    name = kind if kind in ("LSTM", "GRU") else "RNN"
    if name == "RNN":
        options["nonlinearity"] = kind
    return same_parameters(
        getattr(nn, name)(*sizes, **options), getattr(torch.nn, name)(*sizes, **options), dtype
    )


def both(a):
    ours, theirs = fastnn.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    return ours, theirs


def states(rng, kind, layers, n, hidden, proj, dtype):
    """(hx here, hx there, leaves) with gradients."""
    h = both(random_array(rng, (layers, n, proj or hidden), dtype))
    if kind != "LSTM":
        return h[0], h[1], [h]
    c = both(random_array(rng, (layers, n, hidden), dtype))
    return (h[0], c[0]), (h[1], c[1]), [h, c]


def flattened(result):
    output, state = result
    return [output, *(state if isinstance(state, tuple) else [state])]


COMBINATIONS = list(
    itertools.product(KINDS, (1, 2), (False, True), (False, True), (False, True), (0, 1, 2))
)

RECURRENT = {"RNN", "LSTM", "GRU", "RNNBase", "RNNCell", "LSTMCell", "GRUCell"}


@pytest.mark.parametrize("with_states", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_combination(kind, with_states):
    """Layers, directions, bias, batch_first, lengths (none, sorted, unsorted), states."""
    for i, combination in enumerate(COMBINATIONS):
        if combination[0] != kind:
            continue
        _, layers, bidirectional, bias, batch_first, ragged = combination
        rng = np.random.default_rng([i, with_states])
        steps, n, n_in, hidden = (int(rng.integers(1, k)) for k in (8, 6, 9, 19))
        dtype = "float64" if i % 3 == 2 else "float32"
        options = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
        proj = 1 + i % (hidden - 1) if kind == "LSTM" and i % 5 == 1 and hidden > 1 else 0
        if proj:
            options["proj_size"] = proj
        ours, theirs = pair(kind, n_in, hidden, batch_first=batch_first, dtype=dtype, **options)
        x = both(random_array(rng, (n, steps, n_in) if batch_first else (steps, n, n_in), dtype))
        hx = hy = None
        leaves = [x]
        if with_states:
            depth = layers * (1 + bidirectional)
            hx, hy, more = states(rng, kind, depth, n, hidden, proj, dtype)
            leaves += more
        lengths, y = None, x[1]
        if ragged:
            lengths = rng.integers(1, steps + 1, n)
            lengths = np.sort(lengths)[::-1].copy() if ragged == 1 else lengths
            y = torch.nn.utils.rnn.pack_padded_sequence(
                y, torch.tensor(lengths), batch_first, enforce_sorted=ragged == 1
            )
        got, want = ours(x[0], hx, lengths=lengths), theirs(y, hy)
        if ragged:
            unpacked = torch.nn.utils.rnn.pad_packed_sequence(
                want[0], batch_first, total_length=steps
            )
            want = (unpacked[0], want[1])
        backward(flattened(got), flattened(want), seed=i)
        for a, b in leaves:
            close(a.grad, b.grad, f"{combination} gradient")
        compare_parameters(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unbatched(kind, dtype):
    rng = np.random.default_rng(3)
    ours, theirs = pair(kind, 5, 7, num_layers=2, bidirectional=True, dtype=dtype)
    x = both(random_array(rng, (6, 5), dtype))
    hx, hy, leaves = states(rng, kind, 4, 1, 7, 0, dtype)
    squeezed = [tuple(s[:, 0] for s in h) if isinstance(h, tuple) else h[:, 0] for h in (hx, hy)]
    backward(flattened(ours(x[0], squeezed[0])), flattened(theirs(x[1], squeezed[1])))
    for a, b in [x, *leaves]:
        close(a.grad, b.grad, "gradient")


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cells(name, dtype):
    rng = np.random.default_rng(5)
    for i, (bias, batched, given) in enumerate(itertools.product((True, False), repeat=3)):
        options = {"bias": bias}
        if name == "RNNCell":
            options["nonlinearity"] = ("tanh", "relu")[i % 2]
        ours, theirs = same_parameters(
            getattr(nn, name)(6, 9, **options), getattr(torch.nn, name)(6, 9, **options), dtype
        )
        x = both(random_array(rng, (4, 6) if batched else (6,), dtype))
        shape = (4, 9) if batched else (9,)
        h, c = both(random_array(rng, shape, dtype)), both(random_array(rng, shape, dtype))
        hx, hy = ((h[0], c[0]), (h[1], c[1])) if name == "LSTMCell" else (h[0], h[1])
        backward(ours(x[0], hx if given else None), theirs(x[1], hy if given else None))
        close(x[0].grad, x[1].grad, "gradient of x")
        compare_parameters(ours, theirs)


def test_long_lstm():
    """500 steps: the float32 kernel's gradients within 1e-4 of the largest one of float64."""
    fastnn.manual_seed(1)
    layer = nn.LSTM(12, 24)
    x = np.random.default_rng(0).standard_normal((500, 3, 12))
    weights = np.random.default_rng(1).standard_normal((500, 3, 24))
    grads = {}
    for dtype in ("float32", "float64"):
        layer.to(dtype)
        layer.zero_grad()
        t = fastnn.tensor(x.astype(dtype), requires_grad=True)
        output, _ = layer(t)
        output.backward(fastnn.tensor(weights.astype(dtype)))
        grads[dtype] = [t.grad.numpy(), *(p.grad.numpy() for p in layer.parameters())]
    for a, b in zip(grads["float32"], grads["float64"], strict=True):
        assert np.abs(a - b).max() <= 1e-4 * np.abs(b).max()


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(
    "settings", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=str
)
def test_state_dicts_go_both_ways(name, settings):
    fastnn.manual_seed(0)
    ours, theirs = (getattr(lib, name)(5, 7, **settings) for lib in (nn, torch.nn))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = np.random.default_rng(0).standard_normal((6, 3, 5)).astype(np.float32)

    def outputs():
        return ours(fastnn.tensor(x))[0].detach().numpy(), theirs(torch.tensor(x))[0].detach()

    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    np.testing.assert_allclose(*outputs(), atol=1e-6)
    torch.manual_seed(1)
    theirs = getattr(torch.nn, name)(5, 7, **settings)
    assert not np.allclose(*outputs(), atol=1e-3)
    ours.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(*outputs(), atol=1e-6)
