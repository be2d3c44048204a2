"""Variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn, no_grad
from ..creation import randn
from ..functional import _checks
from ..random import Generator
from ..tensor import Tensor
from .mlp import check_sizes, dense_layers, listed

Output = tuple[Tensor, Tensor, Tensor]


class VAE(nn.Module):
    """x (N, ...) -> logits (or means) of the pixels (N, in_features), mean and log_var of the code
    (N, latent).

    Dense layers in_features -> hidden[0] -> ... to q(z | x) = N(mean, exp(log_var)), a draw z by
    `nn.GaussianCell` (in evaluation mode the mean), and the same layers back to p(x | z).  With
    likelihood="bernoulli" x is in [0, 1], a Bernoulli variable a pixel (a grey pixel is the chance
    of 1), whose logits the decoder gives; with "gaussian" x is real, each feature normal with
    variance 1 around what the decoder gives.  The prior of z is N(0, I).
    Training lowers `loss(model(x), x)`, minus the evidence lower bound

        ELBO = E[ln p(x | z)] - KL(q(z | x) || N(0, I)) <= ln p(x),

    which is also what a Trainer takes: `Trainer(model, model.loss, optimizer)` on pairs (x, x).
    beta: weight of the divergence in the loss (1: the bound; Higgins et al. 2017, beta-VAE, more).

    activation: "relu", "tanh" or "sigmoid".  Raises ValueError and TypeError for sizes below 1,
    another activation or likelihood, or beta not above 0.  Source: Kingma and Welling 2014,
    arXiv:1312.6114; Rezende, Mohamed, Wierstra 2014, arXiv:1401.4082.
    """

    def __init__(
        self,
        in_features: int = 784,
        hidden: Sequence[int] = (400,),
        latent: int = 20,
        *,
        activation: str = "relu",
        beta: float = 1.0,
        likelihood: str = "bernoulli",
    ) -> None:
        super().__init__()
        sizes = [in_features, *listed(hidden, "VAE", "hidden")]
        check_sizes([*sizes, latent], "VAE")
        self.latent = latent
        self.beta = _checks.positive(beta, "VAE", "beta")
        if likelihood not in ("bernoulli", "gaussian"):
            raise ValueError(
                f"VAE: likelihood is {likelihood!r}, expected 'bernoulli' or 'gaussian'"
            )
        self.likelihood = likelihood
        self.encoder = nn.Sequential(nn.Flatten(), *dense_layers(sizes, activation, "VAE"))
        self.cell = nn.GaussianCell(sizes[-1], latent, bias=True)
        up = [latent, *sizes[:0:-1]]
        self.decoder = nn.Sequential(
            *dense_layers(up, activation, "VAE"), nn.Linear(up[-1], in_features)
        )

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> Output:
        z, mean, log_var = self.cell(self.encoder(x), generator=generator)
        return self.decoder(z), mean, log_var

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z | x), each (N, latent)."""
        h = self.encoder(x)
        return self.cell.mean(h), self.cell.log_var(h)

    def decode(self, z: Tensor) -> Tensor:
        """z (N, latent) -> means of p(x | z), of Bernoulli pixels in [0, 1], (N, in_features)."""
        x = self.decoder(z)
        return F.sigmoid(x) if self.likelihood == "bernoulli" else x

    def loss(self, output: Output, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean over the batch of -ln p(x | z) + beta KL, in nats a sample.

        output: of forward.  target: x, (N, ...).  weight (N,): of the samples in the mean; None:
        all alike.
        """
        error, divergence = self._terms(output, target)
        cost = error + self.beta * divergence
        return cost.mean() if weight is None else (cost * weight).sum() / weight.sum()

    def elbo(self, x: Tensor, *, samples: int = 1, generator: Generator | None = None) -> Tensor:
        """Evidence lower bound of ln p(x) for each x, (N,) in nats, without gradients: in either
        mode, E[ln p(x | z)] is the mean over `samples` draws of z.
        """
        samples = _checks.integer(samples, "VAE.elbo", "samples", 1)
        total: Any = 0.0
        with no_grad():
            mean, log_var = self.encode(x)
            for _ in range(samples):
                z = self.cell.rsample(mean, log_var, generator=generator)
                error, divergence = self._terms((self.decoder(z), mean, log_var), x)
                total = total - error - divergence
            return total / samples

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Means of p(x | z) for n draws z from N(0, I): (n, in_features), without gradients."""
        n = _checks.integer(n, "VAE.sample", "n", 0)
        with no_grad():
            kind = self.cell.mean.weight.dtype
            return self.decode(randn(n, self.latent, generator=generator, dtype=kind))

    def _terms(self, output: Output, target: Tensor) -> tuple[Tensor, Tensor]:
        """-ln p(x | z) and the divergence, each (N,)."""
        y, mean, log_var = output
        target = target.reshape(len(target), y.shape[1])
        if self.likelihood == "bernoulli":
            error = F.binary_cross_entropy_with_logits(y, target, reduction="none").sum(1)
        else:
            normal = 0.5 * math.log(2 * math.pi) * y.shape[1]
            error = 0.5 * F.mse_loss(y, target, reduction="none").sum(1) + normal
        return error, nn.GaussianCell.kl(mean, log_var)
