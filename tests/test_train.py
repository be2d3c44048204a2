"""Trainer, History, callbacks, checkpoints."""

import csv
import io
import json
import os

import numpy as np
import pytest

import fastnn
from fastnn import data, metrics, nn, optim, train
from fastnn.random import Generator


def problem(n=40):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    return data.TensorDataset(x, y)


def build(*, dropout=0.2, seed=1, schedule=True, batch=8, **options):
    """A trainer whose run uses every kind of state: dropout, momentum, schedule, shuffling."""
    fastnn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    if schedule:
        options["scheduler"] = optim.lr_scheduler.LambdaLR(optimizer, lambda i: 1 / (1 + i))
    options.setdefault("progress", False)
    options.setdefault("metrics", ["accuracy"])
    trainer = train.Trainer(model, nn.CrossEntropyLoss(), optimizer, **options)
    loader = data.DataLoader(problem(), batch, shuffle=True, generator=Generator(seed))
    return trainer, loader


def without_time(history):
    return {key: values for key, values in history.items() if key != "seconds"}


def digest(trainer):
    return train.weights_sha256(trainer.model)


def test_fit_learns_and_records():
    trainer, loader = build(dropout=0.0, schedule=False)
    val = data.DataLoader(problem(), 16)
    history = trainer.fit(loader, epochs=30, val=val)
    assert history is trainer.history
    assert history["epoch"] == list(range(1, 31)) and history["iteration"][-1] == 30 * 5
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.9 and history["lr"][0] == pytest.approx(0.1)
    assert history["val_loss"][-1] == trainer.evaluate(val)["loss"]
    assert trainer.model.training
    trainer.fit(loader, epochs=31)
    assert trainer.epoch == 31 and history["val_loss"][-1] is None


