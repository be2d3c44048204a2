"""Windows of a series as rows of X."""

from __future__ import annotations

from typing import Any

import numpy as np


class Windows:
    """The last `window` steps up to each of `ends`, of a series (T, F), made when asked for.

    Shape (len(ends), window, F). Like a CSR matrix: an index or slice chooses rows, `toarray`
    copies them. Before the series begins its first step is repeated.
    """

    def __init__(self, series: np.ndarray, ends: np.ndarray, window: int) -> None:
        self.series, self.ends, self.window = series, ends, window

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.ends), self.window, self.series.shape[1]

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: Any) -> Windows:
        return Windows(self.series, self.ends[index], self.window)

    def toarray(self) -> np.ndarray:
        """(len(ends), window, F)."""
        steps = self.ends[:, None] - np.arange(self.window - 1, -1, -1)
        return self.series[steps.clip(min=0)]


def next_steps(series: np.ndarray, horizon: int) -> np.ndarray:
    """The `horizon` steps after each that has so many: (T, F) -> (T - horizon, horizon F), or
    (T - horizon,) where that is one number."""
    following = np.lib.stride_tricks.sliding_window_view(series[1:], horizon, axis=0)
    rows = following.transpose(0, 2, 1).reshape(len(series) - horizon, -1)
    return rows[:, 0] if rows.shape[1] == 1 else rows
