"""The deep belief network."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from ..creation import tensor
from ..functional import _checks
from ._arrays import labels, matrix, share
from ._estimator import Estimator, not_fitted
from .rbm import RBM, visible_rows

if TYPE_CHECKING:
    from ..nn import Sequential


class DBN(Estimator):
    """A stack of RBMs, trained one after the other, each on what the one below makes of the data.

    Hinton, Osindero and Teh 2006, doi:10.1162/neco.2006.18.7.1527.  The two top layers remain an
    RBM, an associative memory without direction; all connections below point down: p(x, h1, ..,
    hL) = p(x | h1) .. p(h(L-2) | h(L-1)) p(h(L-1), hL).  Each new layer may raise a lower bound of
    the log-likelihood.  It is generative, no feed-forward classifier; `to_sequential` makes one of
    its weights, for fine-tuning by back-propagation.

    n_components: hidden units of each layer, from the data up, or of the only one.  visible:
    "bernoulli" or "gaussian", of the lowest layer; algorithm, n_gibbs_steps, momentum,
    weight_decay, batch_size: those of each `RBM`; learning_rate, n_epochs: the same, or one for
    each layer.  random_state: None, an integer or a `fastnn.Generator`.

    With y the top RBM sees label units, one a class, beside its features: it learns their joint
    distribution, so `predict` classifies, and `sample` draws pictures of a class.  For `transform`
    and `to_sequential` all labels are equally likely: each label unit is at 1 / classes.

    After `fit(X, y)`: layers_, the RBMs, the lowest first; n_features_in_; classes_, None without
    y.  X is (n, V): TypeError or ValueError for other arrays and settings.
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        n_components: Any = (100, 100),
        *,
        visible: str = "bernoulli",
        algorithm: str = "cd",
        n_gibbs_steps: int = 1,
        learning_rate: Any = 0.1,
        momentum: float = 0.5,
        weight_decay: float = 0.0,
        batch_size: int = 10,
        n_epochs: Any = 10,
        random_state: Any = None,
    ) -> None:
        self.n_components, self.visible, self.algorithm = n_components, visible, algorithm
        self.n_gibbs_steps, self.learning_rate = n_gibbs_steps, learning_rate
        self.momentum, self.weight_decay = momentum, weight_decay
        self.batch_size, self.n_epochs, self.random_state = batch_size, n_epochs, random_state

    def fit(self, X: Any, y: Any = None) -> DBN:
        """Train all layers, from new weights on; returns self.  y (n,): labels, or None."""
        name = type(self).__name__
        x = self._data(X, "fit", None)
        n_features, sizes = x.shape[1], self._sizes()
        rates = _each(self.learning_rate, len(sizes), "learning_rate")
        epochs = _each(self.n_epochs, len(sizes), "n_epochs")
        generator = self._random()
        classes = hot = None
        if y is not None:
            classes, of_row = np.unique(labels(y, len(x), f"{name}.fit"), return_inverse=True)
            hot = _one_hot(of_row, len(classes))
        layers: list[RBM] = []
        for i, size in enumerate(sizes):
            layer = RBM(
                size,
                visible="bernoulli" if i else self.visible,
                algorithm=self.algorithm,
                n_gibbs_steps=self.n_gibbs_steps,
                learning_rate=rates[i],
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                batch_size=self.batch_size,
                n_epochs=epochs[i],
                random_state=generator,
            )
            is_top = i == len(sizes) - 1
            if is_top and hot is not None:
                if self.visible == "gaussian" and not i:
                    raise ValueError(
                        f"{name}.fit: labels need a second layer if visible is 'gaussian'"
                    )
                layer._learn(np.concatenate([x, hot], axis=1), name)
            else:
                layer._learn(x, name)
                x = x if is_top else layer._machine.hidden_mean(x)
            layers.append(layer)
        self.layers_, self.classes_, self.n_features_in_ = layers, classes, n_features
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Probabilities of the top units, layer by layer up: float32 (n, n_components[-1])."""
        x = self._features(X, "transform")
        n_classes = self._n_classes()
        even = np.full((len(x), n_classes), 1 / max(n_classes, 1), np.float32)
        return self.layers_[-1]._machine.hidden_mean(np.concatenate([x, even], axis=1))

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """`fit`, then `transform` of the same X."""
        return self.fit(X, y).transform(X)

    def inverse_transform(self, H: Any) -> np.ndarray:
        """Means of the visible units for rows H of the top layer, layer by layer down: (n, V)."""
        self._fitted("inverse_transform")
        where = f"{type(self).__name__}.inverse_transform"
        x = matrix(H, where, self.layers_[-1].n_components)
        for layer in reversed(self.layers_):
            x = layer._machine.visible_mean(x)
            if layer is self.layers_[-1]:
                x = np.ascontiguousarray(x[:, : x.shape[1] - self._n_classes()])
        return x

    def reconstruct(self, X: Any) -> np.ndarray:
        """There and back: `inverse_transform(transform(X))`, (n, V)."""
        return self.inverse_transform(self.transform(X))

    def predict(self, X: Any) -> np.ndarray:
        """The class of least free energy in the top RBM for each row of X: (n,).  RuntimeError if
        it was fitted without y."""
        energy = self._class_energies(X, "predict")
        return self._labelled("predict")[energy.argmin(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """p(y | features of x) of the top RBM, exact: softmax of minus the free energies, float64
        (n, classes).  RuntimeError if it was fitted without y."""
        energy = self._class_energies(X, "predict_proba")
        p = np.exp(energy.min(axis=1, keepdims=True) - energy)
        return p / p.sum(axis=1, keepdims=True)

    def score(self, X: Any, y: Any) -> float:
        """Share of the rows of X whose class y `predict` finds."""
        answers, where = self.predict(X), f"{type(self).__name__}.score"
        return share(answers == labels(y, len(answers), where), where)

    def sample(self, n_samples: int = 1, n_steps: int = 1000, *, y: Any = None) -> np.ndarray:
        """Means of the visible units given a drawn state of the layer above: float32 (n_samples,
        V).

        The top RBM makes n_steps of Gibbs sampling, each row from a start of its own; from there
        states are drawn layer by layer down.  y: one label, or one a row, at which the label units
        are held; RuntimeError if it was fitted without y, ValueError for an unknown label.
        """
        self._fitted("sample")
        where = f"{type(self).__name__}.sample"
        n_samples = _checks.integer(n_samples, where, "n_samples", 0)
        n_steps = _checks.integer(n_steps, where, "n_steps", 1)
        held = self._held(y, n_samples)
        machine = self.layers_[-1]._machine
        n_below = machine.weight.shape[1] - self._n_classes()
        v = machine.visible(np.zeros((n_samples, len(machine.weight)), np.float32))
        for _ in range(n_steps):
            if held is not None:
                v[:, n_below:] = held
            h = machine.hidden(v)
            v = machine.visible(h)
        if len(self.layers_) == 1:
            return machine.visible_mean(h)[:, :n_below]
        h = np.ascontiguousarray(v[:, :n_below])
        for layer in self.layers_[-2:0:-1]:
            h = layer._machine.visible(h)
        return self.layers_[0]._machine.visible_mean(h)

    def to_sequential(self, n_classes: int | None = None) -> Sequential:
        """Linear and Sigmoid for each layer, with copies of its weights and hidden biases: on X it
        gives `transform(X)`.  n_classes: then a new Linear with so many outputs (logits), in
        nn.Linear's initialisation; None: without.
        """
        from .. import nn

        self._fitted("to_sequential")
        modules: list[Any] = []
        for layer in self.layers_:
            weight, bias = layer.components_, layer.intercept_hidden_
            if layer is self.layers_[-1] and self.classes_ is not None:
                n_labels = len(self.classes_)
                bias = bias + weight[:, -n_labels:].mean(axis=1)
                weight = np.ascontiguousarray(weight[:, :-n_labels])
            linear = nn.Linear(weight.shape[1], weight.shape[0])
            linear.load_state_dict({"weight": tensor(weight), "bias": tensor(bias)})
            modules += [linear, nn.Sigmoid()]
        if n_classes is not None:
            where = f"{type(self).__name__}.to_sequential"
            n_classes = _checks.integer(n_classes, where, "n_classes", 1)
            modules.append(nn.Linear(self.layers_[-1].n_components, n_classes))
        return nn.Sequential(*modules)

    def _sizes(self) -> list[int]:
        name, sizes = type(self).__name__, self.n_components
        if isinstance(sizes, numbers.Integral):
            sizes = [sizes]
        if not isinstance(sizes, (tuple, list)) or not sizes:
            raise ValueError(f"{name}: n_components is {sizes!r}, expected a size for each layer")
        return [_checks.integer(size, name, "n_components", 1) for size in sizes]

    def _n_classes(self) -> int:
        return 0 if self.classes_ is None else len(self.classes_)

    def _fitted(self, method: str) -> None:
        if not hasattr(self, "layers_"):
            raise not_fitted(self, method)

    def _labelled(self, method: str) -> np.ndarray:
        if self.classes_ is None:
            name = type(self).__name__
            raise RuntimeError(f"{name}.{method}: this {name} was fitted without y")
        return self.classes_

    def _data(self, X: Any, method: str, n_visible: int | None) -> np.ndarray:
        return visible_rows(X, f"{type(self).__name__}.{method}", self.visible, n_visible)

    def _features(self, X: Any, method: str) -> np.ndarray:
        """What the top RBM sees, without labels."""
        self._fitted(method)
        x = self._data(X, method, self.n_features_in_)
        for layer in self.layers_[:-1]:
            x = layer._machine.hidden_mean(x)
        return x

    def _class_energies(self, X: Any, method: str) -> np.ndarray:
        """Free energies of the top RBM with each class held in turn: float64 (n, classes)."""
        x = self._features(X, method)
        n, top = len(self._labelled(method)), self.layers_[-1]
        hots = (_one_hot(np.full(len(x), i), n) for i in range(n))
        return np.stack([top._free_energy(np.concatenate([x, h], axis=1)) for h in hots], axis=1)

    def _held(self, y: Any, n: int) -> np.ndarray | None:
        if y is None:
            return None
        classes = self._labelled("sample")
        y = np.asarray(y)
        where = f"{type(self).__name__}.sample"
        wanted = labels(np.full(n, y) if not y.ndim else y, n, where)
        strange = np.setdiff1d(wanted, classes)
        if len(strange):
            raise ValueError(
                f"{where}: y has the class {strange.tolist()[0]!r}, expected one of "
                f"{classes.tolist()}"
            )
        return _one_hot(np.searchsorted(classes, wanted), len(classes))


def _each(value: Any, n: int, name: str) -> list:
    """One value for each of n layers."""
    if not isinstance(value, (tuple, list)):
        return [value] * n
    if len(value) != n:
        raise ValueError(f"DBN: {name} has {len(value)} values for {n} layers")
    return list(value)


def _one_hot(index: np.ndarray, n: int) -> np.ndarray:
    hot = np.zeros((len(index), n), np.float32)
    hot[np.arange(len(index)), index] = 1
    return hot
