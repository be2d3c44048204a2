"""VGG networks."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..tensor import Tensor

POOL = 0  # in a list of layers: max pooling instead of a convolution of so many maps
_VGG11 = (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL)
_VGG16 = (
    *(64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL),
    *(512, 512, 512, POOL, 512, 512, 512, POOL),
)


class VGG(nn.Module):
    """x (N, in_channels, H, W), H and W at least 32, usually 224 -> logits (N, num_classes).

    Simonyan and Zisserman 2015, arXiv:1409.1556, with torchvision's layout and state_dict keys.
    layers: maps of each 3x3 convolution, and 0 where 2x2 max pooling stands; every convolution has
    ReLU and, with batch_norm, batch normalisation before it.  Then the average over 7x7 fields and
    dense layers of 4,096, 4,096 and num_classes.  Convolutions begin Kaiming normal by fan_out,
    dense layers normal with std 0.01, biases at 0.
    """

    def __init__(
        self,
        layers: Sequence[int],
        num_classes: int = 1000,
        batch_norm: bool = False,
        dropout: float = 0.5,
        *,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        n = in_channels
        for width in layers:
            if width == POOL:
                steps.append(nn.MaxPool2d(2))
                continue
            steps.append(nn.Conv2d(n, width, 3, padding=1))
            if batch_norm:
                steps.append(nn.BatchNorm2d(width))
            steps.append(nn.ReLU())
            n = width
        self.features = nn.Sequential(*steps)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(n * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0.0, 0.01)
                nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def vgg11(num_classes: int = 1000, dropout: float = 0.5, *, in_channels: int = 3) -> VGG:
    """VGG configuration A: 132,863,336 parameters for 1,000 classes."""
    return VGG(_VGG11, num_classes, False, dropout, in_channels=in_channels)


def vgg11_bn(num_classes: int = 1000, dropout: float = 0.5, *, in_channels: int = 3) -> VGG:
    """vgg11 with batch normalisation: 132,868,840 parameters for 1,000 classes."""
    return VGG(_VGG11, num_classes, True, dropout, in_channels=in_channels)


def vgg16(num_classes: int = 1000, dropout: float = 0.5, *, in_channels: int = 3) -> VGG:
    """VGG configuration D: 138,357,544 parameters for 1,000 classes."""
    return VGG(_VGG16, num_classes, False, dropout, in_channels=in_channels)


def vgg16_bn(num_classes: int = 1000, dropout: float = 0.5, *, in_channels: int = 3) -> VGG:
    """vgg16 with batch normalisation: 138,365,992 parameters for 1,000 classes."""
    return VGG(_VGG16, num_classes, True, dropout, in_channels=in_channels)
