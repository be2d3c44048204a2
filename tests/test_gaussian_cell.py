"""Mean and standard-deviation cells: formulas in float64, gradients, the draw, faults."""

import numpy as np
import pytest

import fastnn
from fastnn import nn
from fastnn.autograd import gradcheck


def array(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("bias", [False, True])
def test_it_is_two_dense_layers_and_a_draw(bias):
    cell = nn.GaussianCell(5, 3, bias)
    x = array(4, 2, 5)
    y, mean, log_var = cell(fastnn.from_numpy(x), generator=fastnn.Generator(7))
    noise = fastnn.randn(4, 2, 3, generator=fastnn.Generator(7)).numpy()
    expected = [
        x @ layer.weight.detach().numpy().T.astype(np.float64)
        + (layer.bias.detach().numpy() if bias else 0)
        for layer in (cell.mean, cell.log_var)
    ]
    for found, wanted in zip((mean, log_var), expected, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
    wanted = expected[0] + np.exp(expected[1] / 2) * noise
    np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
    keys = ["mean.weight", "mean.bias", "log_var.weight", "log_var.bias"]
    assert list(cell.state_dict()) == [k for k in keys if bias or "bias" not in k]


def test_in_evaluation_it_gives_the_mean_and_draws_nothing():
    cell = nn.GaussianCell(5, 3).eval()
    before = fastnn.random.default_generator.get_state()
    y, mean, _ = cell(fastnn.from_numpy(array(4, 5)))
    assert y is mean and fastnn.random.default_generator.get_state() == before


def test_without_bias_an_input_of_zero_draws_from_the_standard_normal():
    cell = nn.GaussianCell(4, 2)
    y, mean, log_var = cell(fastnn.zeros(200_000, 4), generator=fastnn.Generator(1))
    assert not mean.detach().numpy().any() and not log_var.detach().numpy().any()
    y = y.detach().numpy().astype(np.float64)
    assert abs(y.mean()) < 5 / np.sqrt(y.size) and abs(y.std() - 1) < 5 / np.sqrt(2 * y.size)
    assert abs(np.corrcoef(y.T)[0, 1]) < 0.012


def test_gradient_through_the_draw_is_the_analytic_one():
    mean, log_var = (fastnn.tensor(array(6, 3, seed=s), requires_grad=True) for s in (1, 2))
    y = nn.GaussianCell.rsample(mean, log_var, generator=fastnn.Generator(3))
    dy = array(6, 3, seed=4)
    y.backward(fastnn.from_numpy(dy))
    np.testing.assert_array_equal(mean.grad.numpy(), dy)
    wanted = dy * (y.detach().numpy() - mean.detach().numpy()) / 2
    np.testing.assert_allclose(log_var.grad.numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_divergence_is_that_of_a_float64_sum_over_the_density():
    """Quadrature of p ln(p / q), not the closed form again."""
    mean, log_var = np.array([[0.7, -1.2]]), np.array([[-0.9, 0.4]])
    t, h = np.linspace(-15, 15, 30_001, retstep=True)
    total = 0.0
    for m, v in zip(mean[0], np.exp(log_var[0]), strict=True):
        log_p = -0.5 * ((t - m) ** 2 / v + np.log(2 * np.pi * v))
        log_q = -0.5 * (t**2 + np.log(2 * np.pi))
        total += h * (np.exp(log_p) * (log_p - log_q)).sum()
    found = nn.GaussianCell.kl(fastnn.tensor(mean), fastnn.tensor(log_var))
    assert found.shape == (1,) and found.dtype == np.float64
    np.testing.assert_allclose(found.numpy(), [total], rtol=1e-9)
    assert not nn.GaussianCell.kl(fastnn.zeros(3, 2), fastnn.zeros(3, 2)).numpy().any()


def test_derivatives_in_float64():
    args = [
        fastnn.tensor(array(3, 2, seed=s, dtype=np.float64), requires_grad=True) for s in (0, 1)
    ]
    assert gradcheck(nn.GaussianCell.kl, args)
    draw = nn.GaussianCell.rsample
    assert gradcheck(lambda m, v: draw(m, v, generator=fastnn.Generator(5)), args)


def test_same_as_pytorchs_distributions():
    torch = pytest.importorskip("torch")
    mean, log_var = array(7, 4, seed=1), array(7, 4, seed=2)
    found = nn.GaussianCell.kl(fastnn.from_numpy(mean), fastnn.from_numpy(log_var))
    normal = torch.distributions.Normal(torch.tensor(mean), torch.tensor(np.exp(log_var / 2)))
    unit = torch.distributions.Normal(torch.zeros(7, 4), torch.ones(7, 4))
    wanted = torch.distributions.kl_divergence(normal, unit).sum(-1)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5)


def test_threads_and_backend():
    cell = nn.GaussianCell(64, 48)
    x, found = fastnn.from_numpy(array(300, 64)), []
    for n in (1, 2, 3):
        with fastnn.threads(n):
            found.append(cell(x, generator=fastnn.Generator(2))[0].detach().numpy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    with fastnn.backend.use("reference"):
        other = cell(x, generator=fastnn.Generator(2))[0].detach().numpy()
    np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: nn.GaussianCell(0, 2), ValueError, "in_features is 0, expected at least 1"),
        (lambda: nn.GaussianCell(2, 0), ValueError, "out_features is 0, expected at least 1"),
        (lambda: nn.GaussianCell(2.5, 2), TypeError, "in_features must be an integer"),
        (lambda: nn.GaussianCell(3, 2)(fastnn.zeros(4, 5)), ValueError, "5"),
        (
            lambda: nn.GaussianCell.kl(fastnn.zeros(4, 5), fastnn.zeros(4)),
            ValueError,
            r"log_var has shape \(4,\), but mean has shape \(4, 5\)",
        ),
        (lambda: nn.GaussianCell.kl([1.0], [0.0]), TypeError, "kl: mean must be a Tensor"),
        (
            lambda: nn.GaussianCell.rsample(fastnn.zeros(4, 5), fastnn.zeros(5)),
            ValueError,
            "GaussianCell.rsample: log_var has shape",
        ),
    ],
)
def test_faults(call, error, message):
    with pytest.raises(error, match=message):
        call()
