"""Convolution passes and pooling, each timed alone, against PyTorch, JAX and TensorFlow."""

import pytest

from fastnn._bench.op_cases import CONV, POOL
from fastnn._bench.ops import contenders

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


@pytest.mark.parametrize("op", [*CONV, *POOL], ids=lambda op: op.name.replace(" ", "_"))
def test_op(race, threads, peers, op):
    race(op.name, threads, lambda: contenders(op, peers, threads), op.flops, bar=1.0)
