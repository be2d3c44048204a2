"""Random programs of views, copies and changes in place, run in fastnn and in PyTorch: the same
values, the same tensors that require a gradient, the same gradients."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

SHAPE, WIDTH = (2, 3, 4), 4
PROGRAMS = 150  # by each test
TOLERANCE = {"float32": 1e-3, "float64": 1e-9}

# word -> f(lib, x, another tensor without axes, a random number): a new tensor.  PyTorch's results
# may be in another order in memory, where a view would be a copy: hence contiguous().
MAKE = {
    "row": lambda lib, x, s, n: x[n % x.shape[0]],
    "last places": lambda lib, x, s, n: x[..., n % 2 :],
    "every second": lambda lib, x, s, n: x[::2],
    "reshape": lambda lib, x, s, n: x.reshape(-1),
    "flatten": lambda lib, x, s, n: x.flatten(0, min(1, x.ndim - 1)),
    "transpose": lambda lib, x, s, n: x.transpose(0, n % x.ndim),
    "unsqueeze": lambda lib, x, s, n: x.unsqueeze(n % (x.ndim + 1)),
    "narrow": lambda lib, x, s, n: x.narrow(n % x.ndim, 0, max(x.shape[n % x.ndim] - 1, 1)),
    "diagonal": lambda lib, x, s, n: x.diagonal(0, 0, -1) if x.ndim > 1 else x[:1],
    "detach": lambda lib, x, s, n: x.detach(),
    "product": lambda lib, x, s, n: (x * 1.25).contiguous(),
    "clone": lambda lib, x, s, n: x.clone().contiguous(),
}
# the same, but x is changed
CHANGE = {
    "mul_": lambda lib, x, s, n: x.mul_(1.5),
    "mul_ recorded": lambda lib, x, s, n: x.mul_(s),
    "add_ recorded": lambda lib, x, s, n: x.add_(s),
    "exp_": lambda lib, x, s, n: x.mul_(0.1).exp_(),
    "sigmoid_": lambda lib, x, s, n: x.sigmoid_(),
    "relu": lambda lib, x, s, n: lib.nn.functional.relu(x, inplace=True),
    "zero_": lambda lib, x, s, n: x.zero_(),
    "fill_": lambda lib, x, s, n: x.fill_(s if n % 2 else 0.5),
    "copy_": lambda lib, x, s, n: x.copy_(s.detach() if n % 2 else s),
    "setitem": lambda lib, x, s, n: x.__setitem__(n % x.shape[0], s),
    "unrecorded": lambda lib, x, s, n: unrecorded(lib, x),
}


def unrecorded(lib, x):
    with lib.no_grad():
        x.mul_(0.5)


def program(rng):
    words = rng.choice([*MAKE, *CHANGE], rng.integers(4, 14))
    return [(str(word), *map(int, rng.integers(0, 1000, 2))) for word in words]


def run(lib, lines, dtype):
    """Values of all tensors, which of them require a gradient, and the gradients of the leaves."""
    rng = np.random.default_rng(0)

    def array(*shape):
        return rng.uniform(0.5, 1.5, shape).astype(dtype)

    a, w = (lib.tensor(array(*shape), requires_grad=True) for shape in (SHAPE, (WIDTH,)))
    tensors = [a * 1.5, (a.transpose(0, 2) * 1).contiguous(), w * 2, lib.tensor(array(*SHAPE))]
    tensors.append(lib.from_numpy(np.asfortranarray(array(*SHAPE))))
    for word, which, n in lines:
        x = tensors[which % len(tensors)]
        if not x.ndim:
            continue
        if word in MAKE:
            tensors.append(MAKE[word](lib, x, w[n % WIDTH], n))
        else:
            CHANGE[word](lib, x, w[n % WIDTH], n)
    recorded = [t.requires_grad for t in tensors]
    sum((t * (i + 1)).sum() for i, t in enumerate(tensors)).backward()
    gradients = [np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in (a, w)]
    return [t.detach().numpy() for t in tensors], recorded, gradients


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("seed", range(4))
def test_programs(seed, dtype):
    rng = np.random.default_rng(seed)
    compared = 0
    for _ in range(PROGRAMS):
        lines = program(rng)
        try:
            theirs = run(torch, lines, dtype)
        except RuntimeError:  # it keeps other values for the gradient, and they were changed
            continue
        ours = run(fastnn, lines, dtype)
        assert ours[1] == theirs[1], lines
        for x, y in zip((*ours[0], *ours[2]), (*theirs[0], *theirs[2]), strict=True):
            scale = np.abs(y).max(initial=1.0)
            tolerance = TOLERANCE[dtype]
            np.testing.assert_allclose(x, y, tolerance, tolerance * scale, err_msg=str(lines))
        compared += 1
    assert compared > PROGRAMS / 2
