"""AlexNet: the one-tower layout in use today and the two-group layout of 2012."""

from __future__ import annotations

from .. import nn
from ..tensor import Tensor


class AlexNet(nn.Module):
    """x (N, in_channels, H, W), H and W at least 63, usually 224 -> logits (N, num_classes);
    61,100,840 parameters for 3 channels and 1,000 classes.

    The one-tower layout of Krizhevsky 2014, arXiv:1404.5997, with torchvision's state_dict keys:
    convolutions of 64, 192, 384, 256 and 256 maps, max pooling 3x3 with stride 2, dense layers of
    4,096, 4,096 and num_classes with dropout.  Raises ValueError (from Conv2d or MaxPool2d) for
    smaller images.
    """

    def __init__(
        self, num_classes: int = 1000, dropout: float = 0.5, *, in_channels: int = 3
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class AlexNetOriginal(nn.Module):
    """x (N, in_channels, size, size) -> logits (N, num_classes); 60,965,224 parameters for 3
    channels, size 227 and 1,000 classes; with groups=1, as one tower, 62,378,344.

    Krizhevsky, Sutskever, Hinton 2012, doi:10.1145/3065386: convolutions of 96, 256, 384, 384 and
    256 maps; the second, fourth and fifth in two groups, which were two GPUs; local response
    normalisation (n 5, alpha 1e-4, beta 0.75, k 2) after the first two; overlapping max pooling
    (3x3, stride 2); dropout 1/2 before the dense layers of 4,096.  The paper writes 224 for images,
    but its 55x55 first maps need 227.  Weights begin normal with std 0.01, biases at 1 in
    convolutions 2, 4 and 5 and the hidden dense layers, the others at 0.

    width: factor of all hidden sizes, for narrow versions; the maps stay a multiple of 2.  groups:
    of the second, fourth and fifth convolution, 1 or 2.  Raises ValueError for other groups, for
    images that are too small, or another size than that given here.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
        size: int = 227,
        width: float = 1.0,
        groups: int = 2,
    ) -> None:
        super().__init__()
        if groups not in (1, 2):
            raise ValueError(f"AlexNetOriginal: groups is {groups!r}, expected 1 or 2")
        last = _after_pools((size - 11) // 4 + 1)
        if last < 1:
            raise ValueError(f"AlexNetOriginal: size is {size}, expected at least 67")
        sizes = (96, 256, 384, 256, 4096)
        c1, c2, c3, c5, dense = (max(2, 2 * round(n * width / 2)) for n in sizes)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, c1, 11, stride=4),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=5e-4, k=2.0),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c1, c2, 5, padding=2, groups=groups),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=5e-4, k=2.0),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c3, c3, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.Conv2d(c3, c5, 3, padding=1, groups=groups),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(c5 * last * last, dense),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(dense, dense),
            nn.ReLU(),
            nn.Linear(dense, num_classes),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first values again, as the paper does."""
        layers = [m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        for i, layer in enumerate(layers):
            nn.init.normal_(layer.weight, 0.0, 0.01)
            nn.init.constant_(layer.bias, 1.0 if i in (1, 3, 4, 5, 6) else 0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


def _after_pools(size: int) -> int:
    """Pixels along an axis after the three poolings."""
    for _ in range(3):
        size = (size - 3) // 2 + 1
    return size
