"""U-Net, for one class per pixel."""

from __future__ import annotations

from .. import functional as F
from .. import nn
from ..tensor import Tensor


def _double(n_in: int, n_out: int, padding: int, batch_norm: bool) -> nn.Sequential:
    """Two 3x3 convolutions, each with ReLU."""
    steps: list[nn.Module] = []
    for n in (n_in, n_out):
        steps.append(nn.Conv2d(n, n_out, 3, padding=padding, bias=not batch_norm))
        if batch_norm:
            steps.append(nn.BatchNorm2d(n_out))
        steps.append(nn.ReLU())
    return nn.Sequential(*steps)


class UNet(nn.Module):
    """x (N, in_channels, H, W) -> logits of each pixel (N, num_classes, OH, OW); 31,030,658
    parameters for one channel and two classes.

    Ronneberger, Fischer, Brox 2015, arXiv:1505.04597: `depth` times two 3x3 convolutions and 2x2
    max pooling, with width, 2 width, ... maps, two convolutions at the bottom, then `depth` times a
    2x2 transposed convolution, the maps of the same level beside it, and two convolutions; 1x1
    convolution to the classes.

    padding=0 is the paper's: each convolution takes a border off, skipped maps are cropped, 572
    pixels become 388.  padding=1 (the default, as in today's use) keeps the size; H and W must then
    be multiples of 2^depth.  batch_norm: after each convolution but the last, which is not in the
    paper.  Raises ValueError for sizes that do not halve evenly.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        *,
        width: int = 64,
        depth: int = 4,
        padding: int = 1,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"UNet: depth is {depth}, expected at least 1")
        if padding not in (0, 1):
            raise ValueError(f"UNet: padding is {padding}, expected 0 or 1")
        sizes = [width << level for level in range(depth + 1)]
        self.depth = depth
        self.pool = nn.MaxPool2d(2)
        for level, n in enumerate(sizes):
            n_in = in_channels if level == 0 else sizes[level - 1]
            self.add_module(f"down{level}", _double(n_in, n, padding, batch_norm))
        for level, n in enumerate(sizes[:-1]):
            self.add_module(f"up{level}", nn.ConvTranspose2d(2 * n, n, 2, stride=2))
            self.add_module(f"merge{level}", _double(2 * n, n, padding, batch_norm))
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        m = self._modules
        skipped = []
        for level in range(self.depth):
            x = m[f"down{level}"](x)
            if x.shape[-1] % 2 or x.shape[-2] % 2:
                raise ValueError(
                    f"UNet: {x.shape[-2]} x {x.shape[-1]} pixels at level {level} do not halve "
                    "evenly"
                )
            skipped.append(x)
            x = self.pool(x)
        x = m[f"down{self.depth}"](x)
        for level in reversed(range(self.depth)):
            x = m[f"up{level}"](x)
            x = m[f"merge{level}"](F.cat([_crop(skipped[level], x), x], 1))
        return self.head(x)


def _crop(x: Tensor, like: Tensor) -> Tensor:
    """The middle of x (N, C, H, W), as large as `like`."""
    if x.shape[2:] == like.shape[2:]:
        return x
    h, w = like.shape[2:]
    top, left = (x.shape[2] - h) // 2, (x.shape[3] - w) // 2
    return x[:, :, top : top + h, left : left + w]
