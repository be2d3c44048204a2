"""Tensor: creation, memory, dtypes, operators, in-place changes, copies, exchange."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import tensor

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


# ---- creation and memory


@pytest.mark.parametrize(
    "data, dtype",
    [(1, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2], "int64"), ([1, 2.5], "float32"),
     ([], "float32"), ([[True], [False]], "bool"), (range(3), "int64"), ((1.0, 2), "float32"),
     (np.float64(2), "float64"), (np.float32(2), "float32"), (np.zeros(2), "float64"),
     (np.zeros(2, np.uint8), "uint8"), (np.array(3, np.int32), "int32"), ([1e300], "float32")],
)  # fmt: skip
def test_tensor_takes_the_dtype_of_arrays_and_torchs_of_the_rest(data, dtype):
    t = tensor(data)
    assert t.dtype == np.dtype(dtype) and t.shape == np.shape(data)
    with np.errstate(over="ignore"):
        assert np.array_equal(t.numpy(), np.asarray(data).astype(dtype))
    assert t.is_leaf and not t.requires_grad and t.grad_fn is None and t.grad is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensor_copies_and_from_numpy_shares(dtype):
    a = np.ones((2, 3), dtype)
    copied, shared = tensor(a), fastnn.from_numpy(a)
    assert copied.dtype == shared.dtype == a.dtype
    assert not np.shares_memory(copied.numpy(), a) and np.shares_memory(shared.numpy(), a)
    a[:] = 0
    assert copied.numpy().all() and not shared.numpy().any()
    assert np.shares_memory(fastnn.as_tensor(a).numpy(), a)
    assert not np.shares_memory(tensor(shared).numpy(), a)
    assert fastnn.as_tensor(shared) is shared
    assert np.shares_memory(np.asarray(shared), a)
    assert np.shares_memory(fastnn.Tensor(a).numpy(), a)
    other = "int64" if dtype != "int64" else "int32"
    assert fastnn.as_tensor(a, other).dtype == other
    assert tensor(a, dtype=other).dtype == other


def test_strided_and_readonly_arrays_are_shared():
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (a[::-1], a[:, ::2], a.T, a[1:3, 1:4], np.asfortranarray(a), a[:, :0]):
        t = fastnn.from_numpy(view)
        assert t.numpy() is view or np.array_equal(t.numpy(), view)
        assert np.array_equal(F.relu(t - 5).numpy(), np.maximum(view - 5, 0))
        assert np.array_equal(t.contiguous().numpy(), view) and t.contiguous().is_contiguous()
        assert np.array_equal(t.sum().numpy(), view.sum(dtype=np.float32))
    a.flags.writeable = False
    t = fastnn.from_numpy(a)
    assert np.array_equal((t * 2).numpy(), a * 2)
    for change in (t.zero_, lambda: t.add_(1), lambda: t.__setitem__(0, 1), t.normal_):
        with pytest.raises(ValueError, match="read-only"):
            change()
    assert np.array_equal(a, np.arange(24).reshape(4, 6))


def test_foreign_byte_order_and_unaligned_memory_are_copied():
    for dtype in (">f4", ">f8", ">i8", ">i4"):
        a = np.arange(5).astype(dtype)
        t = fastnn.from_numpy(a)
        assert t.dtype.isnative and np.array_equal(t.numpy(), np.arange(5))
        assert np.array_equal((t + 1).numpy(), np.arange(1, 6))
    a = np.frombuffer(bytearray(4 * 5 + 1), np.float32, 5, 1)
    assert not a.flags.aligned
    t = fastnn.from_numpy(a)
    assert t.numpy().flags.aligned and np.array_equal(F.exp(t).numpy(), np.ones(5))


def test_subclasses_of_ndarray_become_plain_arrays():
    class Odd(np.ndarray):
        def __mul__(self, other):
            raise AssertionError("its operators would run")

    a = np.arange(4, dtype=np.float32).reshape(2, 2)
    t = fastnn.from_numpy(a.view(Odd))
    assert type(t.numpy()) is np.ndarray and np.shares_memory(t.numpy(), a)
    assert np.array_equal((t * t).numpy(), a * a)


@pytest.mark.parametrize(
    "make",
    [np.float16, np.longdouble, np.complex64, np.int16, np.int8, np.uint32, np.uint64, object,
     "U3", "datetime64[s]"],
)  # fmt: skip
def test_unsupported_dtypes_are_refused(make):
    a = np.zeros(2, make)
    for function in (fastnn.tensor, fastnn.from_numpy, fastnn.Tensor, fastnn.as_tensor):
        with pytest.raises(TypeError, match="dtype"):
            function(a)


def test_data_that_is_no_array_is_refused():
    for data in ("abc", None, {}, [None], ["a", "b"], 1j):
        with pytest.raises(TypeError, match="data has dtype"):
            tensor(data)
    with pytest.raises(ValueError, match="not a rectangular array"):
        tensor([[1], [2, 3]])
    with pytest.raises(TypeError, match="must be an ndarray, got list"):
        fastnn.from_numpy([1])
    with pytest.raises(TypeError, match="dtype is 'float16', expected one of float32"):
        tensor(1, dtype="float16")


def test_constants_ranges_and_shapes():
    assert fastnn.zeros().shape == () and fastnn.zeros(2, 3).shape == fastnn.ones((2, 3)).shape
    assert fastnn.zeros([2, 0]).numpy().size == 0 and fastnn.ones(2, dtype="bool").numpy().all()
    assert fastnn.full((2,), 3).dtype == np.int64 and fastnn.full((), True).dtype == np.bool_
    assert fastnn.full(2, 0.5).tolist() == [0.5, 0.5]
    assert fastnn.arange(3).tolist() == [0, 1, 2] and fastnn.arange(3).dtype == np.int64
    assert fastnn.arange(1, 2, 0.5).dtype == np.float32
    assert fastnn.arange(np.float32(2)).dtype == np.float32
    assert fastnn.arange(5, 0, -2).tolist() == [5, 3, 1]
    assert fastnn.linspace(0, 1, 3).tolist() == [0, 0.5, 1] and fastnn.linspace(0, 1, 0).shape == (
        0,
    )
    assert np.array_equal(fastnn.eye(2, 3).numpy(), np.eye(2, 3))
    assert fastnn.zeros_like(fastnn.arange(3)).dtype == np.int64
    assert fastnn.ones_like(fastnn.arange(3), dtype="float32").tolist() == [1, 1, 1]
    for t in (fastnn.eye(2, requires_grad=True), fastnn.arange(2.0, requires_grad=True),
              fastnn.linspace(0, 1, 3, requires_grad=True)):  # fmt: skip
        assert t.requires_grad
    with pytest.raises(ValueError, match="step is 0"):
        fastnn.arange(0, 1, 0)


def test_random_tensors_follow_their_generator():
    a, b = fastnn.Generator(3), fastnn.Generator(3)
    for draw in (fastnn.rand, fastnn.randn):
        assert np.array_equal(draw(4, 5, generator=a).numpy(), draw((4, 5), generator=b).numpy())
        assert draw(3, dtype="float64").dtype == np.float64
        with pytest.raises(TypeError, match="dtype is int64"):
            draw(3, dtype="int64")
    x = fastnn.randint(-5, 6, (10_000,), generator=a).numpy()
    assert set(x) == set(range(-5, 6)) and abs(x.mean()) < 0.2
    assert fastnn.randint(3, (100,)).numpy().max() < 3
    order = fastnn.randperm(100, generator=a).numpy()
    assert order.dtype == np.int64 and sorted(order) == list(range(100))
    assert not np.array_equal(order, np.arange(100)) and fastnn.randperm(0).shape == (0,)
    fastnn.manual_seed(1)
    first = fastnn.rand(3).tolist()
    assert fastnn.rand(3).tolist() != first and fastnn.manual_seed(1).offset == 0
    assert fastnn.rand(3).tolist() == first


# ---- operators and dtypes


def test_operators_equal_numpys():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)).astype(np.float32)
    x, y = fastnn.from_numpy(a), fastnn.from_numpy(b)
    for got, want in (
        (x + y, a + b), (x - y, a - b), (x * y, a * b), (x / y, a / b), (-x, -a), (abs(x), abs(a)),
        (x + 2, a + 2), (2 - x, 2 - a), (3 * x, 3 * a), (1 / x, 1 / a), (x**2, a * a),
        (x**3, a * a * a), (x / 4, a / 4), (np.float32(2) * x, 2 * a), (x - True, a - 1),
        (x > y, a > b), (x >= 0, a >= 0), (x < y, a < b), (x <= 0, a <= 0), (x == x, a == a),
        (x != y, a != b), (~(x > 0), ~(a > 0)), ((x > 0) & (y > 0), (a > 0) & (b > 0)),
        ((x > 0) | (y > 0), (a > 0) | (b > 0)), ((x > 0) ^ (y > 0), (a > 0) ^ (b > 0)),
        (x.T, a.T), (x[1], a[1]), (x[:, 1:3], a[:, 1:3]), (x[..., None], a[..., None]),
    ):  # fmt: skip
        assert got.dtype == want.dtype and np.array_equal(got.numpy(), want)
    assert np.allclose((x @ y.T).numpy(), a @ b.T, rtol=1e-6, atol=1e-6)
    assert (x == None) is False and (x != None) is True  # noqa: E711
    assert len(x) == 3 and [r.shape for r in x] == [(4,)] * 3 and hash(x) == hash(x)
    assert x.size() == (3, 4) and x.size(1) == 4 and x.numel() == 12 and x.dim() == x.ndim == 2


def test_integers_booleans_and_numbers():
    mask, n = tensor([True, False]), tensor([7, -2])
    for got, want in (
        (mask * 2, [2, 0]), (mask + 1, [2, 1]), (1 - mask, [0, 1]), (mask & True, [True, False]),
        (n + 1, [8, -1]), (-n, [-7, 2]), (n == 7, [True, False]), (n & 3, [3, 2]),
        (mask + mask, [True, False]), (mask.sum(), 1), (n.sum(), 5),
        (-tensor([1], dtype="uint8"), [255]),
    ):  # fmt: skip
        assert got.tolist() == want and got.dtype in (np.int64, np.bool_, np.uint8)
    for got, want in ((mask * 0.5, [0.5, 0.0]), (n / 2, [3.5, -1.0]), (n * 1.5, [10.5, -3.0])):
        assert got.tolist() == want and got.dtype == np.float32
    assert (n / 0).tolist() == [np.inf, -np.inf]
    assert tensor([3])[tensor([0])].item() == 3 and [5, 6][tensor(1)] == 6
    assert int(tensor(3.7)) == 3 and float(tensor(3)) == 3.0 and bool(tensor([0.0])) is False
    assert f"{tensor(2.5):.2f}" == "2.50" and f"{tensor([2.5])}" == "tensor([2.5])"
    with pytest.raises(TypeError, match="cannot be an index"):
        [1][tensor(0.0)]


@pytest.mark.parametrize(
    "function, error, words",
    [
        (lambda x: x + x.double(), TypeError, "add: dtypes float32 and float64 differ"),
        (lambda x: x @ x.long(), TypeError, "matmul: other has dtype int64"),
        (lambda x: x + np.ones(3, np.float32), TypeError, "use from_numpy"),
        (lambda x: np.ones(3, np.float32) * x, TypeError, "use from_numpy"),
        (lambda x: F.add(1, 2), TypeError, "add: input must be a Tensor, got int"),
        (lambda x: x + "a", TypeError, "unsupported operand"),
        (lambda x: x & x, TypeError, "and: expected booleans or integers"),
        (lambda x: x ** "2", TypeError, "pow: exponent must be a Tensor or a number"),
        (lambda x: x + fastnn.ones(4), ValueError, r"add: shapes \(3,\) and \(4,\)"),
        (lambda x: x.to("uint8") + 300, ValueError, "add: 300 does not fit into uint8"),
        (lambda x: bool(x), RuntimeError, "ambiguous"),
        (lambda x: x.item(), ValueError, "item: a tensor of shape"),
        (lambda x: len(x.sum()), TypeError, "without axes"),
        (lambda x: x.to("cuda"), RuntimeError, "CPU only"),
        (lambda x: x.to("float16"), TypeError, "to: dtype is 'float16'"),
        (lambda x: x.T, ValueError, "T: shape"),
        (lambda x: fastnn.arange(3).requires_grad_(), RuntimeError, "only floating-point"),
        (lambda x: x.long().uniform_(), TypeError, "uniform_: a tensor of dtype int64"),
        (lambda x: np.array(x, dtype=np.float64, copy=False), ValueError, "by a copy only"),
    ],
)
def test_operators_refuse(function, error, words):
    with pytest.raises(error, match=words):
        function(fastnn.ones(3))


def test_to_and_its_short_forms():
    x = tensor([1.5, 0.0])
    forms = {x.double(): "float64", x.long(): "int64", x.int(): "int32", x.bool(): "bool"}
    forms |= {x.to("uint8"): "uint8", x.to(np.float64): "float64", x.type_as(x.long()): "int64"}
    for got, want in forms.items():
        assert got.dtype == want and got.numpy()[1] == 0
    assert x.to("cpu") is x.cpu() is x.float() is x.to("float32") is x.contiguous() is x
    w = tensor([1.0, 2.0], requires_grad=True)
    (w.double() * 3).sum().backward()
    assert w.grad.dtype == np.float32 and w.grad.tolist() == [3, 3]
    assert not w.long().requires_grad


# ---- views


def test_views_share_memory_and_the_counter():
    x = fastnn.arange(24.0).reshape(2, 3, 4)
    views = [
        x.view(6, 4), x.reshape(-1), x.flatten(1), x.transpose(0, 2), x.permute(2, 0, 1), x[0],
        x[:, 1:], x[0, 0, 0], x[..., None], x.unsqueeze(0), x.squeeze(), x.expand(2, 2, 3, 4),
        x.detach(), x.data, *x.split(2, 2), *x.chunk(2, 1),
    ]  # fmt: skip
    for view in views:
        assert np.shares_memory(view.numpy(), x.numpy())
        before = x._version
        if view.numpy().flags.writeable:
            view.zero_()
            assert x._version == before + 1 == view._version
    x[0, 0, 1].fill_(7)
    x.add_(1)
    assert x.numpy()[0, 0, 1] == 8 and (views[0] * 2).numpy()[0, 1] == 16
    for copied in (x.transpose(0, 1).reshape(-1), x.clone(), x[[0, 1]], x[x > 0], x.double(),
                   x.transpose(1, 2).unsqueeze(0).flatten(1)):  # fmt: skip
        before = x._version
        assert not np.shares_memory(copied.numpy(), x.numpy())
        copied.zero_()
        assert x._version == before
    with pytest.raises(ValueError, match="not contiguous; use reshape"):
        x.transpose(0, 1).view(-1)
    with pytest.raises(RuntimeError, match="elements of an expanded tensor are one in memory"):
        x.sum(0, keepdim=True).expand(2, 3, 4).zero_()


def test_inplace_operators_write_into_the_same_memory():
    a = np.ones(3, np.float32)
    x = fastnn.from_numpy(a)
    y = x
    y += 1
    y *= tensor([1.0, 2.0, 3.0])
    y -= 1
    y /= 2
    assert y is x and a.tolist() == [0.5, 1.5, 2.5]
    assert x.add_(1).sub_(1).mul_(2).div_(2) is x and x.copy_(tensor([1, 2, 3])) is x
    assert a.tolist() == [1, 2, 3] and x.fill_(2.0).zero_() is x and not a.any()
    x[1:] = tensor([5.0, 6.0])
    x[x == 5] = 4.0
    assert a.tolist() == [0, 4, 6]
    x[1:].copy_(x[:-1])  # overlapping memory
    assert a.tolist() == [0, 0, 4]
    n = tensor([1, 2])
    with pytest.raises(TypeError, match="add_: a result of dtype float32 into int64"):
        n += 0.5
    with pytest.raises(ValueError, match=r"add_: a result of shape \(2, 3\)"):
        x.add_(fastnn.ones(2, 3))
    with pytest.raises(ValueError, match="copy_: source"):
        x.copy_(fastnn.ones(4))
    assert n.tolist() == [1, 2] and a.tolist() == [0, 0, 4]


# ---- copies and exchange


def test_deepcopy_and_pickle():
    w = fastnn.nn.Parameter(fastnn.arange(6.0).reshape(2, 3))
    (w * w).sum().backward()
    twin = copy.deepcopy(w)
    assert type(twin) is fastnn.Parameter and twin.requires_grad
    assert np.array_equal(twin.grad.numpy(), w.grad.numpy()) and twin.grad is not w.grad
    assert not np.shares_memory(twin.detach().numpy(), w.detach().numpy())
    a, b = copy.deepcopy([w, w])
    assert a is b
    for t in (w, tensor(2.5), tensor([1, 2]), fastnn.ones(2, 3).T, fastnn.zeros(0, 2)):
        back = pickle.loads(pickle.dumps(t))
        assert type(back) is type(t) and back.dtype == t.dtype and back.shape == t.shape
        assert np.array_equal(back.detach().numpy(), t.detach().numpy())
        assert back.requires_grad == t.requires_grad
    for function in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match="only leaf tensors"):
            function(w * 2)


def test_numpy_protocols():
    x = fastnn.arange(6.0).reshape(2, 3)
    assert np.asarray(x) is x.numpy() and np.array(x) is not x.numpy()
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    assert np.stack([x, x]).shape == (2, 2, 3)
    w = fastnn.ones(2, requires_grad=True)
    for read in (w.numpy, lambda: np.asarray(w), lambda: np.from_dlpack(w)):
        with pytest.raises(RuntimeError, match="detach"):
            read()
    assert w.detach().numpy().tolist() == w.tolist() == [1, 1]


def test_repr():
    assert repr(tensor([1.0, 2.5])) == "tensor([1. , 2.5])"
    assert repr(tensor(3)) == "tensor(3)"
    assert repr(tensor([1], dtype="uint8")) == "tensor([1], dtype=uint8)"
    w = fastnn.Parameter(fastnn.zeros(1))
    assert repr(w) == "Parameter([0.], requires_grad=True)"
    assert repr(w * 2) == "tensor([0.], grad_fn=<MulBackward>)"
    lines = repr(fastnn.Parameter(fastnn.zeros(2, 2))).splitlines()
    assert lines[1].startswith(" " * len("Parameter([") + "[")
    assert len(repr(fastnn.zeros(1000, 1000))) < 1000


# ---- the pool of arrays


def test_freed_outputs_are_used_again():
    from fastnn import _kernels

    gc.collect()
    _kernels.empty_cache()
    assert _kernels.cache_info()["pooled"] == 0
    y = F.relu(fastnn.ones(1000))
    address = y.numpy().ctypes.data
    assert address % 64 == 0
    alive = weakref.ref(y)
    del y
    assert alive() is None and _kernels.cache_info()["pooled"] >= 4000
    again = F.relu(fastnn.ones(1000))
    assert again.numpy().ctypes.data == address
    kept = again.numpy()[10:20]
    del again
    assert F.relu(fastnn.zeros(1000)).numpy().ctypes.data != address  # a view keeps the block
    assert kept.tolist() == [1.0] * 10
    assert _kernels.empty_cache() > 0 and _kernels.cache_info()["pooled"] == 0


def test_blocks_serve_other_sizes():
    """The next layer's output, of another size, lies where the last one's is still in the cache."""
    from fastnn import _kernels

    gc.collect()
    _kernels.empty_cache()
    first = F.relu(fastnn.ones(17_000))
    address = first.numpy().ctypes.data
    del first
    assert F.relu(fastnn.ones(32_000)).numpy().ctypes.data == address


def test_blocks_are_not_much_larger_than_arrays():
    """Beyond 2 MiB blocks are huge pages, all of which are in memory at once."""
    from fastnn import _kernels

    gc.collect()
    n = 540_000  # floats, 2.06 MiB
    _kernels.empty_cache()
    y = F.relu(fastnn.ones(n))
    del y
    assert _kernels.cache_info()["pooled"] < 1.15 * 4 * n


def test_scratch_is_for_threads_that_work():
    """A convolution of a dozen tasks takes no scratch for sixty threads."""
    from fastnn import _kernels

    x, weight = fastnn.ones(1, 384, 13, 13).numpy(), fastnn.ones(384, 384, 3, 3).numpy()
    before = fastnn.get_num_threads()
    pooled = []
    for threads in (12, 60):
        fastnn.set_num_threads(threads)
        _kernels.empty_cache()
        _kernels.conv2d_forward(x, weight, None, (1, 1), (1, 1), (1, 1), 1, None)
        pooled.append(_kernels.cache_info()["pooled"])
    fastnn.set_num_threads(before)
    assert pooled[1] <= pooled[0]
