"""Networks that learn without back-propagation, one file each."""

from .autoregressive import AutoRegressive
from .neocognitron import Neocognitron

__all__ = ["AutoRegressive", "Neocognitron"]
