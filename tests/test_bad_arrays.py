"""Arrays as users have them: any layout gives the right values; what is none is refused."""

import itertools
import math

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn, optim, tensor

# ---- layouts of memory


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def strided(a):
    wide = np.full([2 * n for n in a.shape], 77, a.dtype)
    wide[tuple(slice(None, None, 2) for _ in a.shape)] = a
    return wide[tuple(slice(None, None, 2) for _ in a.shape)]


def backwards(a):
    turned = tuple(slice(None, None, -1) for _ in a.shape)
    return np.ascontiguousarray(a[turned])[turned]


def unaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype) if a.itemsize == 1 else np.frombuffer(raw, a.dtype, a.size, 1)
    view = view.reshape(a.shape)
    view[...] = a
    return view


def repeated(a):
    """Stride 0 along the first axis: the first row again and again."""
    return np.broadcast_to(a[:1], a.shape)


LAYOUTS = {
    "read-only": read_only,
    "strided": strided,
    "negative strides": backwards,
    "Fortran order": np.asfortranarray,
    "unaligned": unaligned,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "little-endian": lambda a: a.astype(a.dtype.newbyteorder("<")),
    "repeated": repeated,
    "part of a larger one": lambda a: np.pad(a, 1)[(slice(1, -1),) * a.ndim],
    "subclass": lambda a: a.view(np.ma.MaskedArray),
}

LABELS = np.array([2, 0, 1, 1])
FUNCTIONS = {
    "conv2d": (lambda x, w: F.conv2d(x, w, padding=1), (4, 2, 6, 7), (3, 2, 3, 3)),
    "conv2d pointwise": (lambda x, w: F.conv2d(x, w), (4, 5, 6, 7), (3, 5, 1, 1)),
    "linear": (lambda x, w: F.linear(x, w), (4, 6), (5, 6)),
    "linear 3-d": (lambda x, w: F.linear(x, w), (4, 2, 6), (5, 6)),
    "matmul": (lambda x, w: x @ w, (4, 6), (6, 5)),
    "matmul batches": (lambda x, w: x @ w, (4, 3, 6), (4, 6, 2)),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2, padding=1), (4, 2, 6, 7)),
    "avg_pool2d": (lambda x: F.avg_pool2d(x, 3, 2), (4, 2, 6, 7)),
    "relu": (lambda x: F.relu(x), (4, 5, 3)),
    "tanh": (lambda x: x.tanh(), (4, 19)),
    "softmax": (lambda x: F.softmax(x, 0) * F.log_softmax(x, 1), (4, 5, 3)),
    "cross_entropy": (lambda x: F.cross_entropy(x, tensor(LABELS)), (4, 3)),
    "mse_loss": (lambda x, t: F.mse_loss(x, t, reduction="none"), (4, 7), (4, 7)),
    "arithmetic": (lambda x, y: x * y + x / (y * y + 1) - y, (4, 5), (4, 5)),
    "powers": (lambda x: (x**2 + 1).sqrt().log() + x.abs() + x.clamp(-1, 1), (4, 5)),
    "sum": (lambda x: x.sum(1) + x.mean((1, 2), keepdim=True).sum(), (4, 5, 3)),
    "max": (lambda x: x.max(0).values * x.std(0), (4, 5)),
    "shapes": (lambda x: x.reshape(10, 2).T.unsqueeze(1).flatten(), (4, 5)),
    "indexing": (lambda x: x[1:, ::2].sum() * x[[0, 0, 3]], (4, 5)),
    "cat": (lambda x, y: F.cat([x, F.pad(y, (0, 2)), x], 1), (4, 5), (4, 3)),
    "dropout": (lambda x: F.dropout(x, 0.5, generator=fastnn.Generator(3)), (4, 50)),
}


