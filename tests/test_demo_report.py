"""`fastnn demo --report DIR`: the gallery page."""

import base64
import re
from html.parser import HTMLParser

import pytest
from test_demos import fake, only, run  # noqa: F401

import fastnn
from fastnn import demos
from fastnn.demos import _command, _report

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Reads a page strictly: each element is closed by its own end tag."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts, self.parts = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names) and None not in dict(attrs).values()
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append(data)
        article = None
        for tag, attrs in self.open:
            article = attrs["id"] if tag == "article" else article
            if article:
                self.parts.setdefault((article, tag), []).append(data)

    @property
    def articles(self):
        return [name for name, tag in self.parts if tag == "article"]

    def of(self, name, tag="article"):
        """The words of a row's article, or of the elements of that tag in it."""
        return " ".join("".join(self.parts.get((name, tag), [])).split())

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def all(self, tag, attribute):
        return [attrs[attribute] for found, attrs in self.tags if found == tag]


def read(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def row_of(value, *, name="fake", bar=0.5, **more):
    return fake(
        lambda q, s: demos.Result((demos.at_least("score", value, bar),)), name=name, **more
    )


def raising(quick, seed):
    raise ValueError("no <luck>\nat all")


def test_every_row_of_the_catalogue_has_its_place():
    """With what stands in the catalogue: title, text, bar, source, command; all of it escaped."""
    rows = demos.catalogue()
    result = demos.Result((demos.exactly("x < y & z", 1, 1),))
    entries = [_report.Entry(row, "passed", figures=result.figures) for row in reversed(rows)]
    page = Page(_report.page(entries, quick=True, seed=3))
    assert page.articles == [row.name for row in rows]
    for row in rows:
        text = page.of(row.name)
        assert text.startswith(f"{', '.join(row.numbers)} {row.title}") and "x < y & z" in text
        for part in (*row.paragraphs, row.bar, row.source.rstrip(".")):
            assert part.replace("`", "") in text
        first, *others = (part.replace("`", "") for part in row.paragraphs)
        folded = page.of(row.name, "details")
        assert first not in folded and all(part in folded for part in others)
        assert text.endswith(f"fastnn demo {row.name} --quick --seed 3 --plot {row.name}.png ↑ top")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = page.all("a", "href")
    assert {link[1:] for link in links if link.startswith("#")} == set(ids)
    papers = [link for link in links if not link.startswith("#")]
    assert len(papers) == sum(len(re.findall("doi:|arXiv:", row.source)) for row in rows)


def test_each_row_belongs_to_the_family_of_its_number():
    expected = {6: 0, 18: 0, 19: 1, 36: 1, 37: 2, 65: 2, 66: 3, 86: 3, 87: 4, "91d": 4, 92: 5,
                97: 5, 98: 6, 104: 6, 105: 7, 118: 7, 200: 8}  # fmt: skip
    for first, place in expected.items():
        row = demos.demo(
            first, name="n", title="T", bar="B", draw=print, seconds=(1, 1), source="S"
        )(raising)
        text = Page(_report.page([_report.Entry(row, "passed")], quick=False, seed=0)).text
        for i, (_, family) in enumerate(_report.FAMILIES):
            assert (family in text) == (i == place)


def test_all_states_are_on_the_page(only, tmp_path, capsys):  # noqa: F811
    only(
        row_of(0.75, name="good"),
        row_of(0.25, name="bad"),
        fake(raising, name="broken"),
        row_of(1, name="absent", needs=lambda: "a moon rock"),
    )
    assert run("demo", "--all", "--quick", "--report", tmp_path / "new" / "page") == 1
    assert f"wrote {tmp_path / 'new' / 'page' / 'index.html'}" in capsys.readouterr().out
    page = read(tmp_path / "new" / "page")
    states = {a["id"]: a["class"] for tag, a in page.tags if tag == "article"}
    expected = {"good": "passed", "bad": "missed", "broken": "failed", "absent": "left-out"}
    assert states == expected
    assert "score 0.7500 ≥ 0.5000 ✓ ok".replace(" ", "") in page.of("good").replace(" ", "")
    assert "score 0.2500 ≥ 0.5000 ✗ MISSED".replace(" ", "") in page.of("bad").replace(" ", "")
    assert "ValueError: no <luck> at all" in page.of("broken")
    assert "needs a moon rock" in page.of("absent")
    head = page.text[: page.text.index("Setting")]
    for said in ("1 reached its bars", "1 missed a bar", "1 broke off", "1 did not run"):
        assert said in head
    for said in ("T: missed: score", "T: ValueError: no <luck> at all", "T: needs a moon rock"):
        assert said in head
    assert "quick" in page.text and f"fastnn {fastnn.__version__}" in page.text
    assert f"threads: {fastnn.get_num_threads()}" in page.text


def test_the_page_stands_alone(only, tmp_path):  # noqa: F811
    """Pictures are in it; nothing is fetched, nothing is run."""
    only(row_of(0.75, name="good"), row_of(0.25, name="bad"))
    run("demo", "--all", "--report", tmp_path)
    page = read(tmp_path)
    sources = page.all("img", "src")
    assert len(sources) == 2
    for source in sources:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data, validate=True)[:4] == b"\x89PNG"
    assert set(page.all("img", "width")) == {"1000"} and set(page.all("img", "height")) == {"500"}
    assert all(page.all("img", "alt"))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attrs)
        assert set(attrs) & {"src", "href"} <= ({"href"} if tag == "a" else {"src"})
    text = (tmp_path / "index.html").read_text()
    assert "url(" not in text and "@import" not in text
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]


