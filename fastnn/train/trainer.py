"""Trainer: the training loop, with validation, checkpoints and resuming to the bit."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import random
from ..metrics import Metric
from ..nn.utils import evaluating
from ..tensor import Tensor
from .batches import count_samples, inputs, pair
from .callbacks import Callback
from .checkpoint import copy_tree, load_tree, save_tree
from .history import History
from .options import as_metric, check_penalty, cost, ordered, penalty_of, unreduced
from .progress import ProgressBar

_STEPPED_PER_BATCH = ("OneCycleLR", "CyclicLR")


class Trainer:
    """Trains `model` on batches (x, y): `loss(model(x), y)` is the batch's cost, a mean over its
    samples; of per-sample losses (reduction="none") the mean over all entries is taken.

    scheduler: stepped per `scheduler_step`: "epoch", "batch" (per optimizer step), or "auto": batch
    for OneCycleLR and CyclicLR; ReduceLROnPlateau gets val_loss, or loss without validation.
    metrics: Metrics, or "accuracy". clip_grad_norm: largest norm of all gradients together.
    accumulate: batches per optimizer step; their mean gradient is used, also of a shorter last
    group. seed: seeds the default generator when training begins (not when it is resumed).
    progress: True, False, "auto" (a bar on a terminal, otherwise a line per epoch, on stderr), or a
    ProgressBar. log: path of a .csv or .jsonl file of the history.
    penalty: penalty(model) gives a Tensor of shape () that is added to each step's cost, such as
    lambda m: 1e-4 * nn.utils.l2_penalty(m.parameters()). Then the history also has "cost" (the same
    as "loss"), "penalty" (its mean over the epoch) and "objective", cost + penalty.

    `epoch` and `iteration` (optimizer steps) count from the first `fit` on, across checkpoints.
    """

    def __init__(
        self,
        model: Any,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Any,
        *,
        scheduler: Any = None,
        metrics: Sequence[Metric | str] = (),
        callbacks: Sequence[Callback] = (),
        clip_grad_norm: float | None = None,
        accumulate: int = 1,
        seed: int | None = None,
        progress: bool | str | ProgressBar = "auto",
        log: str | os.PathLike[str] | None = None,
        scheduler_step: str = "auto",
        penalty: Callable[[Any], Tensor] | None = None,
    ) -> None:
        if accumulate < 1:
            raise ValueError(f"Trainer: accumulate is {accumulate}, expected at least 1")
        if clip_grad_norm is not None and not clip_grad_norm > 0:
            raise ValueError(f"Trainer: clip_grad_norm is {clip_grad_norm}, expected above 0")
        check_penalty(penalty)
        if scheduler_step not in ("auto", "epoch", "batch"):
            raise ValueError(
                f"Trainer: scheduler_step is {scheduler_step!r}, "
                "expected 'auto', 'epoch' or 'batch'"
            )
        if scheduler_step == "auto":
            per_batch = type(scheduler).__name__ in _STEPPED_PER_BATCH
            scheduler_step = "batch" if per_batch else "epoch"
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.scheduler_step = scheduler_step
        self.metrics = [as_metric(m) for m in metrics]
        self.callbacks = ordered(callbacks, progress, log)
        self.clip_grad_norm = clip_grad_norm
        self.accumulate = accumulate
        self.seed = seed
        self.penalty = penalty

        self.history = History()
        self.epoch = self.iteration = 0  # finished ones
        self.epochs = 0  # the goal of the present fit
        self.samples = self.batches = 0  # of the present epoch, so far
        self.samples_per_second = 0.0  # of the last epoch's training part
        self.samples_per_epoch: int | None = None
        self.stop_training = False
        self.stop_reason = ""
        self.last_checkpoint: str | None = None
        self._loss_sum = self._penalty_sum = self._lr = 0.0
        self._loader: Any = None
        self._loader_state: dict[str, int] | None = None
        self._begun = self._was_loaded = False

    def fit(
        self,
        train: Iterable[Any],
        *,
        epochs: int,
        val: Iterable[Any] | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> History:
        """Train until `epoch` is `epochs`: a second fit, or a resumed one, goes on counting.

        train, val: give batches (x, y) each time they are iterated, such as a DataLoader. resume: a
        checkpoint to load first; with the same data, model and optimizer the run then equals the
        uninterrupted one to the bit. Returns the history of all epochs. Ctrl-C raises
        KeyboardInterrupt, with a note that names the last checkpoint. Raises ValueError for epochs
        < 0, a damaged checkpoint, no batches, or batches that are not pairs.
        """
        if epochs < 0:
            raise ValueError(f"Trainer.fit: epochs is {epochs}, expected at least 0")
        if resume is not None:
            self.load_checkpoint(resume)
        if not self._begun and self.seed is not None:
            random.manual_seed(self.seed)
        self._begun = True
        self._loader, self.epochs = train, epochs
        self._place_loader(train)
        self.samples_per_epoch = count_samples(train)
        self.stop_training, self.stop_reason = False, ""
        try:
            self._tell("on_fit_begin")
            while self.epoch < epochs and not self.stop_training:
                self._run_epoch(train, val)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(self.where_to_resume())
            raise
        finally:
            self._tell("on_fit_end")
        return self.history

    def evaluate(self, data: Iterable[Any]) -> dict[str, Any]:
        """{"loss": mean over samples, name: value of each metric} in evaluation mode, nothing
        recorded; with a penalty also "cost", "penalty" and "objective".

        Raises ValueError if there are no batches or they are not pairs.
        """
        metrics = copy.deepcopy(self.metrics)
        for metric in metrics:
            metric.reset()
        loss_sum, n = 0.0, 0
        with evaluating(self.model):
            for x, y in map(pair, data):
                output = self.model(x)
                loss_sum += cost(self.loss(output, y)).item() * len(x)
                n += len(x)
                for metric in metrics:
                    metric.update(output, y)
        if not n:
            raise ValueError("Trainer.evaluate: data has no samples")
        penalty = 0.0
        if self.penalty is not None:
            with evaluating(self.model):
                penalty = penalty_of(self.model, self.penalty).item()
        return {**self._terms(loss_sum / n, penalty), **{m.name: m.compute() for m in metrics}}

    def per_sample(self, data: Iterable[Any]) -> np.ndarray:
        """The loss of each sample, (N,) or what the loss gives with reduction="none", in evaluation
        mode, nothing recorded; no penalty in it.

        A loss with an attribute `reduction` is used with "none" here; any other callable must give
        one value per sample itself. Raises ValueError if it does not, or without samples.
        """
        loss, found = unreduced(self.loss), []
        with evaluating(self.model):
            for x, y in map(pair, data):
                values = loss(self.model(x), y).numpy()
                if values.ndim == 0 or len(values) != len(x):
                    raise ValueError(
                        f"Trainer.per_sample: the loss has shape {values.shape} for {len(x)} "
                        "samples, expected one value per sample (reduction='none')"
                    )
                found.append(values)
        if not found:
            raise ValueError("Trainer.per_sample: data has no samples")
        return np.concatenate(found)

    def predict(self, data: Any) -> np.ndarray:
        """Outputs (N, ...) in evaluation mode, nothing recorded.

        data: Tensor or ndarray (N, ...), taken 256 rows at a time; or an iterable of batches, x or
        (x, y). Raises ValueError if there are no samples.
        """
        with evaluating(self.model):
            outputs = [self.model(x).numpy() for x in inputs(data)]
        if not outputs:
            raise ValueError("Trainer.predict: data has no samples")
        return np.concatenate(outputs)

    def save_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write the whole state to one safetensors file, atomically (the old one survives an
        error).

        Model, optimizer, scheduler, callbacks, default generator, position of the loader, the
        present epoch's sums, history. Raises OSError; RuntimeError between the batches of one
        accumulated step.
        """
        if self.batches % self.accumulate:
            raise RuntimeError(
                f"Trainer.save_checkpoint: batch {self.batches} is in the middle of an optimizer "
                f"step of {self.accumulate} batches"
            )
        save_tree(path, self._state())
        self.last_checkpoint = os.fspath(path)

    def load_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Take everything back; the loader's position is applied by the next `fit`.

        Raises OSError; ValueError, KeyError or RuntimeError if file and trainer do not fit
        together. Then nothing has changed.
        """
        state = load_tree(path)
        missing = [key for key in self._state() if not isinstance(state, dict) or key not in state]
        if missing:
            raise ValueError(f"{os.fspath(path)}: not a checkpoint, it lacks {', '.join(missing)}")
        backup = copy_tree(self._state())
        try:
            self._apply(state, os.fspath(path))
        except BaseException:
            self._apply(backup, "backup")
            raise
        self.last_checkpoint = os.fspath(path)

    def running(self) -> dict[str, Any]:
        """Loss (with a penalty also cost, penalty, objective) and metrics of the present epoch so
        far."""
        sums = self._loss_sum, self._penalty_sum
        loss, penalty = (s / self.samples if self.samples else float("nan") for s in sums)
        return {**self._terms(loss, penalty), **{m.name: m.compute() for m in self.metrics}}

    def where_to_resume(self) -> str:
        """One line: which checkpoint an interrupted run can go on from."""
        if self.last_checkpoint is None:
            return f"interrupted in epoch {self.epoch + 1}; no checkpoint was written"
        return f"interrupted in epoch {self.epoch + 1}; last checkpoint: {self.last_checkpoint}"

    def _terms(self, loss: float, penalty: float) -> dict[str, float]:
        if self.penalty is None:
            return {"loss": loss}
        return {"loss": loss, "cost": loss, "penalty": penalty, "objective": loss + penalty}

    def _run_epoch(self, train: Iterable[Any], val: Iterable[Any] | None) -> None:
        self._tell("on_epoch_begin")
        self.model.train()
        start, before = time.perf_counter(), self.samples
        self._train_batches(train)
        seconds = time.perf_counter() - start
        if self.stop_training:
            return
        if not self.samples:
            raise ValueError("Trainer.fit: train has no batches")
        row = {"epoch": self.epoch + 1, "iteration": self.iteration, **self.running()}
        row["lr"] = self._lr
        if val is not None:
            row |= {f"val_{name}": value for name, value in self.evaluate(val).items()}
        if self.scheduler is not None and self.scheduler_step == "epoch":
            if type(self.scheduler).__name__ == "ReduceLROnPlateau":
                self.scheduler.step(row.get("val_loss", row["loss"]))
            else:
                self.scheduler.step()
        row = self.history.append({**row, "seconds": seconds})
        self.epoch += 1
        self.samples_per_second = (self.samples - before) / max(seconds, 1e-9)
        self._new_epoch()  # callbacks save a state that begins the next epoch
        self._tell("on_epoch_end", row)

    def _train_batches(self, train: Any) -> None:
        n_batches = len(train) if hasattr(train, "__len__") else None
        group = self.accumulate
        for x, y in map(pair, train):
            position = self.batches % self.accumulate
            if position == 0:
                self.optimizer.zero_grad()
                if n_batches is not None:  # the last group of an epoch may be shorter
                    group = min(self.accumulate, n_batches - self.batches)
            output = self.model(x)
            loss = objective = cost(self.loss(output, y))
            if self.penalty is not None:
                penalty = penalty_of(self.model, self.penalty)
                objective = loss + penalty
                self._penalty_sum += penalty.item() * len(x)
            (objective if group == 1 else objective / group).backward()
            if position == group - 1:
                self._step()
            value = loss.item()
            self._loss_sum += value * len(x)
            self.samples += len(x)
            self.batches += 1
            for metric in self.metrics:
                metric.update(output, y)
            self._tell("on_batch_end", value)
            if self.stop_training:
                return

    def _step(self) -> None:
        if self.clip_grad_norm is not None:
            from ..nn.utils import clip_grad_norm_

            clip_grad_norm_(self.model.parameters(), self.clip_grad_norm)
        self._lr = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.step()
        self.iteration += 1
        if self.scheduler is not None and self.scheduler_step == "batch":
            self.scheduler.step()

    def _place_loader(self, train: Iterable[Any]) -> None:
        """Put the loader where a loaded checkpoint left it; otherwise begin an epoch."""
        was_loaded, self._was_loaded = self._was_loaded, False
        state, self._loader_state = self._loader_state, None
        if not was_loaded:
            self._new_epoch()  # what an interrupted fit left behind does not count
        elif state is not None and hasattr(train, "load_state_dict"):
            train.load_state_dict(state)
        elif self.batches:
            raise ValueError(
                "Trainer.fit: the checkpoint is from the middle of an epoch, but train has no "
                "load_state_dict to go on there"
            )

    def _new_epoch(self) -> None:
        self.samples = self.batches = 0
        self._loss_sum = self._penalty_sum = 0.0
        for metric in self.metrics:
            metric.reset()

    def _state(self) -> dict[str, Any]:
        position = self._loader_state
        if position is None and hasattr(self._loader, "state_dict"):
            position = self._loader.state_dict()
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
            "generator": random.default_generator.get_state(),
            "loader": position,
            "counts": [self.epoch, self.iteration, self.samples, self.batches],
            "sums": [self._loss_sum, self._lr, self._penalty_sum],
            "metrics": [metric.state_dict() for metric in self.metrics],
            "history": dict(self.history),
        }

    def _apply(self, state: dict[str, Any], where: str) -> None:
        for name in ("callbacks", "metrics"):
            mine, theirs = len(getattr(self, name)), len(state[name])
            if mine != theirs:
                raise ValueError(f"{where}: has {theirs} {name}, this trainer {mine}")
        if (state["scheduler"] is None) != (self.scheduler is None):
            raise ValueError(f"{where}: only one of file and trainer has a scheduler")
        history = History.from_lists(state["history"], where)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        items: list[Any] = [*self.callbacks, *self.metrics]
        for item, saved in zip(items, state["callbacks"] + state["metrics"], strict=True):
            item.load_state_dict(saved)
        random.default_generator.set_state(state["generator"])
        self._loader_state = state["loader"]
        self.epoch, self.iteration, self.samples, self.batches = state["counts"]
        self._loss_sum, self._lr, *more = state["sums"]
        self._penalty_sum = more[0] if more else 0.0  # files from before there were penalties
        self._was_loaded = True
        self.history = history
        self._begun = True

    def _tell(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self, *args)
