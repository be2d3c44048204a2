"""Autoencoders: deep, denoising and sparse; dense and convolutional."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from .. import functional as F
from .. import nn
from ..creation import full
from ..functional import _checks
from ..nn.utils import evaluating
from ..random import Generator
from ..tensor import Tensor
from .mlp import check_sizes, dense_layers, listed


class _Autoencoder(nn.Module):
    """What both kinds share: corruption of the input, and the loss.  A subclass sets `encoder` and
    `decoder`."""

    encoder: nn.Sequential
    decoder: nn.Sequential

    def __init__(
        self, noise: float, masking: float, sparsity: float | None, sparsity_weight: float
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.noise = _checks.number(noise, name, "noise")
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"{name}: noise is {noise}, expected at least 0 and finite")
        self.masking = _checks.probability(masking, name, "masking")
        self.sparsity = sparsity
        if sparsity is not None and not 0 < _checks.number(sparsity, name, "sparsity") < 1:
            raise ValueError(f"{name}: sparsity is {sparsity}, expected None or 0 < sparsity < 1")
        self.sparsity_weight = _checks.positive(sparsity_weight, name, "sparsity_weight")

    def _code_layers(self) -> list[nn.Module]:
        """What follows the last dense layer of the encoder: the penalty wants values in (0, 1)."""
        return [] if self.sparsity is None else [nn.Sigmoid()]

    def corrupt(self, x: Tensor, *, generator: Generator | None = None) -> Tensor:
        """x with normal noise added and a share of its elements set to 0, as in training."""
        x = F.gaussian_noise(x, self.noise, generator=generator)
        if self.masking:
            kept = F.dropout(
                full(x.shape, 1 - self.masking, x.dtype), self.masking, generator=generator
            )
            x = x * kept
        return x

    def forward(self, x: Tensor, *, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        code = self.encoder(self.corrupt(x, generator=generator) if self.training else x)
        return self.decoder(code), code

    def reconstruct(self, x: Tensor) -> Tensor:
        """decoder(encoder(x)) without corruption and without gradients."""
        with evaluating(self):
            return self(x)[0]

    def loss(
        self, output: tuple[Tensor, Tensor], target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Mean squared error of the reconstruction, plus the penalty if `sparsity` is set.

        output: of forward.  target: the clean x.  weight (N,): of the samples in all means over the
        batch; None: all alike.  With r the sparsity and m_j the mean of unit j of the code over the
        batch, the penalty is

            sparsity_weight sum_j (r ln(r / m_j) + (1 - r) ln((1 - r) / (1 - m_j))).
        """
        y, code = output
        target = target.reshape(len(target), *y.shape[1:])
        if weight is None:
            cost = F.mse_loss(y, target)
        else:
            share = weight / weight.sum()
            errors = F.mse_loss(y, target, reduction="none").reshape(len(y), -1).mean(1)
            cost = (errors * share).sum()
        if self.sparsity is None:
            return cost
        r = self.sparsity
        mean = code.mean(0) if weight is None else (code * share.reshape(-1, 1)).sum(0)
        entropy = -r * math.log(r) - (1 - r) * math.log1p(-r)
        # As a cross-entropy, whose logarithms are bounded: a unit may be 0 for a whole batch.
        cross = F.binary_cross_entropy(mean, full(mean.shape, r, mean.dtype), reduction="sum")
        return cost + self.sparsity_weight * (cross - entropy * mean.shape[0])


