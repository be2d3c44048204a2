"""Networks that learn without back-propagation, one file each."""

from .neocognitron import Neocognitron

__all__ = ["Neocognitron"]
