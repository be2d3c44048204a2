"""Tensors whose place on the tape changed under them, against PyTorch: what is kept of them, where
they start a backward, and what is refused."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

both = pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])


def weights(lib):
    return lib.tensor([1.0, 2.0, 3.0], requires_grad=True)


@both
def test_a_view_that_got_a_history_starts_a_backward(lib):
    w, h = weights(lib), lib.zeros(3)
    element = h[1]
    h.add_(w)
    element.backward()
    assert w.grad.tolist() == [0, 1, 0]


@both
def test_a_view_that_got_a_history_is_no_array_and_is_not_detached_in_place(lib):
    h = lib.zeros(3)
    part = h[1:]
    with pytest.raises(RuntimeError, match=r"[Dd]etach"):
        part.detach_()
    h.add_(weights(lib))
    with pytest.raises(RuntimeError, match="requires grad"):
        part.numpy()
    with pytest.raises(RuntimeError, match=r"[Dd]etach"):
        part.detach_()
    assert part.requires_grad


@both
def test_retained_gradients_are_those_of_the_last_values(lib):
    factors = lib.tensor([1.0, 10.0, 100.0])

    def retained(change):
        h = weights(lib) * 1
        part = h[1:]
        h.retain_grad()
        part.retain_grad()
        change(h, part)
        ((h * factors).sum() + (part * 1000).sum()).backward()
        return h.grad.tolist(), part.grad.tolist()

    expected = [1, 1010, 1100], [1000, 1000]
    assert retained(lambda h, part: h.mul_(2)) == expected
    assert retained(lambda h, part: part.mul_(2)) == expected
    assert retained(lambda h, part: (h.mul_(2), part.mul_(2), h.mul_(2))) == expected

    h = weights(lib) * 1
    seen = []
    h.register_hook(lambda g: seen.append(g.tolist()))  # of the values at that time
    h.mul_(2)
    (h * factors).sum().backward()
    assert seen == [[2, 20, 200]]


@both
def test_a_constant_over_what_was_recorded(lib):
    w = weights(lib)
    for put in (
        lambda h: h.copy_(lib.ones(3)),
        lambda h: h.copy_(lib.tensor(1.0)),
        lambda h: h.fill_(1.0),
        lambda h: h[:].copy_(lib.ones(3)),
    ):
        h = w * 2
        put(h)
        assert h.requires_grad and not h.is_leaf and h.tolist() == [1, 1, 1]
        w.grad = None
        h.sum().backward()
        assert w.grad.tolist() == [0, 0, 0]


@both
def test_fill_takes_a_tensor(lib):
    w, h = weights(lib), lib.zeros(4)
    h[:3].fill_(w[1] * 2)
    assert h.tolist() == [4, 4, 4, 0]
    h.sum().backward()
    assert w.grad.tolist() == [0, 6, 0]
    with lib.no_grad():
        w.fill_(lib.tensor(7.0))
    assert w.tolist() == [7, 7, 7]
    with pytest.raises((RuntimeError, ValueError), match="fill_"):
        h.fill_(lib.ones(4))


@both
def test_operators_that_assign(lib):
    x = lib.tensor([7.0, -8.0])
    same = x
    x **= 2
    x //= 3
    x %= 5
    assert same is x and same.tolist() == [1, 1]
    for dtype in (lib.int64, lib.bool if lib is torch else fastnn.bool_):
        x = lib.tensor([5, 1, 0], dtype=dtype)
        other = lib.tensor([1, 0, 1], dtype=dtype)
        same = x
        x &= other
        assert same is x and same.tolist() == [1, 0, 0]
        x |= other
        x ^= lib.tensor([1, 1, 1], dtype=dtype)
        assert same is x and same.tolist() == [0, 1, 0]
    with pytest.raises(TypeError):
        x &= "mask"
    with pytest.raises(RuntimeError, match="leaf"):
        w = weights(lib)
        w **= 2


IN_PLACE = [
    "acos", "acosh", "addmm", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "cos", "cosh",
    "erf", "erfc", "expm1", "fmod", "log10", "log1p", "log2", "logit", "sign", "sin", "sinh", "tan",
]  # fmt: skip


@pytest.mark.parametrize("name", IN_PLACE)
def test_functions_in_place(name):
    rng = np.random.default_rng(6)
    x = rng.uniform(0.1, 0.9, (2, 2, 2)) + (name == "acosh")
    others = [rng.uniform(0.2, 0.9, (2, 2, 2)) for _ in range(2)]

    def function(lib, F, x, *others):
        h = x * 1
        part = h[0] if name == "addmm" else h
        rest = [o[0] for o in others] if name == "addmm" else list(others)
        count = {"addmm": 2, "baddbmm": 2, "atan2": 1, "fmod": 1}.get(name, 0)
        if lib is torch and name in ("acosh", "asinh", "atanh"):  # not differentiable in place
            part = h = getattr(h, name)()
        else:
            assert getattr(part, f"{name}_")(*rest[:count]) is part
        return [h, part * 2]

    compare(function, [x, *others])


@both
def test_views_that_are_written_through(lib):
    x = lib.zeros(3, 3)
    x.diagonal().add_(2)
    lib.diagonal(x, 1).fill_(3)
    assert x.tolist() == [[2, 3, 0], [0, 2, 3], [0, 0, 2]]
    x = lib.zeros(2, 3)
    last = lib.tensor([0.5, 1.5]).argmax()
    x[last].add_(1)
    x[:, last].mul_(5)
    x[None, last, 2:].sub_(4)
    assert x.tolist() == [[0, 0, 0], [1, 5, -3]]
    x[last, last.reshape(1)].add_(100)  # a copy
    x[lib.tensor(True)].add_(100)  # a copy
    assert x.tolist() == [[0, 0, 0], [1, 5, -3]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("change", ["exp_", "relu_", "mul_"])
def test_the_gradient_of_a_part_in_another_order(change, dtype):
    """The base's memory is in Fortran's order: a reshape of its transpose is a view, one of the
    gradient's transpose is not."""

    def function(lib, F, a, w):
        h = lib.from_numpy(np.asfortranarray(np.linspace(-1, 1, 24, dtype=dtype).reshape(2, 3, 4)))
        h += a
        part = h.permute(2, 1, 0).view(6, -1).transpose(0, 1)
        getattr(part, change)(*[w[0, 0, 0]] * (change == "mul_"))
        return [h * w, part]

    rng = np.random.default_rng(6)
    compare(function, [random_array(rng, (2, 3, 4), dtype) for _ in range(2)])
