"""Convolution layers of one to three axes, transposed ones, padding, unfold and fold: module by
module equal to PyTorch on random settings of all arguments."""

import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, compare_parameters, random_array, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
DTYPES = ["float32", "float64"]
PADS = [f"{kind}Pad{n}d" for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)]  # fmt: skip
COMPARED_LAYERS = {*PADS, *(f"Conv{kind}{n}d" for n in (1, 2, 3) for kind in ("", "Transpose")),
                   "Fold", "Unfold", "LocallyConnected1d", "LocallyConnected2d"}  # fmt: skip
# LocallyConnected is compared with convolutions in test_local.py: PyTorch has none.
MODES = ["zeros", "reflect", "replicate", "circular"]


def rng_of(*name):
    return np.random.default_rng(zlib.crc32(repr(name).encode()))


def some(rng, low, high, n):
    """An int or n of them: both ways to give a setting."""
    values = tuple(int(v) for v in rng.integers(low, high + 1, n))
    return values if rng.random() < 0.7 else values[0]


def tuple_of(value, n):
    return value if isinstance(value, tuple) else (value,) * n


def layer_settings(rng, n):
    """(positional, keyword) arguments that Conv and ConvTranspose share."""
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    c_in, c_out = (groups * int(v) for v in rng.integers(1, 4, 2))
    if rng.random() < 0.2:  # depthwise, perhaps with a multiplier
        groups, c_out = c_in, c_in * int(rng.integers(1, 3))
    kernel = some(rng, 1, 4 if n < 3 else 3, n)
    options = {"dilation": some(rng, 1, 2, n), "groups": groups, "bias": bool(rng.random() < 0.7)}
    return (c_in, c_out, kernel), options


def conv_settings(rng, n):
    """Arguments of Conv<n>d and the shape of an input that they fit."""
    args, options = layer_settings(rng, n)
    kind = rng.random()
    if kind < 0.2:
        options["padding"] = "same"
    elif kind < 0.3:
        options |= {"padding": "valid", "stride": some(rng, 1, 3, n)}
    else:
        options |= {"padding": some(rng, 0, 2, n), "stride": some(rng, 1, 3, n)}
    options["padding_mode"] = str(rng.choice(MODES))
    reach = [
        d * (k - 1) + 1
        for d, k in zip(tuple_of(options["dilation"], n), tuple_of(args[2], n), strict=True)
    ]
    size = [r + int(rng.integers(2, 7 if n < 3 else 4)) for r in reach]
    lead = () if rng.random() < 0.2 else (int(rng.integers(1, 4)),)
    return args, options, (*lead, args[0], *size)


