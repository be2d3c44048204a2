"""The self-organising map."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn.classic import SOM
from fastnn.classic._som_grid import adjacent, pairs, places

GRIDS = ["rectangular", "hexagonal"]
RULES = ["online", "batch"]
NEIGHBOURHOODS = ["gaussian", "bubble"]
DECAYS = {
    "exponential": lambda a, b, s: a * (b / a) ** s,
    "linear": lambda a, b, s: a + (b - a) * s,
    "inverse": lambda a, b, s: a / (1 + (a / b - 1) * s),
}


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def apart(rows, columns, grid):
    """Distances of all units on the grid, from where a drawing would put them."""
    at = [(i * (0.75**0.5 if grid == "hexagonal" else 1),
           j + (0.5 if grid == "hexagonal" and i % 2 else 0))
          for i in range(rows) for j in range(columns)]  # fmt: skip
    at = np.array(at)
    return np.sqrt(((at[:, None] - at) ** 2).sum(-1))


def neighbourhood(name, r, sigma):
    return np.exp(-(r**2) / (2 * sigma**2)) if name == "gaussian" else (r <= sigma + 1e-6) * 1.0


def trained_by_hand(x, w, model):
    """Both rules as the paper has them, float64, samples in order."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    decay, r = DECAYS[model.decay], apart(*model.shape, model.grid)
    T, N = model.max_iter, len(x)
    for epoch in range(T):
        if model.rule == "batch":
            sigma = decay(model.sigma, model.final_sigma, epoch / max(T - 1, 1))
            best = [((v - w) ** 2).sum(1).argmin() for v in x]
            h = neighbourhood(model.neighborhood, r[:, best], sigma)
            w = np.where(h.sum(1)[:, None] > 0, h @ x / np.maximum(h.sum(1), 1e-300)[:, None], w)
            continue
        for t, v in enumerate(x):
            s = (epoch * N + t) / (T * N)
            sigma = decay(model.sigma, model.final_sigma, s)
            eta = decay(model.learning_rate, model.final_learning_rate, s)
            h = neighbourhood(model.neighborhood, r[((v - w) ** 2).sum(1).argmin()], sigma)
            w = w + eta * h[:, None] * (v - w)
    return w


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("neighborhood", NEIGHBOURHOODS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("rule", RULES)
def test_rules_are_the_equations(rule, grid, neighborhood, decay):
    x, start = uniform(60, 5), uniform(35, 5, seed=1)
    model = SOM((5, 7), rule=rule, grid=grid, neighborhood=neighborhood, decay=decay, init=start,
                sigma=3.0, final_sigma=0.6, max_iter=3, shuffle=False).fit(x)  # fmt: skip
    np.testing.assert_allclose(model.weights_, trained_by_hand(x, start, model), atol=2e-6)
    assert model.weights_.dtype == np.float32 and model.n_iter_ == 3
    assert model.n_features_in_ == 5


@pytest.mark.parametrize("max_iter", [1, 2])
def test_few_epochs(max_iter):
    x, start = uniform(40, 3), uniform(12, 3, seed=1)
    model = SOM((3, 4), rule="batch", init=start, sigma=2, max_iter=max_iter).fit(x)
    np.testing.assert_allclose(model.weights_, trained_by_hand(x, start, model), atol=2e-6)


def test_as_minisom():
    minisom = pytest.importorskip("minisom")
    x, start = uniform(200, 8), uniform(30, 8, seed=1)
    other = minisom.MiniSom(5, 6, 8, sigma=2.5, learning_rate=0.6,
                            decay_function="asymptotic_decay",
                            sigma_decay_function="asymptotic_decay")  # fmt: skip
    other._weights = start.reshape(5, 6, 8).astype(np.float64)
    other.train(x.astype(np.float64), 600)
    model = SOM((5, 6), init=start, sigma=2.5, final_sigma=2.5 / 3, learning_rate=0.6,
                final_learning_rate=0.2, decay="inverse", max_iter=3, shuffle=False)  # fmt: skip
    model.fit(x)
    np.testing.assert_allclose(model.weights_.reshape(5, 6, 8), other._weights, atol=1e-5)
    assert model.quantization_error(x) == pytest.approx(other.quantization_error(x), rel=1e-5)
    assert model.topographic_error(x) == pytest.approx(other.topographic_error(x))


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (5, 1), (2, 2), (3, 4), (4, 5), (6, 3)])
@pytest.mark.parametrize("grid", GRIDS)
def test_grid(shape, grid):
    r = apart(*shape, grid)
    at = places(*shape, grid).astype(np.float64)
    np.testing.assert_allclose(np.sqrt(((at[:, None] - at) ** 2).sum(-1)), r, atol=1e-6)
    near = (r > 0) & (r < (1.1 if grid == "hexagonal" else 1.5))
    found = pairs(*shape, grid)
    assert sorted(map(tuple, found)) == sorted(zip(*np.nonzero(near), strict=True))
    a, b = np.divmod(np.arange(r.size), len(r))
    assert (adjacent(a, b, *shape, grid) == near.ravel()).all()
    if shape == (4, 5):
        inner = near.sum(1).reshape(shape)[1:-1, 1:-1]
        assert (inner == (6 if grid == "hexagonal" else 8)).all()


