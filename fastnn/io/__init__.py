"""Files of tensors: `fastnn.save` and `fastnn.load`."""

from .safetensors import load, load_metadata, save

__all__ = ["load", "load_metadata", "save"]
