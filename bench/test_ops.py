"""Convolution passes and pooling, each timed alone, against PyTorch, JAX and TensorFlow."""

import pytest

from fastnn._bench.op_cases import CONV, POOL, Pool
from fastnn._bench.ops import contenders

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


def bar(op):
    """Ratio to the best peer that we want to reach."""
    if isinstance(op, Pool) or op.which == "bwd_weight":
        return 0.95
    return 1.3 if op.r == 3 and op.groups == 1 else 1.0


@pytest.mark.parametrize("op", [*CONV, *POOL], ids=lambda op: op.name.replace(" ", "_"))
def test_op(race, threads, peers, op):
    race(op.name, threads, lambda: contenders(op, peers, threads), op.flops, bar=bar(op))
