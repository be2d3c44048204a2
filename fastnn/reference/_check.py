"""What each oracle function checks: NumPy broadcasts wrong shapes silently, kernels never do."""

import numpy as np

__all__ = ["expect_rank", "expect_same_dtype", "expect_shape"]


def expect_same_dtype(**arrays: np.ndarray | None) -> None:
    """TypeError unless all arrays are of one dtype, float32 or float64; None is left out."""
    first: tuple[str, np.dtype] | None = None
    for name, array in arrays.items():
        if array is None:
            continue
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{name} has dtype {array.dtype}, expected float32 or float64")
        if first is None:
            first = (name, array.dtype)
        elif array.dtype != first[1]:
            raise TypeError(f"{name} has dtype {array.dtype}, but {first[0]} has {first[1]}")


def expect_rank(rank: int, **arrays: np.ndarray) -> None:
    """ValueError unless all arrays have so many axes."""
    for name, array in arrays.items():
        if array.ndim != rank:
            raise ValueError(f"{name} has {array.ndim} dimensions, expected {rank}")


def expect_shape(shape: tuple[int, ...], **arrays: np.ndarray) -> None:
    """ValueError unless all arrays have this shape."""
    for name, array in arrays.items():
        if array.shape != tuple(shape):
            raise ValueError(f"{name} has shape {array.shape}, expected {tuple(shape)}")
