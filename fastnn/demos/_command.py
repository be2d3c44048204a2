"""`fastnn demo`: prints figures against their bars, draws pictures."""

from __future__ import annotations

import textwrap
from pathlib import Path

from ._registry import Demo, Figure, Result, catalogue

_WIDTH = 96


def print_list() -> None:
    """One line per row: number, name, title, seconds whole and quick, status."""
    rows = catalogue()
    width = max(len(row.name) for row in rows)
    longest = max(len(row.title) for row in rows)
    print(f"{'row':>4}  {'name':<{width}}  {'title':<{longest}}  {'s':>5} {'quick':>5}  status")
    for row in rows:
        whole, quick = row.seconds
        line = f"{row.numbers[0]:>4}  {row.name:<{width}}  {row.title:<{longest}}"
        print(f"{line}  {whole:5.0f} {quick:5.0f}  {row.status}")


def run_demo(row: Demo, *, quick: bool, seed: int, plot: Path | None) -> bool:
    """Run, print, draw; whether all bars are reached.  Raises before it runs where `plot` could not
    be written."""
    if plot is not None:
        check_picture(plot)
    print(f"{', '.join(row.numbers)}  {row.name}: {row.title}")
    result = row.run(quick=quick, seed=seed)
    print(textwrap.indent(table(result), "  "))
    print(textwrap.indent(textwrap.fill(f"Bar: {row.bar}", _WIDTH), "  "))
    print(textwrap.indent(textwrap.fill(f"Source: {row.source}", _WIDTH), "  "))
    verdict = "passed" if result.passed else "FAILED"
    print(f"{verdict} in {result.seconds:.1f} s, seed {seed}", flush=True)
    if plot is not None:
        save_picture(row, result, plot)
        print(f"wrote {plot}")
    return result.passed


def check_picture(path: Path) -> None:
    """ImportError without matplotlib; OSError if `path` is a folder or its folder is absent;
    ValueError for an ending that says no format.
    """
    from .. import viz

    known = viz.new_figure(1, 1).canvas.get_supported_filetypes()
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder, expected the name of a picture")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    if path.suffix and path.suffix[1:].lower() not in known:
        raise ValueError(f"{path}: no picture format {path.suffix}; known: {', '.join(known)}")


def save_picture(row: Demo, result: Result, path: Path) -> None:
    """Draw the row's picture into `path`; the ending says the format.  ImportError without
    matplotlib.
    """
    from .. import viz

    figure = viz.new_figure(*row.size)
    figure.suptitle(row.title)
    row.draw(figure, **result.picture)
    viz.save(figure, path)


def table(result: Result) -> str:
    """A line per figure: name, value, bar, verdict."""
    lines = []
    width = max(len(figure.name) for figure in result.figures)
    for figure in result.figures:
        line = f"{figure.name:<{width}}  {number(figure.value):>10}"
        if figure.relation:
            verdict = "ok" if figure.passed else "MISSED"
            line += f"  {figure.relation:>2} {number(figure.bar):<10} {verdict}"
        lines.append(line)
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Counts in full, fractions with four digits, small and large ones with an exponent."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


__all__ = ["Figure", "check_picture", "number", "print_list", "run_demo", "save_picture", "table"]
