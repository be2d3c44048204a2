"""Pooling and resampling against PyTorch: values, gradients and indices of random settings."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

DTYPES = ("float32", "float64")
SEEDS = range(45)


class Draw:
    """Random settings of a seed; even seeds are float32."""

    def __init__(self, seed, salt):
        self.rng = np.random.default_rng([seed, salt])
        self.dtype = DTYPES[seed % 2]

    def integers(self, n, low, high):
        return tuple(int(v) for v in self.rng.integers(low, high, n))

    def one_or_all(self, values):
        """An int where PyTorch takes one for all axes, now and then."""
        return values[0] if len(set(values)) == 1 and self.rng.random() < 0.5 else values

    def flag(self):
        return bool(self.rng.integers(2))

    def input(self, spatial, ties=False):
        shape = (*self.integers(2, 1, 4), *spatial)
        x = self.rng.standard_normal(shape if self.rng.random() < 0.8 else shape[1:])
        return np.round(2 * x) if ties else x

    def array(self, x):
        return np.asarray(x, self.dtype)


def window(draw, dims, dilated=True):
    """(input's spatial size, arguments by name) of a window that fits."""
    kernel = draw.integers(dims, 1, 5 if dims > 1 else 8)
    stride = draw.integers(dims, 1, 5)
    padding = tuple(int(draw.rng.integers(0, k // 2 + 1)) for k in kernel)
    dilation = draw.integers(dims, 1, 3) if dilated else (1,) * dims
    largest = {1: 60, 2: 40, 3: 12}[dims]
    size = tuple(
        int(draw.rng.integers(max(1, d * (k - 1) + 1 - p), largest))
        for k, p, d in zip(kernel, padding, dilation, strict=True)
    )
    given = {"kernel_size": draw.one_or_all(kernel), "ceil_mode": draw.flag()}
    if draw.rng.random() < 0.8:
        given["stride"] = draw.one_or_all(stride)
    given["padding"] = draw.one_or_all(padding)
    return size, given | ({"dilation": draw.one_or_all(dilation)} if dilated else {})


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_max_pool(seed, dims):
    draw = Draw(seed, dims)
    size, given = window(draw, dims)
    x = draw.array(draw.input(size, ties=seed % 3 == 0))
    if seed % 5 == 0:
        x.flat[draw.rng.integers(x.size)] = np.nan
    if seed % 3 == 0 or seed % 5 == 0:  # many ties: no finite differences, but the same winners
        given["return_indices"] = True
    name = f"max_pool{dims}d"
    compare(lambda lib, F, x: getattr(F, name)(x, **given), [x])
    compare(lambda lib, F, x: getattr(F, name)(x, **(given | {"return_indices": True})), [x])
    with fastnn.no_grad():
        silent = getattr(fastnn.nn.functional, name)(
            fastnn.tensor(x), **(given | {"return_indices": False})
        )
    recorded = fastnn.tensor(x, requires_grad=True)
    loud = getattr(fastnn.nn.functional, name)(recorded, **(given | {"return_indices": False}))
    assert silent.numpy().tobytes() == loud.detach().numpy().tobytes()


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_avg_pool(seed, dims):
    draw = Draw(seed, 10 + dims)
    size, given = window(draw, dims, dilated=False)
    given["count_include_pad"] = draw.flag()
    if dims > 1 and seed % 3 == 0:
        given["divisor_override"] = int(draw.rng.choice([-2, 1, 5]))
    if dims == 3:  # PyTorch wants the kernel in the unpadded volume
        kernel = np.broadcast_to(given["kernel_size"], 3)
        size = tuple(max(int(k), n) for k, n in zip(kernel, size, strict=True))
    x = draw.array(draw.input(size))
    compare(lambda lib, F, x: getattr(F, f"avg_pool{dims}d")(x, **given), [x])


def test_means_are_rounded_as_division_rounds_them():
    """All sorts of float32 numbers, each the sum of a window, over small and large divisors."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 1 << 32, (1, 1, 100, 1001), dtype=np.uint32).view(np.float32)
    for n in (3, 7, 9, 25, 49, -3, 1000003):
        y = nn.functional.avg_pool2d(fastnn.tensor(x), 1, divisor_override=n).numpy()
        with np.errstate(all="ignore"):
            expected = x / np.float32(n)
        seen = ~((np.abs(x) < 2.0**-100) | (np.abs(expected) < 2.0**-126))  # also NaN, infinities
        assert np.array_equal(y[seen], expected[seen], equal_nan=True) and seen.mean() > 0.5
        np.testing.assert_allclose(y, expected, rtol=2**-23, atol=2.0**-126)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_lp_pool(seed, dims):
    draw = Draw(seed, 20 + dims)
    size, given = window(draw, dims, dilated=False)
    given.pop("padding")
    kernel = given["kernel_size"]
    kernel = kernel if isinstance(kernel, tuple) else (kernel,) * dims
    if dims == 1:
        given["kernel_size"] = kernel[0]
    size = tuple(max(a, b) for a, b in zip(size, kernel, strict=True))
    x = draw.array(np.abs(draw.input(size)) + 0.1)
    p = (1, 2, 3.5, 2.0)[seed % 4]
    compare(lambda lib, F, x: getattr(F, f"lp_pool{dims}d")(x, p, **given), [x])


@pytest.mark.parametrize("p", [1, 2, 3, 2.5])
def test_lp_pool_of_zeros(p):
    """As below a ReLU: windows of zeros, of which the root has no slope."""
    x = np.zeros((1, 2, 4, 4), np.float32)
    x[0, 1, :2] = np.arange(8).reshape(2, 4)
    compare(lambda lib, F, x: F.lp_pool2d(x, p, 2), [x])


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("seed", range(24))
def test_adaptive_pools(seed, dims):
    draw = Draw(seed, 30 + dims)
    size = draw.integers(dims, 1, {1: 50, 2: 30, 3: 9}[dims])
    out = draw.integers(dims, 1, {1: 20, 2: 12, 3: 6}[dims])
    if seed % 3 == 0:
        out = (1,) * dims
    elif seed % 3 == 1:  # windows of equal size
        size = tuple(k * o for k, o in zip(draw.integers(dims, 1, 4), out, strict=True))
    if dims > 1 and seed % 4 == 3:
        out = (None, *out[1:])
    x = draw.array(draw.input(size, ties=seed % 5 == 0))
    if seed % 6 == 0:
        x.flat[draw.rng.integers(x.size)] = np.nan
    given = draw.one_or_all(out)
    mean, largest = f"adaptive_avg_pool{dims}d", f"adaptive_max_pool{dims}d"
    compare(lambda lib, F, x: getattr(F, mean)(x, given), [x])
    compare(lambda lib, F, x: getattr(F, largest)(x, given), [x])
    compare(lambda lib, F, x: getattr(F, largest)(x, given, return_indices=True), [x])


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("seed", range(12))
def test_max_unpool(seed, dims):
    draw = Draw(seed, 40 + dims)
    k, s = (2, 2) if seed % 2 else (3, 3)
    size = draw.integers(dims, k, 20)
    if seed % 4 == 0:  # then the size needs not be told
        size = tuple(n // k * k for n in size)
    x = draw.array(draw.input(size))
    given = {"output_size": size if seed % 3 or x.ndim == dims + 1 else x.shape} if seed % 4 else {}

    def run(lib, F, x):
        y, at = getattr(F, f"max_pool{dims}d")(x, k, s, return_indices=True)
        return getattr(F, f"max_unpool{dims}d")(y, at, k, s, **given)

    compare(run, [x])


def scale(rng, n):
    """A factor that changes the size, and not to its double: there some of PyTorch's passes take
    the factor for 1 or 2, others not, and its gradient is not that of its output."""
    while True:
        factor = float(rng.uniform(1 / n, 3.5))
        if int(n * factor) not in (n, 2 * n):
            return factor


INTERPOLATIONS = [
    (mode, dims, aligned)
    for mode, dims in [
        *((mode, dims) for mode in ("nearest", "nearest-exact", "area") for dims in (1, 2, 3)),
        ("linear", 1),
        ("bilinear", 2),
        ("bicubic", 2),
        ("trilinear", 3),
    ]
    for aligned in ((None,) if mode[0] in "na" else (None, False, True))
]


@pytest.mark.parametrize(("mode", "dims", "aligned"), INTERPOLATIONS)
@pytest.mark.parametrize("seed", range(8))
def test_interpolate(seed, mode, dims, aligned):
    draw = Draw(seed, 50 + dims)
    size = draw.integers(dims, 1, 10)
    x = draw.array(draw.rng.standard_normal((2, 2, *size)))
    given = {"mode": mode, "align_corners": aligned}
    kind = seed % 4
    if kind == 0:
        given["size"] = draw.one_or_all(draw.integers(dims, 1, 17))
    elif kind == 1:
        given["scale_factor"] = 2
    else:
        given["scale_factor"] = tuple(scale(draw.rng, n) for n in size)
        given["recompute_scale_factor"] = (None, True)[kind - 2]
    compare(lambda lib, F, x: F.interpolate(x, **given), [x])


@pytest.mark.parametrize("r", [1, 2, 3])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_pixel_shuffle(r, lead, dtype):
    rng = np.random.default_rng(r)
    x = np.asarray(rng.standard_normal((*lead, 2 * r * r, 3 * r, 2 * r)), dtype)
    compare(lambda lib, F, x: F.pixel_shuffle(x, r), [x])
    compare(lambda lib, F, x: F.pixel_unshuffle(x, r), [x])


LAYERS = [
    ("MaxPool1d", (3, 2), {"padding": 1}, (2, 3, 11)),
    ("MaxPool2d", (3, 2), {"return_indices": True, "ceil_mode": True}, (2, 3, 9, 8)),
    ("MaxPool3d", (2,), {"dilation": (1, 2, 1), "stride": 1}, (2, 3, 5, 6, 7)),
    ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}, (2, 3, 11)),
    ("AvgPool2d", (3, 2), {"divisor_override": 4}, (2, 3, 9, 8)),
    ("AvgPool3d", ((2, 3, 1),), {"ceil_mode": True}, (3, 5, 6, 7)),
    ("LPPool1d", (2, 3), {}, (2, 3, 11)),
    ("LPPool2d", (2, 3, 2), {}, (2, 3, 9, 8)),
    ("LPPool3d", (2, 2), {"ceil_mode": True}, (2, 3, 5, 6, 7)),
    ("AdaptiveAvgPool1d", (4,), {}, (2, 3, 11)),
    ("AdaptiveAvgPool2d", ((None, 1),), {}, (2, 3, 9, 8)),
    ("AdaptiveAvgPool3d", (2,), {}, (2, 3, 5, 6, 7)),
    ("AdaptiveMaxPool1d", (4, True), {}, (2, 3, 11)),
    ("AdaptiveMaxPool2d", ((3, 5),), {}, (2, 3, 9, 8)),
    ("AdaptiveMaxPool3d", (2,), {}, (2, 3, 5, 6, 7)),
    ("Upsample", (), {"scale_factor": 2, "mode": "bilinear"}, (2, 3, 4, 5)),
    ("UpsamplingNearest2d", ((7, 3),), {}, (2, 3, 4, 5)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 3}, (2, 3, 4, 5)),
    ("PixelShuffle", (2,), {}, (2, 8, 3, 4)),
    ("PixelUnshuffle", (2,), {}, (2, 3, 6, 4)),
]


# test_torch.py asks whether every layer is compared
POOLS = {layer[0] for layer in LAYERS} | {"GlobalAvgPool2d", "MaxUnpool1d", "MaxUnpool2d"}


@pytest.mark.parametrize(("name", "arguments", "options", "shape"), LAYERS, ids=lambda v: str(v))
def test_layers(name, arguments, options, shape):
    x = np.abs(np.random.default_rng(1).standard_normal(shape)).astype(np.float32) + 0.1
    compare(lambda lib, F, x: getattr(lib.nn, name)(*arguments, **options)(x), [x])


def test_unpool_layers_and_global_average():
    x = np.random.default_rng(2).standard_normal((2, 3, 7, 7)).astype(np.float32)

    def unpool(lib, F, x):
        y, at = lib.nn.MaxPool2d(2, return_indices=True)(x)
        return lib.nn.MaxUnpool2d(2)(y, at, output_size=x.shape)

    def unpool_rows(lib, F, x):
        y, at = lib.nn.MaxPool1d(3, return_indices=True)(x)
        return lib.nn.MaxUnpool1d(3)(y, at, output_size=(7,))

    compare(unpool, [x])
    compare(unpool_rows, [x[0]])
    t = fastnn.tensor(x)
    assert np.array_equal(nn.GlobalAvgPool2d()(t).numpy(), nn.AdaptiveAvgPool2d(1)(t).numpy())
    pooled = nn.MaxPool2d(2, return_indices=True)(t)
    kept = nn.MaxUnpool2d(2)(*pooled, output_size=(7, 7)).numpy()
    assert np.all((kept == x) | (kept == 0)) and np.count_nonzero(kept) == 54
