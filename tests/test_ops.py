"""Every row of tests/op_table.py against every question of the style guide.

The kernels are compared with the oracle (fastnn.reference, float64), the oracle's gradients with
central differences; and one bit pattern is expected for all thread counts, all CPU levels with FMA,
all algorithms, all batches, and whatever lies around the arrays in memory.
"""

import inspect

import numpy as np
import op_questions as ask
import pytest
from op_case import OpCase, call
from op_table import OPS

from fastnn import _kernels as kernels
from fastnn import reference
from fastnn._kernels import _csrc, _threads, conv

LEVELS = _csrc.available_isas()
FMA_LEVELS = [level for level in LEVELS if level != "generic"]  # generic rounds products first
CONVOLUTIONS = [case for case in OPS if case.name.startswith("conv2d")]

every_op = pytest.mark.parametrize("case", OPS, ids=lambda case: case.name)
every_level = pytest.mark.parametrize("level", LEVELS)


@pytest.fixture(autouse=True)
def restored():
    threads, level = _threads.get_num_threads(), _csrc.isa_name()
    yield
    _threads.set_num_threads(threads)
    _csrc.force_isa(level)


def is_public(name: str) -> bool:
    return callable(getattr(kernels, name)) and name not in ("cache_info", "empty_cache")


KERNELS = [name for name in kernels.__all__ if is_public(name)]


def test_same_names():
    assert sorted(reference.__all__) == sorted(KERNELS)


@pytest.mark.parametrize("name", KERNELS)
def test_same_signature(name):
    """Names, order, kinds and defaults; a kernel may have a trailing `algo`."""
    ours = list(inspect.signature(getattr(kernels, name)).parameters.values())
    oracle = list(inspect.signature(getattr(reference, name)).parameters.values())
    if ours[-1].name == "algo":
        assert ours.pop().default == "auto"
    assert [(p.name, p.kind, p.default) for p in ours] == [
        (p.name, p.kind, p.default) for p in oracle
    ]


class Recorder:
    """A backend that remembers which of its functions were called."""

    def __init__(self, backend):
        self.backend, self.called = backend, set()

    def __getattr__(self, name):
        self.called.add(name)
        return getattr(self.backend, name)


def test_every_kernel_has_a_row():
    k = Recorder(kernels)
    for case in OPS:
        ask.both(k, case, ask.small(case)[-1])
    assert k.called == {name for name in KERNELS if not name.startswith("random_")}


@every_op
def test_honest_samples(case: OpCase):
    """Values differ, both signs occur, every listed edge occurs, large means more work."""
    samples = ask.small(case)
    sizes = {n for sample in samples for a in ask.arrays_of(sample) for n in a.shape}
    assert sizes >= set(case.edges), sorted(set(case.edges) - sizes)
    for sample in ask.everything(case):
        main = next(iter(sample.values()))
        for a in ask.arrays_of(main):
            if a.dtype.kind == "f" and a.size >= 8:
                assert np.unique(a).size > a.size / 4
                assert not case.signed or a.min() < 0 < a.max()
        assert all(a.flags.c_contiguous for a in ask.arrays_of(sample))
        assert case.reduced(sample) >= 1
    assert max(map(case.flops, samples)) < max(map(case.flops, ask.large(case)))
    assert max(map(case.flops, samples)) > 0


@every_level
@every_op
def test_against_oracle(case: OpCase, level):
    """Forward and backward, 8 eps sqrt(terms) max|oracle|.  Both backward passes start from the
    kernel's output: a ReLU whose input is zero within rounding may be on one side or the other."""
    _csrc.force_isa(level)
    for sample in ask.everything(case):
        message, wide = ask.told(case, sample, level), ask.to64(sample)
        out = ask.forward(kernels, case, sample)
        reduced = case.reduced(sample)
        ask.assert_close(out, ask.forward(reference, case, wide), reduced, message)
        if case.backward is None:
            continue
        dy = ask.dy_of(case, out["output 0"])
        got = ask.backward(kernels, case, sample, out, dy)
        want = ask.backward(reference, case, wide, ask.to64(out), ask.to64(dy))
        ask.assert_close(got, want, reduced, message)


