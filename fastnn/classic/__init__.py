"""Networks and models that learn without back-propagation, one file each."""

from .autoregressive import AutoRegressive
from .neocognitron import Neocognitron
from .ngram import NGram

__all__ = ["AutoRegressive", "NGram", "Neocognitron"]
