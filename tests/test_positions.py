"""Learned positions; rotary positions: scores depend on distances only."""

import numpy as np
import pytest

import fastnn
from fastnn import autograd, nn
from fastnn import functional as F


def test_learned_positions_are_added_and_learned():
    fastnn.manual_seed(0)
    x = fastnn.randn(5, 3, 4)
    layer = nn.LearnedPositionalEncoding(4, 7)
    y = layer(x)
    w = layer.weight.detach().numpy()
    assert np.array_equal(y.detach().numpy(), x.numpy() + w[:5, None])
    y.sum().backward()
    assert (layer.weight.grad.numpy()[:5] == 3).all()
    assert not layer.weight.grad.numpy()[5:].any()
    assert list(layer.state_dict()) == ["weight"]
    turned = nn.LearnedPositionalEncoding(4, 7, batch_first=True)
    turned.load_state_dict(layer.state_dict())
    z = turned(x.transpose(0, 1)).detach().numpy()
    assert np.array_equal(z.swapaxes(0, 1), y.detach().numpy())
    assert np.array_equal(layer(x[:, 0]).detach().numpy(), y.detach().numpy()[:, 0])


def test_learned_positions_begin_small_and_drop():
    fastnn.manual_seed(0)
    layer = nn.LearnedPositionalEncoding(100, 200, dropout=0.5)
    w = layer.weight.detach().numpy()
    assert abs(w.std() - 0.02) < 0.001 and abs(w.mean()) < 0.001
    y = layer(fastnn.ones(200, 1, 100)).detach().numpy()
    assert 0.45 < (y == 0).mean() < 0.55
    assert layer.eval()(fastnn.ones(200, 1, 100)).detach().numpy().all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rotary_is_a_product_of_complex_numbers(dtype):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 9, 6))
    places = rng.integers(0, 50, 9)
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z *= np.exp(1j * places[:, None] / 100.0 ** (np.arange(3) / 3))
    want = np.stack([z.real, z.imag], -1).reshape(x.shape)
    y = F.rotary_encoding(fastnn.tensor(x.astype(dtype)), fastnn.tensor(places), 100.0)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), want, atol=1e-12 if dtype == "float64" else 1e-6)


@pytest.mark.parametrize("shift", [1, 17, 1000])
def test_rotary_scores_depend_on_the_distance_only(shift):
    rng = np.random.default_rng(0)
    q, k = (fastnn.tensor(rng.standard_normal((1, 8)).repeat(12, 0)) for _ in range(2))
    here = fastnn.arange(12)
    scores = F.rotary_encoding(q) @ F.rotary_encoding(k).T
    moved = F.rotary_encoding(q, here + shift) @ F.rotary_encoding(k, here + shift).T
    np.testing.assert_allclose(scores.numpy(), moved.numpy(), atol=1e-10)
    s = scores.numpy()
    for distance in range(-11, 12):  # the same query and key at each position
        np.testing.assert_allclose(np.diag(s, distance), np.diag(s, distance)[0], atol=1e-10)
    assert np.ptp(s[0]) > 0.1  # and distances are told apart
    length = F.rotary_encoding(q).norm(dim=-1).numpy()
    np.testing.assert_allclose(length, q.norm(dim=-1).numpy(), atol=1e-12)


def test_rotary_layer_offset_and_gradient():
    layer = nn.RotaryEncoding(6, 20, 50.0)
    x = fastnn.randn(2, 9, 6)
    whole = layer(x).numpy()
    assert np.array_equal(whole, F.rotary_encoding(x, base=50.0).numpy())
    assert np.array_equal(whole[:, 4:], layer(x[:, 4:], 4).numpy())
    assert np.array_equal(layer(x.permute(1, 0, 2)[:, :1]).numpy().shape, (9, 1, 6))
    assert not layer.state_dict() and not list(layer.parameters())
    wide = fastnn.tensor(np.random.default_rng(0).standard_normal((2, 3, 6)), requires_grad=True)
    autograd.gradcheck(lambda x: layer(x, 2), [wide])
    autograd.gradcheck(lambda x: F.rotary_encoding(x, fastnn.tensor([0.5, 3.0, 2.0])), [wide])
    autograd.gradcheck(lambda x: F.rotary_encoding(x.transpose(0, 1)), [wide])


def test_refused():
    x, learned, rotary = fastnn.ones(5, 4), nn.LearnedPositionalEncoding(4, 5), nn.RotaryEncoding(4)
    for call, error, words in (
        (lambda: learned(fastnn.ones(6, 2, 4)), ValueError, r"input has shape \(6, 2, 4\)"),
        (lambda: learned(fastnn.ones(5, 3)), ValueError, r"input has shape \(5, 3\)"),
        (lambda: nn.LearnedPositionalEncoding(0), ValueError, "d_model is 0"),
        (lambda: nn.RotaryEncoding(3), ValueError, "dim is 3, expected an even number"),
        (lambda: nn.RotaryEncoding(4, base=0), ValueError, "base is 0"),
        (lambda: rotary(x, 4996), ValueError, "at offset 4996"),
        (lambda: rotary(x, -1), ValueError, "offset is -1"),
        (lambda: rotary(fastnn.ones(5, 6)), ValueError, "expected 4 features"),
        (lambda: F.rotary_encoding(fastnn.ones(5, 3)), ValueError, r"shape \(5, 3\)"),
        (lambda: F.rotary_encoding(fastnn.ones(4)), ValueError, r"shape \(4,\)"),
        (lambda: F.rotary_encoding(x.long()), TypeError, "dtype int64"),
        (lambda: F.rotary_encoding(x, fastnn.ones(4)), ValueError, r"positions has shape \(4,\)"),
        (lambda: F.rotary_encoding(x, x[:, 0] > 0), TypeError, "positions has dtype bool"),
        (lambda: F.rotary_encoding(x, base="x"), TypeError, "base must be a number"),
    ):
        with pytest.raises(error, match=words):
            call()
