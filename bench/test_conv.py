"""Convolution passes and pooling against PyTorch."""

import numpy as np
import pytest
from shapes import CONV

from fastnn import backend

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("layer", CONV, ids=lambda layer: layer[0])
@pytest.mark.parametrize("which", ["forward", "input", "weight"])
def test_conv2d(race, threads, layer, which):
    name, n, c_in, size, c_out, kernel, stride, padding = layer
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, c_in, size, size), dtype=np.float32)
    w = rng.standard_normal((c_out, c_in, kernel, kernel), dtype=np.float32)
    k = backend.kernels
    geometry = (stride, stride), (padding, padding), (1, 1), 1
    y = k.conv2d_forward(x, w, None, *geometry, None)
    tx, tw, ty = map(torch.from_numpy, (x, w, y))
    ours = {
        "forward": lambda: k.conv2d_forward(x, w, None, *geometry, None),
        "input": lambda: k.conv2d_backward_input(y, w, x.shape, *geometry),
        "weight": lambda: k.conv2d_backward_weight(y, x, w.shape[2:], *geometry),
    }[which]

    def torch_backward():
        mask = [which == "input", which == "weight", False]
        return torch.ops.aten.convolution_backward(
            ty, tx, tw, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask
        )

    def torch_forward():
        return torch.nn.functional.conv2d(tx, tw, None, stride, padding)

    contenders = {"fastnn": ours, "torch": torch_forward if which == "forward" else torch_backward}
    race(f"conv {which} {name}", threads, contenders, 2.0 * y.size * c_in * kernel * kernel)


@pytest.mark.parametrize("op", ["max_pool2d", "avg_pool2d"])
def test_pool(race, threads, op):
    import fastnn
    from fastnn import functional as F

    x = np.random.default_rng(0).standard_normal((64, 6, 28, 28), dtype=np.float32)
    ours, theirs = fastnn.from_numpy(x), torch.from_numpy(x)
    contenders = {
        "fastnn": lambda: getattr(F, op)(ours, 2),
        "torch": lambda: getattr(torch.nn.functional, op)(theirs, 2),
    }
    race(f"{op} 2x2 lenet", threads, contenders)
