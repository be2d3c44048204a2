"""What scikit-learn expects of an estimator, without scikit-learn."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from ..random import Generator, default_generator


class Estimator:
    """get_params, set_params and repr, from the arguments of __init__, which are attributes."""

    # "classifier", "regressor" or "clusterer": what scikit-learn takes it for
    _estimator_type: str | None = None

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """{argument of __init__: its value}."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Any:
        """Change arguments of __init__; returns self.  Raises ValueError for an unknown name."""
        for name, value in params.items():
            if name not in self._names():
                raise ValueError(
                    f"{type(self).__name__}.set_params: no parameter {name!r}; "
                    f"there are {', '.join(self._names())}"
                )
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn (1.6 and later) asks in pipelines, cross-validation and searches."""
        utils = sys.modules["sklearn.utils"]  # loaded: it is scikit-learn that asks
        kind = self._estimator_type
        return utils.Tags(
            estimator_type=kind,
            target_tags=utils.TargetTags(required=kind in ("classifier", "regressor")),
            transformer_tags=utils.TransformerTags() if hasattr(self, "transform") else None,
            classifier_tags=utils.ClassifierTags() if kind == "classifier" else None,
            regressor_tags=utils.RegressorTags() if kind == "regressor" else None,
        )

    def _random(self) -> Generator:
        """What draws the random numbers of a fit."""
        return generator_of(self.random_state)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{type(self).__name__}({arguments})"


def not_fitted(estimator: Any, method: str) -> RuntimeError:
    """The error of a method that needs what `fit` finds."""
    name = type(estimator).__name__
    return RuntimeError(f"{name}.{method}: this {name} is not fitted yet, call fit first")


def generator_of(random_state: Any) -> Generator:
    """None: the default one; an integer: a new one; a Generator: itself.  Raises TypeError."""
    if random_state is None:
        return default_generator
    return random_state if isinstance(random_state, Generator) else Generator(random_state)
