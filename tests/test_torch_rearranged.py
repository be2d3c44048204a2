"""PyTorch says the same: Unflatten, ChannelShuffle, MaxUnpool3d and Bilinear."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, compare_parameters, random_array, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import functional as F  # noqa: E402
from fastnn import nn  # noqa: E402

DTYPES = ["float32", "float64"]
# test_torch.py asks whether every layer is compared
REARRANGED = {"Bilinear", "ChannelShuffle", "MaxUnpool3d", "Unflatten"}


def array(*shape, dtype="float32", seed=0):
    return random_array(np.random.default_rng(seed), shape, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "dim", "sizes"),
    [((3, 12), 1, (2, 3, 2)), ((12, 3), 0, (-1, 4)), ((2, 6, 5), -2, [3, -1]), ((4,), 0, (4,)),
     ((0, 3), 0, (0, 2)), ((2, 8), -1, (1, -1, 1)), ((3, 0), 1, (-1, 2))],
)  # fmt: skip
def test_unflatten(shape, dim, sizes, dtype):
    a = array(*shape, dtype=dtype)
    compare(lambda lib, F, x: x.unflatten(dim, sizes) * 2, [a])
    compare(lambda lib, F, x: lib.unflatten(x, dim, sizes), [a])
    compare(lambda lib, F, x: lib.nn.Unflatten(dim, tuple(sizes))(x), [a])
    moved = np.ascontiguousarray(np.moveaxis(a, 0, -1))  # then taken as a strided view
    compare(lambda lib, F, x: x.movedim(-1, 0).unflatten(dim, sizes) * 2, [moved])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("groups", [1, 2, 3, 6])
@pytest.mark.parametrize("rest", [(5,), (4, 5), (2, 3, 4), (0, 2)], ids=str)
def test_channel_shuffle(rest, groups, dtype):
    a = array(2, 6, *rest, dtype=dtype)
    compare(lambda lib, F, x: F.channel_shuffle(x, groups), [a])
    compare(lambda lib, F, x: lib.nn.ChannelShuffle(groups)(x), [a])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding"),
    [((2, 3, 4, 6, 8), 2, None, 0), ((3, 4, 6, 8), 2, None, 0), ((1, 2, 5, 7, 6), 3, 2, 1),
     ((2, 1, 5, 6, 7), (2, 3, 1), None, 0), ((1, 2, 7, 8, 9), 3, (3, 2, 3), 0)],
)  # fmt: skip
def test_max_unpool3d(shape, kernel, stride, padding, dtype):
    a = np.random.default_rng(1).standard_normal(shape).astype(dtype)

    def functions(lib, F, x):
        y, at = F.max_pool3d(x, kernel, stride, padding, return_indices=True)
        return F.max_unpool3d(y, at, kernel, stride, padding, output_size=shape[-3:])

    def layers(lib, F, x):
        y, at = lib.nn.MaxPool3d(kernel, stride, padding, return_indices=True)(x)
        return lib.nn.MaxUnpool3d(kernel, stride, padding)(y, at, output_size=shape[-3:])

    compare(functions, [a])
    compare(layers, [a])
    if stride is None and isinstance(kernel, int):
        pooled = F.max_pool3d(fastnn.tensor(a), kernel, return_indices=True)
        assert F.max_unpool3d(*pooled, kernel).shape == shape


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("lead", "sizes"),
    [
        ((5,), (3, 4, 2)),
        ((), (3, 4, 2)),
        ((2, 3), (1, 5, 4)),
        ((33,), (17, 9, 20)),
        ((0,), (3, 2, 2)),
    ],
    ids=str,
)
def test_bilinear(lead, sizes, bias, dtype):
    n_a, n_b, n_out = sizes
    shapes = [(*lead, n_a), (*lead, n_b), (n_out, n_a, n_b), (n_out,)][: 4 if bias else 3]
    arrays = [array(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes)]
    compare(lambda lib, F, *t: F.bilinear(*t), arrays)
    ours, theirs = same_parameters(
        nn.Bilinear(n_a, n_b, n_out, bias), torch.nn.Bilinear(n_a, n_b, n_out, bias), dtype
    )
    compare(lambda lib, F, *x: (ours if lib is fastnn else theirs)(*x), arrays[:2])
    compare_parameters(ours, theirs)
    assert repr(ours) == repr(theirs)


def test_bilinear_begins_as_in_pytorch():
    fastnn.manual_seed(3)
    layer = nn.Bilinear(16, 50, 40)
    for p in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert np.abs(p).max() <= 0.25 and np.abs(p).max() > 0.2 and abs(p.mean()) < 0.08


def test_representations():
    for make in (
        lambda n: n.ChannelShuffle(3), lambda n: n.MaxUnpool3d(2, (1, 2, 1)),
        lambda n: n.Unflatten(1, (2, 3)),
    ):  # fmt: skip
        assert repr(make(nn)) == repr(make(torch.nn))


ONES = fastnn.ones
BAD = [
    ("unflatten size", lambda: ONES(3, 4).unflatten(1, (3, -1)), ValueError, "sizes .* do not fit"),
    ("unflatten two", lambda: ONES(3, 4).unflatten(1, (-1, -1)), ValueError, "sizes .* do not fit"),
    ("unflatten none", lambda: ONES(3, 4).unflatten(1, ()), TypeError, "sizes must be a tuple"),
    ("unflatten int", lambda: ONES(3, 4).unflatten(1, 4), TypeError, "sizes must be a tuple"),
    ("unflatten 1.5", lambda: ONES(3).unflatten(0, (1.5, 2)), TypeError, "sizes must be an integ"),
    ("unflatten dim", lambda: ONES(3, 4).unflatten(2, (2, 2)), IndexError, "dim is 2"),
    ("unflatten scalar", lambda: ONES(()).unflatten(0, (1,)), ValueError, "no axes"),
    ("Unflatten size", lambda: nn.Unflatten(1, 4), TypeError, "unflattened_size must be"),
    ("Unflatten dim", lambda: nn.Unflatten("C", (2, 2)), TypeError, "dim must be"),
    ("leads differ", lambda: F.bilinear(ONES(2, 3), ONES(4, 3), ONES(1, 3, 3)),
     ValueError, r"input1 has shape \(2, 3\) and input2 \(4, 3\)"),
    ("weight", lambda: F.bilinear(ONES(2, 3), ONES(2, 4), ONES(1, 4, 3)), ValueError, "weight has"),
    ("bias", lambda: F.bilinear(ONES(2, 3), ONES(2, 4), ONES(5, 3, 4), ONES(4)),
     ValueError, "bias has shape"),
    ("dtypes", lambda: F.bilinear(ONES(2, 3), ONES(2, 4).double(), ONES(5, 3, 4)),
     TypeError, "input2 has dtype float64"),
    ("integers", lambda: F.bilinear(*(ONES(*s).long() for s in ((2, 3), (2, 4), (5, 3, 4)))),
     TypeError, "input1 has dtype int64"),
    ("no Tensor", lambda: F.bilinear(ONES(2, 3), [1.0], ONES(5, 3, 1)), TypeError, "input2 must"),
    ("no features", lambda: nn.Bilinear(0, 2, 3), ValueError, "in1_features is 0"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "call", "error", "words"), BAD, ids=[row[0] for row in BAD])
def test_bad_inputs(what, call, error, words):
    with pytest.raises(error, match=words):
        call()
