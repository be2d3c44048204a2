"""The transformer language model: causality, windows, learning, samples."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets, nn, optim, train
from fastnn.classic import NGram
from fastnn.models import CharTransformer

TEXT = "the quick brown fox jumps over the lazy dog. " * 30


def net(context=16, seed=0, **options):
    fastnn.manual_seed(seed)
    return CharTransformer(7, 8, 2, 2, context, **options)


def wide_awake(model):
    """Its first logits are near 0, which would hide mistakes: larger matrices."""
    with fastnn.no_grad():
        for p in model.parameters():
            if p.ndim == 2:
                p.mul_(20.0)
    return model


def some_ids(t=8, n=3):
    return np.random.default_rng(0).integers(0, 7, (t, n))


def out(model, ids, state=None):
    return model(fastnn.from_numpy(np.ascontiguousarray(ids)), state)[0].detach().numpy()


def trained(threads, epochs=12):
    """Model, loss of the last epoch and ids, after `epochs` passes of 6 steps."""
    fastnn.set_num_threads(threads)
    text = datasets.CharText(TEXT)
    fastnn.manual_seed(0)
    model = CharTransformer(len(text.vocabulary), 32, 2, 4, 32, dropout=0.1)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        batches = datasets.tbptt_batches(text.ids, 8, 32)
        loss = train.tbptt_epoch(model, batches, optimizer)
    return model, loss, text.ids


def test_learns_more_than_counts_of_one_or_two_characters():
    model, _, ids = trained(1)
    found = train.tbptt_loss(model, datasets.tbptt_batches(ids, 1, 16))
    v = model.vocab_size
    unigram, bigram = (np.log(NGram(n, v).fit(ids).perplexity(ids)) for n in (1, 2))
    assert found < bigram < unigram


def test_the_same_bits_on_one_and_two_threads():
    one, two = trained(1, 2), trained(2, 2)
    assert one[1] == two[1]
    for a, b in zip(one[0].parameters(), two[0].parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_later_characters_change_no_earlier_output():
    model, ids = wide_awake(net()), some_ids()
    before = out(model, ids)
    for t in range(1, 8):
        other = ids.copy()
        other[t:] = (other[t:] + 3) % 7
        after = out(model, other)
        np.testing.assert_array_equal(after[:t], before[:t])
        assert np.abs(after[t:] - before[t:]).max() > 1e-2
    earlier = ids.copy()
    earlier[0] = (earlier[0] + 1) % 7
    assert (np.abs(out(model, earlier) - before).max(axis=(1, 2)) > 1e-3).all()


def test_carried_states_equal_the_whole_as_far_as_the_window_reaches():
    model, ids = wide_awake(net(8)), some_ids(14)
    whole, state, parts = out(model, ids[:8]), None, []
    assert whole.shape == (8, 3, 7)
    for part in (ids[:3], ids[3:4], ids[4:8]):
        y, state = model(fastnn.from_numpy(part.copy()), model.detach(state))
        parts.append(y.detach().numpy())
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(state.numpy(), ids[:8])
    y, state = model(fastnn.from_numpy(ids[8:11].copy()), state)
    np.testing.assert_allclose(y.detach().numpy(), out(model, ids[3:11])[-3:], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(state.numpy(), ids[3:11])
    full = out(model, ids[:8], state)  # no room: what came before is not seen
    np.testing.assert_array_equal(full, whole)
    assert model.detach(None) is None


def test_samples_repeat_slide_and_stay_in_the_vocabulary():
    model = wide_awake(net(5, dropout=0.5))
    draw = lambda seed, t=1.0: model.sample([1, 2], 30, t, fastnn.Generator(seed))  # noqa: E731
    first = draw(1)
    assert first.dtype == np.int64 and first.shape == (30,)
    assert first.min() >= 0 and first.max() < 7 and len(set(first.tolist())) > 1
    assert np.array_equal(draw(1), first) and not np.array_equal(draw(2), first)
    assert np.array_equal(draw(1, 0), draw(2, 0)) and np.array_equal(draw(3, 1e-6), draw(2, 0))
    assert model.training
    model.eval()
    ids = [1, 2]
    for _ in range(30):  # each from the five before it, written out
        ids.append(int(out(model, np.array(ids[-5:])[:, None])[-1, 0].argmax()))
    assert draw(0, 0).tolist() == ids[2:]
    long = model.sample([0] * 20 + [3, 1, 4, 1, 5], 9, 0)
    assert np.array_equal(long, model.sample([3, 1, 4, 1, 5], 9, 0))


def test_samples_have_the_model_s_probabilities():
    model = wide_awake(net(4))
    y = out(model.eval(), [[3]])[0, 0] / 0.5
    expected = np.exp(y - y.max()) / np.exp(y - y.max()).sum()
    g = fastnn.Generator(0)
    drawn = [model.sample([3], 1, 0.5, g)[0] for _ in range(1000)]
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / 1000, expected, atol=0.05)


def test_weights_round_trip_through_state_dict_and_file(tmp_path):
    model, other = wide_awake(net()), net(seed=1)
    names = list(model.state_dict())
    assert names[:2] == ["embedding.weight", "position.weight"] and len(names) == 2 + 2 * 12 + 2
    assert not np.array_equal(out(model, some_ids()), out(other, some_ids()))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(out(model, some_ids()), out(other, some_ids()))
    fastnn.save(model, tmp_path / "m.safetensors")
    third = net(seed=2)
    third.load_state_dict(fastnn.load(tmp_path / "m.safetensors"))
    np.testing.assert_array_equal(out(model, some_ids()), out(third, some_ids()))


def test_first_values():
    fastnn.manual_seed(0)
    model = CharTransformer(65, 64, 8, 4)
    for name, p in model.named_parameters():
        a = p.detach().numpy()
        if name.endswith("bias"):
            assert (a == 0).all()
        elif "norm" in name:
            assert (a == 1).all()
        else:
            ends = name.endswith(("out_proj.weight", "linear2.weight"))
            assert a.std() == pytest.approx(0.005 if ends else 0.02, rel=0.05), name
    y = out(model.eval(), np.zeros((4, 1), np.int64))
    assert np.abs(y).max() < 1  # it begins near the uniform distribution


@pytest.mark.parametrize("double", [False, True])
def test_equals_pytorch_s_layers_with_the_same_weights(double):
    torch = pytest.importorskip("torch")
    model, ids = wide_awake(net(8)), some_ids()
    layer = torch.nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", norm_first=True)
    theirs = torch.nn.TransformerEncoder(
        layer, 2, torch.nn.LayerNorm(8), enable_nested_tensor=False
    )
    if double:
        model, theirs = model.double(), theirs.double()
    own = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in model.state_dict().items()}
    table, place = own.pop("embedding.weight"), own.pop("position.weight")
    theirs.load_state_dict({k.removeprefix("encoder."): v for k, v in own.items()})
    mask = torch.full((8, 8), -torch.inf, dtype=table.dtype).triu(1)
    table.requires_grad_()
    expected = theirs(table[torch.from_numpy(ids)] + place[:, None], mask) @ table.T
    logits, _ = model(fastnn.from_numpy(ids))
    tolerance = {"rtol": 1e-9, "atol": 1e-10} if double else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(logits.detach().numpy(), expected.detach().numpy(), **tolerance)
    dy = np.random.default_rng(1).normal(size=(8, 3, 7)).astype(logits.dtype)
    (logits * fastnn.from_numpy(dy)).sum().backward()
    (expected * torch.from_numpy(dy)).sum().backward()  # the table has a gradient from both ends
    got, want = model.embedding.weight.grad.numpy(), table.grad.numpy()
    np.testing.assert_allclose(
        got, want, rtol=1e-3, atol=1e-8 if double else 1e-3 * abs(want).max()
    )


def test_dropout_only_in_training():
    model = wide_awake(net(dropout=0.5))
    assert not np.array_equal(out(model, some_ids()), out(model, some_ids()))
    model.eval()
    np.testing.assert_array_equal(out(model, some_ids()), out(model, some_ids()))
    assert isinstance(model.position, nn.LearnedPositionalEncoding)


def test_errors():
    for arguments, message in (
        ((0,), "vocab_size is 0"),
        ((7, 0), "embedding_dim is 0"),
        ((7, 8, 0), "num_layers is 0"),
        ((7, 8, 1, 0), "num_heads is 0"),
        ((7, 8, 1, 3), "num_heads 3 does not divide embedding_dim 8"),
        ((7, 8, 1, 2, 0), "context is 0"),
    ):
        with pytest.raises(ValueError, match="CharTransformer: " + message):
            CharTransformer(*arguments)
    model = net(4)
    for ids in (np.zeros(3, np.int64), np.zeros((5, 2), np.int64), np.zeros((0, 2), np.int64)):
        with pytest.raises(ValueError, match=r"ids has shape .* T from 1 to 4"):
            model(fastnn.from_numpy(ids))
    with pytest.raises(ValueError, match=r"state has shape \(2, 3\), expected \(S, 2\)"):
        model(fastnn.zeros(1, 2, dtype="int64"), fastnn.zeros(2, 3, dtype="int64"))
    with pytest.raises(TypeError, match="CharTransformer: ids must be a Tensor"):
        model(np.zeros((2, 2), np.int64))
    with pytest.raises(TypeError, match="CharTransformer: state must be a Tensor"):
        model(fastnn.zeros(1, 2, dtype="int64"), "state")
    for error, arguments, message in (
        (ValueError, ([], 3), r"prompt has shape \(0,\)"),
        (ValueError, (3, 3), r"prompt has shape \(\)"),
        (ValueError, ([1], -1), "length is -1"),
        (ValueError, ([1], 2, -0.5), "temperature is -0.5"),
    ):
        with pytest.raises(error, match=r"CharTransformer\.sample: " + message):
            model.sample(*arguments)
