"""The benches: their arithmetic on made-up times, and that all contenders compute the same."""

import math

import numpy as np
import pytest

import fastnn
from fastnn._bench import (
    infer_cases,
    loss_cases,
    main,
    memory,
    op_cases,
    peers,
    rnn_cases,
    sweep,
    train_cases,
)
from fastnn._bench.timing import Result, limited, means, measure, missed, table


def result(case, threads=1, bar=None, **seconds):
    """A case of one round, fastnn at a second a call unless told."""
    times = {name: [value] for name, value in {"fastnn": 1.0, **seconds}.items()}
    return Result(case, threads, times=times, bar=bar)


def test_ratio_is_the_median_of_the_rounds():
    r = Result("x", 1, times={"fastnn": [1.0, 2.0, 4.0], "torch": [2.0, 3.0, 20.0]})
    assert r.ratio("torch") == 2.0  # of 2, 1.5, 5; that of the medians is 1.5
    assert r.median() == 2.0


@pytest.mark.parametrize("spinner", ["numpy", "sklearn", "reference", "onnxruntime"])
def test_ratio_of_a_spinner_is_to_its_own_group(spinner):
    r = result("x", **{spinner: 6.0, "torch": 3.0})
    r.beside = [2.0]
    assert r.ratio(spinner) == 3.0
    assert r.ratio("torch") == 3.0


def test_measure_times_spinners_beside_a_fastnn_of_their_own():
    calls = []
    names = ("fastnn", "torch", "onnxruntime")
    contenders = {name: lambda name=name: calls.append(name) for name in names}
    r = measure("x", 1, contenders, 0.0, 1)
    assert set(r.times) == set(names) and len(r.beside) == 1
    first = calls[: calls.index("onnxruntime")]
    assert "torch" in first and "torch" not in calls[len(first) :]
    assert "fastnn" in calls[len(first) :]


def test_best_ratio():
    r = result("x", torch=3.0, jax=1.5, reference=0.5)
    assert r.peers() == ["jax", "torch"]
    assert r.best_ratio() == 1.5
    assert result("x").best_ratio() is None


def test_bars_by_peer():
    bars = {"torch": 3.0, "torch compile": 2.0, "onnxruntime": 0.9}
    r = result("I2", bar=bars, **{"torch tuned": 2.5, "torch compile": 2.5, "onnxruntime": 0.95})
    r.beside = [1.0]
    assert r.bar_of("torch tuned") == 3.0
    assert r.bar_of("torch compile tuned") == 2.0
    assert r.bar_of("jax") is None
    assert r.missed() == ["torch tuned"]
    assert missed([r]) == ["I2, 1 threads: 2.50 of torch tuned, bar 3.00"]
    line = table([r]).splitlines()[1]
    assert "0.95  0.90 " in line and "torch tuned 2.50 (bar 3.00 <)" in line


def test_one_bar_for_all_peers():
    assert result("x", bar=1.3, torch=1.25, jax=1.3).missed() == ["torch"]
    assert result("x", bar=1.3).missed() == []
    assert result("x", torch=0.5).missed() == []


CASES = [("conv_fwd a", 2.0), ("conv_fwd b", 0.5), ("conv_bwd_input a", 1.0), ("dwconv_fwd a", 1.5)]


def test_means():
    found = {m.family: m for m in means([result(c, torch=t) for c, t in CASES])}
    assert list(found) == ["conv_fwd", "conv_bwd", "dwconv", "all convolutions"]
    assert math.isclose(found["conv_fwd"].value(), 1.0)
    every = found["all convolutions"]
    assert math.isclose(every.value(), 1.5**0.25)
    assert (len(every.ratios), min(every.ratios), every.bar) == (4, 0.5, 1.25)
    assert every.missed() and "(bar 1.25 <)" in str(every)


def test_means_by_threads_and_their_bar_for_whole_families_only():
    two = [result(case, 2, torch=1.3) for case, _ in CASES]
    found = means([result("conv_fwd a", torch=1.0), *two])
    every = {m.threads: m for m in found if m.family == "all convolutions"}
    assert every[1].bar is None and not every[1].missed()
    assert every[2].bar == 1.25 and not every[2].missed()
    assert missed(two) == []
    low = [result(case, 2, torch=1.2) for case, _ in CASES]
    assert [line.split(":")[0] for line in missed(low)] == ["all convolutions, 2 threads"]