def run(function, arrays):
    tensors = [fastnn.from_numpy(a).requires_grad_() for a in arrays]
    y = function(*tensors)
    weights = np.cos(np.arange(y.numel())).astype(np.asarray(arrays[0]).dtype.newbyteorder("="))
    y.backward(fastnn.from_numpy(weights.reshape(y.shape)))
    return [y.detach().numpy(), *(t.grad.numpy() for t in tensors)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_layout_gives_the_same_values_and_gradients(name, layout):
    function, *shapes = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        plain = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
        if layout == "repeated":
            plain = [np.ascontiguousarray(repeated(a)) for a in plain]
        odd = [LAYOUTS[layout](a) for a in plain]
        before = [np.array(a) for a in odd]
        for a, b in zip(run(function, plain), run(function, odd), strict=True):
            # NumPy adds up what is not contiguous in another order
            np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-12)
            assert a.dtype == b.dtype == np.dtype(dtype)
        assert all(np.array_equal(a, b) for a, b in zip(before, odd, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_labels_and_indices_of_any_layout(dtype, layout):
    x = fastnn.from_numpy(np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32))
    plain = np.array([1, 1, 1, 1] if layout == "repeated" else LABELS, dtype)
    odd = fastnn.from_numpy(LAYOUTS[layout](plain))
    assert F.cross_entropy(x, odd).item() == F.cross_entropy(x, tensor(plain)).item()
    assert np.array_equal(x[odd].numpy(), x.numpy()[plain])
    assert odd.sum().item() == plain.sum()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_state_dicts_and_optimizers_take_any_layout(layout):
    layer = nn.Linear(3, 4)
    w = np.arange(12, dtype=np.float32).reshape(4, 3)
    odd = LAYOUTS[layout](w)
    if layout == "big-endian":
        with pytest.raises(RuntimeError, match="weight has shape .* dtype >f4, expected"):
            layer.load_state_dict({"weight": odd}, strict=False)
        odd = odd.astype(np.float32)
    layer.load_state_dict({"weight": odd, "bias": np.zeros(4, np.float32)})
    assert np.array_equal(layer.weight.detach().numpy(), odd)
    layer.weight.grad = fastnn.from_numpy(odd)
    for make in (optim.SGD, optim.Adam):
        optimizer = make([layer.weight], lr=0.0)
        optimizer.step()
        assert np.array_equal(layer.weight.detach().numpy(), odd)


def test_the_users_array_stays_as_it_was():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = fastnn.tensor(a)
    x.mul_(2)
    layer = nn.Linear(3, 2)
    layer.load_state_dict({"weight": a, "bias": a[:, 0]})
    layer(fastnn.from_numpy(a)).sum().backward()
    optim.SGD(layer.parameters(), lr=1.0).step()
    F.relu(fastnn.tensor(a), inplace=True)
    assert np.array_equal(a, np.arange(6).reshape(2, 3))


# ---- what is no array, and arguments of a wrong kind

RAGGED = [[1.0], [1.0, 2.0]]


def x4(*shape, **options):
    return fastnn.ones(*(shape or (2, 3)), **options)


def sgd():
    return optim.SGD([x4(requires_grad=True)], lr=0.1)


REFUSED = [
    *[(f"{make.__name__} of {what}", lambda make=make, data=data: make(data), error,
       "data|inhomogeneous")
      for make, (what, data, error) in itertools.product(
          (fastnn.tensor, fastnn.as_tensor, fastnn.Tensor, nn.Parameter),
          (("None", None, TypeError), ("text", "abc", TypeError), ("bytes", b"1", TypeError),
           ("a list of None", [1.0, None], TypeError), ("ragged lists", RAGGED, ValueError),
           ("a dict", {"a": 1}, TypeError), ("complex numbers", [1j], TypeError),
           ("a function", len, TypeError), ("dates", [np.datetime64("2000")], TypeError)))
      ],
    *[(f"from_numpy of {a!r}", lambda a=a: fastnn.from_numpy(a), TypeError, "from_numpy: a ")
      for a in ([1.0], None, 1.0, np.float32(1), np.array("a"), np.array([None]),
                np.zeros(1, complex), np.zeros(1, np.float16), np.zeros(1, np.uint32),
                np.zeros(1, "M8[s]"), np.zeros(1, [("a", "f4")]))],
    ("arange to infinity", lambda: fastnn.arange(0, math.inf), ValueError, "arange: .*end inf"),
    ("arange to NaN", lambda: fastnn.arange(0, math.nan), ValueError, "arange: .*end nan"),
    ("arange by 0", lambda: fastnn.arange(0, 1, 0), ValueError, "arange: step is 0"),
    ("overflow hidden by 0", lambda: fastnn.zeros(1 << 40, 1 << 40, 0), ValueError, "zeros: size"),
    ("2**62 numbers", lambda: fastnn.zeros(1 << 62), ValueError, "zeros: size .* 2.*59"),
    ("split of a scalar", lambda: tensor(1.0).split(1), ValueError, "split: input has no axes"),
    ("chunk of a scalar", lambda: tensor(1.0).chunk(1), ValueError, "chunk: input has no axes"),
    ("split by a float", lambda: x4().split(1.5), TypeError, "split: split_size_or_sections must"),
    ("pad by a number", lambda: F.pad(x4(), 1), TypeError, "pad: pad must be a list or tuple"),
    ("pad by floats", lambda: F.pad(x4(), (1.5, 0)), TypeError, "pad: pad must be an integer"),
    ("cat of None", lambda: F.cat(None), TypeError, "cat: tensors must be a list or tuple"),
    ("cat of a number", lambda: F.cat(3), TypeError, "cat: tensors must be a list or tuple"),
    ("stack of None", lambda: F.stack(None), TypeError, "stack: tensors must be a list or tuple"),
    ("permute by a number", lambda: F.permute(x4(), 0), TypeError, "permute: dims must be a list"),
    ("permute by text", lambda: F.permute(x4(), "ab"), TypeError, "permute: dim must be"),
    ("booleans apart", lambda: x4().bool() - x4().bool(), TypeError, "sub: input and other"),
    ("minus a boolean", lambda: -x4().bool(), TypeError, "neg: input has dtype bool"),
    ("300 into uint8", lambda: tensor([1]).to("uint8") + 300, ValueError, "300 does not fit"),
    ("mixed dtypes", lambda: x4() + x4().long(), TypeError, "add: dtypes float32 and int64"),
    ("shapes", lambda: x4() * x4(2, 2), ValueError, r"mul: shapes \(2, 3\) and \(2, 2\)"),
    ("a list", lambda: x4() + [1.0], TypeError, "unsupported operand"),
    ("an array", lambda: x4() + np.ones(3), TypeError, "add: .* got an ndarray; use from_numpy"),
    ("smoothing of text", lambda: F.cross_entropy(x4(), tensor([0, 1]), label_smoothing="a"),
     TypeError, "label_smoothing must be a number"),
    ("smoothing of a layer", lambda: nn.CrossEntropyLoss(label_smoothing=None),
     TypeError, "CrossEntropyLoss: label_smoothing must be a number"),
    *[(f"ignore_index {i}", lambda i=i: F.cross_entropy(x4(), tensor([0, 1]), ignore_index=i),
       TypeError, "ignore_index must be an integer") for i in (1.5, None, "1", True)],
    ("ignored probabilities", lambda: F.cross_entropy(x4(), x4(), ignore_index=1),
     ValueError, "ignore_index is 1, but target holds probabilities"),
    ("StepLR of 0", lambda: optim.lr_scheduler.StepLR(sgd(), 0), ValueError, "step_size is 0"),
    ("StepLR of 1.5", lambda: optim.lr_scheduler.StepLR(sgd(), 1.5), TypeError, "step_size must"),
    ("StepLR of text", lambda: optim.lr_scheduler.StepLR(sgd(), "1"), TypeError, "step_size must"),
    ("LambdaLR of 3", lambda: optim.lr_scheduler.LambdaLR(sgd(), 3), TypeError, "lr_lambda must"),
    ("LambdaLR of [3]", lambda: optim.lr_scheduler.LambdaLR(sgd(), [3]), TypeError, "lr_lambda"),
    ("LambdaLR of two", lambda: optim.lr_scheduler.LambdaLR(sgd(), [len, len]),
     ValueError, "2 functions for 1 groups"),
    ("no optimizer", lambda: optim.lr_scheduler.StepLR(None, 2), TypeError, "optimizer is None"),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(REFUSED)), ids=[row[0] for row in REFUSED])
def test_refused(i):
    _, call, error, words = REFUSED[i]
    with pytest.raises(error, match=words) as found:
        call()
    assert type(found.value) is error