@pytest.mark.parametrize("offset", [0, 300])
@pytest.mark.parametrize("n", [0, 1, 2500])
def test_distances_and_units(n, offset):
    """More rows than a block; data far from zero lose no digits that they had."""
    x, start = uniform(n, 6) + np.float32(offset), uniform(20, 6, seed=1) + np.float32(offset)
    model = SOM((4, 5), init=start).partial_fit(start)
    model.weights_ = start
    assert model.partial_fit(x[:0]).n_iter_ == 2 and (model.weights_ == start).all()
    gaps = x[:, None].astype(np.float64) - start
    want = np.sqrt((gaps**2).sum(-1))
    np.testing.assert_allclose(model.transform(x), want, atol=1e-4)
    assert model.transform(x).shape == (n, 20) and model.transform(x).dtype == np.float32
    best = model.predict(x)
    assert best.shape == (n,) and best.dtype == np.int64
    if n:
        assert (best == want.argmin(1)).mean() > 0.99
        np.testing.assert_allclose(want[np.arange(n), best], want.min(1), rtol=1e-5)
        assert model.quantization_error(x) == pytest.approx(want.min(1).mean(), rel=1e-6)
        assert model.score(x) == -model.quantization_error(x)


@pytest.mark.parametrize("grid", GRIDS)
def test_topographic_error_and_u_matrix(grid):
    x, start = uniform(300, 2), uniform(20, 2, seed=1)
    model = SOM((4, 5), grid=grid, init=start).partial_fit(x[:1])
    w, r = model.weights_.astype(np.float64), apart(4, 5, grid)
    near = (r > 0) & (r < (1.1 if grid == "hexagonal" else 1.5))
    order = ((x[:, None] - w) ** 2).sum(-1).argsort(1)
    want = np.mean(~near[order[:, 0], order[:, 1]])
    assert 0.2 < want < 1 and model.topographic_error(x) == pytest.approx(want, abs=0.005)
    gaps = np.sqrt(((w[:, None] - w) ** 2).sum(-1))
    np.testing.assert_allclose(model.u_matrix(), ((gaps * near).sum(1) / near.sum(1)).reshape(4, 5))
    lattice = SOM((4, 5), grid=grid, init=places(4, 5, grid), max_iter=0).fit(x)
    assert lattice.n_iter_ == 0 and lattice.partial_fit(x[:0]).n_iter_ == 1
    # of a map that is its own grid all neighbours are near: 1, or diagonal
    assert lattice.u_matrix()[0, 0] == pytest.approx((2 + 2**0.5) / 3 if grid == GRIDS[0] else 1)
    assert lattice.topographic_error(4 * x) == 0


def test_one_unit():
    x = uniform(50, 3)
    model = SOM((1, 1), max_iter=30).fit(x)
    assert model.topographic_error(x) == 0 and (model.u_matrix() == 0).all()
    assert (model.predict(x) == 0).all()
    np.testing.assert_allclose(SOM((1, 1), rule="batch").fit(x).weights_[0], x.mean(0), rtol=1e-5)


def test_pca_is_a_lattice_in_the_plane_of_largest_spread():
    rng = np.random.default_rng(0)
    frame = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    x = rng.normal(size=(500, 6)) * [5, 2, 0.1, 0.1, 0.1, 0.1] @ frame.T + 7
    for shape in ((3, 5), (5, 3)):
        model = SOM(shape, max_iter=0).fit(x)
        w = model.weights_ - x.mean(0)
        along = (w @ frame[:, :2]).reshape(*shape, 2)
        assert np.abs(w @ frame[:, 2:]).max() < 0.5
        first = along[..., 0] if shape == (3, 5) else along[..., 0].T  # along the longer side
        steps = np.diff(first, axis=1)
        np.testing.assert_allclose(np.abs(steps), 5.0, rtol=0.1)  # four deviations in four steps
        assert (np.sign(steps) == np.sign(steps[0, 0])).all()
    for shape in ((1, 4), (4, 1), (1, 1)):
        for n in (1, 3):
            weights = SOM(shape, max_iter=1).fit(uniform(9, n)).weights_
            assert weights.shape == (np.prod(shape), n) and np.isfinite(weights).all()
    constant = SOM((2, 3)).fit(np.ones((4, 3)))
    np.testing.assert_allclose(constant.weights_, 1)