def points(costs, channels, sizes):
    """Points of one pass with the costs of a matrix (channels, sizes)."""
    found = [
        sweep.Point("fwd", 3, c, size, costs[i][j])
        for i, c in enumerate(channels)
        for j, size in enumerate(sizes)
    ]
    sweep.compare(found, channels, sizes)
    return found


def test_sweep_compares_neighbours():
    found = points([[1.0, 2.0, 9.0], [4.0, 1.0, 3.0]], (1, 2), (8, 9, 10))
    assert [p.ratio for p in found] == [0.5, 2.0, 4.5, 4.0, 0.5, 3.0]
    assert found[2].beside == "1 channels, 9 pixels"
    assert [p.cost for p in sweep.missed(found)] == [9.0, 4.0]
    assert "bar 3.0, 2 points above" in sweep.report(found, 1)


def test_sweep_compares_near_sizes_only():
    found = points([[5.0, 1.0], [5.0, 1.0]], (1, 2), (7, 16))
    assert [p.ratio for p in found] == [1.0, 1.0, 1.0, 1.0]


def test_sweep_times_offenders_again(monkeypatch):
    """A disturbance of the first turns does not count; what stays slow does."""
    turns = []

    def fake(at, shapes, rounds):
        turns.append((list(shapes), rounds))
        for shape in shapes:
            slow = shape[2] == 8 or (shape[2] == 2 and len(turns) == 1)
            at[shape].cost = 10.0 if slow else 1.0

    monkeypatch.setattr(sweep, "_turns", fake)
    found = sweep.sweep(range(1, 9), (7, 16), (3,), rounds=1, again=5)
    assert {p.c for p in sweep.missed(found)} == {8}
    again, rounds = turns[1]
    assert len(turns) == 2 and rounds == 5
    assert {c for _, _, c, _ in again} == {1, 2, 3, 7, 8}


def test_sweep_covers_every_channel():
    channels, sizes = sweep.GRIDS["all channels"]
    assert list(channels) == list(range(1, 131)) and len(sizes) == 3
    found = sweep.sweep((3, 4), (5, 6), (3,), rounds=1, again=0)
    assert len(found) == 2 * 2 * 3 and all(0 < p.cost < math.inf for p in found)


def test_peak_memory_does_not_depend_on_the_parent():
    """On Linux ru_maxrss of a child begins with its parent's."""
    ballast = np.ones(60 << 20, np.float32)  # 240 MB, more than the child
    peak = memory.peak("fastnn", "T3 lenet5", 1)
    assert 4 * ballast.size > 200e6
    assert 2e6 < peak < 100e6


def test_peers_that_lack_something_are_named(monkeypatch, capsys):
    monkeypatch.setattr(peers, "has", lambda library: library not in ("onnx", "jax"))
    monkeypatch.setattr(peers, "compiles", lambda: False)
    assert peers.left_out(["numpy", "reference", "torch", "compile", "jax", "onnxruntime"]) == [
        "compile is left out: no C++ compiler",
        "jax is left out: jax not installed",
        "onnxruntime is left out: onnx not installed",
    ]
    assert "not asked for" in peers.lacks("compile", ["compile"])
    monkeypatch.setattr(peers, "has", lambda library: False)
    assert peers.lacks("compile", ["torch", "compile"]) == "torch not installed"
    monkeypatch.setattr("fastnn._bench.run_suite", lambda *args: [])
    assert main(["gemm", "--threads", "1", "--against", "compile"]) == 0
    assert "compile is left out" in capsys.readouterr().out


CONV = [
    op_cases.Conv(which, *shape)
    for which in op_cases.PASSES
    for shape in ((2, 3, 9, 5, 3, 1, 1), (2, 4, 11, 6, 5, 2, 0), (1, 8, 8, 8, 3, 1, 1, 8))
]