@pytest.mark.parametrize("case", [c for c in OPS if c.backward], ids=lambda case: case.name)
def test_oracle_derivative(case: OpCase):
    """Central differences along a random direction, float64; never across a kink."""
    rng, h, checked = ask.rng_of(case, 3), 1e-7, 0
    samples = [ask.to64(sample) for sample in ask.small(case)]
    for sample in samples:
        if case.avoid(sample, 100 * h):
            continue
        checked += 1
        message = ask.told(case, sample, "derivative")
        for name, numeric, analytic, slack in ask.numeric_and_analytic(
            reference, case, sample, rng, h
        ):
            assert abs(numeric - analytic) <= slack, f"{message}: {name} {numeric} {analytic}"
    assert checked > len(samples) / 2


@every_op
def test_float32_oracle(case: OpCase):
    """The oracle keeps float32, which `fastnn.backend("reference")` relies on."""
    for sample in ask.small(case):
        message = ask.told(case, sample, "float32")
        dtypes = [a.dtype for a in ask.forward(kernels, case, sample).values()]
        got = ask.forward(reference, case, sample)
        assert [a.dtype for a in got.values()] == dtypes, message
        grads = ask.both(reference, case, sample)
        assert all(a.dtype != np.float64 for a in grads.values()), message
        want = ask.forward(reference, case, ask.to64(sample))
        ask.assert_close(got, want, 16 * case.reduced(sample), message)


@every_op
def test_any_number_of_threads(case: OpCase):
    for sample in ask.large(case):
        _threads.set_num_threads(1)
        want = ask.both(kernels, case, sample)
        for threads in (2, 3, 5):
            _threads.set_num_threads(threads)
            got = ask.both(kernels, case, sample)
            ask.assert_same_bits(got, want, ask.told(case, sample, f"{threads} threads"))


@every_op
def test_any_level_with_fma(case: OpCase):
    for sample in ask.everything(case):
        results = []
        for level in FMA_LEVELS:
            _csrc.force_isa(level)
            results.append(ask.both(kernels, case, sample))
        for level, got in zip(FMA_LEVELS, results, strict=True):
            ask.assert_same_bits(got, results[0], ask.told(case, sample, level))


def convolution_passes(sample, dy):
    """Each pass of a convolution, to be called with algo."""
    window = [sample[name] for name in ("stride", "padding", "dilation", "groups")]
    x, weight = sample["x"], sample["weight"]
    return {
        "forward": lambda algo: kernels.conv2d_forward(**sample, algo=algo),
        "backward_input": lambda algo: kernels.conv2d_backward_input(
            dy, weight, x.shape, *window, algo=algo
        ),
        "backward_weight": lambda algo: kernels.conv2d_backward_weight(
            dy, x, weight.shape[2:], *window, algo=algo
        ),
    }


def fits(algo, name, s):
    """Whether an algorithm can do this pass of a convolution."""
    stride, per_group = max(s["stride"]), s["weight"].shape[1]
    if algo in WINOGRADS:
        return algo in winograds(s, name)
    if algo == "dense_layer":
        covers = s["weight"].shape[2:] == s["x"].shape[2:] and max(s["padding"]) == 0
        window = zip(s["dilation"], s["x"].shape[2:], strict=True)
        dilates = any(d > 1 and k > 1 for d, k in window)
        return covers and not dilates and s["groups"] == 1
    if algo == "pointwise":
        channels = len(s["weight"]) // s["groups"] if name == "backward_input" else per_group
        unpadded = s["stride"] == (1, 1) and s["padding"] == (0, 0)
        return s["weight"].shape[2:] == (1, 1) and unpadded and channels > 0
    if algo == "depthwise" and name == "backward_input":
        return per_group == stride == s["weight"].shape[0] // s["groups"] == 1
    if algo == "depthwise":
        return s["stride"][1] <= 2 and (per_group == 1 or name == "backward_weight")
    return True