def test_other_starts():
    x = uniform(30, 4)

    def start(**settings):
        return SOM((4, 5), max_iter=0, random_state=3, **settings).fit(x).weights_

    rows = {tuple(row) for row in x}
    sample = start(init="sample")
    assert {tuple(row) for row in sample} <= rows and len({tuple(row) for row in sample}) == 20
    drawn = start(init="random")
    assert (drawn >= x.min(0)).all() and (drawn <= x.max(0)).all() and len(np.unique(drawn)) == 80
    few = SOM((4, 5), init="sample", max_iter=0, random_state=3).fit(x[:7])
    assert {tuple(row) for row in few.weights_} == {tuple(row) for row in x[:7]}
    given = np.array(sample)
    SOM((4, 5), init=given).fit(x)
    assert (given == sample).all()  # not written to


@pytest.mark.parametrize("rule", RULES)
def test_partial_fit_goes_through_the_epochs_of_fit(rule):
    x = uniform(50, 3)
    settings = dict(rule=rule, shuffle=False, max_iter=4)
    whole = SOM((3, 3), **settings).fit(x)
    parts = SOM((3, 3), **settings)
    for _ in range(4):
        parts.partial_fit(x)
    assert (whole.weights_ == parts.weights_).all() and parts.n_iter_ == 4
    more = copy.deepcopy(parts).partial_fit(x)
    end = SOM((3, 3), init=parts.weights_, rule=rule, sigma=1, learning_rate=0.01,
              final_learning_rate=0.01, max_iter=1, shuffle=False).fit(x)  # fmt: skip
    np.testing.assert_allclose(more.weights_, end.weights_, rtol=1e-5)


def test_a_chain_unfolds_and_stays_in_order():
    """Kohonen's case: units in a row and numbers from an interval end up sorted, from any start."""
    for seed in range(5):
        x = uniform(400, 1, seed=seed)
        for rule in RULES:
            model = SOM((1, 12), rule=rule, init="random", max_iter=30, random_state=seed).fit(x)
            steps = np.diff(model.weights_[:, 0])
            assert (steps > 0).all() or (steps < 0).all()
            assert model.topographic_error(x) == 0


def test_batch_without_neighbours_is_k_means():
    x, start = uniform(80, 2), uniform(9, 2, seed=1)
    for neighborhood in NEIGHBOURHOODS:
        model = SOM((3, 3), rule="batch", neighborhood=neighborhood, init=start, sigma=1e-3,
                    final_sigma=1e-3, max_iter=1).fit(x)  # fmt: skip
        best = ((x[:, None] - start) ** 2).sum(-1).argmin(1)
        want = [x[best == u].mean(0) if (best == u).any() else start[u] for u in range(9)]
        np.testing.assert_allclose(model.weights_, want, rtol=1e-5)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("rule", RULES)
def test_maps_the_digits(rule, grid):
    d = fastnn.datasets.digits8x8()
    x = d.x.reshape(len(d.x), -1)
    model = SOM((12, 12), rule=rule, grid=grid, final_sigma=0.7, init="random", random_state=0)
    before = copy.deepcopy(model).set_params(max_iter=0).fit(x).quantization_error(x)
    model.fit(x)
    assert model.quantization_error(x) < before / 2 and model.topographic_error(x) < 0.1


