"""fastnn train charlm: results, files, resuming, exit codes."""

import json
import os
import re

import pytest

from fastnn import _charlm, cli


@pytest.fixture
def common(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(
        "".join(f"{i} bottles of beer on the wall, caf\u00e9\n" for i in range(300)), "utf-8"
    )
    return ("--text", path, "--hidden", 32, "--layers", 1, "--seq-len", 20, "--sample", 50,
            "--batch-size", 8, "--lr", 0.01)  # fmt: skip


def run(*argv):
    return cli.main([str(a) for a in ("train", "charlm", *argv)])


def sha(text):
    return re.search(r"SHA-256 of the weights ([0-9a-f]{64})", text)[1]


def test_writes_and_reports(common, tmp_path, capsys):
    out = tmp_path / "run"
    assert run(*common, "--epochs", 3, "--out", out, "--no-plot") == 0
    text = capsys.readouterr().out
    assert text.isascii() and "epoch 3/3" in text and "sampled at temperature 0.7" in text
    assert sorted(os.listdir(out)) == [
        "charlm.safetensors", "checkpoint.safetensors", "history.json"
    ]  # fmt: skip
    report = json.loads((out / "history.json").read_text())
    b = report["baselines"]
    assert b["uniform"] > b["unigram"] > b["bigram"] > report["val_perplexity"][-1]
    assert report["epoch"] == [1, 2, 3] and len(report["sample"]) == 50


def test_a_transformer(common, tmp_path, capsys):
    out = tmp_path / "t"
    common = (*common, "--cell", "transformer", "--epochs", 3, "--out", out, "--no-plot")
    assert run(*common, "--threads", 2) == 0
    first = capsys.readouterr().out
    assert "1-layer transformer of 32" in first
    report = json.loads((out / "history.json").read_text())
    assert report["baselines"]["unigram"] > report["val_perplexity"][-1]
    assert run(*common, "--threads", 1) == 0
    assert sha(capsys.readouterr().out) == sha(first)
    assert run(*common, "--resume", "--seq-len", 10) == 1
    assert "run with --seq-len 20" in capsys.readouterr().err


def test_repeats_and_resumes_to_the_bit(common, tmp_path, capsys, monkeypatch):
    common = (*common, "--epochs", 2, "--no-plot")
    assert run(*common, "--out", tmp_path / "a") == 0
    first = capsys.readouterr().out
    original = _charlm.save_tree

    def interrupted(path, tree):
        original(path, tree)
        raise KeyboardInterrupt

    b = tmp_path / "b"
    with monkeypatch.context() as patch:
        patch.setattr(_charlm, "save_tree", interrupted)
        assert run(*common, "--out", b, "--threads", 1) == 1
    assert f"last checkpoint: {b / 'checkpoint.safetensors'}" in capsys.readouterr().err
    assert run(*common, "--out", b, "--resume") == 0
    again = capsys.readouterr().out
    assert sha(again) == sha(first)
    samples = [json.loads((tmp_path / d / "history.json").read_text())["sample"] for d in "ab"]
    assert samples[0] == samples[1]
    assert run(*common, "--seed", 1, "--out", b, "--resume") == 1
    assert "run with --seed 0" in capsys.readouterr().err
    assert run(*common, "--out", tmp_path / "none", "--resume") == 1
    assert "there is no" in capsys.readouterr().err


def test_resume_refuses_another_text(common, tmp_path, capsys):
    """As long and with the same characters, so that all weights fit."""
    out, path = tmp_path / "c", common[1]
    assert run(*common, "--epochs", 1, "--out", out, "--no-plot") == 0
    text = path.read_text("utf-8")
    capsys.readouterr()
    path.write_text(text[::-1], "utf-8")
    assert run(*common, "--epochs", 1, "--out", out, "--no-plot", "--resume") == 1
    assert "the checkpoint is of another text: SHA-256" in capsys.readouterr().err
    path.write_text(text, "utf-8")
    assert run(*common, "--epochs", 1, "--out", out, "--no-plot", "--resume") == 0


def test_a_loss_whose_exp_is_no_number(common, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_charlm, "tbptt_epoch", lambda *args: 800.0)
    assert run(*common, "--epochs", 1, "--out", tmp_path / "d", "--no-plot") == 0
    assert "perplexity inf" in capsys.readouterr().out


def test_draws_a_picture(common, tmp_path):
    pytest.importorskip("matplotlib")
    assert run(*common, "--epochs", 1, "--out", tmp_path / "p", "--cell", "gru") == 0
    assert (tmp_path / "p" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_errors(tmp_path, capsys):
    path = tmp_path / "short.txt"
    path.write_text("abc")
    assert run("--text", path, "--out", tmp_path) == 1
    assert "too few" in capsys.readouterr().err
    assert run("--text", tmp_path / "none.txt", "--out", tmp_path) == 1
    assert "none.txt" in capsys.readouterr().err
    assert run("--cell", "x") == 2
