"""The command line: results, files, exit codes."""

import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from programs import environment, run_python

import fastnn
from fastnn import _image, _recipe, cli, models
from fastnn.datasets import Split, digits


@pytest.fixture
def few_digits(monkeypatch):
    """The command with 192 training and 50 test digits, so that a run takes a second."""
    d = digits()
    small = Split(d.x_train[:192], d.y_train[:192], d.x_test[:50], d.y_test[:50])
    monkeypatch.setattr(_recipe.datasets, "digits", lambda: small)


@pytest.fixture
def model_file(tmp_path):
    fastnn.manual_seed(0)
    path = tmp_path / "model.safetensors"
    fastnn.save(models.LeNet5(), path)
    return path


def run(*argv):
    return cli.main([str(a) for a in argv])


def sha(text):
    return re.search(r"SHA-256 of the weights ([0-9a-f]{64})", text)[1]


def test_train_writes_and_reports(few_digits, tmp_path, capsys):
    out = tmp_path / "run"
    assert run("train", "lenet5", "--epochs", 2, "--out", out, "--no-plot") == 0
    text = capsys.readouterr().out
    assert str(out) in text and "\r" not in text and text.isascii()
    assert re.search(r"^test accuracy \d+\.\d\d % \(\d+ of 50\)$", text, re.M)
    assert "epoch 2/2  loss" in text and "images/s" in text and "confusion matrix" in text
    assert sorted(os.listdir(out)) == [
        "checkpoint.safetensors", "history.json", "lenet5.safetensors"
    ]  # fmt: skip
    history = json.loads((out / "history.json").read_text())
    assert history["epoch"] == [1, 2] and len(history["val_accuracy"]) == 2
    model = models.LeNet5()
    model.load_state_dict(fastnn.load(out / "lenet5.safetensors"))
    assert fastnn.train.weights_sha256(model) == sha(text)


def test_train_repeats_and_resumes_to_the_bit(few_digits, tmp_path, capsys, monkeypatch):
    common = ("--epochs", 3, "--no-plot", "--batch-size", 32)
    assert run("train", "lenet5", *common, "--out", tmp_path / "a") == 0
    expected = sha(capsys.readouterr().out)

    original = fastnn.train.Trainer.save_checkpoint

    def interrupted(trainer, path):
        original(trainer, path)
        if trainer.epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fastnn.train.Trainer, "save_checkpoint", interrupted)
        assert run("train", "lenet5", *common, "--out", tmp_path / "b", "--threads", 1) == 1
    captured = capsys.readouterr()
    assert f"last checkpoint: {tmp_path / 'b' / 'checkpoint.safetensors'}" in captured.err
    assert run("train", "lenet5", *common, "--out", tmp_path / "b", "--resume") == 0
    assert sha(capsys.readouterr().out) == expected
    assert run("train", "lenet5", *common, "--seed", 1, "--out", tmp_path / "b", "--resume") == 1
    assert "run with --seed 0" in capsys.readouterr().err
    assert run("train", "lenet5", *common, "--out", tmp_path / "none", "--resume") == 1
    assert "there is no" in capsys.readouterr().err