class Autoencoder(_Autoencoder):
    """x (N, ...) -> reconstruction (N, in_features) and code (N, code); the decoder mirrors the
    encoder.

    Dense layers in_features -> hidden[0] -> ... -> code -> ... -> hidden[0] -> in_features with
    `activation` ("relu", "tanh", "sigmoid") between them; the code and the output are linear, so
    without hidden layers this is PCA's subspace.  Trained by `loss(model(x), x)`, which is also
    what a Trainer takes: `Trainer(model, model.loss, optimizer)` on pairs (x, x).

    noise, masking: in training the encoder sees x + noise n, n standard normal, and each element
    set to 0 with probability `masking`, and must put out the clean x (denoising: Vincent et al.
    2008, doi:10.1145/1390156.1390294).  sparsity: mean activation that every unit of the code is
    drawn to (Ng 2011, Sparse autoencoder, CS294A); the code then is a sigmoid.  sparsity_weight is
    Ng's beta times 2 / in_features, because the error here is a mean over pixels.

    Raises ValueError and TypeError for sizes below 1 or options outside their range.
    Source: Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647, who pre-train it.
    """

    def __init__(
        self,
        in_features: int = 784,
        hidden: Sequence[int] = (256,),
        code: int = 32,
        *,
        activation: str = "relu",
        noise: float = 0.0,
        masking: float = 0.0,
        sparsity: float | None = None,
        sparsity_weight: float = 0.01,
    ) -> None:
        super().__init__(noise, masking, sparsity, sparsity_weight)
        sizes = [in_features, *listed(hidden, "Autoencoder", "hidden"), code]
        check_sizes(sizes, "Autoencoder")
        down, up = (dense_layers(s, activation, "Autoencoder") for s in (sizes[:-1], sizes[:0:-1]))
        self.encoder = nn.Sequential(
            nn.Flatten(), *down, nn.Linear(sizes[-2], code), *self._code_layers()
        )
        self.decoder = nn.Sequential(*up, nn.Linear(sizes[1], in_features))


class ConvAutoencoder(_Autoencoder):
    """x (N, in_channels, H, W) -> reconstruction of the same shape and code (N, code).

    Encoder: for each of `channels` a 3x3 convolution of stride 2 with ReLU, then a dense layer to
    the code.  Decoder: a dense layer, then the same back, either by transposed convolutions (4x4,
    stride 2: "transposed") or by repeating each pixel 2x2 and a 3x3 convolution ("nearest", which
    leaves no checkerboard: Odena et al. 2016, doi:10.23915/distill.00003).  The last has no
    activation.  size: H and W, an int or a pair, multiples of 2 ** len(channels).

    noise, masking, sparsity, sparsity_weight and training: see `Autoencoder`.  Raises ValueError
    and TypeError for sizes and options outside their range.  Source: Masci et al. 2011,
    doi:10.1007/978-3-642-21735-7_7, with strides in place of pooling.
    """

    def __init__(
        self,
        in_channels: int = 1,
        size: int | tuple[int, int] = 28,
        channels: Sequence[int] = (16, 32),
        code: int = 32,
        *,
        upsampling: str = "transposed",
        noise: float = 0.0,
        masking: float = 0.0,
        sparsity: float | None = None,
        sparsity_weight: float = 0.01,
    ) -> None:
        super().__init__(noise, masking, sparsity, sparsity_weight)
        channels = listed(channels, "ConvAutoencoder", "channels")
        maps = [in_channels, *channels]
        check_sizes([*maps, code], "ConvAutoencoder")
        height, width = _checks.pair(size, "ConvAutoencoder", "size", 1)
        step = 1 << len(channels)
        if height % step or width % step or not channels:
            raise ValueError(
                f"ConvAutoencoder: size is {height} x {width} with {len(channels)} channels, "
                f"expected at least one, and multiples of {step}"
            )
        if upsampling not in ("transposed", "nearest"):
            raise ValueError(
                f"ConvAutoencoder: upsampling is {upsampling!r}, expected 'transposed' or 'nearest'"
            )
        down: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(maps):
            down += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.ReLU()]
        shape = (maps[-1], height // step, width // step)
        up: list[nn.Module] = [nn.Linear(code, math.prod(shape)), nn.ReLU(), nn.Unflatten(1, shape)]
        for n_in, n_out in itertools.pairwise(maps[::-1]):
            up += [*_double(n_in, n_out, upsampling), nn.ReLU()]
        self.encoder = nn.Sequential(
            *down, nn.Flatten(), nn.Linear(math.prod(shape), code), *self._code_layers()
        )
        self.decoder = nn.Sequential(*up[:-1])


def _double(n_in: int, n_out: int, upsampling: str) -> list[Any]:
    """Layers to twice the height and width."""
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)]
    return [nn.Upsample(scale_factor=2), nn.Conv2d(n_in, n_out, 3, padding=1)]
