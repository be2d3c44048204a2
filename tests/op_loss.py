"""Rows of tests/op_table.py: losses of pairs, labels and sequences, cross-entropy of images."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import op_case as ops
import op_inputs as make
from op_case import Arrays, OpCase, call
from op_inputs import Sample, normal

SHAPES = (*((n,) for n in make.WIDTHS if n), (), (3, 5), (2, 3, 4, 5), (33_001,))
LARGE = ((400_001,),)
PAIRS = {
    "l1": {},
    "smooth_l1": {"beta": 0.7},
    "huber": {"delta": 1.3},
    "kl_div": {"log_target": False},
    "kl_div of logarithms": {"log_target": True},
}


def pairs(settings: dict[str, Any], reduction: str, shapes: tuple = SHAPES) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for i, shape in enumerate(shapes):
            x, t = normal(rng, *shape), normal(rng, *shape, scale=(1, 3)[i % 2])
            if "log_target" in settings and not settings["log_target"]:
                t = np.asarray(np.abs(t) * (rng.random(shape) < 0.9), np.float32)  # some are 0
            yield {"x": x, "target": t} | settings | {"reduction": reduction}

    return inputs


def near_kink(s: Sample, step: float) -> bool:
    """|d| close to 0, beta or delta, where a derivative jumps or the second one does."""
    d = np.abs(s["x"] - s["target"])
    kinks = (0.0, s.get("beta", 0.0), s.get("delta", 0.0))
    return "log_target" not in s and any(np.any(np.abs(d - k) < 100 * step) for k in kinks)


def pair_backward(name: str) -> ops.Backward:
    return lambda k, s, out, dy: {"x": getattr(k, f"{name}_backward")(dy, **s)}


def pair_rows() -> Iterator[OpCase]:
    for name, settings in PAIRS.items():
        kernel = name.split(" ")[0]
        for reduction in ("mean", "sum", "none"):
            shapes = SHAPES if reduction == "mean" else ((0,), *SHAPES)
            yield OpCase(
                f"{name} {reduction}",
                call(f"{kernel}_forward"),
                pairs(settings, reduction, shapes),
                pairs(settings, reduction, LARGE),
                flops=lambda s: 4 * ops.elements(s),
                reduced=lambda s: max(1, ops.elements(s)),
                backward=pair_backward(kernel),
                edges=(1, 7, 8, 9, 15, 16, 17),
                avoid=near_kink,
            )


# (N, C, S)
COLUMNS = (
    (0, 3, 5),
    (2, 3, 0),
    (1, 1, 2),
    (1, 2, 7),
    (2, 4, 8),
    (3, 5, 9),
    (2, 9, 15),
    (2, 3, 16),
    (1, 40, 17),
    (3, 2, 33),
    (2, 10, 257),
    (4, 6, 1),
)
COLUMNS_LARGE = ((17, 10, 501), (3, 21, 3_000))
# weight or not, ignore_index, reduction, label_smoothing
SETTINGS = (
    (False, -100, "mean", 0.0),
    (True, 0, "sum", 0.0),
    (True, -1, "none", 0.2),
    (False, 1, "mean", 0.3),
)


def labelled(
    name: str, weighted: bool, ignored: int, reduction: str, more: dict, sizes: tuple = COLUMNS
) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for n, c, s in sizes:
            if c == 1 and more.get("label_smoothing"):
                continue  # the gradient is a difference of equal numbers: rounding, no scale
            yield {
                name: normal(rng, n, c, s, scale=3),
                "target": make.labelled(rng, n * s, c, ignored),
                "weight": (0.5 + rng.random(c)).astype(np.float32) if weighted else None,
                "ignore_index": ignored,
                "reduction": reduction,
            } | more

    return inputs


def nll_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    rest = {name: value for name, value in s.items() if name != "x"}
    return {"x": k.nll_backward(dy, s["x"].shape, **rest)}


def label_rows() -> Iterator[OpCase]:
    for weighted, ignored, reduction, smoothing in SETTINGS:
        told = f"{reduction} weight={weighted} ignore={ignored}"
        settings = weighted, ignored, reduction, {"label_smoothing": smoothing}
        yield OpCase(
            f"cross_entropy of images {told} smoothing={smoothing}",
            call("cross_entropy_forward"),
            labelled("logits", *settings),
            labelled("logits", *settings, COLUMNS_LARGE),
            flops=lambda s: 20 * s["logits"].size,
            reduced=lambda s: max(1, s["logits"].size),
            backward=ops.cross_entropy_backward,
            edges=(0, 1, 7, 8, 9, 15, 16, 17),
        )
        yield OpCase(
            f"nll {told}",
            call("nll_forward"),
            labelled("x", *settings[:3], {}),
            labelled("x", *settings[:3], {}, ((40_001, 10, 1), *COLUMNS_LARGE)),
            flops=ops.elements,
            reduced=lambda s: max(1, ops.elements(s)),
            backward=nll_backward,
            edges=(0, 1, 7, 8, 9, 15, 16, 17),
        )


# T, classes, (input length, target) of each sequence; blank
SEQUENCES = (
    (1, 3, ((1, (2,)), (1, ())), 0),
    (7, 4, ((7, (1, 2, 3)), (5, (1, 1)), (3, ())), 0),
    (8, 5, ((8, (4, 4, 4)), (6, (0,))), 3),
    (9, 8, ((9, (1, 2, 1, 2)), (9, (7,)), (4, (5, 5)), (9, (3, 3, 3))), 0),
    (15, 16, ((15, (1, 2, 3, 4, 5, 6, 7, 8)),), 0),
    (16, 17, ((16, tuple(range(1, 17))), (0, ()), (11, (9, 9, 9, 9))), 0),
    (60, 9, ((60, (1, 2) * 9), (30, (8,) * 10)), 4),
    (0, 2, ((0, ()),), 0),
)
SEQUENCES_LARGE = ((150, 30, tuple((150 - i, tuple(range(1, 29 - i))) for i in range(9)), 0),)


def sequences(cases: tuple) -> Any:
    """Targets beyond their length are -1: nothing may read them."""

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for steps, classes, rows, blank in cases:
            widest = max(len(labels) for _, labels in rows)
            targets = np.full((len(rows), widest), -1)
            for row, (_, labels) in zip(targets, rows, strict=True):
                row[: len(labels)] = labels
            yield {
                "x": normal(rng, steps, len(rows), classes, scale=2),
                "targets": targets,
                "input_lengths": np.array([length for length, _ in rows]),
                "target_lengths": np.array([len(labels) for _, labels in rows]),
                "blank": blank,
            }

    return inputs


def log_softmax(k: Any, x: np.ndarray) -> np.ndarray:
    return k.log_softmax_forward(x.reshape(-1, x.shape[2])).reshape(x.shape)


def ctc(k: Any, x: np.ndarray, **rest: Any) -> Arrays:
    """Of logits, for of these ctc_backward gives the derivative."""
    return k.ctc_forward(log_softmax(k, x), **rest)[:1]


def ctc_backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    rest = {name: value for name, value in s.items() if name not in ("x", "blank")}
    y = log_softmax(k, s["x"])
    loss, alpha = k.ctc_forward(y, **rest, blank=s["blank"])
    dlog = k.ctc_backward(
        dy, y, **rest, loss=loss, alpha=alpha, blank=s["blank"], zero_infinity=False
    )
    rows = dlog.reshape(-1, y.shape[2]), y.reshape(-1, y.shape[2])
    return {"x": k.log_softmax_backward(*rows).reshape(y.shape)}


LOSSES: list[OpCase] = [
    *pair_rows(),
    *label_rows(),
    OpCase(
        "ctc",
        ctc,
        sequences(SEQUENCES),
        sequences(SEQUENCES_LARGE),
        flops=lambda s: 20 * ops.elements(s),
        reduced=lambda s: max(1, s["x"].shape[0] * s["x"].shape[2]),
        backward=ctc_backward,
        edges=(0, 1, 7, 8, 9, 15, 16, 17),
    ),
]
