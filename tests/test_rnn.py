"""Recurrent layers: what does not need PyTorch to be known."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn


def sequence(*shape):
    return fastnn.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_padding_does_not_matter(make):
    """What stands behind a row's end, be it NaN, reaches neither outputs nor gradients."""
    fastnn.manual_seed(0)
    layer = make(3, 5, bidirectional=True)
    lengths = [2, 4, 1]
    x = sequence(4, 3, 3)
    results = []
    for fill in (0.0, np.nan):
        a = x.numpy().copy()
        for n, length in enumerate(lengths):
            a[length:, n] = fill
        t = fastnn.tensor(a, requires_grad=True)
        layer.zero_grad()
        output, _ = layer(t, lengths=lengths)
        output.sum().backward()
        grads = [t.grad, *(p.grad for p in layer.parameters())]
        results.append([output.detach().numpy(), *(g.numpy() for g in grads)])
    for clean, dirty in zip(*results, strict=True):
        assert np.isfinite(dirty).all() and clean.tobytes() == dirty.tobytes()
    for n, length in enumerate(lengths):
        assert not results[0][0][length:, n].any() and not results[0][1][length:, n].any()


@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_pieces_make_the_whole(make):
    """States handed on from piece to piece give the whole sequence's output, to the bit."""
    layer = make(4, 6, num_layers=2)
    x = sequence(9, 2, 4)
    whole, last = layer(x)
    state, parts = None, []
    for first in range(0, 9, 3):
        part, state = layer(x[first : first + 3], state)
        parts.append(part.detach().numpy())
    assert np.concatenate(parts).tobytes() == whole.detach().numpy().tobytes()
    pairs = zip(state, last, strict=True) if isinstance(last, tuple) else [(state, last)]
    assert all(np.array_equal(a.detach().numpy(), b.detach().numpy()) for a, b in pairs)


def test_gru_has_three_quarters_of_the_parameters():
    counts = {sum(p.numel() for p in m.parameters()) for m in (nn.LSTM(3, 4), nn.LSTM(3, 4))}
    gru = sum(p.numel() for p in nn.GRU(3, 4).parameters())
    assert {4 * gru} == {3 * n for n in counts}


def test_forget_bias():
    layer = nn.LSTM(3, 4, num_layers=2, bidirectional=True, forget_bias=1.0)
    parameters = dict(layer.named_parameters())
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        a = parameters[f"bias_ih_{suffix}"].detach().numpy()
        b = parameters[f"bias_hh_{suffix}"].detach().numpy()
        total = a + b
        assert (total[4:8] == 1).all() and (np.abs(total[:4]) < 1).all()
    with pytest.raises(ValueError, match="forget_bias needs bias=True"):
        nn.LSTM(3, 4, bias=False, forget_bias=1.0)


def test_dropout_between_layers_only():
    fastnn.manual_seed(0)
    one, two = nn.GRU(3, 8, dropout=0.5), nn.GRU(3, 8, num_layers=2, dropout=0.5)
    x = sequence(5, 2, 3)
    assert np.array_equal(one(x)[0].detach().numpy(), one(x)[0].detach().numpy())
    assert not np.array_equal(two(x)[0].detach().numpy(), two(x)[0].detach().numpy())
    two.eval()
    assert np.array_equal(two(x)[0].detach().numpy(), two(x)[0].detach().numpy())


@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_recording_changes_nothing(make):
    layer, x = make(5, 20, bidirectional=True), sequence(7, 3, 5)
    recorded = layer(x, lengths=[7, 2, 3])[0].detach().numpy()
    with fastnn.no_grad():
        assert layer(x, lengths=[7, 2, 3])[0].numpy().tobytes() == recorded.tobytes()


@pytest.mark.parametrize("backend", ["kernels", "reference"])
@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_mixed_dtypes_are_refused_where_nothing_is_recorded(make, backend):
    x, h = sequence(5, 2, 3), fastnn.zeros(2, 2, 4, dtype="float64")
    hx = (h, h) if make is nn.LSTM else h
    with fastnn.backend(backend), fastnn.no_grad():
        with pytest.raises(TypeError, match="h0 has dtype float64, but input has dtype float32"):
            make(3, 4, 2)(x, hx)
        with pytest.raises(TypeError, match="weight_ih has dtype float64"):
            make(3, 4, 2).double()(x)


