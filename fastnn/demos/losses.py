"""Rows 28, 29: mean squared error and cross-entropy, their gradients, and large logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, functional
from ._registry import Result, at_most, demo, exactly
from ._steps import relative_error


def _draw(figure: Any, *, logits: np.ndarray, cross: Any, square: Any, naive: Any) -> None:
    left, right = figure.subplots(1, 2)
    left.plot(logits, cross[0], label="cross-entropy")
    left.plot(logits, square[0], label="squared error of the probability")
    left.set_ylabel("loss")
    left.set_title("how wrong the score of the right class is", fontsize=10)
    right.plot(logits, cross[1], label="cross-entropy: p - 1")
    right.plot(logits, square[1], label="squared error: dies out at both ends")
    right.set_ylabel("gradient for the logit")
    right.set_title("what learning gets from it", fontsize=10)
    left.plot(logits, naive, "k:", label="log(exp(z) / sum), float32: breaks off")
    right.set_xlim(-10, 10)
    for axes in (left, right):
        axes.set_xlabel("logit of the right class; the other's is 0")
        axes.legend(fontsize=9)
        axes.grid(alpha=0.3)


def _loss(f: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """f(x, y) and its gradient for x."""
    t = from_numpy(x.copy())
    t.requires_grad_()
    loss = f(t, from_numpy(y))
    loss.backward()
    return loss.item(), t.grad.numpy()


def _squared(x: Any, y: Any) -> Any:
    """Squared error between softmax and one-hot labels, summed."""
    hot = from_numpy(np.eye(2, dtype=np.float32)[y.numpy()])
    return ((functional.softmax(x, -1) - hot) ** 2).sum() / 2


def _entropy(x: Any, y: Any) -> Any:
    return functional.cross_entropy(x, y, reduction="sum")


def _exact(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean cross-entropy and its gradient in float64."""
    z = x.astype(np.float64)
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    rows = np.arange(len(y))
    grad = np.exp(log_p)
    grad[rows, y] -= 1
    return float(-log_p[rows, y].mean()), grad / len(y)


@demo(
    28,
    29,
    name="losses",
    title="Mean squared error and cross-entropy",
    bar="values and gradients equal NumPy's in float64 within 1e-6: 2 (p - y) / n, and (softmax - "
    "onehot) / n; the same for logits of +-1e4; cross-entropy is log-softmax and NLL (1e-6)",
    draw=_draw,
    size=(11, 4.4),
    seconds=(1, 1),
    source="Bridle 1990, doi:10.1007/978-3-642-76153-9_28; Goodfellow, Bengio, Courville 2016, "
    "ISBN 978-0262035613, section 6.2",
)
def losses(quick: bool, seed: int) -> Result:
    """A loss says how wrong an answer is, and its gradient is what the network learns from; two are
    compared, squared error and cross-entropy. Where a classifier is surely wrong, cross-entropy has
    a large gradient, while the squared error of the same probability has nearly none left.

    Softmax and cross-entropy belong together: the gradient for the logits is the probability minus
    1 for the right class. From logits nothing overflows, where exp(z) would.
    """
    rng = np.random.default_rng(seed)
    p, t = rng.standard_normal((2, 64, 10)).astype(np.float32)
    square, square_grad = _loss(functional.mse_loss, p, t)
    difference = p.astype(np.float64) - t

    x, y = 3 * p, rng.integers(0, 10, 64)
    huge = rng.choice([-1e4, 0, 1e4], (64, 10)).astype(np.float32)
    figures = [
        at_most("mean squared error: error",
                abs(square / (difference**2).mean() - 1), 1e-6),
        at_most("its gradient from 2 (p - y) / n",
                relative_error(square_grad, 2 * difference / p.size), 1e-6),
    ]  # fmt: skip
    for name, z in (("cross-entropy", x), ("logits of +-1e4", huge)):
        value, grad = _loss(functional.cross_entropy, z, y)
        exact, exact_grad = _exact(z, y)
        figures += [
            at_most(f"{name}: error", abs(value / exact - 1), 1e-6),
            at_most(f"{name}: gradient from (softmax - onehot) / n",
                    relative_error(grad, exact_grad), 1e-6),
            exactly(f"{name}: all finite", float(np.isfinite([value, *grad.flat]).all()), 1),
        ]  # fmt: skip
    whole = _loss(functional.cross_entropy, x, y)
    parts = _loss(lambda z, c: functional.nll_loss(functional.log_softmax(z, -1), c), x, y)
    figures += [
        at_most("cross-entropy against log-softmax + NLL", abs(whole[0] / parts[0] - 1), 1e-6),
        at_most("the same, gradients", relative_error(whole[1], parts[1].astype(np.float64)), 1e-6),
    ]
    logits = np.linspace(-110, 110, 441).astype(np.float32)
    pictures: dict[str, Any] = {"logits": logits}
    zero = np.zeros(1, np.int64)
    for name, f in (("cross", _entropy), ("square", _squared)):
        found = [_loss(f, np.array([[z, 0]], np.float32), zero) for z in logits]
        pictures[name] = [v for v, _ in found], [g[0, 0] for _, g in found]
    with np.errstate(all="ignore"):
        e = np.exp(logits)
        pictures["naive"] = -np.log(e / (e + 1))
    return Result(tuple(figures), pictures)
