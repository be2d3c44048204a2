"""Time series: integration against finer grids, files, windows, linear autoregression."""

import numpy as np
import pytest

import fastnn
from fastnn import datasets
from fastnn.classic import AutoRegressive
from fastnn.models import SequenceForecaster


def test_mackey_glass_is_of_fourth_order():
    exact = datasets.mackey_glass(100, substeps=64)
    errors = [np.abs(datasets.mackey_glass(100, substeps=s) - exact).max() for s in (2, 4, 8)]
    assert errors[2] < 1e-7
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 4, atol=0.2)


def test_mackey_glass_before_the_first_delay_is_an_exponential():
    """x' = c - gamma x while the delayed value is x0."""
    c = 0.2 * 1.2 / (1 + 1.2**10)
    t = np.arange(18)
    expected = c / 0.1 + (1.2 - c / 0.1) * np.exp(-0.1 * t)
    np.testing.assert_allclose(datasets.mackey_glass(18), expected, rtol=1e-8)


def test_mackey_glass_is_chaotic_at_17_and_periodic_at_7():
    x = datasets.mackey_glass(4000, discard=1000)
    assert 0.85 < x.mean() < 1.0 and 0.35 < x.min() < 0.5 and 1.25 < x.max() < 1.4

    def growth(tau):
        a, b = (datasets.mackey_glass(4000, tau, x0=x0) for x0 in (1.2, 1.2 + 1e-9))
        return np.abs(a - b)[3500:].max()

    assert growth(17.0) > 1e-3
    late = datasets.mackey_glass(1000, 7.0, discard=3000)
    peaks = late[1:-1][(late[1:-1] > late[:-2]) & (late[1:-1] > late[2:])]
    assert len(peaks) > 10 and np.ptp(peaks) < 0.01


def test_sampling_is_a_part_of_the_same_solution():
    x = datasets.mackey_glass(100, step=1.0, substeps=10)
    np.testing.assert_allclose(datasets.mackey_glass(20, step=5, substeps=50), x[::5], rtol=1e-12)
    np.testing.assert_array_equal(datasets.mackey_glass(10, discard=30), x[30:40])
    y = datasets.lorenz(50)
    np.testing.assert_array_equal(datasets.lorenz(10, discard=30), y[30:40])


def test_lorenz_is_of_fourth_order_and_on_its_attractor():
    exact = datasets.lorenz(50, substeps=64)
    errors = [np.abs(datasets.lorenz(50, substeps=s) - exact).max() for s in (4, 8, 16)]
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 4, atol=0.3)
    x = datasets.lorenz(5000, discard=500)
    assert np.abs(x[:, :2]).max() < 30 and 0 < x[:, 2].min() and 20 < x[:, 2].mean() < 27
    assert x[:, 0].min() < -10 and x[:, 0].max() > 10
    fixed = datasets.lorenz(5, start=(72**0.5, 72**0.5, 27))
    np.testing.assert_allclose(fixed, np.tile(fixed[:1], (5, 1)), rtol=1e-10)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: datasets.mackey_glass(5, 17.05), "multiple of step"),
        (lambda: datasets.mackey_glass(-1), "n is -1"),
        (lambda: datasets.mackey_glass(5, x0=-1), "x0 -1"),
        (lambda: datasets.lorenz(5, start=(1, 2)), "3 numbers"),
        (lambda: datasets.lorenz(5, substeps=0), "substeps 0"),
        (lambda: datasets.windows(np.zeros(5), 5), "at least 6"),
        (lambda: datasets.windows(np.zeros(5), 0), "length is 0"),
        (lambda: AutoRegressive(0), "p is 0"),
        (lambda: AutoRegressive(3).fit(np.zeros(6)), "T >= 7"),
        (lambda: AutoRegressive(1).fit([1, 2, 3]).forecast([1], -1), "steps is -1"),
        (lambda: AutoRegressive(1).fit([1, np.nan, 2]), "finite"),
    ],
)
def test_wrong_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_values():
    assert datasets.mackey_glass(0).shape == (0,) and datasets.lorenz(0).shape == (0, 3)


