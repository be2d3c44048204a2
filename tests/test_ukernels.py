"""Every micro-kernel on every CPU level of this build: results, bounds, aliasing, bits.

The rows come from ukernel_table.py and its neighbours.  A read beyond an
array ends this process with a segmentation fault, because the arrays touch forbidden pages.
"""

import zlib

import numpy as np
import pytest
from ukernel_attention import ATTENTION
from ukernel_bias import BIAS
from ukernel_blocks import GEMM, MODES, PACK, gemm_args, strided
from ukernel_depthwise import DEPTHWISE
from ukernel_gemv import GEMV
from ukernel_harness import LEVELS, PLACES, SIGNATURES, InPlace, Out, call
from ukernel_layer_norm import LAYER_NORM
from ukernel_losses import LOSS_ROWS
from ukernel_norm import NORM_ROWS
from ukernel_pairs import PAIR_ROWS
from ukernel_pool import POOL
from ukernel_rectifier import RECTIFIERS
from ukernel_rnn import RECURRENT
from ukernel_rows import TABLE_ROWS
from ukernel_som import MAPS
from ukernel_sparse import SPARSE
from ukernel_steps import PHILOX
from ukernel_table import ELEMENTWISE, REDUCE, SOFTMAX, ulp
from ukernel_update import UPDATE
from ukernel_winograd import WINOGRAD, matrices_convolve

CASES = [*ELEMENTWISE, *REDUCE, *SOFTMAX, *UPDATE, *PHILOX, *GEMM, *PACK, *POOL, *SPARSE, *BIAS]
CASES += [*NORM_ROWS, *LAYER_NORM, *LOSS_ROWS, *PAIR_ROWS, *ATTENTION, *WINOGRAD, *DEPTHWISE]
CASES += [*GEMV, *RECURRENT, *RECTIFIERS, *TABLE_ROWS, *MAPS]
ROWS = [pytest.param(case, level, id=f"{case}-{level}") for case in CASES for level in LEVELS]


def samples(case, level):
    """The same on every level but for what depends on the level's layout."""
    return list(case.samples(level, np.random.default_rng(zlib.crc32(case.name.encode()))))


def bits(value):
    """32-bit words (of bytes, numbers), with one NaN for all: which operand's NaN survives is the
    compiler's choice."""
    value = np.atleast_1d(value).ravel()
    if value.dtype.kind == "f":
        value = np.where(np.isnan(value), np.float32(np.nan), value.astype(np.float32))
    return value.astype(np.uint32) if value.itemsize == 1 else value.view(np.uint32)


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(bits(a[key]), bits(b[key])) for key in a)


def run(case, level, args, place="end"):
    return case.finish(call(level, case.name, args, place))


def describe(args):
    return {k: v for k, v in args.items() if isinstance(v, int | float | dict)}


def check(got, expected, allowed, about):
    """Equal bits, or within the allowed error; NaN equals NaN and infinity itself."""
    if allowed is None:
        wrong = bits(got) != bits(expected)
    else:
        with np.errstate(all="ignore"):
            distance = np.abs(got.astype(np.float64) - expected)
            equal = got == expected.astype(np.float32)
        equal |= np.isnan(got) & np.isnan(expected)
        wrong = ~(equal | (distance <= allowed)).ravel()
    assert not wrong.any(), (
        f"{about}: {np.count_nonzero(wrong)} wrong, first at {np.argmax(wrong)}: "
        f"{got.ravel()[wrong][:3]} instead of {expected.ravel()[wrong][:3]}"
    )


def test_winograd_matrices():
    matrices_convolve()


def test_every_entry_has_a_row():
    rows = {case.name for case in CASES}
    assert rows == SIGNATURES.keys()
    for case in CASES:
        for level in LEVELS:
            assert samples(case, level), f"{case} has no sample"


@pytest.mark.parametrize(("case", "level"), ROWS)
def test_result(case, level):
    for args in samples(case, level):
        got = run(case, level, args)
        expected = case.model(level, args)
        assert got.keys() == expected.keys()
        for key in got:
            about = f"{case} {key} of {describe(args)}"
            allowed = case.error(level, args, key, expected[key]) if case.error else None
            check(np.asarray(got[key]), np.asarray(expected[key]), allowed, about)