def adds_alike(algo, name):
    """Whether an algorithm adds the same terms in the same order as most."""
    alone = {("backward_weight", "depthwise"), ("backward_weight", "dense_layer")}
    return algo not in WINOGRADS and (name, algo) not in alone


WINOGRADS = {"winograd2": (3, 5), "winograd4": (3,), "polyphase": (3, 4, 5)}  # taps of a line


def winograds(s, name):
    """Winograd's algorithms that can do this pass of a convolution."""
    (rows, columns), stride = s["weight"].shape[2:], s["stride"][0]
    phases = [algo for algo in WINOGRADS if (stride > 1) == (algo == "polyphase")]
    fits = (
        rows == columns
        and s["stride"][1] == stride <= (4 if name == "forward" else 1)
        and s["dilation"] == (1, 1)
        and max(s["padding"]) < rows
        and s["weight"].shape[1] > 0
    )
    return [algo for algo in phases if fits and -(-rows // stride) in WINOGRADS[algo]]


@every_level
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda case: case.name)
def test_any_algorithm(case: OpCase, level):
    """Each way to convolve that adds up the same terms gives the same bits; the one that is picked
    is one of all."""
    _csrc.force_isa(level)
    for sample in ask.everything(case):
        dy = ask.dy_of(case, kernels.conv2d_forward(**sample))
        runs = convolution_passes(sample, dy)
        assert runs.keys() == conv.ALGOS.keys()
        for name, run in runs.items():
            algos = [a for a in conv.ALGOS[name][1:] if fits(a, name, sample)]
            results = {algo: run(algo) for algo in algos}
            sums = [algo for algo in algos if adds_alike(algo, name)]
            for algo in sums:
                ask.assert_same_bits(
                    {name: results[algo]},
                    {name: results[sums[0]]},
                    ask.told(case, sample, f"{level} {algo}"),
                )
            picked = run("auto").tobytes()
            assert picked in [a.tobytes() for a in results.values()], ask.told(case, sample, name)


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda case: case.name)
def test_winograd(case: OpCase):
    """Wherever it can be used: within 1e-4 of the oracle relative to the largest value, and the
    same bits for all threads and levels."""
    for sample in ask.everything(case):
        if not winograds(sample, "forward"):
            continue
        sample = sample | {"activation": None}
        wide = ask.to64(sample)
        out = ask.forward(reference, case, wide)
        want = {"forward": out["output 0"]}
        dy = ask.dy_of(case, kernels.conv2d_forward(**sample))
        grads = ask.backward(reference, case, wide, out, ask.to64(dy))
        want["backward_input"] = grads["gradient of x"]
        want["backward_weight"] = grads["gradient of weight"]
        for name, run in convolution_passes(sample, dy).items():
            for algo in winograds(sample, name):
                message = ask.told(case, sample, f"{name} {algo}")
                got = run(algo)
                error = np.abs(got - want[name]).max(initial=0.0)
                assert error <= 1e-4 * np.abs(want[name]).max(initial=0.0), message
                for level in FMA_LEVELS:
                    for threads in (1, 2, 5):
                        _csrc.force_isa(level)
                        _threads.set_num_threads(threads)
                        assert run(algo).tobytes() == got.tobytes(), f"{message} {level} {threads}"
                _csrc.force_isa(FMA_LEVELS[0])


