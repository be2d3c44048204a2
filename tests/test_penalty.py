"""L1 and L2 penalties, objectives, per-sample losses, stopping by the loss."""

import numpy as np
import pytest

import fastnn
from fastnn import data, nn, optim, train


def batches(n=24, batch=8):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    return data.DataLoader(data.TensorDataset(x, (x[:, 0] > 0).astype(np.int64)), batch)


def trainer(loss=None, *, lr=0.1, decay=None, **options):
    fastnn.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    optimizer = optim.SGD(model.parameters(), lr=lr, **(decay or {}))
    return train.Trainer(model, loss or nn.CrossEntropyLoss(), optimizer, progress=False, **options)


def weights(t):
    return np.concatenate([p.detach().numpy().ravel() for p in t.model.parameters()])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_penalties_and_gradients(dtype):
    a = np.array([[-2.0, 0.0], [3.0, 0.5]], dtype)
    for f, value, gradient in (
        (nn.utils.l1_penalty, 5.5 + 1, np.sign),
        (nn.utils.l2_penalty, (4 + 9 + 0.25) / 2 + 0.5, lambda w: w),
    ):
        p, q = (fastnn.tensor(v, requires_grad=True) for v in (a, np.array([1.0], dtype)))
        total = f([p, q])
        assert total.shape == () and total.item() == pytest.approx(value)
        total.backward()
        np.testing.assert_array_equal(p.grad.numpy(), gradient(a))
        assert f(q).item() == pytest.approx(f([q]).item())


def test_penalties_refuse_what_is_no_parameter():
    for f in (nn.utils.l1_penalty, nn.utils.l2_penalty):
        with pytest.raises(ValueError, match="empty"):
            f([])
        with pytest.raises(TypeError, match="ndarray"):
            f([np.zeros(2)])


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name, option", [("l1", "l1_decay"), ("l2", "weight_decay")])
def test_a_penalty_trains_like_the_decay(name, option, accumulate):
    f = getattr(nn.utils, f"{name}_penalty")
    one = trainer(penalty=lambda m: 0.02 * f(m.parameters()), accumulate=accumulate)
    two = trainer(decay={option: 0.02}, accumulate=accumulate)
    none = trainer(accumulate=accumulate)
    for t in (one, two, none):
        t.fit(batches(), epochs=5)
    np.testing.assert_allclose(weights(one), weights(two), atol=1e-5)
    assert np.abs(weights(one) - weights(none)).max() > 1e-3


def test_cost_penalty_and_objective_add_up():
    t = trainer(penalty=lambda m: 0.1 * nn.utils.l2_penalty(m.parameters()), lr=1e-12)
    expected = 0.05 * (weights(t).astype(np.float64) ** 2).sum()
    h = t.fit(batches(), epochs=2, val=batches())
    for prefix in ("", "val_"):
        assert h[prefix + "cost"] == h[prefix + "loss"]
        difference = np.subtract(h[prefix + "objective"], h[prefix + "cost"])
        np.testing.assert_allclose(difference, expected, atol=1e-6)
        np.testing.assert_allclose(h[prefix + "penalty"], expected, atol=1e-6)
    assert "objective" not in trainer().fit(batches(), epochs=1)


def test_a_penalty_must_be_one_number():
    with pytest.raises(TypeError, match="float"):
        trainer(penalty=0.1)
    with pytest.raises(TypeError, match="float"):
        trainer(penalty=lambda m: 0.1).fit(batches(), epochs=1)
    with pytest.raises(ValueError, match="shape"):
        trainer(penalty=lambda m: m[0].bias).fit(batches(), epochs=1)


def test_resuming_inside_an_epoch_keeps_the_penalty(tmp_path):
    path = tmp_path / "c.safetensors"

    def stop(t, loss):
        if t.iteration == 4:
            t.save_checkpoint(path)

    def penalty(m):
        return 0.1 * nn.utils.l1_penalty(m.parameters())

    whole = trainer(penalty=penalty, callbacks=[train.LambdaCallback(on_batch_end=stop)])
    h = whole.fit(batches(), epochs=3)
    again = trainer(penalty=penalty, callbacks=[train.LambdaCallback()])
    g = again.fit(batches(), epochs=3, resume=path)
    assert g["objective"] == h["objective"] and g["iteration"] == h["iteration"]


def test_per_sample_losses():
    mean, none = trainer(), trainer(nn.CrossEntropyLoss(reduction="none"))
    for t in (mean, none):
        values = t.per_sample(batches())
        assert values.shape == (24,) and values.std() > 0
        assert values.mean() == pytest.approx(t.evaluate(batches())["loss"], abs=1e-6)
        t.fit(batches(), epochs=3)
    assert mean.loss.reduction == "mean"
    np.testing.assert_allclose(weights(mean), weights(none), atol=1e-6)
    with pytest.raises(ValueError, match="one value per sample"):
        trainer(lambda o, y: nn.functional.cross_entropy(o, y)).per_sample(batches())
    with pytest.raises(ValueError, match="no samples"):
        mean.per_sample([])


def test_stop_at_loss_ends_at_the_first_epoch_below():
    free = trainer().fit(batches(), epochs=30)["loss"]
    t = trainer(callbacks=[train.StopAtLoss(free[11] + 1e-9)])
    losses = t.fit(batches(), epochs=30)["loss"]
    assert losses == free[:12] and min(losses[:-1]) > losses[-1]
    assert "below" in t.stop_reason
    with pytest.raises(KeyError, match="val_loss"):
        trainer(callbacks=[train.StopAtLoss(1, "val_loss")]).fit(batches(), epochs=1)
    with pytest.raises(ValueError, match="nan"):
        train.StopAtLoss(float("nan"))


def test_stop_on_plateau():
    class Fake:
        stop_training, stop_reason = False, ""

    def run(values, **options):
        callback, t = train.StopOnPlateau(**options), Fake()
        for i, value in enumerate(values):
            saved = callback.state_dict()
            callback = train.StopOnPlateau(**options)  # the state is all that a resumed run has
            callback.load_state_dict(saved)
            callback.on_epoch_end(t, {"loss": value})
            if t.stop_training:
                return i
        return None

    flat = [3, 2, 2.05, 1, 1.05, 0.97, 1.0, 0.5]
    assert run(flat, min_delta=0.1, patience=3) == 6
    assert run(flat, min_delta=0.1, patience=4) is None
    assert run([1, float("nan"), float("nan")], min_delta=0.1, patience=1) is None
    assert run([5, 5], min_delta=0, patience=1) == 1
    for bad in ({"min_delta": -1}, {"patience": 0}):
        with pytest.raises(ValueError, match="StopOnPlateau"):
            train.StopOnPlateau(**bad)
