"""Methods that write into their tensor, against PyTorch's: values, gradients, what is refused."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

INDEX = np.array([[0, 2, 2], [1, 0, 1]])


def ints(lib, values):
    return lib.tensor(np.array(values, np.int64))


CHANGES = {
    "zero_": (lambda lib, h: h.zero_(), (3, 4)),
    "fill_": (lambda lib, h: h.fill_(1.5), (3, 4)),
    "abs_": (lambda lib, h: h.abs_(), (3, 4)),
    "neg_": (lambda lib, h: h.neg_(), (3, 4)),
    "exp_": (lambda lib, h: h.exp_(), (3, 4)),
    "sqrt_": (lambda lib, h: (h * h + 0.5).sqrt_(), (3, 4)),
    "clamp_": (lambda lib, h: h.clamp_(-0.5, max=0.75), (3, 7)),
    "clamp_ min": (lambda lib, h: h.clamp_(min=0.25), (3, 7)),
    "clip_": (lambda lib, h: h.clip_(-0.5, 0.5), (3, 7)),
    "masked_fill_": (lambda lib, h, b: h.masked_fill_(b > 0, 1.5), (3, 4), (4,)),
    "masked_fill_ tensor": (lambda lib, h, b: h.masked_fill_(h > 0, b), (3, 4), ()),
    "scatter_": (lambda lib, h, b: h.scatter_(1, ints(lib, [[0, 4, 2], [3, 1, 0]]), b),
                 (4, 5), (2, 3)),
    "scatter_ number": (lambda lib, h: h.scatter_(0, ints(lib, INDEX), 2.5), (4, 5)),
    "scatter_add_": (lambda lib, h, b: h.scatter_add_(-2, ints(lib, INDEX), b), (4, 5), (2, 3)),
    "index_add_": (lambda lib, h, b: h.index_add_(1, ints(lib, [2, 0, 2]), b, alpha=1.5),
                   (3, 4), (3, 3)),
}  # fmt: skip
LEAF_CHANGES = {
    "abs_": (),
    "neg_": (),
    "exp_": (),
    "sqrt_": (),
    "clamp_": (0.0,),
    "clip_": (0.0,),
    "masked_fill_": ("mask", 1.0),
    "scatter_": (0, "index", 1.0),
    "scatter_add_": (0, "index", "source"),
    "index_add_": (0, "index", "source"),
}


def arguments(lib, name):
    made = {
        "mask": lambda: lib.tensor(np.array([True, False, True])),
        "index": lambda: ints(lib, [1, 2]),
        "source": lambda: lib.tensor(np.ones(2, np.float32)),
    }
    return [made[a]() if isinstance(a, str) else a for a in LEAF_CHANGES[name]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CHANGES)
def test_gradients(name, dtype):
    change, *shapes = CHANGES[name]
    rng = np.random.default_rng(3)

    def function(lib, F, a, *rest):
        h = a * 1.5
        square = h * h.detach().clone()  # made before the change
        y = change(lib, h, *rest)
        return [y * 2, square]

    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


@pytest.mark.parametrize("name", ["masked_fill_ tensor", "scatter_", "scatter_add_", "index_add_"])
def test_gradients_into_a_constant(name):
    change, *shapes = CHANGES[name]
    rng = np.random.default_rng(4)
    x = random_array(rng, shapes[0], "float64")

    def function(lib, F, b):
        h = lib.tensor(x)
        y = change(lib, h, b)
        assert y is h and h.requires_grad
        return h * 3

    compare(function, [random_array(rng, shapes[1], "float64")])


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
@pytest.mark.parametrize("name", LEAF_CHANGES)
def test_memory_versions_and_what_is_refused(name, lib):
    values = np.array([-2.0, 1.0, 0.25], np.float32)
    x = lib.tensor(values)
    before, view = x._version, x[:]
    assert getattr(x, name)(*arguments(lib, name)) is x
    assert x._version == before + 1 and view.tolist() == pytest.approx(x.tolist(), nan_ok=True)
    assert x.tolist() != values.tolist()

    leaf = lib.tensor(values, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(leaf, name)(*arguments(lib, name))
    assert leaf.tolist() == values.tolist()
    with lib.no_grad():
        getattr(leaf, name)(*arguments(lib, name))
    assert leaf.is_leaf and leaf.requires_grad and leaf.tolist() != values.tolist()

    h = lib.tensor(values, requires_grad=True) * 1
    saved = (h * h).sum()
    getattr(h, name)(*arguments(lib, name))
    with pytest.raises(RuntimeError, match=r"changed in\s+place|inplace operation"):
        saved.backward()


@pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])
def test_integers(lib):
    x = ints(lib, [-2, 5, 1])
    assert x.abs_().tolist() == [2, 5, 1] and x.neg_().clamp_(min=-3).tolist() == [-2, -3, -1]
    assert x.masked_fill_(x < -2, 7).tolist() == [-2, 7, -1] and x.dtype == lib.int64
    with pytest.raises((TypeError, RuntimeError), match="exp_|can't be cast"):
        x.exp_()
    with pytest.raises((ValueError, RuntimeError), match="shape|size"):
        x.masked_fill_(lib.ones(2, 3) > 0, 1)
    assert x.tolist() == [-2, 7, -1]
