"""The gallery of `fastnn demo --report DIR`: one HTML page of what the rows found, and their
pictures.  It is a single file: the pictures are in it, and reading it fetches and runs nothing.
"""

from __future__ import annotations

import base64
import datetime
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from urllib.parse import quote

from .. import config, viz
from ._registry import Demo, Figure, Result, number, order
from ._style import CSS

# The first number of each family, in the order of the catalogue.
FAMILIES = (
    (1, "Neurons and simple learners"),
    (19, "Activations, losses, first weights"),
    (37, "Training and generalisation"),
    (66, "Convolution"),
    (87, "Recurrent and recursive networks"),
    (92, "Energy-based and self-organising networks"),
    (98, "Generative networks"),
    (105, "Applications"),
    (200, "Learned readouts of fixed units"),
)
_LINK = re.compile(r"doi:(?P<doi>10\.\d{4,9}/[^\s;,]+)|arXiv:(?P<arxiv>[\w./-]*\w)")
_MARKS = {"passed": "✓", "missed": "✗", "failed": "✗", "left out": "–"}
_MEANING = {  # of one, of several
    "passed": ("reached its bars", "reached their bars"),
    "missed": ("missed a bar", "missed a bar"),
    "failed": ("broke off with an error", "broke off with an error"),
    "left out": ("did not run", "did not run"),
}


@dataclass(frozen=True)
class Entry:
    """What became of a row.  state: "passed", "missed" (a bar), "failed" (it raised) or "left out";
    reason: why, of the last two; picture: a PNG, or nothing.
    """

    row: Demo
    state: str
    reason: str = ""
    figures: tuple[Figure, ...] = ()
    seconds: float = 0.0
    picture: bytes = b""

    @classmethod
    def of_result(cls, row: Demo, result: Result, *, draw: bool) -> Entry:
        """Of a row that ran; "failed" if its picture cannot be drawn."""
        state, reason, picture = "passed" if result.passed else "missed", "", b""
        try:
            picture = _png(row, result) if draw else b""
        except Exception as error:
            state, reason = "failed", f"the picture could not be drawn: {one_line(error)}"
        return cls(row, state, reason, result.figures, result.seconds, picture)


