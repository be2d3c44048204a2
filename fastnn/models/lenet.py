"""LeNet-5, the convolutional network for digits."""

from __future__ import annotations

from .. import nn
from ..tensor import Tensor


class LeNet5(nn.Module):
    """x (N, in_channels, 28, 28) -> logits (N, num_classes); 61,706 parameters for one channel, 10
    classes.

    conv 5x5, 6 maps (padding 2) - max-pool 2 - conv 5x5, 16 maps - max-pool 2 - dense 120 - 84 -
    classes, ReLU between. The sizes are those of LeCun, Bottou, Bengio, Haffner 1998,
    doi:10.1109/5.726791. As in today's use, and unlike the paper, C3 sees all six maps, the pooling
    has no weights, ReLU replaces the scaled tanh, and the output is a plain dense layer instead of
    RBF units. Raises ValueError (from Conv2d or Linear) for another input size.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))
