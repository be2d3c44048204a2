"""Inference against PyTorch, ONNX Runtime and OpenVINO."""

import pytest

from fastnn._bench.infer_cases import INFER, flops, inference

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


@pytest.mark.parametrize("case", INFER)
def test_infer(race, threads, peers, case):
    race(case, threads, lambda: inference(case, peers, threads), flops(case), bar=1.0)
