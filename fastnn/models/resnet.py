"""Residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import nn
from ..nn.fused import conv_bn, conv_bn_add_relu
from ..tensor import Tensor


class BasicBlock(nn.Module):
    """relu(bn(conv3x3(relu(bn(conv3x3(x))))) + shortcut(x)): x (N, C_in, H, W) -> (N, C_out, OH,
    OW), OH = ceil(H / stride).

    The shortcut is x itself, or `downsample`: 1x1 convolution with the stride and batch norm.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y = conv_bn(self.conv1, self.bn1, x, "relu")
        return conv_bn_add_relu(self.conv2, self.bn2, y, identity)


class Bottleneck(nn.Module):
    """As BasicBlock with convolutions 1x1, 3x3 (which has the stride) and 1x1 to 4 times as many
    maps: He et al.'s deeper block, with the stride where torchvision has it (ResNet v1.5)."""

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y = conv_bn(self.conv1, self.bn1, x, "relu")
        y = conv_bn(self.conv2, self.bn2, y, "relu")
        return conv_bn_add_relu(self.conv3, self.bn3, y, identity)


class ResNet(nn.Module):
    """x (N, in_channels, H, W) -> logits (N, num_classes).

    He, Zhang, Ren, Sun 2016, arXiv:1512.03385, in torchvision's layout and with its state_dict
    keys: convolution 7x7 with stride 2, batch norm, ReLU, max pooling 3x3 with stride 2, four
    stages of `layers` blocks with width, 2 width, 4 width and 8 width maps, the later three
    halving the image, global average, dense layer.

    small_images: the stem for images of some 32x32 pixels, a 3x3 convolution with stride 1 and no
    pooling.  zero_init_residual: the last batch norm of each block begins with weight 0, so that
    each block begins as its shortcut (Goyal et al. 2017, arXiv:1706.02677).  Convolutions begin
    Kaiming normal by fan_out.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        *,
        in_channels: int = 3,
        small_images: bool = False,
        width: int = 64,
    ) -> None:
        super().__init__()
        if len(layers) != 4 or min(layers) < 1:
            raise ValueError(f"ResNet: layers is {list(layers)}, expected 4 numbers of at least 1")
        self.inplanes = width
        self.small_images = small_images
        if small_images:
            self.conv1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        else:
            self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(block, width, layers[0], 1)
        self.layer2 = self._stage(block, 2 * width, layers[1], 2)
        self.layer3 = self._stage(block, 4 * width, layers[2], 2)
        self.layer4 = self._stage(block, 8 * width, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(m, BasicBlock | Bottleneck):
                last: Any = m.bn2 if isinstance(m, BasicBlock) else m.bn3
                nn.init.zeros_(last.weight)

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, n_blocks: int, stride: int
    ) -> nn.Sequential:
        """Blocks of one size; the first has the stride, and a downsample where shapes change."""
        out = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        blocks: list[nn.Module] = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = out
        blocks += [block(out, planes) for _ in range(n_blocks - 1)]
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(conv_bn(self.conv1, self.bn1, x, "relu"))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(num_classes: int = 1000, zero_init_residual: bool = False, **options: Any) -> ResNet:
    """ResNet of 8 BasicBlocks: 11,689,512 parameters for 1,000 classes; options as of ResNet."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, zero_init_residual, **options)


def resnet34(num_classes: int = 1000, zero_init_residual: bool = False, **options: Any) -> ResNet:
    """ResNet of 16 BasicBlocks: 21,797,672 parameters for 1,000 classes; options as of ResNet."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, zero_init_residual, **options)


def resnet50(num_classes: int = 1000, zero_init_residual: bool = False, **options: Any) -> ResNet:
    """ResNet of 16 Bottlenecks: 25,557,032 parameters for 1,000 classes; options as of ResNet."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, zero_init_residual, **options)
