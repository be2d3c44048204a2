"""Every row of the catalogue, in quick mode; the framework; `fastnn demo`."""

import re
from dataclasses import replace

import numpy as np
import pytest

import fastnn
from fastnn import cli, demos, viz
from fastnn.demos import _command, _registry

ROWS = demos.catalogue()
# What a machine may lack; the library's own never.
NOWHERE = {"scikit-learn", "the data set fashion_mnist", "the program espeak-ng"}


def run(*argv):
    return cli.main([str(a) for a in argv])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row):
    """All bars are reached, and the picture can be drawn, its words whole."""
    missing = row.needs()
    if missing:
        assert missing in NOWHERE
        pytest.skip(f"{missing} is not here")
    result = row.run(quick=True, seed=0)
    assert result.passed, "\n" + _command.table(result)
    assert any(figure.relation for figure in result.figures)
    assert cut_words(row, result) == []


def cut_words(row, result):
    """Texts and legends of the gallery's picture that reach over its edge."""
    pytest.importorskip("matplotlib")
    from matplotlib.axis import Tick
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    figure = viz.new_figure(*row.size)
    row.draw(figure, **result.picture)
    FigureCanvasAgg(figure).draw()
    ticks = {label for tick in figure.findobj(Tick) for label in (tick.label1, tick.label2)}
    found = figure.findobj(lambda artist: isinstance(artist, (Text, Legend)))
    edges = figure.bbox.padded(1)
    cut = []
    for artist in found:
        is_empty = isinstance(artist, Text) and not artist.get_text().strip()
        if artist.get_visible() and not is_empty and artist not in ticks:  # some are not drawn
            box = artist.get_window_extent()
            if not (edges.contains(box.x0, box.y0) and edges.contains(box.x1, box.y1)):
                cut.append(str(artist))
    return cut


def test_cut_words_are_found():
    row = fake(lambda quick, seed: demos.Result((demos.exactly("x", 1, 1),)))
    assert cut_words(row, row.run()) == []
    row = replace(row, draw=lambda figure: figure.text(0.5, 0.999, "half of it"))
    assert cut_words(row, row.run()) == ["Text(0.5, 0.999, 'half of it')"]


@pytest.mark.parametrize("name, seed", [("overfitting", 4)])
def test_row_holds_at_a_seed_that_missed(name, seed):
    """Its bar was once of the mean of three splits, which chance may turn round."""
    result = demos.find(name).run(quick=True, seed=seed)
    assert result.passed, "\n" + _command.table(result)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row_is_described(row):
    assert re.fullmatch(r"[a-z][a-z0-9-]*", row.name)
    assert row.title and row.bar and len(row.text) > 100 and len(row.title) <= 70
    sentences = re.findall(r"[.?!][\"')]*(?=\s|$)", row.paragraphs[0])
    assert 1 <= len(sentences) <= 2 and len(row.paragraphs[0].split()) <= 70
    assert re.search(r"doi:|arXiv:|ISBN", row.source)
    assert row.seconds[0] >= row.seconds[1] > 0
    assert demos.find(row.name) is row and demos.find(row.numbers[0]) is row
    assert demos.find(row.name.replace("-", "_").upper()) is row


def fake(function, *, name="fake", needs=str):
    draw = lambda figure, **picture: figure.subplots()  # noqa: E731
    make = demos.demo(
        999, name=name, title="T", bar="B", draw=draw, seconds=(1, 1), source="S", needs=needs
    )
    return make(function)


@pytest.fixture
def only(monkeypatch):
    """Let the catalogue hold but the given rows."""

    def set_rows(*rows):
        monkeypatch.setattr(_registry, "catalogue", lambda: rows)
        monkeypatch.setattr(_command, "catalogue", lambda: rows)
        monkeypatch.setattr(demos, "catalogue", lambda: rows)

    return set_rows


def test_same_seed_same_figures():
    row = demos.find("convolution")
    one, two, other = (row.run(quick=True, seed=seed) for seed in (3, 3, 4))
    assert one.figures == two.figures != other.figures


def test_the_seed_reaches_the_default_generator(only):
    row = fake(lambda quick, seed: demos.Result((demos.above("x", fastnn.rand(1).item(), 0),)))
    a, b, c = (row.run(seed=seed).figures[0].value for seed in (5, 5, 6))
    assert a == b != c


@pytest.mark.parametrize(
    "make, value, bar, passed",
    [
        (demos.at_least, 1, 1, True), (demos.at_least, 0.9, 1, False),
        (demos.at_most, 1, 1, True), (demos.at_most, 1.1, 1, False),
        (demos.above, 1, 1, False), (demos.above, 1.1, 1, True),
        (demos.below, 1, 1, False), (demos.below, 0.9, 1, True),
        (demos.exactly, 3, 3, True), (demos.exactly, 4, 3, False),
        (demos.at_least, np.nan, 0, False), (demos.at_most, np.nan, 0, False),
    ],
)  # fmt: skip
def test_a_bar_is_reached_or_missed(make, value, bar, passed):
    figure = make("x", value, bar)
    assert figure.passed is passed
    assert demos.Result((figure, demos.told("t", np.nan))).passed is passed


def test_a_missed_bar_is_exit_code_1(only, capsys):
    only(fake(lambda quick, seed: demos.Result((demos.at_least("score", 0.25, 0.5),))))
    assert run("demo", "fake", "--quick") == 1
    text = capsys.readouterr().out
    assert "score" in text and "MISSED" in text and "FAILED" in text and "passed" not in text


