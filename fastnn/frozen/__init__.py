"""Networks for inference as rows of kernel calls."""

from .frozen import Frozen, freeze
from .traced import FreezeError

__all__ = ["FreezeError", "Frozen", "freeze"]