def test_train_draws_a_picture(few_digits, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert run("train", "lenet5", "--epochs", 1, "--out", tmp_path) == 0
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_line_says_what_to_install(few_digits, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run("train", "lenet5", "--epochs", 1, "--out", tmp_path) == 0
    assert "pip install 'fastnn-cpu[plot]'" in capsys.readouterr().out
    assert not (tmp_path / "report.png").exists()


def test_predict_reads_npy_and_png(model_file, tmp_path, capsys):
    x, _ = digits("uint8")[:2]
    np.save(tmp_path / "a.npy", x[0, 0])
    assert run("predict", model_file, tmp_path / "a.npy") == 0
    text = capsys.readouterr().out
    assert re.match(rf"{tmp_path}/a\.npy: \d \(\d+\.\d %\)\n  0: 0\.\d{{4}}", text)
    image = pytest.importorskip("PIL.Image")
    image.fromarray(x[0, 0]).save(tmp_path / "a.png")
    image.fromarray(255 - x[0, 0]).convert("RGB").save(tmp_path / "b.png")
    found = [
        _image.read_digit(tmp_path / "a.npy"),
        _image.read_digit(tmp_path / "a.png"),
        _image.read_digit(tmp_path / "b.png", invert=True),
    ]
    for digit in found:
        assert digit.shape == (1, 1, 28, 28) and digit.dtype == np.float32
        assert np.allclose(digit, x[:1] / 255, atol=1e-6)
    assert run("predict", model_file, tmp_path / "b.png") == 0
    assert "--invert" in capsys.readouterr().err
    transparent = image.new("LA", (60, 30), (0, 0))
    transparent.save(tmp_path / "c.png")
    assert _image.read_digit(tmp_path / "c.png").max() == 1  # white paper


@pytest.mark.parametrize("shape", [(56, 56), (10, 20), (100, 30), (1, 1), (29, 28)])
def test_images_of_any_size_are_fitted(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    digit = _image.read_digit(tmp_path / "a.npy")[0, 0]
    # The white area's share of the square that holds it.
    assert digit.mean() == pytest.approx(min(shape) / max(shape), abs=0.02)
    assert digit.max() <= 1


def bad_npy(header_shape, data=b"\0" * 16, dtype="|u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": header_shape}
    )
    return file.getvalue() + data


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"", "not a .npy file"),
        ("a.npy", b"\x93NUMPY\x01\x00\xff", "not a .npy file"),
        ("a.npy", b"\x93NUMPY\x09\x00" + b"\0" * 100, "not a .npy file"),
        ("a.npy", bad_npy((1 << 21, 1 << 21)), "needs 4398046511104 bytes, found 16"),
        ("a.npy", bad_npy((5, 4)), "needs 20 bytes, found 16"),
        ("a.npy", bad_npy((-4, -4)), "needs 16 bytes"),
        ("a.npy", bad_npy((3, 4)), "needs 12 bytes, found 16"),
        ("a.npy", bad_npy((2,), dtype="|O"), "dtype object"),
        ("a.npy", bad_npy((2, 2), dtype="<i4"), "dtype int32"),
        ("a.npy", bad_npy((16,)), "expected one image"),
        ("a.npy", bad_npy((4, 2, 2)), "expected one image"),
        ("a.npy", bad_npy((0, 4), b""), "values in"),
        ("a.npy", bad_npy((1, 2), np.array([2, np.nan]).tobytes(), "<f8"), "values in"),
        ("a.png", b"no picture", "cannot be read as a picture"),
    ],
)
def test_predict_refuses_bad_images(model_file, tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    good = tmp_path / "good.npy"
    np.save(good, np.zeros((28, 28)))
    assert run("predict", model_file, tmp_path / name, good) == 1
    captured = capsys.readouterr()
    assert message in captured.err and name in captured.err and captured.err.count("\n") == 1
    assert captured.out.startswith(str(good))


def test_predict_refuses_bad_models(model_file, tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((28, 28)))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(model_file.read_bytes()[:-1])
    other = tmp_path / "other.safetensors"
    fastnn.save(models.MLP(3, (), 2), other)
    for path in (tmp_path / "none.safetensors", cut, other):
        assert run("predict", path, tmp_path / "a.npy") == 1
        error = capsys.readouterr().err
        assert path.name in error and error.count("\n") == 1 and error.startswith("fastnn: error:")


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("nonsense",),
        ("train", "alexnet"),
        ("train", "lenet5", "--epochs", "0"),
        ("train", "lenet5", "--lr", "nan"),
        ("train", "lenet5", "--seed", "-1"),
        ("train", "lenet5", "--thre", "1"),
        ("predict", "model"),
    ],
)
def test_wrong_use_is_2(argv, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*argv) == 2
    assert "usage: fastnn" in capsys.readouterr().err


def test_help_and_info(capsys):
    assert run("--help") == 0
    assert "train" in capsys.readouterr().out
    assert run("info") == 0
    assert fastnn.__version__ in capsys.readouterr().out
    assert run("info", "--json") == 0
    assert json.loads(capsys.readouterr().out)


def test_output_that_must_be_a_folder_is_a_clear_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run("train", "lenet5", "--out", tmp_path / "file") == 1
    assert capsys.readouterr().err.startswith("fastnn: error:")


def test_python_m_fastnn_and_a_closed_pipe():
    done = run_python("-m", "fastnn", "info")
    assert done.returncode == 0 and done.stderr == ""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fastnn", "info"],
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
