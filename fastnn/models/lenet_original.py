"""LeNet-5 as it was in 1998."""

from __future__ import annotations

import numpy as np

from .. import functional as F
from .. import nn
from ..creation import empty, from_numpy
from ..tensor import Parameter, Tensor

# Table I of the paper: the maps of S2 that each of the 16 maps of C3 sees.
C3_TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)
# Targets of F6, 7 x 12 pixels a digit, drawn here after the paper's figure 3.
_GLYPHS = """
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
..###..  ...#...  .#####.  .#####.  .....#.  #######  ..####.  #######  .#####.  .#####.
.#...#.  ..##...  #.....#  #.....#  ....##.  #......  .#.....  #.....#  #.....#  #.....#
#.....#  .#.#...  ......#  ......#  ...#.#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  ......#  ......#  ..#..#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  .....#.  ..####.  .#...#.  ######.  ######.  ....#..  .#####.  .######
#.....#  ...#...  ....#..  ......#  #....#.  ......#  #.....#  ....#..  #.....#  ......#
#.....#  ...#...  ...#...  ......#  #######  ......#  #.....#  ...#...  #.....#  ......#
#.....#  ...#...  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
.#...#.  ...#...  .#.....  #.....#  .....#.  #.....#  #.....#  ..#....  #.....#  .....#.
..###..  .#####.  #######  .#####.  .....#.  .#####.  .#####.  ..#....  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def _codes() -> np.ndarray:
    """(10, 84): +1 where a digit's glyph is black, -1 elsewhere."""
    rows = [line.split() for line in _GLYPHS.split("\n") if line]
    glyphs = ["".join(row[digit] for row in rows) for digit in range(10)]
    return np.where(np.array([list(g) for g in glyphs]) == "#", 1.0, -1.0).astype(np.float32)


def _squash(x: Tensor) -> Tensor:
    """1.7159 tanh(2/3 x): f(1) = 1, f(-1) = -1."""
    return F.tanh(x * (2.0 / 3.0)) * 1.7159


def _uniform(weight: Tensor, bias: Tensor, fan_in: int) -> None:
    """The paper's first values: uniform in +-2.4 / fan_in."""
    for p in (weight, bias):
        nn.init.uniform_(p, -2.4 / fan_in, 2.4 / fan_in)


class Subsample(nn.Module):
    """y = weight * (sum of each 2x2 window) + bias, one weight and one bias a map: x (N, C, H, W)
    -> (N, C, H // 2, W // 2).  LeCun et al. 1998, section II.B."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = Parameter(empty(channels, 1, 1))
        self.bias = Parameter(empty(channels, 1, 1))
        _uniform(self.weight, self.bias, 4)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) * (self.weight * 4.0) + self.bias


class SparseConv2d(nn.Module):
    """Convolution whose map i sees the input maps table[i] only: x (N, C_in, H, W) -> (N,
    len(table), OH, OW), no padding.

    weight (number of connections, K, K), in the order of the table, bias (len(table),).
    """

    def __init__(
        self, in_channels: int, table: tuple[tuple[int, ...], ...], kernel_size: int
    ) -> None:
        super().__init__()
        self.in_channels, self.table, self.kernel_size = in_channels, table, kernel_size
        n_connections = sum(map(len, table))
        self._rows = np.full((len(table), in_channels), n_connections)  # that row is zero
        pairs = [(i, j) for i, maps in enumerate(table) for j in maps]
        self._rows[tuple(np.transpose(pairs))] = np.arange(n_connections)
        self.weight = Parameter(empty(n_connections, kernel_size, kernel_size))
        self.bias = Parameter(empty(len(table)))
        _uniform(self.weight, self.bias, kernel_size * kernel_size * max(map(len, table)))

    def dense_weight(self) -> Tensor:
        """(C_out, C_in, K, K), zero where there is no connection."""
        return F.pad(self.weight, (0, 0, 0, 0, 0, 1))[self._rows]

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.dense_weight(), self.bias)


class LeNet5Original(nn.Module):
    """x (N, 1, 28, 28) -> scores (N, 10), minus the squared distance of F6 to each digit's code;
    60,000 trainable parameters.

    LeCun, Bottou, Bengio, Haffner 1998, doi:10.1109/5.726791: C1 6 maps 5x5 (156 parameters; the
    28x28 image stands in a field of 32x32), S2 (12), C3 16 maps 5x5 by the table of connections
    (1,516), S4 (32), C5 120 units (48,120), F6 84 units (10,164), each through 1.7159 tanh(2/3 x);
    then radial basis functions around fixed codes of +-1, a picture of 7x12 pixels a digit.
    cross_entropy of the scores is the paper's criterion (9) without its rejection constant.
    Raises ValueError (from Conv2d or Linear) for another input size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5, padding=2)
        self.s2 = Subsample(6)
        self.c3 = SparseConv2d(6, C3_TABLE, 5)
        self.s4 = Subsample(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.register_buffer("codes", from_numpy(_codes()))
        for layer, fan_in in ((self.c1, 25), (self.c5, 400), (self.f6, 120)):
            _uniform(layer.weight, layer.bias, fan_in)

    def forward(self, x: Tensor) -> Tensor:
        x = _squash(self.s2(_squash(self.c1(x))))
        x = _squash(self.s4(_squash(self.c3(x))))
        x = _squash(self.f6(_squash(self.c5(x)).flatten(1)))
        return -((x.unsqueeze(1) - self.codes) ** 2).sum(2)