LAYER = nn.LSTM(3, 4)
BAD = [
    (lambda: nn.LSTM(3, 0), "hidden_size is 0"),
    (lambda: nn.LSTM(3, 4, proj_size=4), "proj_size is 4"),
    (lambda: nn.RNN(3, 4, nonlinearity="elu"), "nonlinearity is 'elu'"),
    (lambda: nn.GRU(3, 4, dropout=2.0), "dropout"),
    (lambda: LAYER(sequence(5, 2, 4)), r"input has shape \(5, 2, 4\).*I = 3"),
    (lambda: LAYER(sequence(0, 2, 3)), "no steps"),
    (lambda: LAYER(sequence(5, 2, 3), lengths=[5]), "expected 2 integers"),
    (lambda: LAYER(sequence(5, 2, 3), lengths=[5, 6]), r"lengths\[1\] is 6"),
    (lambda: LAYER(sequence(5, 2, 3), lengths=[0, 5]), r"lengths\[0\] is 0"),
    (lambda: LAYER(sequence(5, 3), lengths=[5]), "lengths are for a batch"),
    (lambda: LAYER(sequence(5, 2, 3), (sequence(1, 2, 3),) * 2), r"h_0 has shape \(1, 2, 3\)"),
    (lambda: nn.LSTMCell(3, 4)(sequence(2, 5)), r"expected \(N, 3\)"),
    (lambda: nn.GRUCell(3, 4)(sequence(2, 3), sequence(1, 4)), r"hx has shape \(1, 4\)"),
    (lambda: F.recurrent_layer(sequence(2, 1, 3), None, None, [], "GRU"), "0 directions"),
    (lambda: F.recurrent_layer(sequence(2, 1, 3), None, None, [], "ABC"), "mode is 'ABC'"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("weights", "mode", "error", "message"),
    [
        (None, "GRU", TypeError, "weights must be a sequence of directions, got NoneType"),
        (
            [None],
            "GRU",
            TypeError,
            "a direction of weights must be a sequence of weight_ih, .*None",
        ),
        ([[]], "GRU", ValueError, "a direction has 0 weights, expected weight_ih"),
        (sequence(1, 5), "GRU", TypeError, "weights must be a sequence of directions, got Tensor"),
        (
            iter(()),
            "GRU",
            TypeError,
            "weights must be a sequence of directions, got tuple_iterator",
        ),
        ([], ["GRU"], TypeError, "mode must be a str, got list"),
        ([], None, TypeError, "mode must be a str, got NoneType"),
    ],
)
def test_what_is_no_list_of_weights_and_no_mode(weights, mode, error, message):
    with pytest.raises(error, match="recurrent_layer: " + message):
        F.recurrent_layer(sequence(2, 1, 3), None, None, weights, mode)


def test_bad_types():
    with pytest.raises(TypeError, match="hx must be a pair"):
        LAYER(sequence(5, 2, 3), sequence(1, 2, 4))
    with pytest.raises(TypeError, match="float64"):
        LAYER(sequence(5, 2, 3).double())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_many_rows_step_by_step(kind, batch_first):
    """From 64 rows on the products with x are the steps' own, and without a gradient the gates of
    all steps share one place: the same bits as those of a few rows, and as with a gradient."""
    fastnn.manual_seed(0)
    layer = getattr(nn, kind)(9, 16, bidirectional=True, batch_first=batch_first)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((70, 6, 9), dtype=np.float32)
    lengths = rng.integers(1, 7, 70)

    def run(rows):
        part = x[rows] if batch_first else x[rows].transpose(1, 0, 2)
        y, h = layer(fastnn.from_numpy(part.copy()), lengths=lengths[rows])
        y = y.detach().numpy()
        h = h[0] if kind == "LSTM" else h
        return y if batch_first else y.transpose(1, 0, 2), h.detach().numpy()

    want, want_h = run(slice(70))
    assert want.std() > 0
    with fastnn.no_grad():
        for rows in (slice(70), slice(2, 67), slice(5)):
            y, h = run(rows)
            assert np.array_equal(y, want[rows]) and np.array_equal(h, want_h[:, rows])


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("make", [nn.RNN, nn.GRU, nn.LSTM])
def test_layers_in_one_call_are_the_layers_one_by_one(make, directions, given, monkeypatch):
    """Where nothing is recorded a stack is one kernel: the same bits, output and states."""
    fastnn.manual_seed(0)
    layer = make(3, 5, num_layers=3, bidirectional=directions == 2)
    x, state = sequence(4, 2, 3), None
    if given:
        h = sequence(3 * directions, 2, 5)
        state = (h, h * 0.5) if make is nn.LSTM else h
    output, last = layer(x, state)
    expected = [output, *(last if make is nn.LSTM else (last,))]

    def one_by_one(*args, **options):
        raise AssertionError("the layers ran one by one")

    monkeypatch.setattr(F, "recurrent_layer", one_by_one)
    with fastnn.no_grad():
        output, last = layer(x, state)
    found = [output, *(last if make is nn.LSTM else (last,))]
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.numpy().tobytes() == b.detach().numpy().tobytes()
    with pytest.raises(AssertionError, match="one by one"):
        layer(x, state)
