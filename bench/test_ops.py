"""Convolution passes, pooling and recurrent layers, each timed alone, against PyTorch, JAX and
TensorFlow."""

import pytest

from fastnn._bench.op_cases import CONV, POOL, Pool
from fastnn._bench.ops import contenders
from fastnn._bench.rnn_cases import RECURRENT, Recurrent

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


def bar(op):
    """Ratio to the best peer that we want to reach."""
    if isinstance(op, Recurrent):
        return 2.0 if op.N == 1 else 1.0 if op.kind == "lstm" else 1.5
    if isinstance(op, Pool) or op.which == "bwd_weight":
        return 0.95
    return 1.3 if op.r == 3 and op.groups == 1 else 1.0


@pytest.mark.parametrize("op", [*CONV, *POOL, *RECURRENT], ids=lambda op: op.name.replace(" ", "_"))
def test_op(race, threads, peers, op):
    race(op.name, threads, lambda: contenders(op, peers, threads), op.flops, bar=bar(op))
