"""Networks, one file each, written against the public API."""

from .lenet import LeNet5
from .mlp import MLP

__all__ = ["MLP", "LeNet5"]
