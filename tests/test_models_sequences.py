"""Tagger and forecaster: learning, lengths, forecasts, PyTorch."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets, nn, optim
from fastnn.models import BiLSTMTagger, SequenceForecaster


def array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_tagger_overfits_one_batch(cell):
    """The tag of a step is the next id: only the backward direction can know it."""
    fastnn.manual_seed(0)
    ids = np.random.default_rng(0).integers(0, 5, (12, 8))
    tags = fastnn.from_numpy(np.roll(ids, -1, axis=0))
    model = BiLSTMTagger(6, 16, 5, num_embeddings=5, cell=cell)
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    for _ in range(200):
        logits = model(fastnn.from_numpy(ids))
        assert logits.shape == (12, 8, 5)
        loss = nn.functional.cross_entropy(logits.reshape(96, 5), tags.reshape(96))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = logits.detach().numpy().argmax(axis=2)
    assert (found == tags.numpy())[:-1].all()


@pytest.mark.parametrize("batch_first", [False, True])
def test_steps_beyond_the_length_change_nothing(batch_first):
    model = BiLSTMTagger(3, 4, 2, num_layers=2, batch_first=batch_first)
    x, lengths = array(6, 3, 3), [6, 4, 1]
    other = x.copy()
    for row, n in enumerate(lengths):
        other[n:, row] = 100
    turn = (lambda a: np.ascontiguousarray(a.swapaxes(0, 1))) if batch_first else lambda a: a
    y, z = (turn(model(fastnn.from_numpy(turn(a)), lengths=lengths).detach().numpy())
            for a in (x, other))  # fmt: skip
    for row, n in enumerate(lengths):
        alone = model(fastnn.from_numpy(turn(x[:n, row : row + 1].copy()))).detach().numpy()
        np.testing.assert_allclose(y[:n, row], turn(alone)[:, 0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(y[:n, row], z[:n, row])
    full = turn(model(fastnn.from_numpy(turn(other))).detach().numpy())
    assert np.abs(full[:4, 1] - y[:4, 1]).max() > 1e-3


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("batch_first", [False, True])
def test_forecast_is_the_loop_over_all_of_the_past(cell, batch_first):
    model = SequenceForecaster(2, 5, num_layers=2, cell=cell, batch_first=batch_first)
    time = 1 if batch_first else 0
    past = array(*((3, 7, 2) if batch_first else (7, 3, 2)))
    found = model.forecast(fastnn.from_numpy(past), 4)
    assert not found.requires_grad
    values = past
    for _ in range(4):
        y = model(fastnn.from_numpy(values)).detach().numpy()
        last = np.take(y, [-1], axis=time)
        values = np.concatenate([values, last], axis=time)
    expected = np.take(values, range(7, 11), axis=time)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_forecaster_overfits_one_batch():
    fastnn.manual_seed(0)
    x = datasets.mackey_glass(60, step=3, substeps=30, discard=50).astype(np.float32)
    x = fastnn.from_numpy((x - x.mean())[:, None, None].copy())
    model = SequenceForecaster(1, 16)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(250):
        loss = nn.functional.mse_loss(model(x[:-1]), x[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: BiLSTMTagger(3, 4, 2, cell="tcn"), "cell is 'tcn'"),
        (lambda: SequenceForecaster(cell="tcn"), "cell is 'tcn'"),
        (lambda: SequenceForecaster().forecast(fastnn.zeros(3, 1, 1), 0), "steps is 0"),
        (lambda: SequenceForecaster().forecast(fastnn.zeros(3, 1), 1), "history has shape"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_tagger_equals_its_pytorch_twin(cell):
    torch = pytest.importorskip("torch")
    model = BiLSTMTagger(6, 7, 4, num_embeddings=9, num_layers=2, cell=cell)

    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layer = getattr(torch.nn, cell.upper())
            self.embedding = torch.nn.Embedding(9, 6)
            self.rnn = layer(6, 7, 2, bidirectional=True)
            self.classifier = torch.nn.Linear(14, 4)

        def forward(self, x):
            return self.classifier(self.rnn(self.embedding(x))[0])

    twin = Twin()
    state = {k: torch.from_numpy(v.detach().numpy().copy()) for k, v in model.state_dict().items()}
    twin.load_state_dict(state)
    ids = np.random.default_rng(1).integers(0, 9, (5, 3))
    ours, theirs = model(fastnn.from_numpy(ids)), twin(torch.from_numpy(ids))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    expected = dict(twin.named_parameters())
    for name, p in model.named_parameters():
        np.testing.assert_allclose(
            p.grad.numpy(), expected[name].grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=name
        )
