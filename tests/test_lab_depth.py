"""fastnn.lab: gradients and signals layer by layer, the parts of an error."""

import numpy as np
import pytest

import fastnn
from fastnn import lab, models, nn


def test_gradient_flow_is_the_gradients_norm_and_leaves_them_alone():
    fastnn.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    x = fastnn.randn(5, 1, 4, 4)
    loss = model(x).pow(2).mean()
    loss.backward()
    kept = [p.grad for p in model.parameters()]
    expected = [np.linalg.norm(m.weight.grad.numpy()) for m in (model[0], model[3])]
    flow = lab.gradient_flow(model, model(x).pow(2).mean())
    np.testing.assert_allclose(flow, expected, rtol=1e-6)
    assert all(a is b for a, b in zip(kept, (p.grad for p in model.parameters()), strict=True))


def test_gradient_flow_of_a_layer_that_is_not_used():
    model = models.MLP(4, [3], 2)
    first = model.layers[1]
    loss = first(fastnn.randn(6, 4)).pow(2).mean()
    flow = lab.gradient_flow(model, loss)
    assert flow[0] > 0 and flow[1] == 0
    with pytest.raises(ValueError, match="no Linear"):
        lab.gradient_flow(nn.ReLU(), loss)


def test_signal_flow():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 5), nn.Tanh()))
    x = fastnn.randn(50, 3)
    flow = lab.signal_flow(model, x, nn.Tanh)
    h = model[1](model[0](x))
    np.testing.assert_allclose(flow, [a.detach().numpy().var() for a in (h, model(x))], rtol=1e-5)
    assert len(lab.signal_flow(model, x)) == 4
    assert not any(m._forward_hooks for m in model.modules())


def test_bias_and_variance_of_known_fits():
    """The mean of n targets, for a line: bias is the line's variance, variance noise^2 / n."""

    def fit(x, y, i):
        return lambda t: np.full(len(t), y.mean())

    x = np.linspace(-1, 1, 20)
    parts = lab.bias_variance(fit, lambda t: 3 * t, lambda rng: x, x, noise=0.5, fits=2000)
    assert parts.bias == pytest.approx(9 * (x**2).mean(), rel=0.01)
    assert parts.variance == pytest.approx(0.25 / 20, rel=0.1)
    assert parts.noise == 0.25
    assert parts.error == pytest.approx(parts.bias + parts.variance + parts.noise, rel=0.02)
    assert parts.mean.shape == parts.spread.shape == x.shape
    for wrong in ({"fits": 1, "noise": 1}, {"noise": -1}):
        with pytest.raises(ValueError, match="expected at least"):
            lab.bias_variance(fit, lambda t: t, lambda rng: x, x, **wrong)
