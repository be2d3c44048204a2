"""Inference against PyTorch, ONNX Runtime and OpenVINO."""

import pytest

from fastnn._bench.infer_cases import INFER, flops, inference

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


# To the best peer; that of LeNet-5 is ONNX Runtime or OpenVINO, of PyTorch's time it is 1/3.
BARS = {"I2": 0.9, "I3": 1.0, "I4": 1.0, "I7": 0.9, "I8": 1.1}


@pytest.mark.parametrize("case", INFER)
def test_infer(race, threads, peers, case):
    race(
        case,
        threads,
        lambda: inference(case, peers, threads),
        flops(case),
        bar=BARS[case.split()[0]],
    )
