"""Rows of the catalogue of demonstrations: what a row is, how rows are found and run.

A row is a module-level `Demo` in a file of this folder, made by `@demo(...)`; the files are found
by listing the package, so a new row is a new file and nothing else.
"""

from __future__ import annotations

import functools
import importlib
import operator
import pkgutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from .. import manual_seed

_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Figure:
    """One measured number and the bar that it must reach; `relation` None: told, not judged."""

    name: str
    value: float
    relation: str | None = None
    bar: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the bar is reached; NaN reaches none."""
        return self.relation is None or bool(_RELATIONS[self.relation](self.value, self.bar))


def at_least(name: str, value: float, bar: float) -> Figure:
    """A figure that must be `bar` or more."""
    return Figure(name, value, ">=", bar)


def at_most(name: str, value: float, bar: float) -> Figure:
    """A figure that must be `bar` or less."""
    return Figure(name, value, "<=", bar)


def above(name: str, value: float, bar: float) -> Figure:
    """A figure that must be more than `bar`."""
    return Figure(name, value, ">", bar)


def below(name: str, value: float, bar: float) -> Figure:
    """A figure that must be less than `bar`."""
    return Figure(name, value, "<", bar)


def exactly(name: str, value: float, bar: float) -> Figure:
    """A figure that must be `bar`, for counts."""
    return Figure(name, value, "==", bar)


def told(name: str, value: float) -> Figure:
    """A figure without a bar, such as a time."""
    return Figure(name, value)


def number(value: float | None) -> str:
    """Counts in full, fractions with four digits, small and large ones with an exponent."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"


@dataclass(frozen=True)
class Result:
    """What a demonstration found: the figures, and what its picture needs (picture: by name)."""

    figures: tuple[Figure, ...]
    picture: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every bar is reached."""
        return all(figure.passed for figure in self.figures)


@dataclass(frozen=True)
class Demo:
    """One row.  numbers: its row and those it also answers, as in "91b".  bar: the figure that must
    be reached, in words.  draw(figure, **picture) draws on a matplotlib figure of `size` inches.
    seconds: expected time on two cores, whole and quick.  source: the paper.  needs(): says what
    is missing on this machine, or "".
    """

    numbers: tuple[str, ...]
    name: str
    title: str
    bar: str
    function: Callable[[bool, int], Result]
    draw: Callable[..., None]
    size: tuple[float, float]
    seconds: tuple[float, float]
    source: str
    needs: Callable[[], str]

    @property
    def status(self) -> str:
        """ "ready", or what is missing here."""
        missing = self.needs()
        return f"needs {missing}" if missing else "ready"

    @property
    def text(self) -> str:
        """What the demonstration shows, in prose: what is seen and what it means in one or two
        sentences, then, in paragraphs of their own, what else there is to know.
        """
        return (self.function.__doc__ or "").strip()

    @property
    def paragraphs(self) -> list[str]:
        """Those of the text, each on one line."""
        return [" ".join(part.split()) for part in self.text.split("\n\n") if part.strip()]

    def run(self, *, quick: bool = False, seed: int = 0) -> Result:
        """Seed the default generator and run.  quick: fewer data or steps, the same bars unless the
        row says otherwise.  RuntimeError if something is missing here.
        """
        missing = self.needs()
        if missing:
            raise RuntimeError(f"demo {self.name} needs {missing}")
        manual_seed(seed)
        start = time.perf_counter()
        result = self.function(quick, seed)
        if not any(figure.relation for figure in result.figures):
            raise RuntimeError(f"demo {self.name} has no figure with a bar")
        return replace(result, seconds=time.perf_counter() - start)


def demo(
    *numbers: int | str,
    name: str,
    title: str,
    bar: str,
    draw: Callable[..., None],
    seconds: tuple[float, float],
    source: str,
    size: tuple[float, float] = (10, 5),
    needs: Callable[[], str] = str,
) -> Callable[[Callable[[bool, int], Result]], Demo]:
    """Makes the function (quick, seed) -> Result under it a row; see `Demo` for the arguments."""

    def wrap(function: Callable[[bool, int], Result]) -> Demo:
        rows = tuple(map(str, numbers))
        return Demo(rows, name, title, bar, function, draw, size, seconds, source, needs)

    return wrap


@functools.cache
def catalogue() -> tuple[Demo, ...]:
    """All rows, by number.  RuntimeError if two share a name or a first number."""
    rows: list[Demo] = []
    package = importlib.import_module(__package__)
    for info in pkgutil.iter_modules(package.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{__package__}.{info.name}")
            rows += [value for value in vars(module).values() if isinstance(value, Demo)]
    for keys in ([row.name for row in rows], [row.numbers[0] for row in rows]):
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise RuntimeError(f"demos: more than one row is called {', '.join(twice)}")
    return tuple(sorted(rows, key=order))


def order(row: Demo) -> tuple[int, str]:
    """Its place in the catalogue: the first number, then what follows that, as in "91b"."""
    digits = row.numbers[0].rstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits), row.numbers[0]


def find(key: str) -> Demo:
    """The row of that name ("_" as good as "-") or number.  A number belongs to the row that has it
    first.  ValueError, naming near ones, if there is none.
    """
    key = key.lower().replace("_", "-")
    rows = catalogue()
    for row in rows:
        if key in (row.name, row.numbers[0]):
            return row
    for row in rows:
        if key in row.numbers:
            return row
    import difflib

    near = difflib.get_close_matches(key, [row.name for row in rows], 3, 0.5)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise ValueError(f"there is no demo {key!r}{hint}; fastnn demo --list names them all")