def test_nothing_becomes_markup():
    evil = "<script>alert(\"1\")</script> & 'x'"

    def function(quick, seed):
        raise AssertionError

    function.__doc__ = evil + " `<b>`"
    make = demos.demo(
        999, name="fake", title=evil, bar=evil, draw=print, seconds=(1, 1), source=f"{evil} {evil}"
    )
    row = make(function)
    figures = (demos.told(evil, 1),)
    text = _report.page([_report.Entry(row, "failed", evil, figures)], quick=False, seed=0)
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags} and "<script" not in text
    assert page.of("fake").count(evil) == 7  # title, text, reason, figure, bar, source twice
    assert "<code>&lt;b&gt;</code>" in text


@pytest.mark.parametrize(
    "source, address",
    [
        ("A 1998, doi:10.1109/5.726791", "https://doi.org/10.1109/5.726791"),
        ("(B, doi:10.1109/5.726791)", "https://doi.org/10.1109/5.726791"),
        (
            "doi:10.1016/S0893-6080(97)00134-7 (XOR)",
            "https://doi.org/10.1016/S0893-6080(97)00134-7",
        ),
        ("doi:10.1002/a<b>.x; C", "https://doi.org/10.1002/a%3Cb%3E.x"),
        ("He 2015, arXiv:1502.01852.", "https://arxiv.org/abs/1502.01852"),
        ("arXiv:cs/0112017v2; D", "https://arxiv.org/abs/cs/0112017v2"),
    ],
)
def test_sources_are_links(source, address):
    page = Page(_report.linked(source))
    assert page.all("a", "href") == [address]
    assert page.text == source


def test_a_source_without_an_address_stays_text():
    assert _report.linked("Hochreiter 1991; ISBN 978-0") == "Hochreiter 1991; ISBN 978-0"


def test_one_row_that_raises_is_reported(only, tmp_path, capsys):  # noqa: F811
    only(fake(raising))
    assert run("demo", "fake", "--report", tmp_path) == 1
    assert "FAILED: ValueError: no <luck> at all" in capsys.readouterr().out
    assert "no <luck> at all" in read(tmp_path).of("fake")


def test_a_picture_that_fails_keeps_the_figures(only, tmp_path, capsys):  # noqa: F811
    row = demos.demo(
        999, name="fake", title="T", bar="B", draw=lambda figure: 1 / 0, seconds=(1, 1), source="S"
    )(lambda quick, seed: demos.Result((demos.at_least("score", 0.75, 0.5),)))
    only(row)
    assert run("demo", "fake", "--report", tmp_path) == 1
    text = read(tmp_path).of("fake")
    assert "could not be drawn: ZeroDivisionError" in text and "0.7500" in text
    assert "failed" in text and "FAILED: the picture" in capsys.readouterr().out


def test_a_run_that_is_broken_off_leaves_its_page(only, tmp_path):  # noqa: F811
    def interrupted(quick, seed):
        raise KeyboardInterrupt

    only(row_of(1, name="first"), fake(interrupted, name="second"), row_of(1, name="third"))
    assert run("demo", "--all", "--report", tmp_path) == 1
    page = read(tmp_path)
    assert "passed" in page.of("first")
    assert "the run ended before" in page.of("second") and "left out" in page.of("third")


def test_a_row_asked_for_twice_stands_once(only, tmp_path):  # noqa: F811
    only(row_of(1))
    assert run("demo", "fake", "999", "--report", tmp_path) == 0
    assert read(tmp_path).text.count("fastnn demo fake") == 1


def test_a_folder_that_cannot_be_stops_before_the_run(only, tmp_path, capsys):  # noqa: F811
    only(fake(lambda quick, seed: pytest.fail("it ran")))
    (tmp_path / "file").write_text("mine")
    assert run("demo", "fake", "--report", tmp_path / "file") == 1
    assert "file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_page_and_pictures_together(only, tmp_path):  # noqa: F811
    only(row_of(1, name="one"), row_of(1, name="two"))
    assert run("demo", "one", "two", "--report", tmp_path, "--plot", tmp_path) == 0
    assert "2 reached their bars" in read(tmp_path).text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "one.png", "two.png"]


def test_what_a_run_returns(only):  # noqa: F811
    rows = (row_of(1, name="one"), row_of(0, name="two"))
    assert _command.run_demos(rows, quick=True, seed=0) == ["two"]
