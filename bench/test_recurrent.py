"""Recurrent layers against themselves: rows of various lengths, GRU next to LSTM."""

import numpy as np
import pytest

import fastnn
from fastnn._bench.rnn_cases import RECURRENT, step

LENGTHS, GRU = 1 / 1.1, 1.0  # bars: padded / with lengths, an LSTM's time / a GRU's


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("backward", [False, True], ids=["fwd", "fwd+bwd"])
def test_cost_of_lengths(race, threads, kind, backward):
    """The same layer, all rows as long as the array, and of lengths from T / 2 to T."""
    T, N, I, H = 64, 32, 256, 256  # noqa: E741
    rng = np.random.default_rng(0)
    layer = getattr(fastnn.nn, kind)(I, H)
    x, dy = (fastnn.tensor(rng.standard_normal((T, N, n), np.float32)) for n in (I, H))
    lengths = fastnn.tensor(rng.integers(T // 2, T + 1, N))
    x.requires_grad_()

    def call(**options):
        if not backward:
            with fastnn.no_grad():
                layer(x, **options)
            return
        x.grad = None
        layer.zero_grad()
        layer(x, **options)[0].backward(dy)

    contenders = {"padded": call, "fastnn": lambda: call(lengths=lengths)}
    race(
        f"{kind} with lengths {'fwd+bwd' if backward else 'fwd'}", threads, contenders, bar=LENGTHS
    )


@pytest.mark.parametrize(
    "op", [op for op in RECURRENT if op.kind == "gru"], ids=lambda op: op.name.replace(" ", "_")
)
def test_gru_is_faster_than_lstm(race, threads, op):
    lstm = next(o for o in RECURRENT if o.kind == "lstm" and o.name[4:] == op.name[3:])
    contenders = {"lstm": step(lstm, fastnn), "fastnn": step(op, fastnn)}
    race(f"{op.name} against LSTM", threads, contenders, bar=GRU)
