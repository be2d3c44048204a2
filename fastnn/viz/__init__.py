"""Pictures of networks (extra `plot`: matplotlib)."""

from .canvas import new_figure, save
from .maps import feature_maps, kernels

__all__ = ["feature_maps", "kernels", "new_figure", "save"]
