"""What happens after each epoch, as in scikit-learn's MLP: curves, learning rate, stopping."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from ..train import Callback

_SMALLEST_LEARNING_RATE = 1e-6


class Epochs(Callback):
    """Fills the estimator's curves and ends the run.

    The quantity watched is the training loss (with its penalty), or with `early_stopping` the score
    on the validation data; the run ends when it has not become better by `tol` for more than
    `n_iter_no_change` epochs in a row.

    penalty(): what is added to the mean loss. validate(): (loss, score) of the validation data, or
    None. n_samples: those of an epoch.
    """

    def __init__(self, estimator: Any, penalty: Any, validate: Any, n_samples: int) -> None:
        self.estimator = estimator
        self.penalty = penalty
        self.validate = validate
        self.n_samples = n_samples

    def on_epoch_end(self, trainer: Any, row: dict[str, Any]) -> None:
        e = self.estimator
        e.n_iter_ += 1
        e._epoch += 1
        e.t_ += self.n_samples
        e.loss_ = row["loss"] + self.penalty()
        e.loss_curve_.append(e.loss_)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        if self.validate is not None:
            loss, score = self.validate()
            e.validation_loss_curve_.append(loss)
            if e.verbose:
                print(f"Validation score: {score:f}")
        if e.early_stopping:
            e.validation_scores_.append(score)
            is_better = score >= e.best_validation_score_ + e.tol
            if score > e.best_validation_score_:
                e.best_validation_score_ = score
                state = trainer.model.state_dict()
                e._best_state = {name: value.clone() for name, value in state.items()}
        else:
            is_better = e.loss_ <= e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
        e._no_improvement_count = 0 if is_better else e._no_improvement_count + 1
        self._end(trainer)

    def _end(self, trainer: Any) -> None:
        """The learning rate of the next epoch, or that there is none."""
        e, optimizer = self.estimator, trainer.optimizer
        schedule, lr = e._learning_rate_schedule(), optimizer.param_groups[0]["lr"]
        if schedule == "invscaling":
            _set_learning_rate(optimizer, e.learning_rate_init / (e.t_ + 1) ** e.power_t)
        if e._no_improvement_count <= e.n_iter_no_change:
            return
        if schedule == "adaptive" and lr > _SMALLEST_LEARNING_RATE:
            _set_learning_rate(optimizer, lr / 5)
            e._no_improvement_count = 0
            return
        trainer.stop_training = True
        what = "Validation score" if e.early_stopping else "Training loss"
        trainer.stop_reason = (
            f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} "
            "consecutive epochs."
        )
        if e.verbose:
            print(f"{trainer.stop_reason} Stopping.")


def _set_learning_rate(optimizer: Any, lr: float) -> None:
    """Of SGD; what is under way keeps its speed.

    scikit-learn's velocity has the learning rate in it, PyTorch's momentum buffer has not.
    """
    for group in optimizer.param_groups:
        factor = group["lr"] / lr
        group["lr"] = lr
        for p in group["params"]:
            buffer = optimizer.state.get(p, {}).get("momentum_buffer")
            if buffer is not None:
                values = buffer.numpy() if isinstance(buffer, Tensor) else buffer
                values *= np.asarray(factor, values.dtype)
