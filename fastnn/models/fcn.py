"""Fully convolutional network for time series."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..tensor import Tensor


class TimeSeriesFCN(nn.Module):
    """x (N, in_channels, T) -> logits (N, num_classes), for any T; 264,962 parameters for one
    channel and two classes, beside the running statistics.

    Wang, Yan, Oates 2017, doi:10.1109/IJCNN.2017.7966039: three Conv1d of 128, 256 and 128 maps
    with kernels of 8, 5 and 3 steps and padding "same", each with batch normalisation and ReLU, the
    average over all steps, and a dense layer.  Raises ValueError unless there are as many channels
    as kernel_sizes.
    """

    def __init__(
        self,
        in_channels: int = 1,
        num_classes: int = 2,
        *,
        channels: Sequence[int] = (128, 256, 128),
        kernel_sizes: Sequence[int] = (8, 5, 3),
    ) -> None:
        super().__init__()
        if len(channels) != len(kernel_sizes) or not channels:
            raise ValueError(
                f"TimeSeriesFCN: {len(channels)} channels and {len(kernel_sizes)} kernel_sizes, "
                "expected as many of both"
            )
        steps: list[nn.Module] = []
        n_in = in_channels
        for n, kernel in zip(channels, kernel_sizes, strict=True):
            steps += [nn.Conv1d(n_in, n, kernel, padding="same"), nn.BatchNorm1d(n), nn.ReLU()]
            n_in = n
        self.features = nn.Sequential(*steps)
        self.avgpool = nn.AdaptiveAvgPool1d(1)
        self.classifier = nn.Linear(channels[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))
