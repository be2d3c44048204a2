"""The less usual arguments and words of tensor operations, against PyTorch's."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare  # noqa: E402

CALLS = {
    "add alpha": (lambda lib, a, b: lib.add(a, b, alpha=-0.3), (3, 4), (4,)),
    "sub alpha": (lambda lib, a, b: a.sub(b, alpha=2) + lib.sub(a, 2, alpha=3), (3, 4), (3, 1)),
    "add_ alpha": (lambda lib, a, b: (a * 1).add_(b, alpha=-0.1), (3, 4), (3, 4)),
    "sub_ alpha": (lambda lib, a, b: (a * 1).sub_(b, alpha=3), (3, 4), (3, 4)),
    "mul, div, neg": (lambda lib, a, b: lib.neg(lib.div(lib.mul(a, b), 3)), (3, 4), (4,)),
    "max of two": (lambda lib, a, b: lib.max(a, b), (3, 4), (4,)),
    "min of two": (lambda lib, a, b: a.min(b), (3, 4), (3, 4)),
    "where numbers": (lambda lib, a: a * lib.where(a > 0, 1.5, 0), (3, 4)),
    "var unbiased": (lambda lib, a: a.var(0, unbiased=False), (3, 4)),
    "std unbiased": (lambda lib, a: lib.std(a, (0, 1), unbiased=True, keepdim=True), (3, 4)),
    "sum dtype": (lambda lib, a: a.sum(1, dtype=lib.float64), (3, 4)),
    "mean dtype": (lambda lib, a: lib.mean(a, dtype=lib.float64), (3, 4)),
    "softmax dtype": (lambda lib, a: a.softmax(-1, dtype=lib.float64), (3, 4)),
    "log_softmax dtype": (lambda lib, a: lib.log_softmax(a, 0, dtype=lib.float64), (3, 4)),
    "to dtype": (lambda lib, a: a.to(dtype=lib.float64), (3,)),
    "to device": (lambda lib, a: a.to(device="cpu") * 2, (3,)),
    "to device and dtype": (lambda lib, a: a.to("cpu", lib.float64), (3,)),
    "t": (lambda lib, a, b: a.t() * b.t(), (3, 4), (3,)),
    "clip": (lambda lib, a: lib.clip(a, -0.5, 0.5) + a.clip(min=0.1), (3, 7)),
    "addcmul_": (lambda lib, a, b: (a * 1).addcmul_(a, b, value=0.5), (3, 4), (3, 4)),
    "addcdiv_": (lambda lib, a, b: (a * 1).addcdiv_(a, b * b + 1, value=-2), (3, 4), (3, 4)),
    "lerp_": (lambda lib, a, b: (a * 1).lerp_(b, 0.3), (3, 4), (3, 4)),
    "pow_": (lambda lib, a: (a * 1).pow_(2), (3, 4)),
    "relu_": (lambda lib, a: (a * 1).relu_(), (3, 4)),
    "sigmoid_": (lambda lib, a: (a * 1).sigmoid_(), (3, 4)),
    "tanh_": (lambda lib, a: (a * 1).tanh_(), (3, 4)),
    "square_": (lambda lib, a: (a * 1).square_(), (3, 4)),
    "log_": (lambda lib, a: (a * a + 0.5).log_(), (3, 4)),
    "rsqrt_": (lambda lib, a: (a * a + 0.5).rsqrt_(), (3, 4)),
    "reciprocal_": (lambda lib, a: (a * a + 0.5).reciprocal_(), (3, 4)),
    "remainder_": (lambda lib, a: (a * 3).remainder_(0.7), (3, 4)),
    "clamp_min_": (lambda lib, a: (a * 1).clamp_min_(0.1).clamp_max_(0.7), (3, 4)),
    "floor_": (lambda lib, a: (a * 3).floor_() + (a * 3).ceil_() * a, (3, 4)),
    "round_": (lambda lib, a: (a * 3).round_() + (a * 3).trunc_() * a, (3, 4)),
    "tril_": (lambda lib, a: (a * 1).tril_(1) + (a * 1).triu_(-1), (4, 4)),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    call, *shapes = CALLS[name]
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    compare(lambda lib, _, *tensors: call(lib, *tensors), arrays)


def test_numbers_and_dtypes():
    for lib in (fastnn, torch):
        mask = lib.tensor([True, False])
        assert lib.where(mask, 1, 2).tolist() == [1, 2]
        assert lib.where(mask, 1, 2).dtype == lib.int64
        assert lib.where(mask, True, False).tolist() == [True, False]
        assert lib.where(mask, 1, 0.5).dtype == lib.float32
        assert lib.tensor([1, 2]).sum(dtype=lib.int32).dtype == lib.int32
        assert lib.tensor([1, 2]).mean(dtype=lib.float32).item() == 1.5
    assert fastnn.one_hot(fastnn.tensor([0, 2]), 3).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_to_refuses():
    x = fastnn.zeros(2)
    with pytest.raises(RuntimeError, match="cuda"):
        x.to(device="cuda")
    with pytest.raises(TypeError, match="more than one dtype"):
        x.to(fastnn.float64, dtype=fastnn.float32)
    with pytest.raises(TypeError, match="more than one dtype"):
        x.to(fastnn.float64, fastnn.float32)
