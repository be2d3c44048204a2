"""Deep convolutional inverse graphics network: a variational autoencoder with named latents."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .. import functional as F
from .. import nn, no_grad
from ..autograd import Function
from ..creation import randn, zeros
from ..functional import _checks
from ..nn.utils import evaluating
from ..random import Generator
from ..tensor import Tensor
from .mlp import check_sizes, listed

Output = tuple[Tensor, Tensor, Tensor]


class _Clamp(Function):
    """z (N, latent) with the latents that are not `free` (1, latent) replaced by their mean."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, free: Tensor, weight: float) -> Tensor:
        mean = z.mean(0, keepdim=True)
        ctx.weight = weight
        ctx.save_for_backward(z - mean, free)
        return free * z + (1 - free) * mean

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        difference, free = ctx.saved_tensors
        return free * dy + ((1 - free) * (ctx.weight / len(dy))) * difference, None, None


class DCIGN(nn.Module):
    """x (N, channels, size, size) in [0, 1] -> logits of the pixels (same shape), mean and log_var
    of the code (N, latent).  Each factor of the scene has latents of its own.

    A convolutional encoder (3x3, stride 2, ReLU, once for each of `maps`), a Gaussian code z drawn
    by `nn.GaussianCell`, and a decoder of transposed convolutions (4x4, stride 2).  factors: name
    -> number of latents, such as {"rotation": 1, "scale": 1, "intrinsic": 8}; `latents(name)` is
    the slice of the code.  The paper has 200 latents, three of them for azimuth, elevation and
    light.

    Training: choose a factor, take a mini-batch in which only this factor varies, and call
    `forward(x, factor)`.  The other latents are clamped: the decoder gets their mean over the
    batch, so what varies can only be explained by the factor's own latents; and their gradient from
    the decoder is replaced by their difference from that mean, times `invariance`, which draws the
    encoder to give the same for the whole batch.  Lower `loss(output, x)`, minus the evidence
    lower bound.  `forward(x)` without a factor is a VAE.  `rerender` shows scenes with a factor
    changed.

    beta: weight of the divergence.  Raises ValueError and TypeError for sizes below 1, a size that
    is no multiple of 2 ** len(maps), factors that are empty, or numbers outside their range.

    Source: Kulkarni, Whitney, Kohli, Tenenbaum 2015, arXiv:1503.03167, section 3 (max pooling and
    unpooling there, strides here).
    """

    def __init__(
        self,
        factors: Mapping[str, int],
        channels: int = 1,
        size: int = 32,
        *,
        maps: Sequence[int] = (16, 32, 32),
        hidden: int = 128,
        invariance: float = 0.01,
        beta: float = 1.0,
    ) -> None:
        super().__init__()
        if not isinstance(factors, Mapping):
            raise TypeError(
                f"DCIGN: factors is a {type(factors).__name__}, expected a dict of name: latents"
            )
        if not factors:
            raise ValueError("DCIGN: factors is empty, expected names with numbers of latents")
        maps = listed(maps, "DCIGN", "maps")
        check_sizes([channels, size, *maps, hidden, *factors.values()], "DCIGN")
        step = 1 << len(maps)
        if size % step or not maps:
            raise ValueError(
                f"DCIGN: size is {size} with {len(maps)} maps, expected at least one, and a "
                f"multiple of {step}"
            )
        self.invariance = _checks.number(invariance, "DCIGN", "invariance")
        if not 0 <= self.invariance < math.inf:
            raise ValueError(f"DCIGN: invariance is {invariance}, expected at least 0 and finite")
        self.beta = _checks.positive(beta, "DCIGN", "beta")
        self.factors = dict(factors)
        self.latent = sum(self.factors.values())
        wide = [channels, *maps]
        down: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(wide):
            down += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU()]
        shape = (maps[-1], size // step, size // step)
        self.encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(math.prod(shape), hidden), nn.ReLU()
        )
        self.cell = nn.GaussianCell(hidden, self.latent, bias=True)
        up: list[nn.Module] = [nn.Linear(self.latent, hidden), nn.ReLU()]
        up += [nn.Linear(hidden, math.prod(shape)), nn.ReLU(), nn.Unflatten(1, shape)]
        for n_in, n_out in itertools.pairwise(wide[::-1]):
            up += [nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1), nn.ReLU()]
        self.decoder = nn.Sequential(*up[:-1])

    def latents(self, factor: str) -> slice:
        """Columns of the code that belong to a factor.  ValueError for an unknown name."""
        if factor not in self.factors:
            raise ValueError(
                f"DCIGN: factor is {factor!r}, expected one of {', '.join(self.factors)}"
            )
        start = 0
        for name, count in self.factors.items():
            if name == factor:
                break
            start += count
        return slice(start, start + count)

    def forward(
        self, x: Tensor, factor: str | None = None, *, generator: Generator | None = None
    ) -> Output:
        z, mean, log_var = self.cell(self.encoder(x), generator=generator)
        if factor is not None:
            z = self.clamp(z, factor)
        return self.decoder(z), mean, log_var

    def clamp(self, z: Tensor, factor: str) -> Tensor:
        """z (N, latent) with all latents but the factor's replaced by their mean over the batch.

        Backward, their gradient is invariance (z - mean) / N whatever comes from the decoder: N as
        the loss is a mean over the batch.
        """
        if z.ndim != 2 or z.shape[1] != self.latent or not len(z):
            raise ValueError(f"DCIGN: z has shape {z.shape}, expected (N, {self.latent}), N >= 1")
        own = self.latents(factor)
        free = zeros(1, self.latent, dtype=z.dtype)
        free[:, own] = 1.0
        return _Clamp.apply(z, free, self.invariance)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z | x), each (N, latent)."""
        h = self.encoder(x)
        return self.cell.mean(h), self.cell.log_var(h)

    def decode(self, z: Tensor) -> Tensor:
        """z (N, latent) -> pixels in [0, 1], (N, channels, size, size)."""
        return F.sigmoid(self.decoder(z))

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """Mean over the batch of the pixels' cross-entropy + beta KL, in nats an image.

        output: of forward.  target: x.
        """
        logits, mean, log_var = output
        error = F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(target)
        return error + self.beta * nn.GaussianCell.kl(mean, log_var).mean()

    def rerender(self, x: Tensor, factor: str, values: Tensor) -> Tensor:
        """The scene x (1, channels, size, size) with the factor's latents set to each row of values
        (M, latents of the factor): images (M, channels, size, size), without gradients.  ValueError
        for other shapes.
        """
        own = self.latents(factor)
        _checks.tensor(x, "DCIGN.rerender", "x")
        _checks.tensor(values, "DCIGN.rerender", "values")
        if values.ndim != 2 or values.shape[1] != self.factors[factor]:
            raise ValueError(
                f"DCIGN: values has shape {values.shape}, expected (M, {self.factors[factor]})"
            )
        if len(x) != 1:
            raise ValueError(f"DCIGN: x has {len(x)} images, expected 1")
        with evaluating(self):
            mean, _ = self.encode(x)
            z = zeros(len(values), self.latent, dtype=mean.dtype) + mean
            z[:, own] = values
            return self.decode(z)

    def sample(self, n: int, *, generator: Generator | None = None) -> Tensor:
        """Images of n draws of z from N(0, I), without gradients."""
        n = _checks.integer(n, "DCIGN.sample", "n", 0)
        with no_grad():
            kind = self.cell.mean.weight.dtype
            return self.decode(randn(n, self.latent, generator=generator, dtype=kind))
