"""Networks and models that learn without back-propagation, one file each."""

from .neocognitron import Neocognitron
from .ngram import NGram

__all__ = ["NGram", "Neocognitron"]
