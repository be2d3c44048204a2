"""Self-organising maps: the online rule against MiniSom and plain NumPy, the batch rule and the
search for best-matching units against plain NumPy.  The bar of the online rule is MiniSom / 10."""

import numpy as np
import pytest
from shapes import MAPS

from fastnn.classic import SOM
from fastnn.classic._som_grid import places


def data(n, features, units):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, features), dtype=np.float32)
    return x, rng.standard_normal((units, features), dtype=np.float32)


def online(rows, columns, x, start):
    """One epoch by each; the same start and the same course of sigma and learning rate."""
    sigma, rate = max(rows, columns) / 2, 0.5
    model = SOM((rows, columns), init=start, sigma=sigma, final_sigma=sigma / 3, learning_rate=rate,
                final_learning_rate=rate / 3, decay="inverse", max_iter=1,
                shuffle=False)  # fmt: skip
    grid = places(rows, columns, "rectangular")

    def plain():
        w = start.copy()
        for t, v in enumerate(x):
            fall = 1 + 2 * t / len(x)
            gap = v - w
            best = np.einsum("uf,uf->u", gap, gap).argmin()
            apart = ((grid - grid[best]) ** 2).sum(axis=1)
            h = rate / fall * np.exp(-apart * np.float32(0.5 * (fall / sigma) ** 2))
            w += h[:, None] * gap
        return w

    contenders = {"fastnn": lambda: model.fit(x), "numpy": plain}
    try:
        from minisom import MiniSom
    except ImportError:
        return contenders

    def mini():
        other = MiniSom(rows, columns, x.shape[1], sigma=sigma, learning_rate=rate,
                        decay_function="asymptotic_decay",
                        sigma_decay_function="asymptotic_decay")  # fmt: skip
        other._weights = start.reshape(rows, columns, -1).astype(np.float64)
        other.train(wide, len(x))
        return other

    wide = x.astype(np.float64)
    return contenders | {"minisom": mini}


@pytest.mark.parametrize("rows, columns, features, n", MAPS)
def test_online(race, threads, rows, columns, features, n):
    x, start = data(n, features, rows * columns)
    name = f"som online {rows}x{columns} of {features}"
    flops = 8.0 * n * start.size
    race(name, threads, online(rows, columns, x, start), flops, bar={"minisom": 10.0})


@pytest.mark.parametrize("rows, columns, features, n", MAPS)
def test_batch(race, threads, rows, columns, features, n):
    x, start = data(n, features, rows * columns)
    sigma = max(rows, columns) / 2
    model = SOM((rows, columns), rule="batch", init=start, sigma=sigma, max_iter=1)
    grid = places(rows, columns, "rectangular")

    def plain():
        best = ((start * start).sum(axis=1) - 2 * x @ start.T).argmin(axis=1)
        sums = np.zeros_like(start)
        np.add.at(sums, best, x)
        apart = ((grid[:, None] - grid) ** 2).sum(axis=-1)
        h = np.exp(-apart * np.float32(0.5 / sigma**2))
        return h @ sums / (h @ np.bincount(best, minlength=len(start)))[:, None]

    name = f"som batch {rows}x{columns} of {features}"
    race(name, threads, {"fastnn": lambda: model.fit(x), "numpy": plain})


@pytest.mark.parametrize("rows, columns, features, n", MAPS)
def test_predict(race, threads, rows, columns, features, n):
    x, start = data(n, features, rows * columns)
    model = SOM((rows, columns), init=start, max_iter=0).fit(x)

    def plain():
        return ((start * start).sum(axis=1) - 2 * x @ start.T).argmin(axis=1)

    name = f"som units {rows}x{columns} of {features}"
    race(name, threads, {"fastnn": lambda: model.predict(x), "numpy": plain}, 2.0 * n * start.size)
