"""PyTorch says the same: tensors like another one, sizes by keyword, the device that there is."""

import numpy as np
import pytest

import fastnn

torch = pytest.importorskip("torch")

KINDS = ["float32", "float64", "int64", "int32", "uint8", "bool"]


def same(y, t):
    assert isinstance(y, fastnn.Tensor)
    a, b = y.detach().numpy(), t.detach().numpy()
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a, b)
    assert y.requires_grad == t.requires_grad


def kind_of(lib, name):
    return getattr(lib, "bool_" if lib is fastnn and name == "bool" else name)


NEW = {
    "zeros": lambda lib, x: x.new_zeros(2, 3),
    "zeros of a tuple": lambda lib, x: x.new_zeros((2, 3)),
    "zeros by size": lambda lib, x: x.new_zeros(size=(3,)),
    "zeros without axes": lambda lib, x: x.new_zeros(()),
    "ones": lambda lib, x: x.new_ones(0, 2),
    "ones in a dtype": lambda lib, x: x.new_ones(2, dtype=lib.int32),
    "ones with gradient": lambda lib, x: x.new_ones((2,), dtype=lib.float64, requires_grad=True),
    "full": lambda lib, x: x.new_full((2, 3), 3.7),
    "full, device": lambda lib, x: x.new_full(size=(2,), fill_value=True, device="cpu"),
    "full in a dtype": lambda lib, x: x.new_full((1,), -2, dtype=lib.float64),
    "tensor": lambda lib, x: x.new_tensor([[1.5, 2], [0, 4]]),
    "tensor of a number": lambda lib, x: x.new_tensor(1),
    "tensor in a dtype": lambda lib, x: x.new_tensor([1.5, 2], dtype=lib.float64, device=x.device),
    "tensor of an array": lambda lib, x: x.new_tensor(np.arange(3)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NEW)
def test_new(name, kind):
    same(*(NEW[name](lib, lib.ones(2, dtype=kind_of(lib, kind))) for lib in (fastnn, torch)))


@pytest.mark.parametrize("kind", KINDS)
def test_new_empty(kind):
    for lib in (fastnn, torch):
        y = lib.ones(2, dtype=kind_of(lib, kind)).new_empty(2, 3)
        assert tuple(y.shape) == (2, 3) and y.dtype == kind_of(lib, kind)


def test_new_tensor_is_a_copy_off_the_tape():
    data = np.ones(2, np.float32)
    x = fastnn.ones(2, requires_grad=True)
    y, z = x.new_tensor(data), x.new_tensor([1, 2], requires_grad=True)
    data[:] = 5
    assert y.tolist() == [1, 1] and not y.requires_grad and z.requires_grad and z.is_leaf


CREATED = {
    "zeros size": lambda lib: lib.zeros(size=(2, 3)),
    "zeros size of none": lambda lib: lib.zeros(size=()),
    "ones size": lambda lib: lib.ones(size=[2], dtype=lib.int64, device="cpu"),
    "full": lambda lib: lib.full(size=(2, 2), fill_value=3, device="cpu"),
    "full device": lambda lib: lib.full((2,), 0.5, device=None),
    "zeros": lambda lib: lib.zeros(2, 3, device="cpu", dtype=None, requires_grad=True),
    "ones": lambda lib: lib.ones((2, 3), device=None),
    "eye": lambda lib: lib.eye(2, 3, device="cpu", dtype=None),
    "arange": lambda lib: lib.arange(1, 6, 2, device="cpu"),
    "linspace": lambda lib: lib.linspace(0, 1, 5, device="cpu", dtype=None),
    "tensor": lambda lib: lib.tensor([1, 2.5], device="cpu", dtype=lib.float64),
    "as_tensor": lambda lib: lib.as_tensor([1, 2], device="cpu"),
    "zeros_like": lambda lib: lib.zeros_like(lib.ones(2), device="cpu"),
    "ones_like": lambda lib: lib.ones_like(lib.ones(2), dtype=lib.int32, device="cpu"),
    "full_like": lambda lib: lib.full_like(lib.ones(2), 3, device="cpu"),
}


@pytest.mark.parametrize("name", CREATED)
def test_created(name):
    same(CREATED[name](fastnn), CREATED[name](torch))


def test_random_ones_take_the_same_arguments():
    for lib in (fastnn, torch):
        like = lib.ones(4, 2)
        made = [
            lib.rand(size=(4, 2), device="cpu"),
            lib.randn(size=(4, 2), device=None, dtype=lib.float64, requires_grad=True),
            lib.rand_like(like, device="cpu"),
            lib.randn_like(like, device="cpu", dtype=lib.float64),
            lib.randint(3, (4, 2), dtype=lib.float32, device="cpu", requires_grad=True),
            lib.randint(0, 256, size=(4, 2), dtype=lib.uint8),
            lib.randint(0, 2, (4, 2), dtype=kind_of(lib, "bool")),
            lib.empty(size=(4, 2), device="cpu"),
            lib.empty_like(like, device="cpu"),
        ]
        kinds = [str(y.dtype).removeprefix("torch.") for y in made]
        assert kinds == ["float32", "float64", "float32", "float64", "float32", "uint8", "bool",
                         "float32", "float32"]  # fmt: skip
        assert all(tuple(y.shape) == (4, 2) for y in made)
        assert [y.requires_grad for y in made] == [i in (1, 4) for i in range(9)]
        order = lib.randperm(9, dtype=lib.float64, device="cpu")
        assert order.dtype == lib.float64 and sorted(order.tolist()) == list(range(9))


def test_draws_depend_on_neither_dtype_nor_keyword():
    def draw(**options):
        return fastnn.randint(10, (50,), generator=fastnn.Generator(3), **options)

    assert draw().tolist() == draw(dtype=fastnn.float32, device="cpu").tolist()
    assert len(set(draw().tolist())) > 5


def test_device_of_a_tensor_is_what_creation_takes():
    x = fastnn.ones(2)
    assert str(x.device) == str(torch.ones(2).device) == "cpu"
    assert fastnn.zeros(2, device=x.device).to(x.device).tolist() == [0, 0]


X = fastnn.ones(2)
ON_CUDA = {
    "tensor": lambda d: fastnn.tensor([1], device=d),
    "as_tensor": lambda d: fastnn.as_tensor([1], device=d),
    "empty": lambda d: fastnn.empty(2, device=d),
    "zeros": lambda d: fastnn.zeros(2, device=d),
    "ones": lambda d: fastnn.ones(2, device=d),
    "full": lambda d: fastnn.full((2,), 1, device=d),
    "eye": lambda d: fastnn.eye(2, device=d),
    "arange": lambda d: fastnn.arange(2, device=d),
    "linspace": lambda d: fastnn.linspace(0, 1, 2, device=d),
    "rand": lambda d: fastnn.rand(2, device=d),
    "randn": lambda d: fastnn.randn(2, device=d),
    "randint": lambda d: fastnn.randint(2, (2,), device=d),
    "randperm": lambda d: fastnn.randperm(2, device=d),
    "normal": lambda d: fastnn.normal(0.0, 1.0, (2,), device=d),
    "empty_like": lambda d: fastnn.empty_like(X, device=d),
    "zeros_like": lambda d: fastnn.zeros_like(X, device=d),
    "ones_like": lambda d: fastnn.ones_like(X, device=d),
    "full_like": lambda d: fastnn.full_like(X, 1, device=d),
    "rand_like": lambda d: fastnn.rand_like(X, device=d),
    "randn_like": lambda d: fastnn.randn_like(X, device=d),
    "new_empty": lambda d: X.new_empty(2, device=d),
    "new_zeros": lambda d: X.new_zeros(2, device=d),
    "new_ones": lambda d: X.new_ones(2, device=d),
    "new_full": lambda d: X.new_full((2,), 1, device=d),
    "new_tensor": lambda d: X.new_tensor([1], device=d),
}


@pytest.mark.parametrize("name", ON_CUDA)
def test_other_devices_are_refused(name):
    for device in ("cuda", "cuda:0", 0):
        with pytest.raises(
            ValueError, match=f"^{name}: device is {device!r}, expected 'cpu' or None"
        ):
            ON_CUDA[name](device)


BAD = [
    (lambda: fastnn.zeros(2, size=(2,)), TypeError, r"zeros: sizes \(2,\) as well as size"),
    (lambda: fastnn.randn(size=(2, -1)), ValueError, r"randn: size \(2, -1\)"),
    (lambda: fastnn.ones(size="a"), TypeError, "ones: sizes must be integers"),
    (lambda: X.new_zeros(2, size=2), TypeError, "new_zeros: sizes"),
    (lambda: X.new_ones(-1), ValueError, "new_ones: size"),
    (lambda: X.new_zeros(2, dtype="float16"), TypeError, "new_zeros: dtype is 'float16'"),
    (lambda: X.new_full((2,), "1"), TypeError, "new_full: fill_value must be a number"),
    (lambda: X.int().new_full((2,), 1e30), ValueError, r"new_full: 1e\+30 does not fit into int32"),
    (lambda: X.new_tensor([[1], [1, 2]]), ValueError, "not a rectangular array"),
    (lambda: X.int().new_zeros(2, requires_grad=True), RuntimeError, "only floating-point"),
    (lambda: fastnn.randint(0, 257, (2,), dtype=fastnn.uint8), ValueError, "uint8 cannot hold"),
    (lambda: fastnn.randint(-1, 2, (2,), dtype="bool"), ValueError, "bool cannot hold"),
    (lambda: fastnn.randperm(300, dtype=fastnn.uint8), ValueError, "randperm: n is 300"),
    (lambda: fastnn.rand(2, dtype=fastnn.int64), TypeError, "rand: dtype is int64"),
]


@pytest.mark.parametrize("call, error, message", BAD, ids=lambda v: v if type(v) is str else "")
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
