"""PyTorch says the same of MultiheadAttention: outputs, weights and all gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import backward, close, compare_parameters, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

LAYERS = [
    {},
    {"batch_first": True},
    {"bias": False},
    {"kdim": 5, "vdim": 7},
    {"add_bias_kv": True, "add_zero_attn": True},
]
# The other one is not in PyTorch: tests/test_positional.py.
ATTENTION = {"MultiheadAttention", "PositionalEncoding"}
MASKS = [None, "attn bool", "attn float", "heads", "padding", "both", "causal"]


def masks(kind, t, s, n, heads, dtype):
    rng, given = np.random.default_rng(1), {}
    keep = rng.random((n, s)) < 0.7
    keep[:, 0] = True
    if kind in ("attn bool", "causal"):
        given["attn_mask"] = ~np.tri(t, s, dtype=bool)
    if kind in ("attn float", "both"):
        given["attn_mask"] = rng.standard_normal((t, s)).astype(dtype)
    if kind == "heads":
        given["attn_mask"] = rng.standard_normal((n * heads, t, s)).astype(dtype)
    if kind in ("padding", "both"):
        given["key_padding_mask"] = ~keep
    if kind == "both":
        given["key_padding_mask"] = np.where(keep, 0, -np.inf).astype(dtype)
    return given


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("need", [True, False])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_multihead(options, kind, need, dtype):
    t, s, n, heads, width = 4, 6, 3, 2, 8
    layer, theirs = same_parameters(
        nn.MultiheadAttention(width, heads, **options),
        torch.nn.MultiheadAttention(width, heads, **options),
        dtype,
    )
    rng = np.random.default_rng(0)
    sizes = (t, width), (s, options.get("kdim", width)), (s, options.get("vdim", width))
    arrays = [
        rng.standard_normal((n, a, b) if options.get("batch_first") else (a, n, b)).astype(dtype)
        for a, b in sizes
    ]
    ours = [fastnn.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    given = masks(kind, t, s, n, heads, dtype)
    more = {"need_weights": need, "is_causal": kind == "causal"}
    more["average_attn_weights"] = kind != "heads"
    y = layer(*ours, **{k: fastnn.from_numpy(a) for k, a in given.items()}, **more)
    z = theirs(*other, **{k: torch.tensor(a) for k, a in given.items()}, **more)
    assert (y[1] is None) == (z[1] is None) == (not need)
    backward(y if need else y[0], z if need else z[0])
    for a, b in zip(ours, other, strict=True):
        close(a.grad, b.grad, "gradient of an input")
    compare_parameters(layer, theirs, size=1.0)


@pytest.mark.parametrize("need", [True, False])
def test_self_attention_without_batch(need):
    layer, theirs = same_parameters(
        nn.MultiheadAttention(8, 2), torch.nn.MultiheadAttention(8, 2), "float32"
    )
    a = np.random.default_rng(0).standard_normal((5, 8)).astype("float32")
    x, z = fastnn.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    ours, other = layer(x, x, x, need_weights=need), theirs(z, z, z, need_weights=need)
    backward([y for y in ours if y is not None], [y for y in other if y is not None])
    close(x.grad, z.grad, "gradient")


def test_refused():
    with pytest.raises(ValueError, match="num_heads 3 does not divide embed_dim 8"):
        nn.MultiheadAttention(8, 3)
    layer, x = nn.MultiheadAttention(8, 2), fastnn.ones(4, 3, 8)
    for arguments, words in (
        ({"attn_mask": fastnn.ones(3, 4)}, r"attn_mask has shape \(3, 4\)"),
        ({"key_padding_mask": fastnn.ones(4, 3)}, "key_padding_mask has shape"),
        ({"is_causal": True}, "needs attn_mask"),
    ):
        with pytest.raises(ValueError, match=words):
            layer(x, x, x, **arguments)
    with pytest.raises(ValueError, match="key has shape"):
        layer(x, fastnn.ones(4, 3, 7), x)
