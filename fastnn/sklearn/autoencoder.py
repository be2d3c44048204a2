"""AutoencoderTransformer and VAETransformer: networks that learn a code of X from X alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from ..grad_mode import no_grad
from ..models import VAE, Autoencoder
from ..nn.utils import evaluating
from ..random import Generator
from ..tensor import Tensor
from ._base import NetworkEstimator
from ._data import dense, row_blocks
from ._solver import store, whole_sizes
from .net import _OPTIMIZERS

_ACTIVATIONS = {"logistic": "sigmoid", "relu": "relu", "tanh": "tanh"}


class _Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """What the two have in common: X is its own target, of a loss that the network brings."""

    _parameter_constraints = {
        **NetworkEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(_ACTIVATIONS))],
        "optimizer": [StrOptions(set(_OPTIMIZERS)), callable],
    }
    # Corruption and codes are drawn while the network is trained.
    _draws_from_default_generator = True

    @abstractmethod
    def _codes(self, x: Tensor) -> Tensor:
        """The codes (N, n_components) of dense rows."""

    @abstractmethod
    def _decoded(self, code: Tensor) -> Tensor:
        """Codes back to rows (N, n_features)."""

    def _begin(self) -> None:
        super()._begin()
        self._n_codes = self.n_components  # of the network, whatever set_params says later

    def _hidden(self) -> list[int]:
        return whole_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")

    def _make_optimizer(self, groups: list[dict[str, Any]]) -> Any:
        kind = self.optimizer
        make = _OPTIMIZERS[kind] if isinstance(kind, str) else kind
        return make(groups, lr=self.learning_rate_init)

    def _objective(self) -> Callable[[Any, Any], Tensor]:  # type: ignore[override]
        module = self.module_

        def objective(output: Any, target: Any) -> Tensor:
            x, weight = target if isinstance(target, (list, tuple)) else (target, None)
            if isinstance(output, Tensor):  # of `_raw`
                output = self._parts(output)
            return module.loss(output, x, weight)

        return objective

    def _parts(self, output: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs out of `_raw`'s one."""
        v, k = self.n_features_in_, self._n_codes
        edges = range(v, output.shape[1], k)
        return output[:, :v], *(output[:, i : i + k] for i in edges)

    def _raw(self, X: Any) -> np.ndarray:
        """The network's outputs beside each other: (N, n_features + ...)."""
        with evaluating(self.module_):
            return np.concatenate([
                np.concatenate([part.numpy() for part in self.module_(x)], axis=1)
                for x in row_blocks(X)
            ])  # fmt: skip

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float32, reset=reset)
        X = dense(X)
        return X, X

    def _encode(self, y: np.ndarray, classes: Any, is_first: bool) -> np.ndarray:
        return y

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, weight: Any) -> float:
        errors = np.square(outputs[:, : y.shape[1]] - y).mean(axis=1, dtype=np.float64)
        return -float(np.average(errors, weights=weight))

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, validation_data: Any = None
    ) -> Any:
        """Train on X (n_samples, n_features); y is ignored; returns self.

        sample_weight (n_samples,): >= 0; samples of weight 0 are left out. validation_data: another
        X, for `validation_loss_curve_` and for early_stopping, which otherwise takes
        `validation_fraction` of the samples. Raises ValueError for data that do not fit, or a
        training that ends in infinite weights.
        """
        validation = None if validation_data is None else (validation_data, None)
        return self._fit(X, None, sample_weight, validation)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """One epoch more over X, with the optimizer's state kept; y is ignored; returns self.

        Raises ValueError with early_stopping.
        """
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        return self._fit(X, None, sample_weight, incremental=True)

    def transform(self, X: Any) -> np.ndarray:
        """The codes of X (n_samples, n_features): float32 (n_samples, n_components)."""
        check_is_fitted(self)
        return self._by_blocks(self._codes, self._validated_rows(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Codes X (n_samples, n_components) back to float32 (n_samples, n_features)."""
        check_is_fitted(self)
        X = check_array(X, dtype=np.float32)
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} features, but {type(self).__name__}.inverse_transform is "
                f"expecting {self._n_features_out}, one for each component"
            )
        return self._by_blocks(self._decoded, X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the mean squared error of the reconstruction of X; y is ignored."""
        check_is_fitted(self)
        x = self._validated(X, None, reset=False)[0]
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, x, ensure_non_negative=True)
        return self._score_outputs(
            self._by_blocks(lambda rows: self._decoded(self._codes(rows)), x), x, weight
        )

    def _by_blocks(self, function: Callable[[Tensor], Tensor], X: Any) -> np.ndarray:
        with self._threads(), evaluating(self.module_):
            return np.concatenate([function(x).numpy() for x in row_blocks(X)])

    @property
    def _n_features_out(self) -> int:
        return self._n_codes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.target_tags.required = False
        return tags


class AutoencoderTransformer(_Transformer):
    """Autoencoder as a transformer of scikit-learn: `models.Autoencoder`, trained to give X back
    from n_components numbers.

    n_components: of the code; hidden_layer_sizes: of the encoder, which the decoder mirrors; () and
    no penalty find PCA's subspace. activation: "logistic", "relu" or "tanh", between the layers;
    code and output are linear. noise, masking: in training the encoder sees X with normal noise of
    this deviation, and this share of it set to 0 (denoising: Vincent et al. 2008,
    doi:10.1145/1390156.1390294). sparsity, sparsity_weight: mean activation that each unit of the
    code is drawn to, and how strongly; the code then is a sigmoid (Ng 2011).

    It minimises mean (X - reconstruction)^2, over samples and features, + the sparsity penalty +
    (alpha |w|^2 / 2 + l1 |w|_1) / (samples per step). X: standardised or in [0, 1]; dense, or CSR,
    which becomes dense as a whole. optimizer: as NetClassifier's; the other parameters, and
    attributes, are MLPRegressor's. The result has the same bits for any number of threads.

    Attributes: module_ (the network), loss_, loss_curve_, validation_loss_curve_, best_loss_,
    validation_scores_, best_validation_score_, n_iter_, t_, n_features_in_, feature_names_in_.
    Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647.
    """

    _parameter_constraints = {
        **_Transformer._parameter_constraints,
        "noise": [Interval(Real, 0, None, closed="left")],
        "masking": [Interval(Real, 0, 1, closed="left")],
        "sparsity": [Interval(Real, 0, 1, closed="neither"), None],
        "sparsity_weight": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 32,
        *,
        hidden_layer_sizes: Any = (256,),
        activation: str = "relu",
        noise: float = 0.0,
        masking: float = 0.0,
        sparsity: float | None = None,
        sparsity_weight: float = 0.01,
        optimizer: Any = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-5,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())

    def _make_module(self, init_seed: int, train_seed: int) -> Autoencoder:
        return Autoencoder(
            self.n_features_in_,
            self._hidden(),
            self.n_components,
            activation=_ACTIVATIONS[self.activation],
            noise=self.noise,
            masking=self.masking,
            sparsity=self.sparsity,
            sparsity_weight=self.sparsity_weight,
        )

    def _codes(self, x: Tensor) -> Tensor:
        return self.module_.encoder(x)

    def _decoded(self, code: Tensor) -> Tensor:
        return self.module_.decoder(code)


class VAETransformer(_Transformer):
    """Variational autoencoder as a transformer of scikit-learn: `models.VAE`, whose codes are the
    means of q(z | x).

    likelihood: "bernoulli", X in [0, 1], or "gaussian", real X with noise of variance 1 (so
    multiply what varies less). beta: weight of the divergence from the prior N(0, I). It minimises
    minus the evidence lower bound, in nats a sample, and the penalties; n_components and all else
    are AutoencoderTransformer's.

    `score` is minus the mean squared error of the reconstruction, which two models have in common;
    `score_samples` the lower bound of ln p(x), `sample` new rows. Kingma and Welling 2014,
    arXiv:1312.6114.
    """

    _parameter_constraints = {
        **_Transformer._parameter_constraints,
        "likelihood": [StrOptions({"bernoulli", "gaussian"})],
        "beta": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        n_components: int = 20,
        *,
        hidden_layer_sizes: Any = (400,),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        beta: float = 1.0,
        optimizer: Any = "adam",
        alpha: float = 0.0,
        l1: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: float = 10,
        scheduler: Any = None,
        callbacks: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        store(self, locals())

    def _make_module(self, init_seed: int, train_seed: int) -> VAE:
        return VAE(
            self.n_features_in_,
            self._hidden(),
            self.n_components,
            activation=_ACTIVATIONS[self.activation],
            beta=self.beta,
            likelihood=self.likelihood,
        )

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = super()._validated(X, y, reset=reset)
        if self.likelihood == "bernoulli" and not (X.min() >= 0 and X.max() <= 1):
            raise ValueError(
                f"VAETransformer: X has values from {X.min()} to {X.max()}, expected 0 to 1, as "
                "likelihood is 'bernoulli'; scale it, or take 'gaussian'"
            )
        return X, y

    def _score_outputs(self, outputs: np.ndarray, y: np.ndarray, weight: Any) -> float:
        if outputs.shape[1] > y.shape[1] and self.module_.likelihood == "bernoulli":
            logits = outputs[:, : y.shape[1]].astype(np.float64)
            outputs = np.exp(-np.logaddexp(0, -logits))
        return super()._score_outputs(outputs, y, weight)

    def _codes(self, x: Tensor) -> Tensor:
        return self.module_.encode(x)[0]

    def _decoded(self, code: Tensor) -> Tensor:
        return self.module_.decode(code)

    def _generator(self) -> Generator:
        return Generator(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def score_samples(self, X: Any) -> np.ndarray:
        """The evidence lower bound of ln p(x) of each row, with one draw of its code: (n_samples,)
        in nats."""
        check_is_fitted(self)
        X, generator = self._validated(X, None, reset=False)[0], self._generator()
        return self._by_blocks(lambda x: self.module_.elbo(x, generator=generator), X)

    def sample(self, n_samples: int = 1) -> np.ndarray:
        """Means of p(x | z) for draws z of the prior: float32 (n_samples, n_features)."""
        check_is_fitted(self)
        with self._threads(), no_grad():
            return self.module_.sample(n_samples, generator=self._generator()).numpy()
