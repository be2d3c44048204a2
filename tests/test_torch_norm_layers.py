"""PyTorch says the same: layers that normalise each example by itself, over seeded random
configurations: values, gradients, buffers after several steps, state_dict, evaluation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import TOLERANCE, close, random_array  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

# Around the vector width, and longer than one block of it.
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65)
SEEDS = 60
LARGEST = 20_000


def random_sizes(rng, n):
    while True:
        shape = tuple(int(rng.choice(SIZES)) for _ in range(n))
        if np.prod(shape) <= LARGEST:
            return shape


def eps_for(rng, group):
    """0 only where a group has a variance."""
    return float(rng.choice([1e-5, 1e-3, 0.3, 0.0] if group > 2 else [1e-5, 1e-3, 0.3]))


def over_last_axes(rng, name):
    """LayerNorm and RMSNorm: (arguments, options, shape, elements of a group)."""
    shape = random_sizes(rng, int(rng.integers(1, 6)))
    if len(shape) > 1 and rng.random() < 0.05:
        shape = (0, *shape[1:])
    last = shape[-int(rng.integers(1, len(shape) + 1)) :]
    if 0 in last:
        last = shape[1:]
    group = int(np.prod(last))
    how = last[0] if len(last) == 1 and rng.random() < 0.5 else (list(last), last)[rng.integers(2)]
    options = {"eps": eps_for(rng, group), "elementwise_affine": bool(rng.random() < 0.75)}
    if name == "LayerNorm":
        options["bias"] = bool(rng.random() < 0.75)
    elif rng.random() < 0.4:
        options["eps"] = None
    return (how,), options, shape, group


def group_norm(rng, name):
    while True:
        shape = random_sizes(rng, int(rng.integers(2, 6)))
        groups = int(rng.choice([g for g in range(1, shape[1] + 1) if shape[1] % g == 0]))
        group = int(np.prod(shape[1:])) // groups
        if group > 1:
            break
    if rng.random() < 0.05:
        shape = (0, *shape[1:])
    options = {
        "eps": eps_for(rng, group),
        "affine": bool(rng.random() < 0.75),
        "bias": bool(rng.random() < 0.75),
    }
    return (groups, shape[1]), options, shape, group


def instance_norm(rng, name):
    """With the batch axis, or without it."""
    axes = int(name[-2])
    while True:
        shape = random_sizes(rng, axes + 1 + int(rng.random() < 0.75))
        group = int(np.prod(shape[-axes:]))
        if group > 1:
            break
    options = {
        "eps": eps_for(rng, group),
        "momentum": [None, 0.1, 0.0, 1.0, 0.37][rng.integers(5)],
        "affine": bool(rng.integers(2)),
        "track_running_stats": bool(rng.integers(2)),
        "bias": bool(rng.random() < 0.75),
    }
    return (shape[-axes - 1],), options, shape, group


LAYERS = {
    "LayerNorm": over_last_axes,
    "RMSNorm": over_last_axes,
    "GroupNorm": group_norm,
    **{f"InstanceNorm{d}d": instance_norm for d in (1, 2, 3)},
}


def conditioned(rng, shape, group, dtype):
    """Random numbers, none of whose groups has almost no variance, where gradients would be
    differences of equal numbers."""
    a = random_array(rng, shape, "float64").reshape(-1, group)
    if group > 1:
        flat = a.std(1) < 0.1
        a[flat] = rng.permuted(np.tile(np.linspace(-1, 1, group), (flat.sum(), 1)), axis=1)
    return np.asarray((a * rng.uniform(0.5, 3) + rng.normal()).reshape(shape), dtype)


def terms(a, group, name, eps, weight, dy, dtype):
    """The size of the terms that the gradient of the input adds up, which may cancel."""
    rows = a.astype(np.float64).reshape(-1, group)
    variance = (rows**2).mean(1) if name == "RMSNorm" else rows.var(1)
    least = variance.min(initial=np.inf) + (np.finfo(dtype).eps if eps is None else eps)
    return np.abs(dy).max(initial=0) * weight / np.sqrt(least)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, seed):
    rng = np.random.default_rng([seed, list(LAYERS).index(name)])
    dtype = ("float32", "float64")[seed % 2]
    arguments, options, shape, group = LAYERS[name](rng, name)
    ours = getattr(nn, name)(*arguments, **options).to(dtype)
    theirs = getattr(torch.nn, name)(*arguments, **options).to(getattr(torch, dtype))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for (key, p), q in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        close(p, q, f"first value of {key}")
    state = {
        key: torch.tensor(np.abs(random_array(rng, tuple(value.shape), dtype)) + 0.1)
        for key, value in theirs.state_dict().items()
        if key != "num_batches_tracked"
    }
    theirs.load_state_dict(state, strict=False)
    ours.load_state_dict(theirs.state_dict())
    weight = max((p.detach().abs().max().item() for p in theirs.parameters()), default=1.0)
    # One element is its own mean; PyTorch's x rstd - mean rstd is then 0 but for the rounding.
    largest = 100.0 if group == 1 else 1.0
    is_strided = len(shape) > 1 and rng.random() < 0.25

    def step():
        a = conditioned(rng, shape, group, dtype)
        dy = random_array(rng, shape, dtype)
        x, t = (
            lib.tensor(a.swapaxes(0, -1).copy() if is_strided else a, requires_grad=True)
            for lib in (fastnn, torch)
        )
        y, u = (f(v.transpose(0, -1) if is_strided else v) for f, v in ((ours, x), (theirs, t)))
        close(y, u, "output", size=1.0)
        y.backward(fastnn.tensor(dy))
        u.backward(torch.tensor(dy))
        size = terms(a, group, name, options["eps"], weight, dy, dtype)
        assert x.grad.shape == tuple(t.grad.shape) and x.grad.dtype == dtype
        np.testing.assert_allclose(
            x.grad.numpy(), t.grad.numpy(), rtol=0, atol=2 * TOLERANCE[dtype] * size
        )
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(p.grad, q.grad, f"gradient of {key}", size=largest * a.size**0.5)
        for (key, b), c in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            close(b, c, key)

    for _ in range(int(rng.integers(1, 4))):
        step()
    again = getattr(nn, name)(*arguments, **options).to(dtype)
    again.load_state_dict(ours.state_dict())
    for key, value in again.state_dict().items():
        assert np.array_equal(value.numpy(), ours.state_dict()[key].numpy()), key
    ours = again
    for model in (ours, theirs):
        model.eval()
        model.zero_grad()
    step()


@pytest.mark.parametrize("name", LAYERS)
def test_the_configurations_are_wide(name):
    """What must occur among them does."""
    found = [LAYERS[name](np.random.default_rng([s, list(LAYERS).index(name)]), name)
             for s in range(SEEDS)]  # fmt: skip
    options = [o for _, o, _, _ in found]
    for key in options[0]:
        if key not in ("eps", "momentum"):
            assert {o[key] for o in options} == {True, False}, key
    assert len({o["eps"] for o in options}) >= 4
    ranks = {len(shape) for _, _, shape, _ in found}
    groups = {group for _, _, _, group in found}
    assert len(ranks) >= 2 and min(groups) <= 9 and max(groups) > 60
    if "momentum" in options[0]:
        assert len({o["momentum"] for o in options}) == 5
    else:
        assert any(0 in shape for _, _, shape, _ in found)
