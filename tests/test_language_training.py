"""Truncated back-propagation through time: pieces, carried states, gradients."""

import numpy as np
import pytest

import fastnn
from fastnn import functional, models, optim, train

VOCABULARY = 11


def pieces(n=3, steps=4, rows=2):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, VOCABULARY, (n * steps + 1, rows))
    cut = [slice(i * steps, (i + 1) * steps) for i in range(n)]
    return [(ids[:-1][c], ids[1:][c]) for c in cut]


def model_and_rate(cell, lr=0.1):
    fastnn.manual_seed(0)
    model = models.CharRNN(VOCABULARY, embedding_dim=5, hidden_size=6, num_layers=2, cell=cell)
    return model, optim.SGD(model.parameters(), lr=lr)


def by_hand(model, optimizer, batches, max_norm):
    """One epoch written out; the losses, each weighed by its number of characters."""
    losses, state = [], None
    for x, y in batches:
        optimizer.zero_grad()
        logits, state = model(fastnn.from_numpy(np.ascontiguousarray(x)), model.detach(state))
        loss = functional.cross_entropy(
            logits.reshape(-1, VOCABULARY), fastnn.from_numpy(y.reshape(-1))
        )
        loss.backward()
        norm = np.sqrt(sum((p.grad.numpy() ** 2).sum() for p in model.parameters()))
        for p in model.parameters():
            p.grad = p.grad * min(1.0, max_norm / (norm + 1e-6))
        optimizer.step()
        losses.append(loss.item())
    return np.mean(losses)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("max_norm", [0.05, 100.0])
def test_an_epoch_is_the_loop_written_out(cell, max_norm):
    a, optimizer = model_and_rate(cell)
    loss = train.tbptt_epoch(a, pieces(), optimizer, max_norm=max_norm)
    b, optimizer = model_and_rate(cell)
    assert loss == pytest.approx(by_hand(b, optimizer, pieces(), max_norm), rel=1e-6)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_the_state_is_carried(cell):
    """The loss of pieces is that of the whole; with states dropped it is another."""
    model, _ = model_and_rate(cell)
    whole = [tuple(np.concatenate(parts) for parts in zip(*pieces(), strict=True))]
    assert train.tbptt_loss(model, pieces()) == pytest.approx(
        train.tbptt_loss(model, whole), rel=1e-6
    )
    dropped = np.mean([train.tbptt_loss(model, [piece]) for piece in pieces()])
    assert abs(dropped - train.tbptt_loss(model, whole)) > 1e-6


def test_gradients_stop_at_the_cut():
    """With one piece an epoch's gradient is the whole one; with two it is not."""
    batches = pieces(2, 6)
    whole = [tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))]
    grads = []
    for given in (whole, batches):
        model, _ = model_and_rate("gru")
        state, total = None, [0.0 for _ in model.parameters()]
        for x, y in given:
            model.zero_grad()
            logits, state = model(fastnn.from_numpy(np.ascontiguousarray(x)), model.detach(state))
            flat = logits.reshape(-1, VOCABULARY)
            functional.cross_entropy(
                flat, fastnn.from_numpy(y.reshape(-1)), reduction="sum"
            ).backward()
            total = [t + p.grad.numpy() for t, p in zip(total, model.parameters(), strict=True)]
        grads.append(total)
    difference = max(np.abs(a - b).max() for a, b in zip(*grads, strict=True))
    largest = max(np.abs(a).max() for a in grads[0])
    assert 1e-4 * largest < difference < largest


def test_without_batches():
    model, optimizer = model_and_rate("rnn")
    with pytest.raises(ValueError, match="no batches"):
        train.tbptt_epoch(model, [], optimizer)
    with pytest.raises(ValueError, match="no batches"):
        train.tbptt_loss(model, [])