def one_line(error: Exception) -> str:
    """Kind and message of an exception."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def page(entries: Sequence[Entry], *, quick: bool, seed: int) -> str:
    """The HTML document, with the entries in the order of the catalogue.

    quick, seed: how the rows were run.
    """
    last = {entry.row.name: entry for entry in entries}  # a row may have been asked for twice
    entries = sorted(last.values(), key=lambda entry: order(entry.row))
    families = [(name, list(group)) for name, group in groupby(entries, _family)]
    body = [_summary(entries, quick, seed), _contents(families)]
    for name, group in families:
        articles = "\n".join(_article(entry, quick, seed) for entry in group)
        body.append(
            f'<section>\n<h2 id="{_slug(name)}">{escape(name)}</h2>\n{articles}\n</section>'
        )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What neural networks do: fastnn demo</title>\n<style>{CSS}</style>\n</head>\n"
        "<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def linked(source: str) -> str:
    """The source as HTML: what follows "doi:" and "arXiv:" leads to the paper."""
    parts, end = [], 0
    for match in _LINK.finditer(source):
        text = match[0].rstrip(".")
        while text.endswith(")") and text.count(")") > text.count("("):
            text = text[:-1].rstrip(".")  # it closes a bracket of the sentence
        host = "https://doi.org/" if match["doi"] else "https://arxiv.org/abs/"
        address = host + quote(text.partition(":")[2], safe="/()")
        parts += [escape(source[end : match.start()]), f'<a href="{escape(address)}">']
        parts += [escape(text), "</a>"]
        end = match.start() + len(text)
    return "".join(parts) + escape(source[end:])


def _png(row: Demo, result: Result) -> bytes:
    figure = viz.new_figure(*row.size)  # the page has the title above it
    row.draw(figure, **result.picture)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def _family(entry: Entry) -> str:
    first = order(entry.row)[0]
    return [name for start, name in FAMILIES if start <= first][-1]


def _slug(name: str) -> str:
    return "family-" + re.sub(r"\W+", "-", name.lower())


def _summary(entries: Sequence[Entry], quick: bool, seed: int) -> str:
    counts = [
        f'<li class="{_css(state)}"><b>{n}</b> {meaning[n > 1]}</li>'
        for state, meaning in _MEANING.items()
        if (n := sum(entry.state == state for entry in entries))
    ]
    others = [
        f'<li><a href="#{entry.row.name}">{escape(entry.row.title)}</a>: {escape(_why(entry))}</li>'
        for entry in entries
        if entry.state != "passed"
    ]
    found = config.show_config()
    setting = "quick (fewer data or steps than the whole setting)" if quick else "whole"
    facts = {
        "Setting": f"{setting}, seed {seed}",
        "Time": f"{sum(entry.seconds for entry in entries):.0f} s in all",
        "Version": f"fastnn {found['fastnn']}, NumPy {found['numpy']}, Python {found['python']}",
        "Machine": f"{found['machine']}, {found['cpu level']}, threads: {found['threads']}",
        "Made on": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
    }
    rows = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    return (
        '<header id="top">\n<h1>What neural networks do, measured</h1>\n'
        "<p>Each entry of this page is an experiment with <b>fastnn</b>, a library for neural "
        "networks on the CPU. It runs a network, measures what a textbook says of it, and compares "
        "the numbers with bars that were set before: a claim that does not hold shows as missed. "
        "The command under each entry runs it again, after "
        "<code>pip install 'fastnn-cpu[plot]'</code>; the number before a title works in place of "
        "the name.</p>\n"
        f'<ul class="counts">{"".join(counts)}</ul>\n'
        + (f'<ul class="others">{"".join(others)}</ul>\n' if others else "")
        + f"<dl>{rows}</dl>\n</header>"
    )


def _why(entry: Entry) -> str:
    if entry.reason:
        return entry.reason
    return "missed: " + ", ".join(figure.name for figure in entry.figures if not figure.passed)


def _contents(families: list[tuple[str, list[Entry]]]) -> str:
    parts = ['<nav aria-label="Contents">']
    for name, group in families:
        items = "".join(
            f'<li class="{_css(entry.state)}"><span>{_MARKS[entry.state]}</span> '
            f'<a href="#{entry.row.name}">{escape(entry.row.title)}</a></li>'
            for entry in group
        )
        heading = f'<a href="#{_slug(name)}">{escape(name)}</a>'
        parts.append(f"<div><h3>{heading}</h3><ul>{items}</ul></div>")
    return "\n".join([*parts, "</nav>"])


def _article(entry: Entry, quick: bool, seed: int) -> str:
    row = entry.row
    first, *others = map(_marked, row.paragraphs or [""])
    time = f", {entry.seconds:.1f} s" if entry.figures else ""
    options = (" --quick" if quick else "") + (f" --seed {seed}" if seed else "")
    command = f"fastnn demo {row.name}{options} --plot {row.name}.png"
    reason = f'<p class="reason">{escape(entry.reason)}</p>' if entry.reason else ""
    parts = [
        f'<article id="{row.name}" class="{_css(entry.state)}">',
        f'<h3><span class="number">{", ".join(row.numbers)}</span> {escape(row.title)}</h3>',
        f'<p class="verdict"><b>{_MARKS[entry.state]} {entry.state}</b>{time}</p>',
        f"<p>{first}</p>" if first else "",
        reason,
        _picture(entry),
        _figures(entry.figures) if entry.figures else "",
        _more(others),
        f'<p class="small"><b>Bar:</b> {escape(row.bar.rstrip("."))}.</p>',
        f'<p class="small"><b>Source:</b> {linked(row.source.rstrip("."))}.</p>',
        f'<p class="again"><code>{command}</code> <a href="#top">↑ top</a></p>',
        "</article>",
    ]
    return "\n".join(part for part in parts if part)


def _marked(paragraph: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(paragraph))


def _more(paragraphs: Sequence[str]) -> str:
    """What only some readers want to know, folded."""
    if not paragraphs:
        return ""
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return f"<details><summary>In more detail</summary>{body}</details>"


def _picture(entry: Entry) -> str:
    if not entry.picture:
        return ""
    width, height = struct.unpack(">II", entry.picture[16:24])  # PNG: its first chunk is the header
    data = base64.b64encode(entry.picture).decode()
    return (
        f'<figure><img alt="Picture: {escape(entry.row.title)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def _figures(figures: Sequence[Figure]) -> str:
    lines = []
    for figure in figures:
        bar = f"{_SIGNS[figure.relation]} {number(figure.bar)}" if figure.relation else ""
        verdict = "" if not figure.relation else "✓ ok" if figure.passed else "✗ MISSED"
        kind = "told" if not figure.relation else "passed" if figure.passed else "missed"
        lines.append(
            f'<tr class="{kind}"><td>{escape(figure.name)}</td><td>{number(figure.value)}</td>'
            f"<td>{bar}</td><td>{verdict}</td></tr>"
        )
    head = "<tr><th>quantity</th><th>measured</th><th>bar</th><th>verdict</th></tr>"
    return f'<div class="table"><table>{head}{"".join(lines)}</table></div>'


_SIGNS = {">=": "≥", "<=": "≤", ">": "&gt;", "<": "&lt;", "==": "="}


def _css(state: str) -> str:
    return state.replace(" ", "-")
