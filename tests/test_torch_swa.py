"""Averages of weights: PyTorch says the same; batch norm anew; wrong arguments."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import close, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402
from fastnn.optim import swa_utils  # noqa: E402

AVERAGES = {
    "plain": lambda s: {},
    "swa": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "swa one": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "ema": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9)},
    "ema one": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7)},
    "ema of buffers": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.9), "use_buffers": True},
}


def net(lib):
    return lib.nn.Sequential(lib.nn.Linear(4, 6), lib.nn.BatchNorm1d(6), lib.nn.Linear(6, 2))


def models(dtype="float64"):
    return same_parameters(net(fastnn), net(torch), dtype)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """PyTorch divides by n + 1 in its default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, request.param))
    yield request.param
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(name, dtype):
    ours, theirs = models(dtype)
    made = AVERAGES[name]
    mine = swa_utils.AveragedModel(ours, **made(swa_utils))
    its = torch.optim.swa_utils.AveragedModel(theirs, **made(torch.optim.swa_utils))
    rng = np.random.default_rng(0)
    for step in range(5):
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            values = np.asarray(rng.standard_normal(p.shape), dtype)
            p.data = fastnn.tensor(values)
            q.data = torch.tensor(values)
        x = np.asarray(rng.standard_normal((9, 4)), dtype)
        ours(fastnn.tensor(x))
        theirs(torch.tensor(x))
        mine.update_parameters(ours)
        its.update_parameters(theirs)
        a, b = mine.state_dict(), its.state_dict()
        assert list(a) == list(b) and int(a["n_averaged"]) == step + 1
        for key, value in b.items():
            close(a[key], value, f"{key} after {step}")
    x = np.asarray(rng.standard_normal((3, 4)), dtype)
    mine.eval(), its.eval()
    close(mine(fastnn.tensor(x)), its(torch.tensor(x)), "output")


def test_update_bn():
    ours, theirs = models()
    rng = np.random.default_rng(1)
    batches = [rng.standard_normal((7, 4)) for _ in range(4)]
    ours.eval(), theirs.eval()
    swa_utils.update_bn([(fastnn.tensor(x), None) for x in batches], ours)
    torch.optim.swa_utils.update_bn([torch.tensor(x) for x in batches], theirs)
    for key, value in theirs.state_dict().items():
        close(ours.state_dict()[key], value, key)
    assert not ours.training and ours[1].momentum == 0.1
    linear = nn.Linear(4, 2)
    before = linear.weight.tolist()
    swa_utils.update_bn([None], linear)  # without batch norm nothing is run
    assert linear.weight.tolist() == before


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda m: swa_utils.get_ema_multi_avg_fn(1.5), ValueError, "decay is 1.5"),
        (lambda m: swa_utils.get_ema_avg_fn("0.9"), TypeError, "decay must be a number"),
        (lambda m: swa_utils.AveragedModel(3), TypeError, "model must be a Module"),
        (lambda m: swa_utils.AveragedModel(m, avg_fn=max, multi_avg_fn=max), ValueError,
         "not both"),
        (lambda m: swa_utils.AveragedModel(m).update_parameters(nn.Linear(3, 2)), ValueError,
         "differs"),
        (lambda m: swa_utils.SWALR(fastnn.optim.SGD(m.parameters()), 0.1, -1), ValueError,
         "anneal_epochs is -1"),
        (lambda m: swa_utils.SWALR(fastnn.optim.SGD(m.parameters()), 0.1, 3, "square"), ValueError,
         "anneal_strategy is 'square'"),
    ],
)  # fmt: skip
def test_wrong_arguments(make, error, words):
    with pytest.raises(error, match=words):
        make(nn.Linear(2, 2))
