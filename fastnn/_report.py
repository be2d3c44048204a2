"""The picture of a training run: curves, confusion matrix, first-layer kernels, misread digits."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np

from .io.files import write_atomically
from .train.history import History

NO_PICTURE = "no picture: pip install 'fastnn-cpu[plot]'"
_MAX_MISREAD = 16


def save_report(
    path: str | os.PathLike[str],
    title: str,
    history: History,
    confusion: np.ndarray,
    kernels: np.ndarray,
    images: np.ndarray,
    predicted: np.ndarray,
    true: np.ndarray,
) -> None:
    """Write a PNG, atomically.

    history: with loss, val_loss, accuracy, val_accuracy. confusion: (C, C), row = true class.
    kernels: (C_out, C_in, KH, KW), the first input channel is drawn. images (N, 1, H, W), predicted
    (N,) and true (N,): of these the misread ones are drawn, at most 16. Raises OSError;
    ImportError, naming the extra, without matplotlib.
    """
    figure = _figure(title, 7.5)
    sides: Any = figure.subfigures(1, 2, width_ratios=(1, 1.15))
    left, right = sides
    curves = left.subplots(2, 1, sharex=True)
    _draw_curve(curves[0], history, "loss", "cross-entropy")
    _draw_curve(curves[1], history, "accuracy", "accuracy")
    curves[1].set_xlabel("epoch")
    top, middle, bottom = right.subfigures(3, 1, height_ratios=(3.2, 0.9, 1.9))
    _draw_confusion(top.subplots(), confusion)
    _draw_kernels(middle, kernels)
    _draw_misread(bottom, images, predicted, true)
    _write(figure, path)


def save_language_report(
    path: str | os.PathLike[str],
    title: str,
    history: dict[str, list[float]],
    baselines: dict[str, float],
    sample: str,
) -> None:
    """Write a PNG, atomically: perplexity by epoch, the baselines as lines, a sampled text.

    history: epoch, perplexity, val_perplexity. Errors as for `save_report`.
    """
    figure = _figure(title, 5.5)
    curve, text = figure.subplots(1, 2)
    curve.plot(history["epoch"], history["perplexity"], "o-", label="training")
    curve.plot(history["epoch"], history["val_perplexity"], "s-", label="held out")
    for i, (name, value) in enumerate(baselines.items()):
        curve.axhline(value, color=f"C{i + 2}", ls="--", label=f"{name} {value:.2f}")
    curve.set_yscale("log")
    curve.set_xlabel("epoch")
    curve.set_ylabel("perplexity: lower is better")
    curve.grid(alpha=0.3)
    curve.legend()
    lines = [line[i : i + 60] for line in sample.split("\n") for i in range(0, len(line) or 1, 60)]
    shown = "\n".join(lines[:22]).replace("$", r"\$")
    text.text(0, 1, shown, va="top", family="monospace", fontsize=8, transform=text.transAxes)
    text.set_title("sampled text", fontsize=10)
    text.axis("off")
    _write(figure, path)


def _figure(title: str, height: float) -> Any:
    """An empty figure 12 inches wide; ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("the picture needs matplotlib: pip install 'fastnn-cpu[plot]'") from error
    figure = Figure(figsize=(12, height), dpi=100, layout="constrained")
    figure.suptitle(title)
    return figure


def _write(figure: Any, path: str | os.PathLike[str]) -> None:
    png = io.BytesIO()
    figure.savefig(png, format="png")
    write_atomically(path, png.getvalue())


def _draw_curve(axes, history: History, name: str, label: str) -> None:
    epochs = history["epoch"]
    axes.plot(epochs, history[name], "o-", ms=3, label="training (augmented)")
    axes.plot(epochs, history[f"val_{name}"], "s-", ms=3, label="test")
    axes.set_ylabel(label)
    if name == "loss":
        axes.set_yscale("log")
    elif history[f"val_{name}"][-1] > 0.95:
        axes.set_ylim(0.9, 1.0)  # the first epochs fall below
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_confusion(axes, confusion: np.ndarray) -> None:
    n = len(confusion)
    errors = confusion - np.diag(np.diag(confusion))
    # Colour by errors only: the diagonal is a hundred times larger and would hide them.
    axes.imshow(errors, cmap="Reds", vmin=0, vmax=2 * max(int(errors.max()), 1))
    for i in range(n):
        for j in range(n):
            if confusion[i, j]:
                axes.text(j, i, str(confusion[i, j]), ha="center", va="center", fontsize=7)
    axes.set_xticks(range(n))
    axes.set_yticks(range(n))
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title("confusion matrix, errors in red", fontsize=10)


def _draw_kernels(figure, kernels: np.ndarray) -> None:
    figure.suptitle("kernels of the first layer, red positive, blue negative", fontsize=10)
    limit = float(np.abs(kernels).max()) or 1.0
    for axes, kernel in zip(figure.subplots(1, len(kernels)), kernels, strict=True):
        axes.imshow(kernel[0], cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.axis("off")


def _draw_misread(figure, images: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> None:
    misread = np.flatnonzero(predicted != true)
    shown = misread[:_MAX_MISREAD]
    figure.suptitle(f"misread, {len(shown)} of {len(misread)}: true > predicted", fontsize=10)
    grid = figure.subplots(2, _MAX_MISREAD // 2)
    for axes in grid.flat:
        axes.axis("off")
    for axes, i in zip(grid.flat, shown, strict=False):
        axes.imshow(images[i, 0], cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{true[i]} > {predicted[i]}", fontsize=8, pad=2)
