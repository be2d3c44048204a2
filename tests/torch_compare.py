"""One computation in fastnn and in PyTorch: the same values, shapes, dtypes and gradients."""

import numpy as np
import torch

import fastnn
from fastnn import autograd

# Relative to the largest element; float64 runs on the NumPy reference.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}

torch.set_num_threads(1)  # a pool of its own would not outlive the tests that fork


def random_array(rng, shape, dtype):
    """Normal, with exact zeros and equal elements among them, for kinks and ties."""
    a = rng.standard_normal(shape)
    if a.size > 20:
        a = np.where(rng.random(shape) < 0.15, np.round(a), a)
    return np.asarray(a, dtype)


def close(ours, theirs, what, size=0.0):
    """Assert that a Tensor (or None) equals PyTorch's, elements of about `size` or larger."""
    assert (ours is None) == (theirs is None), what
    if ours is None:
        return
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype, (what, a.shape, b.shape, a.dtype, b.dtype)
    if a.dtype.kind != "f":
        assert np.array_equal(a, b), what
        return
    finite = np.abs(b[np.isfinite(b)]).max(initial=size)
    tolerance = TOLERANCE[a.dtype.name]
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * finite, err_msg=what)


def compare(function, arrays, seed=1):
    """function(lib, functional, *tensors) -> one tensor or several, in both libraries.

    Floating-point arrays require a gradient; each output is sent back with random weights.
    """
    ours = [fastnn.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = function(fastnn, fastnn.functional, *ours)
    t = function(torch, torch.nn.functional, *theirs)
    backward(y, t, seed)
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        close(a.grad, b.grad, f"gradient of argument {i}")


def backward(y, t, seed=1):
    """Compare outputs, then send the same random gradients back through both graphs."""
    y, t = [list(v) if isinstance(v, (tuple, list)) else [v] for v in (y, t)]
    assert len(y) == len(t)
    rng = np.random.default_rng(seed)
    roots = []
    for i, (a, b) in enumerate(zip(y, t, strict=True)):
        close(a, b, f"output {i}")
        assert a.requires_grad == b.requires_grad, f"output {i}"
        if a.requires_grad:
            dy = np.asarray(rng.standard_normal(a.shape), a.dtype)
            roots.append((a, b, fastnn.tensor(dy), torch.tensor(dy)))
    if roots:
        a, b, da, db = zip(*roots, strict=True)
        autograd.backward(list(a), list(da))
        torch.autograd.backward(list(b), list(db))


def same_parameters(model, theirs, dtype):
    """Give a fastnn Module the weights of a PyTorch one, both in dtype."""
    theirs.to(getattr(torch, dtype))
    model.to(dtype)
    model.load_state_dict(theirs.state_dict())
    assert list(model.state_dict()) == list(theirs.state_dict())
    return model, theirs


def compare_parameters(model, theirs, what="parameter", size=0.0):
    """Values and gradients of all parameters."""
    for (name, p), (other, q) in zip(
        model.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == other
        close(p, q, f"{what} {name}", size)
        close(p.grad, q.grad, f"gradient of {what} {name}")
