"""The character language model: states, gradients, samples."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn import nn, optim, train
from fastnn.models import CharRNN

CELLS = ["lstm", "gru", "rnn"]


def net(cell="lstm", seed=0, **options):
    fastnn.manual_seed(seed)
    return CharRNN(7, 5, 6, 2, cell, **options)


def some_ids(t=8, n=3):
    return np.random.default_rng(0).integers(0, 7, (t, n))


@pytest.mark.parametrize("cell", CELLS)
def test_carried_states_equal_the_whole_sequence(cell):
    model, ids = net(cell), some_ids()
    whole, last = model(fastnn.from_numpy(ids))
    assert whole.shape == (8, 3, 7)
    state, parts = None, []
    for part in (ids[:3], ids[3:4], ids[4:]):
        y, state = model(fastnn.from_numpy(part), model.detach(state))
        parts.append(y.detach().numpy())
    np.testing.assert_allclose(np.concatenate(parts), whole.detach().numpy(), atol=1e-6)
    pairs = zip(state, last, strict=True) if cell == "lstm" else [(state, last)]
    for a, b in pairs:
        assert a.shape == (2, 3, 6)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_stop_where_the_state_is_detached(cell):
    model = net(cell)
    first, second = fastnn.tensor([[0], [1]]), fastnn.tensor([[2], [3]])

    def rows(cut):
        model.zero_grad()
        _, state = model(first)
        y, _ = model(second, model.detach(state) if cut else state)
        y.sum().backward()
        return np.abs(model.embedding.weight.grad.numpy()).sum(axis=1) > 0

    assert rows(False).tolist() == [True] * 4 + [False] * 3
    assert rows(True).tolist() == [False, False, True, True] + [False] * 3
    assert model.detach(None) is None


def test_names_of_the_weights_and_forget_bias():
    names = list(net().state_dict())
    assert names[0] == "embedding.weight" and names[-2:] == ["linear.weight", "linear.bias"]
    assert "rnn.weight_ih_l1" in names and len(names) == 11
    bias = net().rnn
    total = bias.bias_ih_l0.detach().numpy() + bias.bias_hh_l0.detach().numpy()
    np.testing.assert_allclose(total[6:12], 1, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_overfits_one_batch(cell):
    model, ids = net(cell), some_ids(9, 2)
    x, y = fastnn.from_numpy(ids[:-1].copy()), fastnn.from_numpy(ids[1:].reshape(-1).copy())
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x)[0].reshape(-1, 7), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert loss.item() < 0.05


def test_samples_repeat_and_follow_the_temperature():
    model = net(dropout=0.5)
    draw = lambda seed, t=1.0: model.sample([1, 2], 40, t, fastnn.Generator(seed))  # noqa: E731
    assert np.array_equal(draw(1), draw(1)) and not np.array_equal(draw(1), draw(2))
    assert np.array_equal(draw(1, 0), draw(2, 0)) and np.array_equal(draw(3, 1e-6), draw(2, 0))
    assert model.training
    model.eval()
    ids = [1, 2]
    for _ in range(40):  # the whole text anew for each character, no state carried
        y, _ = model(fastnn.tensor([[i] for i in ids]))
        ids.append(int(y.detach().numpy()[-1, 0].argmax()))
    assert draw(0, 0).tolist() == ids[2:]


def test_samples_have_the_model_s_probabilities():
    model = net()
    y, _ = model.eval()(fastnn.tensor([[3]]))
    expected = F.softmax(y / 0.5, dim=2).detach().numpy()[0, 0]
    g = fastnn.Generator(0)
    drawn = [model.sample([3], 1, 0.5, g)[0] for _ in range(3000)]
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / 3000, expected, atol=0.03)


@pytest.mark.parametrize("cell", CELLS)
def test_a_loss_that_is_not_finite_ends_the_epoch_before_the_step(cell):
    model, ids = net(cell), some_ids(9, 2)
    with fastnn.no_grad():
        model.linear.bias[2] = np.nan
    before = {name: w.detach().numpy().copy() for name, w in model.state_dict().items()}
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="tbptt: the loss is nan, which is not finite"):
        train.tbptt_epoch(model, [(ids[:-1], ids[1:])], optimizer)
    for name, w in model.state_dict().items():
        np.testing.assert_array_equal(w.detach().numpy(), before[name])
    with pytest.raises(RuntimeError, match="not finite"):
        train.tbptt_loss(model, [(ids[:-1], ids[1:])])


def test_errors():
    with pytest.raises(ValueError, match="cell is 'x'"):
        CharRNN(7, cell="x")
    with pytest.raises(ValueError, match="at least 1"):
        CharRNN(0)
    for error, arguments, message in (
        (ValueError, ([], 3), r"prompt has shape \(0,\)"),
        (ValueError, ([1], -1), "length is -1, expected at least 0"),
        (TypeError, ([1], 2.0), "length must be an integer, got 2.0"),
        (TypeError, ([1], True), "length must be an integer, got True"),
        (ValueError, ([1], 2, -0.5), "temperature is -0.5, expected"),
        (ValueError, ([1], 2, float("nan")), "temperature is nan"),
        (ValueError, ([1], 0, float("inf")), "temperature is inf"),
        (TypeError, ([1], 2, "0.5"), "temperature must be a number, got '0.5'"),
    ):
        with pytest.raises(error, match=r"CharRNN\.sample: " + message):
            net().sample(*arguments)
