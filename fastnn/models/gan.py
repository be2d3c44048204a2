"""Generative adversarial networks: of dense layers, and of convolutions (DCGAN)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from .. import functional as F
from .. import nn, optim
from ..creation import randn, uniform_array
from ..functional import _checks
from ..nn.utils import evaluating
from ..random import Generator
from ..tensor import Tensor
from .mlp import MLP, check_sizes, listed


class _Adversarial(nn.Module):
    """What both share: losses, the training step and sampling.  A subclass sets `latent`,
    `generator` (z -> samples) and `discriminator` (samples -> logits)."""

    latent: int
    generator: nn.Module
    discriminator: nn.Module

    def noise(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """n draws of z from the prior, (n, latent)."""
        raise NotImplementedError

    def forward(self, z: Tensor) -> Tensor:
        """z (N, latent) -> samples; gradients pass."""
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(
                f"{type(self).__name__}: z has shape {z.shape}, expected (N, {self.latent})"
            )
        return self._generate(z)

    def _generate(self, z: Tensor) -> Tensor:
        return self.generator(z)

    def discriminate(self, x: Tensor) -> Tensor:
        """Logits (N,) that x is real: D(x) = sigmoid of them."""
        return self.discriminator(x).flatten()

    def discriminator_loss(self, x: Tensor, fake: Tensor) -> Tensor:
        """-mean ln D(x) - mean ln(1 - D(fake)); no gradient reaches what made `fake`.

        Real and made samples pass the discriminator apart, so that its batch norm sees one kind.
        """
        real, made = self.discriminate(x), self.discriminate(fake.detach())
        return F.softplus(-real).mean() + F.softplus(made).mean()

    def generator_loss(self, fake: Tensor) -> Tensor:
        """-mean ln D(fake), the non-saturating loss: it has a gradient where the discriminator is
        sure, and mean ln(1 - D(fake)) of the minimax game has none.  No gradient is left in the
        discriminator's parameters.
        """
        with _frozen(self.discriminator):
            return F.softplus(-self.discriminate(fake)).mean()

    def train_step(
        self,
        x: Tensor,
        optimizer_g: optim.Optimizer,
        optimizer_d: optim.Optimizer,
        *,
        generator: Generator | None = None,
    ) -> tuple[float, float]:
        """One step of the discriminator on x and as many made samples, then one of the generator on
        the same noise.  Returns the losses of generator and discriminator.

        optimizer_g, optimizer_d: of `self.generator.parameters()`,
        `self.discriminator.parameters()`.  generator: source of the noise; the default generator if
        None.  Raises ValueError, before anything is changed, for an x without samples and for an
        optimizer that has weights of the other player.
        """
        if not len(x):
            raise ValueError(f"{type(self).__name__}.train_step: x has no samples: {x.shape}")
        for argument, optimizer, other in (
            ("optimizer_g", optimizer_g, "discriminator"),
            ("optimizer_d", optimizer_d, "generator"),
        ):
            foreign = {id(p) for p in getattr(self, other).parameters()}
            if any(id(p) in foreign for group in optimizer.param_groups for p in group["params"]):
                raise ValueError(
                    f"{type(self).__name__}.train_step: {argument} has weights of the {other}"
                )
        fake = self(self.noise(len(x), generator=generator))
        loss_d = self.discriminator_loss(x, fake)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = self.generator_loss(fake)
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        return loss_g.item(), loss_d.item()

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """n samples from fresh noise, in evaluation mode and without gradients."""
        n = _checks.integer(n, f"{type(self).__name__}.sample", "n", 0)
        with evaluating(self):
            return self(self.noise(n, generator=generator))


class GAN(_Adversarial):
    """Two MLPs that play against each other: generator z (N, latent) -> samples (N, features), and
    discriminator x (N, ...) -> the logit that x is real.

        min_G max_D  E[ln D(x)] + E[ln(1 - D(G(z)))],  z ~ N(0, I)

    At the best D the generator's cost is the Jensen-Shannon divergence of its distribution from the
    data's.  In practice G raises E[ln D(G(z))] (`generator_loss`).  A loop of `train_step` trains
    it; `sample(n)` draws.

    hidden: units of the generator's hidden layers; the discriminator has them in reverse order.
    activation: "relu", "tanh" or "sigmoid".  The output is linear: scale the data to about unit
    variance.  Raises ValueError and TypeError for sizes below 1 or another activation.

    Source: Goodfellow et al. 2014, arXiv:1406.2661.
    """

    def __init__(
        self,
        features: int,
        latent: int = 16,
        hidden: Sequence[int] = (128, 128),
        *,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        hidden = listed(hidden, "GAN", "hidden")
        check_sizes([features, latent, *hidden], "GAN")
        self.latent = latent
        self.generator = MLP(latent, hidden, features, activation=activation)
        self.discriminator = MLP(features, hidden[::-1], 1, activation=activation)

    def noise(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """n draws of z from N(0, I), (n, latent)."""
        return randn(n, self.latent, generator=generator, dtype=_dtype(self.generator))


class DCGAN(_Adversarial):
    """Deep convolutional GAN: generator z (N, latent) -> images (N, channels, size, size) in
    [-1, 1], and discriminator images -> logits.  Scale the data to [-1, 1].

    Generator: a transposed convolution from 1x1 to base x base, then transposed convolutions 4x4 of
    stride 2 to `size`; batch norm and ReLU after each but the last, tanh after that.
    Discriminator: convolutions 4x4 of stride 2 back to base x base, LeakyReLU(0.2) after each,
    batch norm before it in all but the first; one dense unit.  base is `size` halved until it is at
    most 7: 28 = 7 * 4, 32 = 4 * 8, 64 = 4 * 16.  The maps next to the images are `width`, and twice
    as many with each halving.  Weights are drawn from N(0, 0.02), scales of batch norm from
    N(1, 0.02), biases are 0; z is uniform in [-1, 1).

    The paper trains with Adam, lr 2e-4, betas (0.5, 0.999), batches of 128, width 128 for 64x64.
    Losses, `train_step` and `sample` are those of `GAN`.  Raises ValueError and TypeError for sizes
    below 1, or a `size` that does not halve evenly to 4..7.

    Source: Radford, Metz, Chintala 2016, arXiv:1511.06434.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 28,
        *,
        latent: int = 100,
        width: int = 64,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes([channels, size, latent, width], "DCGAN")
        self.latent = latent
        base, halvings = _halve(size)
        maps = [channels, *(width << i for i in range(halvings))]
        up: list[nn.Module] = [
            *_normed(nn.ConvTranspose2d(latent, maps[-1], base, bias=False), maps[-1], nn.ReLU())
        ]
        for level in range(halvings, 1, -1):
            n_in, n_out = maps[level], maps[level - 1]
            up += _normed(nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=False), n_out, nn.ReLU())
        up += [nn.ConvTranspose2d(width, channels, 4, 2, 1), nn.Tanh()]
        down: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level in range(1, halvings):
            n_in, n_out = maps[level], maps[level + 1]
            down += _normed(nn.Conv2d(n_in, n_out, 4, 2, 1, bias=False), n_out, nn.LeakyReLU(0.2))
        self.generator = nn.Sequential(*up)
        self.discriminator = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(maps[-1] * base * base, 1)
        )
        for module in self.modules():
            _init(module, generator)

    def noise(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """n draws of z, uniform in [-1, 1), (n, latent)."""
        z = uniform_array((n, self.latent), -1.0, 1.0, generator)
        return Tensor(z.astype(_dtype(self.generator), copy=False))

    def _generate(self, z: Tensor) -> Tensor:
        return self.generator(z.reshape(len(z), self.latent, 1, 1))


def _dtype(model: nn.Module) -> np.dtype:
    """Of its weights."""
    return next(model.parameters()).dtype


def _halve(size: int) -> tuple[int, int]:
    """`size` halved until at most 7, and how often; ValueError if that is uneven or below 4."""
    base, halvings = size, 0
    while base > 7 and base % 2 == 0:
        base, halvings = base // 2, halvings + 1
    if not (4 <= base <= 7 and halvings):
        raise ValueError(
            f"DCGAN: size is {size}, expected 4, 5, 6 or 7 times 2, 4, 8 ..., such as 28, 32 or 64"
        )
    return base, halvings


def _normed(layer: nn.Module, maps: int, activation: nn.Module) -> list[nn.Module]:
    return [layer, nn.BatchNorm2d(maps), activation]


def _init(module: nn.Module, generator: Generator | None) -> None:
    """The paper's first values."""
    if isinstance(module, nn.BatchNorm2d) and module.weight is not None:
        nn.init.normal_(module.weight, 1.0, 0.02, generator)
    elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02, generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


@contextlib.contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Without gradients of the parameters that have them."""
    free = [p for p in model.parameters() if p.requires_grad]
    for p in free:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in free:
            p.requires_grad_(True)
