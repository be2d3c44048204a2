"""The learning step of a restricted Boltzmann machine: what fits spend their time in.

Three products a step, with bias and sigmoid in their epilogue, one for the gradient of weights and
hidden biases, and one call for the update of all parameters.  Data and negative particles go
through the hidden layer together where the particles are known before (PCD).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend
from ..random import Generator


class Machine:
    """Parameters of an RBM, the two conditional distributions, and the update.

    weight (H, V), hidden_bias (H,), visible_bias (V,), float32, are changed in place.
    gaussian: visible units are normal with variance 1, otherwise Bernoulli.
    """

    def __init__(
        self,
        weight: np.ndarray,
        hidden_bias: np.ndarray,
        visible_bias: np.ndarray,
        gaussian: bool,
        generator: Generator,
    ) -> None:
        self.weight, self.hidden_bias, self.visible_bias = weight, hidden_bias, visible_bias
        self.gaussian, self.generator = gaussian, generator
        self.velocity = [np.zeros_like(p) for p in (weight, hidden_bias, visible_bias)]
        self.chains = np.zeros((0, len(weight)), np.float32)  # hidden states of the particles

    def hidden_mean(self, v: np.ndarray) -> np.ndarray:
        """P(h = 1 | v): (n, V) -> (n, H)."""
        return backend.kernels.linear_forward(v, self.weight, self.hidden_bias, "sigmoid")

    def visible_mean(self, h: np.ndarray) -> np.ndarray:
        """E[v | h]: (n, H) -> (n, V)."""
        activation = None if self.gaussian else "sigmoid"
        return backend.kernels.matmul(h, self.weight, bias=self.visible_bias, activation=activation)

    def draw(self, p: np.ndarray) -> np.ndarray:
        """1 with probability p, else 0."""
        return backend.kernels.random_bernoulli(p, *self.generator.reserve(p.size))

    def hidden(self, v: np.ndarray) -> np.ndarray:
        """A state of the hidden units, drawn given v."""
        return self.draw(self.hidden_mean(v))

    def visible(self, h: np.ndarray) -> np.ndarray:
        """A state of the visible units, drawn given h."""
        mean = self.visible_mean(h)
        if not self.gaussian:
            return self.draw(mean)
        mean += backend.kernels.random_normal(
            mean.shape, *self.generator.reserve(mean.size), 0.0, 1.0
        )
        return mean

    def gibbs(self, v: np.ndarray, n_steps: int) -> np.ndarray:
        """v after n_steps of drawing h given v and v given h."""
        for _ in range(n_steps):
            v = self.visible(self.hidden(v))
        return v

    def persistent_step(self, x: np.ndarray, n_steps: int, rates: dict[str, Any]) -> None:
        """PCD-k: the negative particles go on from where the last step left them."""
        h = self.chains
        for _ in range(n_steps - 1):
            h = self.hidden(self.visible(h))
        both = np.concatenate([x, self.visible(h)])
        hidden = self.hidden_mean(both)
        self.chains = self.draw(hidden[len(x) :])
        self._update(both, hidden, len(x), rates)

    def contrastive_step(self, x: np.ndarray, n_steps: int, rates: dict[str, Any]) -> None:
        """CD-k: the negative particles start at the data."""
        positive = self.hidden_mean(x)
        v = self.visible(self.draw(positive))
        for _ in range(n_steps - 1):
            v = self.visible(self.hidden(v))
        hidden = np.concatenate([positive, self.hidden_mean(v)])
        self._update(np.concatenate([x, v]), hidden, len(x), rates)

    def _update(self, v: np.ndarray, hidden: np.ndarray, n: int, rates: dict[str, Any]) -> None:
        """Up the gradient: the mean over the first n rows minus that over the others.

        Hidden units count with their probabilities, whose noise is less than that of states.
        """
        k = backend.kernels
        sign = np.empty((1, len(v)), np.float32)
        sign[:, :n] = 1.0 / n
        sign[:, n:] = -1.0 / (len(v) - n)
        hidden *= sign.T
        _, d_weight, d_hidden = k.linear_backward(
            hidden, v, self.weight, None, None, (False, True, True)
        )
        gradients = [d_weight, d_hidden, k.matmul(sign, v)[0]]
        params = [self.weight, self.hidden_bias, self.visible_bias]
        velocity = self.velocity if rates["momentum"] else None
        if not rates["weight_decay"]:
            _ascend(params, gradients, velocity, **rates)
            return
        _ascend(params[:1], gradients[:1], velocity and velocity[:1], **rates)
        rates = {**rates, "weight_decay": 0.0}  # not of biases: Hinton 2010, section 10
        _ascend(params[1:], gradients[1:], velocity and velocity[1:], **rates)


def _ascend(
    params: list, gradients: list, velocity: list | None, lr: float, momentum: float,
    weight_decay: float,
) -> None:  # fmt: skip
    backend.kernels.sgd_step(
        params, gradients, velocity, lr, momentum, 0.0, weight_decay, False, True, 0.0, False
    )