def transposed_settings(rng, n):
    args, options = layer_settings(rng, n)
    stride = tuple_of(some(rng, 1, 3, n), n)
    dilation = tuple_of(options["dilation"], n)
    options["output_padding"] = tuple(
        int(rng.integers(0, max(s, d))) for s, d in zip(stride, dilation, strict=True)
    )
    size = [int(v) for v in rng.integers(2, 6 if n < 3 else 4, n)]
    natural = [
        (i - 1) * s + d * (k - 1) + 1 + o
        for i, s, d, k, o in zip(
            size, stride, dilation, tuple_of(args[2], n), options["output_padding"], strict=True
        )
    ]
    options |= {
        "stride": stride,
        "padding": tuple(int(rng.integers(0, min(3, (o + 1) // 2))) for o in natural),
    }
    lead = () if rng.random() < 0.2 else (int(rng.integers(1, 4)),)
    return args, options, (*lead, args[0], *size)


def compare_layers(name, args, options, shape, rng, dtype, **call):
    ours, theirs = same_parameters(
        getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options), dtype
    )
    assert repr(ours) == repr(theirs)
    x = random_array(rng, shape, dtype)
    compare(lambda lib, F, x: (ours if lib is fastnn else theirs)(x, **call), [x])
    compare_parameters(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("n", [1, 2, 3])
def test_conv(n, seed, dtype):
    rng = rng_of("conv", n, seed)
    compare_layers(f"Conv{n}d", *conv_settings(rng, n), rng, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(70))
@pytest.mark.parametrize("n", [1, 2, 3])
def test_conv_transpose(n, seed, dtype):
    rng = rng_of("transposed", n, seed)
    compare_layers(f"ConvTranspose{n}d", *transposed_settings(rng, n), rng, dtype)


@pytest.mark.parametrize("name", ["Conv1d", "Conv3d", "ConvTranspose1d", "ConvTranspose3d"])
def test_first_weights_have_pytorchs_bounds(name):
    """Uniform in +-1 / sqrt(fan_in), of which both draw enough to come near the ends."""
    layers = [getattr(lib, name)(30, 60, 3, groups=2) for lib in (nn, torch.nn)]
    for parameter in ("weight", "bias"):
        ours, theirs = (getattr(layer, parameter).detach().numpy() for layer in layers)
        for end in (np.min, np.max):
            assert abs(end(ours) - end(theirs)) < 0.25 * np.abs(theirs).max()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_output_size(n):
    """All sizes that a stride of 3 leaves open, with and without batch and channels."""
    rng, size = rng_of("size", n), (5,) * n
    for extra in range(3):
        wanted = [(5 - 1) * 3 + 2 + extra] * n
        for call in (wanted, [2, 4, *wanted]):
            compare_layers(
                f"ConvTranspose{n}d", (3, 4, 2, 3), {}, (2, 3, *size), rng, "float32",
                output_size=call,
            )  # fmt: skip


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_pad(dtype, n, mode):
    """Widths of both signs; what PyTorch refuses is refused here."""
    rng, refused = rng_of("pad", n, mode), 0
    for _ in range(60):
        size = [int(v) for v in rng.integers(2, 7, n)]
        lead = [int(v) for v in rng.integers(1, 3, rng.integers(1, 3))]
        # where it cuts and repeats at once, PyTorch may return memory that nobody wrote
        low = -2 if mode == "constant" or (n == 1 and mode != "circular") else 0
        widths = [int(v) for v in rng.integers(low, 5, 2 * n)]
        x = random_array(rng, (*lead, *size), dtype)
        try:
            torch.nn.functional.pad(torch.tensor(x), widths, mode)
        except RuntimeError:
            refused += 1
            with pytest.raises(ValueError, match="pad: padding"):
                fastnn.functional.pad(fastnn.tensor(x), widths, mode)
            continue
        value = {"value": 1.5} if mode == "constant" else {}
        compare(lambda lib, F, x, w=widths, v=value: F.pad(x, w, mode, **v), [x])
    assert refused < 50


@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
def test_pad_other_dtypes_and_axes(dtype):
    """Integers in all modes; four axes by a value."""
    x = (random_array(rng_of("other"), (2, 3, 4, 5), "float64") * 4).astype(dtype)
    for mode in ("reflect", "replicate", "circular"):
        compare(lambda lib, F, x, m=mode: F.pad(x, (1, 2, 0, 3), m), [x])
    compare(lambda lib, F, x: F.pad(x, (1, 0, 2, 0, -1, 1, 1, 1), value=1), [x])


def test_circular_pad_that_cuts():
    x = random_array(rng_of("cut"), (2, 5), "float32")
    for widths in ((-1, 2), (3, -2), (0, -2), (-1, -1)):
        compare(lambda lib, F, x, w=widths: F.pad(x, w, "circular"), [x])
    with pytest.raises(ValueError, match="pad: padding .* cuts more"):
        fastnn.functional.pad(fastnn.tensor(x), (-3, 3), "circular")


@pytest.mark.parametrize("layer", PADS)
def test_padding_layers(layer):
    rng, n = rng_of(layer), int(layer[-2])
    more = (2.5,) if layer.startswith("Constant") else ()
    for widths in (1, tuple(int(v) for v in rng.integers(0, 3, 2 * n))):
        for lead in ((2, 3), (3,)):
            ours, theirs = (
                getattr(nn, layer)(widths, *more),
                getattr(torch.nn, layer)(widths, *more),
            )
            assert repr(ours) == repr(theirs)
            assert ours.padding == theirs.padding
            x = random_array(rng, (*lead, *range(4, 4 + n)), "float32")
            compare(lambda lib, F, x, a=ours, b=theirs: (a if lib is fastnn else b)(x), [x])


def window_settings(rng):
    """Arguments of Unfold, and the size of an image that they fit."""
    options = {
        "kernel_size": some(rng, 1, 3, 2),
        "dilation": some(rng, 1, 3, 2),
        "padding": some(rng, 0, 2, 2),
        "stride": some(rng, 1, 3, 2),
    }
    reach = [
        d * (k - 1) + 1
        for d, k in zip(
            tuple_of(options["dilation"], 2), tuple_of(options["kernel_size"], 2), strict=True
        )
    ]
    return options, tuple(r + int(rng.integers(0, 6)) for r in reach)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(40))
def test_unfold_and_fold(seed, dtype):
    rng = rng_of("unfold", seed)
    options, size = window_settings(rng)
    lead = () if seed % 3 == 0 else (2,)
    x = random_array(rng, (*lead, 3, *size), dtype)
    layers = {lib: lib.nn.Unfold(**options) for lib in (fastnn, torch)}
    assert repr(layers[fastnn]) == repr(layers[torch])
    compare(lambda lib, F, x: layers[lib](x), [x])
    cols = torch.nn.functional.unfold(torch.tensor(x), **options).shape
    folds = {lib: lib.nn.Fold(size, **options) for lib in (fastnn, torch)}
    assert repr(folds[fastnn]) == repr(folds[torch])
    compare(lambda lib, F, x: folds[lib](x), [random_array(rng, tuple(cols), dtype)])
