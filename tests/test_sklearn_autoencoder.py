"""AutoencoderTransformer and VAETransformer: scikit-learn's checks, its tools, what they learn."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastnn
from fastnn.models import VAE, Autoencoder
from fastnn.sklearn import AutoencoderTransformer, VAETransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
TRAIN, TEST = X[:1000], X[1000:]
KINDS = pytest.mark.parametrize("kind", [AutoencoderTransformer, VAETransformer])
DRAWS = "codes are drawn at random, row after row: repeated or moved rows get others"
CHECKS = (
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)


def expected(estimator):
    return dict.fromkeys(CHECKS, DRAWS) if isinstance(estimator, VAETransformer) else {}


@parametrize_with_checks(
    [
        AutoencoderTransformer(2, hidden_layer_sizes=(8,), max_iter=20),
        VAETransformer(2, hidden_layer_sizes=(8,), max_iter=20, likelihood="gaussian"),
    ],
    expected_failed_checks=expected,
)
def test_check(estimator, check):
    check(estimator)


def small(kind, **more):
    settings = {"hidden_layer_sizes": (16,), "max_iter": 5, "learning_rate_init": 0.01}
    return kind(4, **settings | {"random_state": 0} | more)


def weights_of(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.module_.parameters()])


def test_linear_autoencoder_is_as_good_as_pca_and_a_deep_one_better():
    pca = PCA(8).fit(TRAIN)
    best = -np.square(TEST - pca.inverse_transform(pca.transform(TEST))).mean()
    common = {"learning_rate_init": 0.01, "batch_size": 50, "random_state": 0, "tol": 0.0}
    linear = AutoencoderTransformer(8, hidden_layer_sizes=(), max_iter=60, **common).fit(TRAIN)
    assert 1.05 * best < linear.score(TEST) < 0.95 * best
    assert (
        linear.score(TRAIN)
        <= -np.square(TRAIN - pca.inverse_transform(pca.transform(TRAIN))).mean() + 1e-6
    )  # nothing linear is better
    deep = AutoencoderTransformer(8, hidden_layer_sizes=(128,), max_iter=60, **common)
    deep.set_params(learning_rate_init=0.003).fit(TRAIN)
    assert deep.score(TEST) > 0.8 * best


@KINDS
def test_codes_rows_and_score(kind):
    model = small(kind, max_iter=60, tol=0.0).fit(TRAIN)
    codes = model.transform(TEST)
    assert codes.shape == (797, 4) and codes.dtype == np.float32
    back = model.inverse_transform(codes)
    assert model.score(TEST) == pytest.approx(-np.square(back - TEST).mean(), rel=1e-5)
    assert model.score(TEST) > -np.square(TEST - TRAIN.mean(0)).mean()  # better than the mean
    weight = np.arange(len(TEST))
    errors = np.square(back - TEST).mean(axis=1)
    want = -(errors * weight).sum() / weight.sum()
    assert model.score(TEST, sample_weight=weight) == pytest.approx(want, rel=1e-5)
    assert isinstance(model.module_, VAE if kind is VAETransformer else Autoencoder)
    with fastnn.no_grad():
        want = model.module_(fastnn.from_numpy(TEST))[1].numpy()
    np.testing.assert_allclose(codes, want, atol=1e-5)
    names = [f"{kind.__name__.lower()}{i}" for i in range(4)]
    assert list(model.get_feature_names_out()) == names
    assert len(model.loss_curve_) == model.n_iter_ == 60 and model.loss_ == model.loss_curve_[-1]
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    with pytest.raises(ValueError, match=r"X has 3 features, but \w+.inverse_transform is expecti"):
        model.inverse_transform(codes[:, :3])


@KINDS
def test_settings_changed_after_fit_wait_for_the_next_network(kind):
    model = small(kind, warm_start=True).fit(TRAIN)
    score = model.score(TEST)
    model.set_params(n_components=2)
    assert len(model.get_feature_names_out()) == model.transform(TEST).shape[1] == 4
    assert model.inverse_transform(model.transform(TEST)).shape == TEST.shape
    assert model.score(TEST) == score
    model.fit(TRAIN, validation_data=TEST)  # the same network, trained further
    assert len(model.get_feature_names_out()) == 4 and len(model.validation_loss_curve_) == 5
    model.set_params(warm_start=False).fit(TRAIN)
    assert len(model.get_feature_names_out()) == model.transform(TEST).shape[1] == 2


@KINDS
def test_pipeline_and_search(kind):
    pipeline = make_pipeline(
        MinMaxScaler(),
        small(kind, max_iter=60),
        LogisticRegression(max_iter=2000),
    )
    name = kind.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__n_components": [1, 12]}, cv=2, n_jobs=2)
    search.fit(TRAIN, Y[:1000])
    assert search.best_params_ == {f"{name}__n_components": 12} and search.best_score_ > 0.6
    alone = GridSearchCV(small(kind, max_iter=30), {"n_components": [1, 12]}, cv=2).fit(TRAIN)
    assert alone.best_params_ == {"n_components": 12}
    assert (
        clone(search.best_estimator_).get_params().keys()
        == search.best_estimator_.get_params().keys()
    )


@KINDS
def test_same_bits_for_threads_sparse_x_and_after_pickling(kind):
    state = fastnn.default_generator.get_state()
    noise = {"noise": 0.1, "masking": 0.2} if kind is AutoencoderTransformer else {}
    nets = [small(kind, n_jobs=n, **noise).fit(TRAIN) for n in (1, 2, 5)]
    nets.append(small(kind, **noise).fit(sparse.csr_matrix(TRAIN)))
    for net in nets[1:]:
        np.testing.assert_array_equal(weights_of(nets[0]), weights_of(net))
    assert fastnn.default_generator.get_state() == state
    copy = pickle.loads(pickle.dumps(nets[0]))
    np.testing.assert_array_equal(copy.transform(sparse.csr_array(TEST)), nets[0].transform(TEST))
    for net in (copy, nets[0]):
        net.partial_fit(TRAIN)
    np.testing.assert_array_equal(weights_of(copy), weights_of(nets[0]))
    other = small(kind, random_state=1).fit(TRAIN)
    assert not np.array_equal(weights_of(other), weights_of(nets[0]))


@pytest.mark.parametrize("sparsity", [None, 0.1])
def test_weights_equal_repetition(sparsity):
    kind, more = AutoencoderTransformer, {"sparsity": sparsity, "sparsity_weight": 0.1}
    x, times = TRAIN[:120], np.arange(120) % 4
    common = {"batch_size": 180, "max_iter": 100, "tol": 0.0, "shuffle": False, **more}
    weighted = small(kind, **common).set_params(batch_size=90)
    weighted.fit(x, sample_weight=times)  # 90 samples are not of weight 0
    repeated = small(kind, **common).fit(np.repeat(x, times, axis=0))
    plain = small(kind, **common).set_params(batch_size=120).fit(x)
    a, b, c = (each.transform(TEST) for each in (weighted, repeated, plain))
    assert np.abs(a - c).max() > 0.01
    assert np.abs(a - b).max() < 1e-3 * np.abs(a - c).max()


def test_the_vaes_loss_takes_weights():
    model = VAE(6, (5,), 2).eval()
    x = fastnn.from_numpy(TRAIN[:4, 10:16].copy())
    each = [model.loss(model(x[i : i + 1]), x[i : i + 1]).item() for i in range(4)]
    weight = fastnn.tensor([1.0, 0.0, 2.0, 0.5])
    want = (each[0] + 2 * each[2] + 0.5 * each[3]) / 3.5
    assert model.loss(model(x), x, weight).item() == pytest.approx(want, rel=1e-5)
    ones = model.loss(model(x), x, fastnn.ones(4)).item()
    assert model.loss(model(x), x).item() == pytest.approx(ones, rel=1e-6)


def test_denoising_codes_bear_noise():
    """Trained with noise, the reconstruction of noisy digits is nearer to the clean ones."""
    noisy = TEST + np.random.default_rng(0).normal(0, 0.4, TEST.shape).astype(np.float32)
    common = {"hidden_layer_sizes": (64,), "max_iter": 60, "learning_rate_init": 0.003}
    errors = []
    for noise in (0.0, 0.4):
        model = AutoencoderTransformer(24, noise=noise, random_state=0, **common).fit(TRAIN)
        errors.append(np.square(model.inverse_transform(model.transform(noisy)) - TEST).mean())
    assert errors[1] < 0.8 * errors[0]


def test_each_partial_fit_draws_new_noise():
    model = small(AutoencoderTransformer, noise=0.5, learning_rate_init=1e-12, shuffle=False)
    losses = [model.partial_fit(TRAIN).loss_ for _ in range(3)]  # of the same weights
    assert len(set(losses)) == 3 and max(losses) < 1.1 * min(losses)


@KINDS
def test_early_stopping_and_validation_data(kind):
    model = small(kind, early_stopping=True, max_iter=400, learning_rate_init=0.02,
                  n_iter_no_change=3, tol=1e-4)  # fmt: skip
    model.fit(TRAIN, validation_data=TEST)
    assert model.n_iter_ < 400 and len(model.validation_loss_curve_) == model.n_iter_
    assert model.score(TEST) == pytest.approx(model.best_validation_score_, rel=1e-4)
    model.fit(TRAIN)  # takes validation_fraction of it
    assert model.best_validation_score_ == max(model.validation_scores_)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        model.partial_fit(TRAIN)
    with pytest.raises(ValueError, match="features"):
        model.fit(TRAIN, validation_data=TEST[:, :9])


def test_lower_bound_and_samples():
    model = small(VAETransformer, max_iter=40, learning_rate_init=0.005).fit(TRAIN)
    bound = model.score_samples(TEST)
    assert bound.shape == (797,) and (bound < 0).all()
    np.testing.assert_array_equal(bound, model.score_samples(TEST))
    flipped = model.score_samples(1 - TEST)
    assert np.mean(bound > flipped) > 0.99  # no digits
    rows = model.sample(200)
    assert rows.shape == (200, 64) and rows.min() >= 0 and rows.max() <= 1
    np.testing.assert_allclose(rows.mean(0), TRAIN.mean(0), atol=0.15)
    with pytest.raises(ValueError, match="X has values from 0.0 to 16.0, expected 0 to 1, as like"):
        model.fit(TRAIN * 16)


def test_gaussian_likelihood_is_its_equation():
    """-ln p(x | z) + KL in float64, with z the mean."""
    model = small(VAETransformer, likelihood="gaussian", max_iter=3).fit(3 * TRAIN - 1)
    x = (3 * TEST[:50] - 1).astype(np.float32)
    module = model.module_
    with fastnn.no_grad():
        y, mean, log_var = (t.numpy().astype(np.float64) for t in module(fastnn.from_numpy(x)))
        loss = module.loss(module(fastnn.from_numpy(x)), fastnn.from_numpy(x)).item()
    error = 0.5 * np.square(x - y).sum(1) + 32 * np.log(2 * np.pi)
    divergence = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(1)
    assert loss == pytest.approx((error + divergence).mean(), rel=1e-5)
    np.testing.assert_allclose(model.inverse_transform(model.transform(x)), y, atol=1e-5)
    with pytest.raises(ValueError, match="likelihood is 'poisson', expected 'bernoulli' or"):
        VAE(3, likelihood="poisson")
