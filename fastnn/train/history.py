"""History: one list per quantity, one entry per epoch."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..io.files import write_atomically


class History(dict[str, list[Any]]):
    """A dict of equally long lists: "epoch" and "iteration" (counted from 1), "loss" (with a
    penalty also "cost", "penalty", "objective"), the metrics, "val_loss" ..., "lr", "seconds" (wall
    time of the epoch's training part). Missing values are None.
    """

    def append(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Add one epoch; arrays and NumPy numbers become lists and Python numbers. Returns the new
        row."""
        n = self.n_epochs
        for key in row:
            self.setdefault(key, [None] * n)
        for key, values in self.items():
            values.append(_plain(row.get(key)))
        return {key: values[-1] for key, values in self.items()}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The epochs as dicts, oldest first."""
        return (dict(zip(self, values, strict=True)) for values in zip(*self.values(), strict=True))

    @property
    def n_epochs(self) -> int:
        """Number of epochs; `len(history)` is the number of quantities, as for any dict."""
        return len(next(iter(self.values()))) if self else 0

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a header and one line per epoch, replacing the file at once. Raises OSError."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self)
        for row in self.rows():
            writer.writerow("" if value is None else value for value in row.values())
        write_atomically(path, text.getvalue())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write {"loss": [...], ...}, replacing the file at once; NaN as NaN. Raises OSError."""
        lines = (f"  {json.dumps(key)}: {json.dumps(values)}" for key, values in self.items())
        write_atomically(path, "{\n" + ",\n".join(lines) + "\n}\n")

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> History:
        """Read what `to_json` wrote. Raises OSError; ValueError if it is something else."""
        with open(path, encoding="utf-8") as file:
            return cls.from_lists(json.load(file), os.fspath(path))

    @classmethod
    def from_lists(cls, lists: Any, where: str) -> History:
        """Check that `lists` is a dict of equally long lists; `where` is for the message."""
        if not isinstance(lists, dict) or not all(isinstance(v, list) for v in lists.values()):
            raise ValueError(f"{where}: not a history: expected lists by name")
        if len({len(v) for v in lists.values()}) > 1:
            raise ValueError(f"{where}: not a history: the lists differ in length")
        return cls(lists)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