@pytest.mark.parametrize("op", [*CONV, *op_cases.POOL], ids=lambda op: op.name.replace(" ", "_"))
def test_operators_compute_what_pytorch_computes(op):
    pytest.importorskip("torch")
    from fastnn._bench import op_torch

    ours = op_cases.fastnn_op(op)()
    ours = ours if isinstance(ours, np.ndarray) else ours.numpy()
    found = op_torch.contenders(op)
    assert list(found) == ["torch", "torch tuned"]
    for name, run in found.items():
        with limited(1):
            y = run()
        if isinstance(y, tuple):  # dx, dweight, dbias: the pass asks for one of them
            (y,) = (part for part in y if part is not None)
        assert y.shape == ours.shape
        size = np.abs(ours).max()
        np.testing.assert_allclose(ours, y.numpy(), rtol=2e-5, atol=2e-5 * size, err_msg=name)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("kind", rnn_cases.GATES)
def test_recurrent_layers_compute_what_pytorch_computes(kind, backward):
    torch = pytest.importorskip("torch")
    op = rnn_cases.Recurrent(kind, 5, 3, 4, 6, backward)
    with limited(1):
        ours, theirs = (rnn_cases.step(op, lib)().numpy() for lib in (fastnn, torch))
    assert ours.shape == (5, 3, 4 if backward else 6) and ours.std() > 0
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", loss_cases.LOSSES)
def test_losses_compute_what_pytorch_computes(name):
    torch = pytest.importorskip("torch")
    with limited(1):
        ours, theirs = (loss_cases.step(lib, name, 6, 5)().numpy() for lib in (fastnn, torch))
    assert ours.shape == (6, 5) and ours.std() > 0
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_cross_entropy_computes_what_jax_computes():
    pytest.importorskip("jax")
    from fastnn._bench import loss_jax

    (run,) = loss_jax.contenders(6, 5).values()
    ours = loss_cases.step(fastnn, "cross_entropy", 6, 5)().numpy()
    np.testing.assert_allclose(ours, run()[1], rtol=1e-5, atol=1e-7)


SAME_NAMES = ("T1 mlp", "T6 lstm lm", "T7 gru rows", "T8 bilstm tagger", "T10 vae")


@pytest.mark.parametrize("case", [*SAME_NAMES, "T12 autoencoder"])
def test_networks_lose_what_pytorchs_lose(case):
    torch = pytest.importorskip("torch")
    model, twin = train_cases.fastnn_model(case), train_cases.torch_model(case)
    model.load_state_dict({k: v.numpy() for k, v in twin.state_dict().items()})
    losses = []
    for lib, net in ((fastnn, model), (torch, twin)):
        with limited(1):
            step = train_cases.stepper(case, lib, net, lib.from_numpy, {})
            losses.append([step().item() for _ in range(3)])
    assert losses[0][0] != losses[0][2]
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.parametrize("last", [False, True], ids=["torch", "torch tuned"])
def test_inference_computes_what_pytorch_computes(last):
    pytest.importorskip("torch")
    case = "I2 lenet5 b1"
    model, twin = infer_cases.fastnn_model(case), infer_cases.torch_model(case)
    pairs = zip(model.named_parameters(), twin.parameters(), strict=True)
    model.load_state_dict({name: theirs.detach().numpy() for (name, _), theirs in pairs})
    x = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    with limited(1):
        ours = infer_cases.fastnn_run(model, x)()
        theirs = infer_cases.torch_run(twin, last, False, x)()
    assert ours.shape == (3, 10) and ours.std() > 0
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("library", ["jax", "tensorflow"])
@pytest.mark.parametrize("case", ["T1 mlp", "T10 vae", "T12 autoencoder"])
def test_other_libraries_have_the_same_dense_networks(case, library):
    """With PyTorch's weights their loss is PyTorch's."""
    torch, theirs = pytest.importorskip("torch"), pytest.importorskip(library)
    from fastnn._bench import nets, train_jax, train_tensorflow

    model = train_cases.torch_model(case)
    x, y = train_cases.batches(case)[0]
    expected = train_cases.objective(case, torch, model)(torch.from_numpy(x), torch.from_numpy(y))
    array = theirs.numpy.asarray if library == "jax" else theirs.constant
    shapes = nets.NETS[case.split()[0]][1]()
    values = zip(shapes, model.parameters(), strict=True)
    p = {name: array(w.detach().numpy().T.copy()) for name, w in values}
    o = train_jax.Ops(False, p) if library == "jax" else train_tensorflow.Ops(p)
    found = float(nets.loss(case, o, p, array(x), array(y)))
    np.testing.assert_allclose(found, expected.item(), rtol=1e-5)