@pytest.mark.parametrize(("case", "level"), ROWS)
def test_bounds_and_alignment(case, level):
    for args in samples(case, level):
        first, *others = (run(case, level, args, place) for place in PLACES)
        for place, other in zip(PLACES[1:], others, strict=True):
            assert same(first, other), f"{case} differs at place {place!r}: {describe(args)}"


@pytest.mark.parametrize(("case", "level"), [row for row in ROWS if row.values[0].in_place])
def test_in_place(case, level):
    for args in samples(case, level):
        apart = run(case, level, args)
        for output, source in case.in_place:
            together = run(case, level, args | {output: InPlace(source)}, "odd")
            assert same(apart, together), f"{output} in {source}: {describe(args)}"


@pytest.mark.parametrize("case", [case for case in CASES if case.bits], ids=str)
def test_same_bits_on_every_level(case):
    levels = [level for level in LEVELS if case.bits == "all" or level.has_fma]
    for level in levels[1:]:
        pairs = zip(samples(case, levels[0]), samples(case, level), strict=True)
        for one, other in pairs:
            a, b = run(case, levels[0], one), run(case, level, other)
            assert same(a, b), f"{case} differs on {level}: {describe(one)}"


# ---- special values ----------------------------------------------------------------------------

INF, NAN, MAX, TINY = np.inf, np.nan, float(np.finfo(np.float32).max), 2.0**-126
EXACT = {  # (x, y)
    "vexp": [(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (89, INF), (MAX, INF), (-104, 0), (-MAX, 0)],
    "vlog": [(1, 0), (0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1, NAN), (-TINY, NAN)],
    "vtanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (MAX, 1), (-MAX, -1), (TINY, TINY)],
    "vsigmoid": [(0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0), (MAX, 1), (-MAX, 0)],
    "vrelu": [(0, 0), (-0.0, -0.0), (INF, INF), (-INF, 0), (-TINY, 0), (TINY, TINY)],
}
IN_FLOAT64 = {
    "vexp": np.exp,
    "vlog": np.log,
    "vtanh": np.tanh,
    "vsigmoid": lambda x: np.where(x < 0, np.exp(x), 1.0) / (1 + np.exp(-np.abs(x))),
}
# Thresholds of the algorithms: branches, range reduction, overflow, underflow, the last exponents.
CRITICAL = [0.625, 0.34657359, 0.70710678, 1.0, 1.41421356, 2.0, 9.01, 16.6, 44.0]
CRITICAL += [87.336545, 88.722839, 89.0, 103.97208, 104.0, 1e-4, 2.0**-12, TINY, 2 * TINY, MAX]


def float32_samples():
    """Every 4099th float32, and 400 neighbours of each critical point, both signs."""
    near = np.array(CRITICAL, np.float32).view(np.uint32)[:, None] + np.arange(-200, 200)
    near = near[near <= np.float32(MAX).view(np.uint32)].astype(np.uint32)
    spread = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32)
    return np.concatenate([near, near | np.uint32(2**31), spread]).view(np.float32)


def apply(level, name, x, flush=True):
    x = np.asarray(x, np.float32)
    return call(level, name, {"n": x.size, "x": x, "y": Out(x.size)}, flush=flush)["y"]


@pytest.mark.parametrize("level", LEVELS, ids=str)
@pytest.mark.parametrize("name", EXACT)
def test_exact_values(name, level):
    """Each value alone, in a full vector and in a tail; with denormals flushed and without."""
    for x, y in [*EXACT[name], (NAN, NAN)]:
        for n in (1, level.lanes, 2 * level.lanes + 3):
            for flush in (True, False):
                got, want = apply(level, name, np.full(n, x), flush), np.full(n, y, np.float32)
                assert np.array_equal(bits(got), bits(want)), f"{name}({x}) = {got}"


@pytest.mark.parametrize("level", LEVELS, ids=str)
@pytest.mark.parametrize("name", IN_FLOAT64)
def test_two_ulp(name, level):
    x = float32_samples()
    with np.errstate(all="ignore"):
        flushed = np.where(np.abs(x) < TINY, np.copysign(0, x), x)
        exact = IN_FLOAT64[name](flushed.astype(np.float64))
    check(apply(level, name, x), exact, 2 * ulp(exact), name)