@pytest.mark.parametrize(
    "text, column, expected",
    [
        ('"","YEAR","SUNACTIVITY"\n"1",1700,5\n"2",1701,11\n', "SUNACTIVITY", [5, 11]),
        ('"YEAR","SUNACTIVITY"\n1700,5\n1701,11\n', None, [5, 11]),
        ("1700.5;   8.3; -1.0;   -1;1\n1701.5;  18.3; -1.0;   -1;1\n", None, [8.3, 18.3]),
        ("1\n2.5\n\n# note\n-3e2\n", None, [1, 2.5, -300]),
        ("value\n1\n2\n", None, [1, 2]),
        ("a b\n1 2\n3 4\n", 0, [1, 3]),
        ("1 2\n3 4\n", -1, [2, 4]),
    ],
)
def test_series_file(text, column, expected, tmp_path):
    (tmp_path / "s.csv").write_text(text)
    found = datasets.series_file(tmp_path / "s.csv", column)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "text, column, message",
    [
        ("a,b\n1,2\n3,x\n", "b", "s.csv: line 3: 'x' is not a finite number"),
        ("1\nnan\n", None, "line 2: 'nan'"),
        ("1700,x\n1701,2\n", None, "line 1: 'x' is not a finite number"),
        ("1700,5O\n1701,2\n", "b", "line 1: no column 'b'; there are no header"),
        ("nan\n1\n", None, "line 1: 'nan' is not a finite number"),
        ("1,2\n\n3\n", None, "line 3: 1 columns, none at 1"),
        ("a,b\n1,2\n", "c", "line 1: no column 'c'; there are columns a, b"),
        ("1,2\n", "c", "no header"),
        ("a,b\n", None, "line 1: a header and no numbers"),
        ("# nothing\n", None, "holds no numbers"),
    ],
)
def test_series_file_names_the_line(text, column, message, tmp_path):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        datasets.series_file(tmp_path / "s.csv", column)


def test_windows():
    x, y = datasets.windows(np.arange(7), 3, 2)
    np.testing.assert_array_equal(x, [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(y, [[3, 4], [4, 5], [5, 6]])
    x, y = datasets.windows(np.zeros((7, 2)), 3)
    assert x.shape == (4, 3, 2) and y.shape == (4, 1, 2)


def test_autoregression_finds_the_coefficients():
    x = [1.0, 0.5]
    for _ in range(40):
        x.append(0.3 + 1.6 * x[-1] - 0.9 * x[-2])
    model = AutoRegressive(2).fit(x)
    np.testing.assert_allclose([model.intercept_, *model.coef_], [0.3, 1.6, -0.9], rtol=1e-8)
    np.testing.assert_allclose(model.predict(x[:-1]), x[2:], rtol=1e-8)
    np.testing.assert_allclose(model.forecast(x[:10], 8), x[10:18], rtol=1e-8)
    assert model.forecast(x, 0).shape == (0,)


@pytest.mark.parametrize("method, arguments", [("predict", ()), ("forecast", (2,))])
def test_autoregression_before_fit(method, arguments):
    with pytest.raises(RuntimeError, match=rf"AutoRegressive\.{method}: .* is not fitted yet"):
        getattr(AutoRegressive(1), method)([1.0, 2.0], *arguments)


def test_autoregression_takes_whole_numbers():
    with pytest.raises(TypeError, match="p must be an integer, got 1.5"):
        AutoRegressive(1.5)
    with pytest.raises(TypeError, match="steps must be an integer, got 2.0"):
        AutoRegressive(1).fit([1, 2, 3]).forecast([1], 2.0)


def test_sunspots_are_judged_against_persistence_if_there_is_a_file(tmp_path, monkeypatch):
    """Row 114, without the training."""
    from fastnn.demos import mackey_glass as row

    def untrained(x, epochs, seed, hidden, lr):
        fastnn.manual_seed(seed)
        return SequenceForecaster(1, hidden, cell="gru", batch_first=True)

    monkeypatch.setattr(row, "_train", untrained)
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    assert not any("sunspots" in f.name for f in row.mackey_glass.function(True, 0).figures)
    t = np.arange(160)
    values = 50 + 40 * np.sin(t * 2 * np.pi / 11) + np.random.default_rng(0).normal(0, 5, 160)
    rows = "".join(f"{1700 + i},{v:.1f}\n" for i, v in enumerate(values))
    (tmp_path / "sunspots.csv").write_text("YEAR,SUNACTIVITY\n" + rows)
    figures = [
        f for f in row.mackey_glass.function(True, 0).figures if f.name.startswith("sunspots")
    ]
    judged = [f for f in figures if f.relation is not None]
    assert [(f.name, f.relation, f.bar) for f in judged] == [
        ("sunspots: RMSE of GRU / persistence", "<", 1)
    ]
    assert len(figures) == 4