def test_loss_is_the_mean_over_samples_and_predict_has_all_rows():
    trainer, _ = build()
    dataset = problem()
    x, y = dataset.arrays
    whole = trainer.evaluate(data.DataLoader(dataset, len(dataset)))
    parts = trainer.evaluate(data.DataLoader(dataset, 7))
    assert parts["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert parts["accuracy"] == whole["accuracy"]
    outputs = [trainer.predict(x), trainer.predict(fastnn.from_numpy(x))]
    outputs.append(trainer.predict(data.DataLoader(dataset, 7)))
    outputs.append(trainer.predict(data.DataLoader(data.TensorDataset(x, y), 40)))
    for output in outputs:
        assert output.shape == (40, 2) and np.allclose(output, outputs[0], atol=1e-6)
    assert (outputs[0].argmax(1) == y).mean() == whole["accuracy"]


@pytest.mark.parametrize("scheduler_step", ["epoch", "batch"])
@pytest.mark.parametrize("stop_at", [1, 3])
def test_resumed_run_is_bit_equal(tmp_path, scheduler_step, stop_at):
    def new():
        return build(
            scheduler_step=scheduler_step,
            callbacks=[train.EarlyStopping("loss", 99, restore_best=False)],
        )

    whole, loader = new()
    whole.fit(loader, epochs=5)

    first, loader = new()
    first.fit(loader, epochs=stop_at)
    first.save_checkpoint(tmp_path / "c.safetensors")
    second, loader = new()
    fastnn.manual_seed(77)
    history = second.fit(loader, epochs=5, resume=tmp_path / "c.safetensors")
    assert digest(second) == digest(whole)
    assert without_time(history) == without_time(whole.history)
    assert second.iteration == whole.iteration


@pytest.mark.parametrize("workers", [0, 2])
def test_resume_in_the_middle_of_an_epoch_is_bit_equal(tmp_path, workers):
    path = tmp_path / "c.safetensors"

    class Interrupt(train.Callback):
        def on_batch_end(self, trainer, loss):
            if trainer.iteration == 12:
                trainer.save_checkpoint(path)
                raise KeyboardInterrupt

    whole, loader = build()
    whole.fit(loader, epochs=4)
    first, loader = build()
    first.callbacks.append(Interrupt())
    loader.num_workers = workers
    with pytest.raises(KeyboardInterrupt) as caught:
        first.fit(loader, epochs=4)
    assert str(path) in caught.value.__notes__[-1]
    second, loader = build()
    second.callbacks.append(train.Callback())
    history = second.fit(loader, epochs=4, resume=path)
    assert digest(second) == digest(whole)
    assert without_time(history) == without_time(whole.history)


def test_fit_after_an_interrupt_begins_a_new_epoch():
    trainer, loader = build()

    def stop(trainer, loss):
        if trainer.iteration == 7:
            raise KeyboardInterrupt

    trainer.callbacks.append(train.LambdaCallback(on_batch_end=stop))
    with pytest.raises(KeyboardInterrupt) as caught:
        trainer.fit(loader, epochs=3)
    assert "no checkpoint was written" in caught.value.__notes__[-1]
    trainer.callbacks.pop()
    history = trainer.fit(loader, epochs=2)
    assert history["epoch"] == [1, 2] and history["iteration"] == [5, 12]


def test_bad_checkpoints_change_nothing(tmp_path):
    trainer, loader = build()
    trainer.fit(loader, epochs=1)
    good = tmp_path / "good.safetensors"
    trainer.save_checkpoint(good)
    trainer.fit(loader, epochs=2)
    before, position = digest(trainer), loader.state_dict()
    weights = tmp_path / "weights.safetensors"
    fastnn.save(trainer.model, weights)
    (tmp_path / "empty.safetensors").write_bytes(b"")
    (tmp_path / "cut.safetensors").write_bytes(good.read_bytes()[:-20])
    for name in ("weights", "empty", "cut"):
        with pytest.raises(ValueError, match=name):
            trainer.load_checkpoint(tmp_path / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError):
        trainer.load_checkpoint(tmp_path / "none.safetensors")
    other, _ = build(schedule=False)
    for wrong in (other, build(metrics=[])[0], build(callbacks=[train.TerminateOnNaN()])[0]):
        with pytest.raises(ValueError, match="good"):
            wrong.load_checkpoint(good)
    assert digest(trainer) == before and loader.state_dict() == position and trainer.epoch == 2
    mixed, _ = build(seed=5)  # the model fits, the optimizer does not: both stay
    mixed.optimizer = optim.SGD([next(mixed.model.parameters())], lr=0.1)
    untouched = digest(mixed)
    with pytest.raises((ValueError, KeyError, RuntimeError)):
        mixed.load_checkpoint(good)
    assert digest(mixed) == untouched and mixed.epoch == 0
    trainer.load_checkpoint(good)
    assert trainer.epoch == 1 and digest(trainer) != before


def test_failed_save_keeps_the_old_checkpoint(tmp_path):
    trainer, loader = build()
    path = tmp_path / "c.safetensors"
    trainer.save_checkpoint(path)
    old = path.read_bytes()
    trainer.fit(loader, epochs=1)
    trainer.callbacks.append(train.Callback())
    trainer.callbacks[-1].state_dict = lambda: {"bad": object()}
    with pytest.raises(TypeError, match="cannot store object"):
        trainer.save_checkpoint(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["c.safetensors"]
    with pytest.raises(OSError):
        build()[0].save_checkpoint(tmp_path / "no" / "such" / "folder.safetensors")


def test_accumulated_gradients_equal_the_large_batch():
    plain, loader = build(dropout=0.0, batch=40, schedule=False)
    plain.fit(loader, epochs=1)
    small, loader = build(dropout=0.0, batch=8, schedule=False, accumulate=5)
    small.fit(loader, epochs=1)
    assert small.iteration == plain.iteration == 1
    for a, b in zip(plain.model.parameters(), small.model.parameters(), strict=True):
        assert np.allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-6)
    uneven, loader = build(dropout=0.0, batch=8, accumulate=3)  # groups of 3 and 2
    uneven.fit(loader, epochs=2)
    assert uneven.iteration == 4
    with pytest.raises(RuntimeError, match="middle of an optimizer step"):
        save = train.LambdaCallback(on_batch_end=lambda t, loss: t.save_checkpoint("never"))
        other, loader = build(accumulate=3)
        other.callbacks.append(save)
        other.fit(loader, epochs=1)


def test_gradient_clipping_bounds_the_step():
    trainer, loader = build(dropout=0.0, schedule=False, batch=40, clip_grad_norm=1e-3)
    trainer.optimizer.param_groups[0]["weight_decay"] = 0.0
    before = [p.detach().numpy().copy() for p in trainer.model.parameters()]
    trainer.fit(loader, epochs=1)
    steps = [
        p.detach().numpy() - b for p, b in zip(trainer.model.parameters(), before, strict=True)
    ]
    norm = np.sqrt(sum(float((s.astype(np.float64) ** 2).sum()) for s in steps))
    assert norm == pytest.approx(0.1 * 1e-3, rel=1e-2)


def test_early_stopping_restores_the_best_weights():
    class Scripted(train.Callback):
        losses = [3.0, 1.0, 2.0, 2.0, 9.0]

        def on_epoch_end(self, trainer, row):
            row["score"] = self.losses[trainer.epoch - 1]
            seen.append(digest(trainer))

    seen = []
    stopper = train.EarlyStopping("score", patience=2)
    trainer, loader = build(callbacks=[Scripted(), stopper])
    trainer.fit(loader, epochs=5)
    assert trainer.epoch == 4 and stopper.best_epoch == 2
    assert "score has not improved for 2 epochs" in trainer.stop_reason
    assert digest(trainer) == seen[1]
    with pytest.raises(KeyError, match="nothing called 'typo'"):
        trainer, loader = build(callbacks=[train.EarlyStopping("typo")])
        trainer.fit(loader, epochs=1)


def test_model_checkpoint_keeps_some(tmp_path):
    keep = train.ModelCheckpoint(tmp_path / "{epoch:02d}.safetensors", keep=2)
    trainer, loader = build(callbacks=[keep])
    trainer.fit(loader, epochs=4)
    assert sorted(os.listdir(tmp_path)) == ["03.safetensors", "04.safetensors"]
    assert trainer.last_checkpoint == str(tmp_path / "04.safetensors")
    best = train.ModelCheckpoint(tmp_path / "best.safetensors", "accuracy", save_best_only=True)
    assert best.mode == "max"
    trainer, loader = build(callbacks=[best])
    trainer.fit(loader, epochs=4)
    again, _ = build(callbacks=[train.ModelCheckpoint("x", "accuracy", save_best_only=True)])
    again.load_checkpoint(tmp_path / "best.safetensors")
    assert again.history["accuracy"][-1] == max(trainer.history["accuracy"])


def test_terminate_on_nan_leaves_the_epoch_out(tmp_path):
    path = tmp_path / "c.safetensors"
    trainer, loader = build(callbacks=[train.TerminateOnNaN(), train.ModelCheckpoint(path)])
    trainer.fit(loader, epochs=1)
    loss = trainer.loss
    trainer.loss = lambda output, y: loss(output, y) * float("nan")
    history = trainer.fit(loader, epochs=5)
    assert trainer.epoch == 1 and history["epoch"] == [1]
    assert trainer.stop_reason == "loss is nan at iteration 6"
    good, _ = build(callbacks=[train.TerminateOnNaN(), train.ModelCheckpoint(path)])
    good.load_checkpoint(path)
    assert good.iteration == 5


def test_logs(tmp_path):
    for name in ("h.csv", "h.jsonl"):
        trainer, loader = build(log=tmp_path / name)
        trainer.fit(loader, epochs=2)
        trainer.fit(loader, epochs=3)
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    assert [int(r["epoch"]) for r in rows] == [r["epoch"] for r in lines] == [1, 2, 3]
    assert lines == list(trainer.history.rows())
    trainer.history.to_json(tmp_path / "h.json")
    assert train.History.from_json(tmp_path / "h.json") == trainer.history
    (tmp_path / "h.json").write_text('{"a": [1], "b": []}')
    with pytest.raises(ValueError, match="differ in length"):
        train.History.from_json(tmp_path / "h.json")
    assert sorted(os.listdir(tmp_path)) == ["h.csv", "h.json", "h.jsonl"]


def test_history_holds_arrays_as_lists():
    trainer, loader = build(metrics=[metrics.ConfusionMatrix(2)])
    history = trainer.fit(loader, epochs=1)
    assert np.array(history["confusion"][0]).sum() == 40
    json.dumps(history)


def test_progress_is_plain_without_a_terminal_and_a_bar_on_one():
    plain = io.StringIO()
    trainer, loader = build(progress=train.ProgressBar(plain, unit="images"))
    trainer.fit(loader, epochs=2)
    lines = plain.getvalue().splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss 0.")
    assert "images/s" in lines[0] and "accuracy 0." in lines[0] and "\r" not in plain.getvalue()

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    trainer, loader = build(progress=train.ProgressBar(terminal))
    trainer.fit(loader, epochs=1)
    assert "epoch 1/1:" in terminal.getvalue() and "\r" in terminal.getvalue()
    assert terminal.getvalue().splitlines()[-1].strip().startswith("epoch 1/1  loss")
    silent, loader = build(progress=False)
    assert not silent.callbacks


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: build(accumulate=0), ValueError, "accumulate"),
        (lambda: build(clip_grad_norm=-1), ValueError, "clip_grad_norm"),
        (lambda: build(scheduler_step="x"), ValueError, "scheduler_step"),
        (lambda: build(progress="x"), ValueError, "progress"),
        (lambda: build(metrics=["x"]), ValueError, "metric"),
        (lambda: build(log="x.txt"), ValueError, "log"),
        (lambda: build()[0].fit([], epochs=1), ValueError, "no batches"),
        (lambda: build()[0].fit([1], epochs=1), ValueError, "a batch is int"),
        (lambda: build()[0].fit([(1, 2, 3)], epochs=1), ValueError, "tuple of 3"),
        (lambda: build()[0].fit([], epochs=-1), ValueError, "epochs"),
        (lambda: build()[0].evaluate([]), ValueError, "no samples"),
        (lambda: build()[0].predict([]), ValueError, "no samples"),
        (lambda: train.EarlyStopping(patience=0), ValueError, "patience"),
        (lambda: train.EarlyStopping(mode="x"), ValueError, "mode"),
        (lambda: train.ModelCheckpoint("p", keep=0), ValueError, "keep"),
        (lambda: train.LambdaCallback(on_typo=print), TypeError, "on_typo"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