@pytest.mark.parametrize("name", IN_FLOAT64)
def test_elementary_functions_have_the_same_bits(name):
    x = float32_samples()
    fused = [level for level in LEVELS if level.has_fma]
    for flush in (True, False):
        expected = bits(apply(fused[0], name, x, flush)) if fused else None
        for level in fused[1:]:
            assert np.array_equal(bits(apply(level, name, x, flush)), expected), f"{name} {level}"


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_maximum_and_nan(level):
    for n in (1, 5, 16, 17, 40):
        for at in range(n):
            x = np.full(n, -INF, np.float32)
            assert call(level, "vmax", {"n": n, "x": x})["return"] == -INF
            x[at] = -3.0
            assert call(level, "vmax", {"n": n, "x": x})["return"] == -3.0
            x[at] = NAN
            x[-1 - at] = INF if 2 * at + 1 != n else NAN
            assert np.isnan(call(level, "vmax", {"n": n, "x": x})["return"])


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_softmax_of_special_rows(level):
    """One finite class takes all; no class left, +inf and NaN give NaN, as the equation does."""
    for n in (1, 3, 8, 16, 21, 40):
        row = np.full(n, -INF, np.float32)
        args = {"n": n, "x": row, "y": Out(n)}
        assert np.isnan(call(level, "softmax_row", args)["y"]).all()
        assert np.isnan(call(level, "log_softmax_row", args)["y"]).all()
        row[n // 2] = 3e38
        only = np.arange(n) == n // 2
        got = call(level, "softmax_row", args)
        assert np.array_equal(got["y"], only.astype(np.float32))
        assert got["return"] == 1
        log = call(level, "log_softmax_row", args)["y"]
        assert np.array_equal(log, np.where(only, 0, -INF))
        for bad in (INF, NAN):
            row[n // 2] = bad
            assert np.isnan(call(level, "softmax_row", args)["y"][n // 2])
            assert np.isnan(call(level, "softmax_row", args)["return"])


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_relu_gradient_is_a_mask(level):
    """No NaN or infinite dy leaks through a closed unit; an output of -0 or NaN is closed."""
    y = np.array([0.0, -0.0, -1.0, NAN, TINY, INF, 1.0], np.float32)
    for bad in (NAN, INF, -0.0):
        args = {"n": 7, "dy": np.full(7, bad, np.float32), "y": y, "dx": Out(7)}
        expected = np.where(y > 0, np.float32(bad), np.float32(0))
        assert np.array_equal(bits(call(level, "vrelu_grad", args)["dx"]), bits(expected))


# ---- GEMM and Philox beyond their rows ---------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_gemm_of_integers_is_exact(level):
    """On levels without FMA too, because nothing is rounded."""
    rng = np.random.default_rng(0)
    for m, n, k in ((1, 1, 300), (13, 33, 100), (25, 70, 65)):
        a, b, c = (rng.integers(-50, 50, shape) for shape in ((m, k), (k, n), (m, n)))
        for modes in MODES:
            floats = [matrix.astype(np.float32) for matrix in (a, b, c)]
            args = gemm_args(level, rng, modes, *floats, (1, 0, 0, 0))
            got = call(level, "gemm_block", args)["c"]
            want = strided((a @ b + c).astype(np.float32), n + 2, 1)
            assert np.array_equal(bits(got), bits(want)), (m, n, k, modes)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_gemm_in_pieces_has_the_same_bits(level):
    """k cut anywhere, and rows or columns alone: each output is its own chain."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((14, 40), (40, 37)))

    def product(a, b, c=None):
        before = np.zeros((len(a), b.shape[1]), np.float32) if c is None else c
        flags = (int(c is not None), 0, 0, 0)
        args = gemm_args(level, rng, ("strided", "packed"), a, b, before, flags)
        flat, row = call(level, "gemm_block", args)["c"], args["g"]["c_row"]
        return flat[np.arange(len(a))[:, None] * row + np.arange(b.shape[1])]

    whole = product(a, b)
    for cut in (1, 16, 39):
        assert np.array_equal(product(a[:, cut:], b[cut:], product(a[:, :cut], b[:cut])), whole)
    for i in range(len(a)):
        assert np.array_equal(product(a[i : i + 1], b)[0], whole[i])
    for j in range(b.shape[1]):
        assert np.array_equal(product(a, b[:, j : j + 1])[:, 0], whole[:, j])


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_philox_known_answers(level):
    """The test vector of the authors' Random123 library for a counter and a key of zero."""
    args = {"n": 64, "key": 0, "counter": 0, "out": Out(64, np.uint32)}
    words = call(level, "philox_bits", args)["out"][[0, 16, 32, 48]]
    assert [hex(w) for w in words] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