def test_command_prints_figures_and_draws(tmp_path, capsys):
    path = tmp_path / "p.png"
    assert run("demo", "67", "--quick", "--plot", path) == 0
    text = capsys.readouterr().out
    first, second = demos.find("67").paragraphs
    assert first in " ".join(text.split()) and second not in " ".join(text.split())
    assert "<= 1.00e-06" in text and "ok" in text and "passed in" in text
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_quick_and_seed_reach_the_function(only, capsys):
    seen = []

    def function(quick, seed):
        seen.append((quick, seed))
        return demos.Result((demos.exactly("x", 1, 1),))

    only(fake(function))
    assert run("demo", "999", "--seed", 7, "--quick") == run("demo", "fake") == 0
    assert seen == [(True, 7), (False, 0)]


def test_several_rows_and_all(only, tmp_path, capsys):
    good = fake(lambda quick, seed: demos.Result((demos.exactly("x", 1, 1),)), name="good")
    bad = fake(lambda quick, seed: demos.Result((demos.exactly("x", 2, 1),)), name="bad")
    absent = fake(lambda quick, seed: 1 / 0, name="absent", needs=lambda: "a moon rock")
    only(good, bad, absent)
    assert run("demo", "--all", "--plot", tmp_path / "pictures") == 1
    text = capsys.readouterr().out
    assert "missed: bad" in text and "absent: left out, needs a moon rock" in text
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["bad.png", "good.png"]
    assert run("demo", "absent") == 1
    assert "needs a moon rock" in capsys.readouterr().err


@pytest.mark.parametrize(
    "path, message",
    [("p.xyz", "no picture format .xyz"), ("no/p.png", "there is no folder"), (".", "is a folder")],
)
def test_a_picture_that_cannot_be_written_stops_before_the_run(
    path, message, only, tmp_path, capsys
):
    only(fake(lambda quick, seed: pytest.fail("it ran")))
    assert run("demo", "fake", "--plot", tmp_path / path) == 1
    assert message in capsys.readouterr().err


def test_the_verdict_comes_before_the_picture(only, tmp_path, monkeypatch, capsys):
    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr(_command, "save_picture", full)
    only(fake(lambda quick, seed: demos.Result((demos.exactly("x", 1, 1),))))
    assert run("demo", "fake", "--plot", tmp_path / "p.png") == 1
    out, err = capsys.readouterr()
    assert "passed in" in out and "no space left" in err


def test_the_quick_rows_together_are_quick():
    assert sum(row.seconds[1] for row in ROWS) < 240


def test_list_names_every_row(capsys):
    assert run("demo", "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ROWS)
    for row, line in zip(ROWS, lines[1:], strict=True):
        assert line.split()[:2] == [row.numbers[0], row.name] and row.title in line


def test_all_goes_on_after_a_row_that_raises(only, capsys):
    def broken(quick, seed):
        raise AssertionError("no\nluck")

    good = fake(lambda quick, seed: demos.Result((demos.exactly("x", 1, 1),)), name="good")
    only(fake(broken, name="broken"), good)
    assert run("demo", "--all") == 1
    text = capsys.readouterr().out
    assert "FAILED: AssertionError: no luck" in text and "missed: broken" in text
    assert text.index("FAILED") < text.index("good: T") < text.index("passed in")
    with pytest.raises(AssertionError):
        run("demo", "broken")


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """Where the rows look for data: empty."""
    from fastnn.demos import alexnet

    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    monkeypatch.setattr(fastnn.datasets.local, "_DEBIAN", tmp_path / "none")
    alexnet._data.cache_clear()
    yield tmp_path
    alexnet._data.cache_clear()


def test_without_the_data_a_row_says_so(data_folder, capsys):
    from fastnn.demos import alexnet

    assert demos.find("68b").status == "needs the data set fashion_mnist"
    assert run("demo", "fashion", "--quick") == 1
    assert "needs the data set fashion_mnist" in capsys.readouterr().err
    split, name = alexnet._data()
    assert name == "handwritten digits" and len(split.x_train) == 8500


def test_damaged_data_fail_their_row_alone(data_folder, only, capsys):
    """A status opens no file, so the list can be printed; `--all` goes on."""
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (data_folder / f"{part}-{kind}-ubyte").write_bytes(b"rubbish")
    assert demos.find("68b").status == "ready"
    assert run("demo", "--list") == 0
    good = fake(lambda quick, seed: demos.Result((demos.exactly("x", 1, 1),)), name="good")
    only(demos.find("fashion"), demos.find("alexnet"), good)
    assert run("demo", "--all", "--quick") == 1
    text = capsys.readouterr().out
    assert "missed: fashion, alexnet" in text and "not an IDX file" in text and "passed in" in text
    assert run("demo", "fashion", "--quick") == 1
    assert "not an IDX file" in capsys.readouterr().err


def test_wrong_use(capsys):
    assert run("demo") == run("demo", "67", "--all") == run("demo", "lenet6") == 2
    assert "near: lenet5" in capsys.readouterr().err


def test_a_row_without_a_bar_is_refused():
    row = fake(lambda quick, seed: demos.Result((demos.told("x", 1),)))
    with pytest.raises(RuntimeError, match="no figure with a bar"):
        row.run()


def test_numbers_are_readable():
    texts = [_command.number(v) for v in (61706, 0.97251, 1.5e-7, 0, 2.5e9 + 0.5, None)]
    assert texts == ["61,706", "0.9725", "1.50e-07", "0", "2.50e+09", ""]
    assert _command.number(float("nan")) == "nan"
