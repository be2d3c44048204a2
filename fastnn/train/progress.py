"""ProgressBar: a bar on a terminal, one plain line per epoch otherwise."""

from __future__ import annotations

import sys
import time
from typing import IO, TYPE_CHECKING, Any

from .callbacks import Callback

if TYPE_CHECKING:
    from .trainer import Trainer

_SECONDS_PER_REFRESH = 0.1  # a postfix costs some 20 us, a small network's step 500


class ProgressBar(Callback):
    """Shows loss, metrics and samples per second.

    file: where to, sys.stderr if None. unit: what the samples are called. bar: True, False, or
    "auto": a tqdm bar if `file` is a terminal. The line of each epoch is written in any case.
    """

    def __init__(
        self, file: IO[str] | None = None, unit: str = "samples", bar: bool | str = "auto"
    ) -> None:
        self._file = file
        self.unit = unit
        self.bar = bar
        self._tqdm: Any = None
        self._shown = self._refreshed = 0.0

    def on_epoch_begin(self, trainer: Trainer) -> None:
        file = self._stream()
        if not (file.isatty() if self.bar == "auto" else self.bar):
            return
        from tqdm import tqdm

        self._tqdm = tqdm(
            desc=f"epoch {trainer.epoch + 1}/{trainer.epochs}",
            total=trainer.samples_per_epoch,
            initial=trainer.samples,
            unit=f" {self.unit}",
            file=file,
            leave=False,
            dynamic_ncols=True,
        )
        self._shown = trainer.samples

    def on_batch_end(self, trainer: Trainer, loss: float) -> None:
        if self._tqdm is None:
            return
        now = time.monotonic()
        if now - self._refreshed >= _SECONDS_PER_REFRESH:
            self._refreshed = now
            shown = {k: f"{v:.4f}" for k, v in trainer.running().items() if isinstance(v, float)}
            self._tqdm.set_postfix(shown, refresh=False)
            self._tqdm.update(trainer.samples - self._shown)
            self._shown = trainer.samples

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self._close()
        width = len(str(trainer.epochs))
        parts = [f"epoch {trainer.epoch:{width}d}/{trainer.epochs}"]
        for name, value in row.items():
            if isinstance(value, float) and name not in ("lr", "seconds"):
                parts.append(f"{name} {value:.4f}")
        parts.append(f"lr {row['lr']:.3g}")
        parts.append(f"{trainer.samples_per_second:,.0f} {self.unit}/s")
        print("  ".join(parts), file=self._stream(), flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()
        if trainer.stop_reason:
            print(f"stopped: {trainer.stop_reason}", file=self._stream(), flush=True)

    def _stream(self) -> IO[str]:
        return sys.stderr if self._file is None else self._file

    def _close(self) -> None:
        if self._tqdm is not None:
            self._tqdm.close()
            self._tqdm = None