@every_op
def test_any_batch(case: OpCase):
    """The first rows of a batch, alone, give the first rows of its results."""
    checked = 0
    for sample in ask.everything(case):
        rows = sample[case.batched[0]].shape[0] if case.batched else 0
        if rows < 2:
            continue
        whole = ask.forward(kernels, case, sample)
        dy = ask.dy_of(case, whole["output 0"])
        whole |= ask.backward(kernels, case, sample, whole, dy)
        for n in {1, rows // 2, rows - 1}:
            part = ask.first_rows(case, sample, n)
            got = ask.both(kernels, case, part, np.ascontiguousarray(dy[:n]))
            # Gradients of weights are sums over the batch and so depend on it.
            kept = [a for a in got if a[12:] in case.batched or a.startswith("output")]
            ask.assert_same_bits(
                {name: got[name] for name in kept},
                {name: whole[name][:n] for name in kept},
                ask.told(case, sample, f"{n} of {rows} rows"),
            )
            checked += 1
    assert (checked > 0) == bool(case.batched)


@every_level
@every_op
def test_in_bounds(case: OpCase, level):
    """Inputs between guard bands of NaN: nothing is written there, and what is read there (the
    tail of a vector) does not show.  Inputs stay as they are."""
    _csrc.force_isa(level)
    for sample in ask.everything(case):
        message = ask.told(case, sample, level)
        want = ask.forward(kernels, case, sample)
        dy = ask.dy_of(case, want["output 0"]) if case.backward else np.zeros(1, np.float32)
        want |= ask.backward(kernels, case, sample, want, dy)
        bands: list = []

        def between_guards(a: np.ndarray, bands: list = bands) -> np.ndarray:
            view, buffer = ask.guarded(a)
            bands.append((view, buffer, a))
            return view

        inside = ask.mapped(sample, between_guards)
        got = ask.forward(kernels, case, inside)
        saved = ask.mapped(got, between_guards)
        got |= ask.backward(kernels, case, inside, saved, between_guards(dy))
        ask.assert_same_bits(got, want, message)
        assert bands, message
        for view, buffer, original in bands:
            assert ask.guards_intact(view, buffer), message
            assert view.tobytes() == original.tobytes(), message


def poison_pool(large):
    """Fill the free blocks of the array pool, of all size classes up to 2 or 4 MiB, with NaN."""
    kernels.empty_cache()
    fine = [*range(8, 13), 19] if large else range(8, 13)  # doublings in eight steps
    sizes = [*range(16, 257, 16), *(2**e // 8 * i for e in fine for i in range(9, 17))]
    sizes += [2**e for e in range(14, 20)]
    nan = np.full(max(sizes), np.nan, np.float32)
    blocks = [kernels.relu_forward(nan[:n]) for n in sizes for _ in range(6 if n < 2**17 else 2)]
    assert all(np.isnan(block).all() for block in blocks)


@every_op
def test_new_memory_is_written_before_it_is_read(case: OpCase):
    """Outputs and scratch come from the pool; what was in its blocks before must not show."""
    for threads, samples in ((1, ask.small(case)), (3, ask.large(case))):
        _threads.set_num_threads(threads)
        want = [ask.both(kernels, case, sample) for sample in samples]
        for sample, result in zip(samples, want, strict=True):
            copies = {name: a.copy() for name, a in result.items()}
            poison_pool(threads > 1)
            got = ask.both(kernels, case, sample)
            ask.assert_same_bits(got, copies, ask.told(case, sample, "poisoned pool"))


@every_level
@pytest.mark.parametrize("case", [c for c in OPS if c.exact], ids=lambda case: case.name)
def test_integers_are_exact(case: OpCase, level):
    """With small integers every sum is a float32 number, so that order cannot matter, and the ties
    of maxima are many."""
    _csrc.force_isa(level)
    rng = ask.rng_of(case, 4)
    for sample in ask.small(case):
        whole = ask.integers(rng, sample)
        wide = ask.to64(whole)
        got, want = ask.forward(kernels, case, whole), ask.forward(reference, case, wide)
        if "backward" in case.exact and case.backward is not None:
            dy = np.asarray(rng.integers(-4, 5, got["output 0"].shape).astype(np.float32))
            got |= ask.backward(kernels, case, whole, got, dy)
            want |= ask.backward(reference, case, wide, want, ask.to64(dy))
        assert got.keys() == want.keys()
        for name in want:
            rounded = want[name].astype(got[name].dtype)
            assert np.array_equal(got[name], rounded), ask.told(case, sample, f"{level} {name}")


def test_call_gives_a_tuple():
    x = np.ones((1, 1, 2, 2), np.float32)
    window = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    assert len(call("relu_forward")(kernels, x=x)) == 1
    pooled = call("max_pool2d_forward")(kernels, x=x, **window, ceil_mode=False, activation=None)
    assert len(pooled) == 2