@pytest.mark.parametrize("neighborhood", NEIGHBOURHOODS)
@pytest.mark.parametrize("rule", RULES)
def test_same_on_the_reference(rule, neighborhood):
    x = uniform(150, 7)
    model = SOM((4, 5), rule=rule, neighborhood=neighborhood, random_state=1)
    ours = copy.deepcopy(model).fit(x)
    with fastnn.backend("reference"):
        theirs = copy.deepcopy(model).fit(x)
        np.testing.assert_allclose(theirs.transform(x), ours.transform(x), atol=1e-4)
    np.testing.assert_allclose(theirs.weights_, ours.weights_, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_same_bits_for_any_number_of_threads(rule):
    x = uniform(60, 300)
    found = []
    for threads in (1, 2, 3):
        with fastnn.threads(threads):
            model = SOM((25, 31), rule=rule, init="sample", random_state=0, max_iter=2).fit(x)
            found.append(model.weights_.tobytes() + model.transform(x).tobytes())
    assert found[0] == found[1] == found[2]


def test_shuffling_and_copies():
    x = uniform(60, 3)
    a, b, c = (SOM((3, 3), random_state=seed).fit(x).weights_ for seed in (0, 0, 1))
    assert (a == b).all() and (a != c).any()
    assert (SOM((3, 3), shuffle=False).fit(x).weights_ != a).any()
    model = SOM((3, 3), random_state=0).fit(x)
    back = pickle.loads(pickle.dumps(model))
    assert (back.predict(x) == model.predict(x)).all()
    assert SOM(**model.get_params()).get_params() == model.get_params()
    assert repr(model).startswith("SOM(shape=(3, 3), grid='rectangular'")


BAD = {
    "grid is 'round', expected one of rectangular, hexagonal": dict(grid="round"),
    "rule is 'offline', expected one of online, batch": dict(rule="offline"),
    "neighborhood is 'mexican', expected one of gaussian, bubble": dict(neighborhood="mexican"),
    "decay is 'none', expected one of exponential, linear, inverse": dict(decay="none"),
    "init is 'zero', expected 'pca', 'sample', 'random' or an array": dict(init="zero"),
    "init has 3 rows, expected 9": dict(init=np.ones((3, 4))),
    "init as X: X has shape (9, 2), expected (N, 4)": dict(init=np.ones((9, 2))),
    "sigma is 0": dict(sigma=0),
    "sigma is 1e-50, expected at least 1e-30": dict(sigma=1e-50, rule="batch"),
    "final_sigma is -1": dict(final_sigma=-1),
    "learning_rate is 1.5, expected at most 1": dict(learning_rate=1.5),
    "final_learning_rate is 0": dict(final_learning_rate=0),
    "max_iter is -1": dict(max_iter=-1),
    "shape is (3,), expected (rows, columns)": dict(shape=(3,)),
    "shape is 9, expected (rows, columns)": dict(shape=9),
    "shape is 0": dict(shape=(0, 3)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_settings(message):
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError) as caught:
            getattr(SOM(**{"shape": (3, 3), **BAD[message]}), method)(uniform(10, 4))
        assert message in str(caught.value) and "SOM" in str(caught.value)


def test_bad_arrays():
    x = uniform(10, 4)
    for bad, words in ((x[0], "X has shape"), (x[:0], "X has shape"), (x * np.nan, "not finite")):
        with pytest.raises(ValueError, match=f"SOM.fit: .*{words}"):
            SOM((3, 3)).fit(bad)
    with pytest.raises(TypeError, match="SOM.fit: X has dtype <U1"):
        SOM((3, 3)).fit([["a"]])
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        SOM((3, 3), learning_rate="fast").fit(x)
    model = SOM((3, 3)).fit(x)
    for method in ("predict", "transform", "quantization_error", "topographic_error", "score"):
        with pytest.raises(ValueError, match=r"X has shape \(10, 3\), expected \(N, 4\)"):
            getattr(model, method)(x[:, :3])
        with pytest.raises(RuntimeError, match="this SOM is not fitted yet"):
            getattr(SOM(), method)(x)
    for method in ("quantization_error", "topographic_error"):
        with pytest.raises(ValueError, match=f"{method}: X has no rows"):
            getattr(model, method)(x[:0])
    with pytest.raises(RuntimeError, match="not fitted yet"):
        SOM().u_matrix()


def test_kernel_refuses_wrong_arrays():
    for k in (fastnn._kernels, fastnn.reference):
        good = dict(weights=uniform(6, 3), x=uniform(5, 3), grid=places(2, 3, "rectangular"),
                    rates=uniform(5), sigmas=uniform(5) + 1, neighborhood="gaussian")  # fmt: skip
        k.som_online(**good)
        for name, value, words in (
            ("x", uniform(5, 2), r"x has shape \(5, 2\), expected \(5, 3\)"),
            ("grid", uniform(5, 2), "grid has shape"),
            ("rates", uniform(4), "rates has shape"),
            ("sigmas", uniform(4), "sigmas has shape"),
            ("sigmas", np.zeros(5, np.float32), "sigmas.0. is 0.0, expected above 0"),
            ("neighborhood", "box", "neighborhood is 'box'"),
            ("weights", uniform(0, 3), "weights has shape .0, 3., expected one unit or more"),
        ):
            with pytest.raises(ValueError, match=words):
                k.som_online(**{**good, name: value})


def test_a_map_keeps_its_grid_until_the_next_fit():
    x = uniform(40, 2)
    model = SOM((3, 4), random_state=0).fit(x)
    want = model.u_matrix(), model.topographic_error(x)
    for shape in ((2, 6), (2, 2)):
        model.set_params(shape=shape, grid="hexagonal")
        assert (model.u_matrix() == want[0]).all() and model.topographic_error(x) == want[1]
    assert model.partial_fit(x).weights_.shape == (12, 2)
    assert model.fit(x).u_matrix().shape == (2, 2)
