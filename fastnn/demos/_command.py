"""`fastnn demo`: prints figures against their bars, draws pictures, writes the gallery."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

from ..io.files import write_atomically
from ._registry import Demo, Figure, Result, catalogue, number
from ._report import Entry, one_line, page

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


def run_demos(
    rows: Sequence[Demo],
    *,
    quick: bool,
    seed: int,
    plot: Path | None = None,
    report: Path | None = None,
    leave_out: bool = False,
) -> list[str]:
    """Run the rows one after the other; the names of those that missed a bar or raised.

    plot: a picture, or a folder for several.  report: a folder for the gallery, which is written
    when the run is broken off too.  leave_out: those that cannot run here do not count.  A single
    row raises what stops it if there is no report to say so.
    """
    several = len(rows) > 1
    if plot is not None and several:
        plot.mkdir(parents=True, exist_ok=True)
    if report is not None:
        check_report(report)
    entries: list[Entry] = []
    try:
        for row in rows:
            picture = plot / f"{row.name}.png" if plot is not None and several else plot
            if leave_out and row.status != "ready":
                print(f"{row.numbers[0]}  {row.name}: left out, {row.status}")
                entry = Entry(row, "left out", row.status)
            else:
                try:
                    result = run_demo(row, quick=quick, seed=seed, plot=picture)
                    entry = Entry.of_result(row, result, draw=report is not None)
                except Exception as error:
                    if not several and report is None:
                        raise
                    entry = Entry(row, "failed", one_line(error))
                if entry.reason:
                    print(f"FAILED: {entry.reason}")
            entries.append(entry)
            if several:
                print()
    finally:
        if report is not None:
            unreached = [Entry(row, "left out", "the run ended before") for row in rows]
            write_report(report, entries + unreached[len(entries) :], quick=quick, seed=seed)
    return [entry.row.name for entry in entries if entry.state in ("missed", "failed")]


def run_demo(row: Demo, *, quick: bool, seed: int, plot: Path | None) -> Result:
    """Run, print, draw.  Raises before it runs where `plot` could not be written."""
    if plot is not None:
        check_picture(plot)
    print(f"{', '.join(row.numbers)}  {row.name}: {row.title}")
    for paragraph in row.paragraphs[:1]:
        print(textwrap.indent(textwrap.fill(paragraph, _WIDTH), "  "))
    result = row.run(quick=quick, seed=seed)
    print(textwrap.indent(table(result), "  "))
    print(textwrap.indent(textwrap.fill(f"Bar: {row.bar}", _WIDTH), "  "))
    print(textwrap.indent(textwrap.fill(f"Source: {row.source}", _WIDTH), "  "))
    verdict = "passed" if result.passed else "FAILED"
    print(f"{verdict} in {result.seconds:.1f} s, seed {seed}", flush=True)
    if plot is not None:
        save_picture(row, result, plot)
        print(f"wrote {plot}")
    return result


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


def check_report(folder: Path) -> None:
    """Make the folder.  ImportError without matplotlib; OSError if it cannot be written to."""
    from .. import viz

    viz.new_figure(1, 1)
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder}: the folder cannot be written to")


def write_report(folder: Path, entries: Sequence[Entry], *, quick: bool, seed: int) -> None:
    """Write `index.html`, atomically, and say so.  Raises OSError."""
    path = folder / "index.html"
    write_atomically(path, page(entries, quick=quick, seed=seed))
    print(f"wrote {path}")


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


__all__ = ["Figure", "check_picture", "number", "print_list", "run_demo", "save_picture", "table"]
