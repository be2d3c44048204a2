"""Inference against PyTorch, ONNX Runtime and OpenVINO."""

import pytest

from fastnn._bench.infer_cases import INFER, flops, inference

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


# LeNet-5's by peer: 3 to PyTorch in each form, 0.9 to the runtimes; the others' to the best peer.
LENET = {"torch": 3.0, "onnxruntime": 0.9, "openvino": 0.9}
TOKEN = {"torch": 4.0, "onnxruntime": 1.2}
BARS = {
    **{"I2": LENET, "I3": 1.0, "I4": 1.0, "I5": TOKEN},
    **{"I6": {"onnxruntime": 1.2}, "I7": LENET, "I8": 1.1},
}


@pytest.mark.parametrize("case", INFER)
def test_infer(race, threads, peers, case):
    race(
        case,
        threads,
        lambda: inference(case, peers, threads),
        flops(case),
        bar=BARS[case.split()[0]],
    )
