"""Rows of tests/op_table.py: recurrent layers over whole sequences.

A sample has the batch first everywhere, and its one output holds all results of a row of the batch:
the output at each step, then the last states, so that gradients arrive at all of them.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from op_case import Arrays, OpCase
from op_inputs import Sample, normal

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")

# T, N, I, H, directions, options: b bias, s states, l lengths (L: sorted), f batch first
SHAPES = (
    (1, 1, 1, 1, 1, ""),
    (1, 3, 7, 8, 2, "bs"),
    (1, 9, 5, 33, 1, "bsf"),
    (2, 0, 3, 5, 1, "b"),
    (3, 2, 0, 4, 1, "bs"),
    (5, 1, 3, 17, 1, "b"),
    (4, 1, 5, 64, 2, "bs"),
    (3, 1, 2, 140, 1, "sf"),
    (3, 2, 9, 15, 2, ""),
    (4, 2, 9, 16, 1, "bsl"),
    (5, 7, 1, 9, 2, "bslf"),
    (7, 8, 4, 7, 2, "blf"),
    (6, 13, 16, 31, 1, "bsL"),
    (2, 25, 31, 16, 1, "bf"),
    (3, 33, 8, 8, 2, "bsL"),
    (3, 5, 3, 300, 1, "b"),  # more than one block of terms
)
LARGE = (
    (3, 70, 300, 24, 2, "bsl"),  # more than one block of terms in the products with x
    (3, 64, 9, 8, 2, "bsl"),  # products with x step by step
    (9, 33, 40, 72, 2, "bsl"),
    (12, 70, 64, 65, 1, "b"),
    (40, 1, 32, 128, 2, "bs"),
    (5, 7, 6, 520, 1, "bsl"),  # weights beyond L2: step by step, columns over the threads
    (3, 2, 6, 520, 1, "f"),
)


def recurrent(mode: str, projected: bool, shapes: tuple) -> Any:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for T, N, I, H, D, options in shapes:  # noqa: E741
            P = max(1, H // 2) if projected else H
            rows, scale = GATES[mode] * H, (0.7 / H) ** 0.5
            s: Sample = {"x": normal(rng, N, T, I)}
            s["h0"] = normal(rng, N, D, P, scale=0.5) if "s" in options else None
            s["c0"] = normal(rng, N, D, H) if "s" in options and mode == "LSTM" else None
            for d in range(D):
                s[f"weight_ih {d}"] = normal(rng, rows, I, scale=1 / max(1, I) ** 0.5)
                s[f"weight_hh {d}"] = normal(rng, rows, P, scale=scale)
                for name in ("bias_ih", "bias_hh"):
                    s[f"{name} {d}"] = normal(rng, rows, scale=0.5) if "b" in options else None
                s[f"weight_hr {d}"] = normal(rng, P, H, scale=1 / H**0.5) if projected else None
            lengths = rng.integers(1, T + 1, N) if "l" in options.lower() else None
            s["lengths"] = np.sort(lengths)[::-1].copy() if "L" in options else lengths
            yield s | {"mode": mode, "batch_first": "f" in options}

    return inputs


def weights_of(s: Sample) -> list[list[Any]]:
    directions = sum(name.startswith("weight_ih") for name in s)
    return [[s[f"{name} {d}"] for name in WEIGHTS] for d in range(directions)]


def swapped(a: Any, swap: bool = True) -> Any:
    return a if a is None or not swap else np.ascontiguousarray(a.swapaxes(0, 1))


def arguments(s: Sample) -> dict[str, Any]:
    return {
        "mode": s["mode"], "x": swapped(s["x"], not s["batch_first"]), "h0": swapped(s["h0"]),
        "c0": swapped(s["c0"]), "weights": weights_of(s), "lengths": s["lengths"],
        "batch_first": s["batch_first"],
    }  # fmt: skip


def flat(parts: list[Any], n: int) -> np.ndarray:
    return np.concatenate([p.reshape(n, int(np.prod(p.shape[1:]))) for p in parts], axis=1)


def forward(k: Any, **s: Any) -> Arrays:
    y, h_n, c_n, _ = k.recurrent_forward(**arguments(s), training=False)
    parts = [swapped(y, not s["batch_first"]), swapped(h_n), swapped(c_n)]
    return (flat([p for p in parts if p is not None], s["x"].shape[0]),)


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    named = arguments(s)
    y, h_n, c_n, saved = k.recurrent_forward(**named, training=True)
    steps, states = np.split(dy, [y.size // max(1, len(dy))], axis=1)
    dh_n, dc_n = np.split(states, [h_n.size // max(1, len(dy))], axis=1)
    dy_steps = steps.reshape(len(dy), s["x"].shape[1], y.shape[2])
    grads = k.recurrent_backward(
        s["mode"],
        np.ascontiguousarray(swapped(dy_steps, not s["batch_first"])),
        swapped(dh_n.reshape(len(dy), *h_n.shape[::2])),
        None if c_n is None else swapped(dc_n.reshape(len(dy), *c_n.shape[::2])),
        *[named[name] for name in ("x", "h0", "c0", "weights", "lengths", "batch_first")],
        y,
        saved,
        (True, True, True),
    )
    found = {"x": swapped(grads[0], not s["batch_first"])}
    found |= {"h0": swapped(grads[1]), "c0": swapped(grads[2])}
    for d, of_direction in enumerate(grads[3]):
        found |= {f"{name} {d}": g for name, g in zip(WEIGHTS, of_direction, strict=True)}
    return {name: g for name, g in found.items() if s[name] is not None}


def terms(s: Sample) -> int:
    """Rounding errors of a step go into all later ones."""
    n, t = s["x"].shape[:2]
    return max(1, t) * max(1, n, *s["weight_ih 0"].shape)


def flops(s: Sample) -> int:
    n, t = s["x"].shape[:2]
    return sum(2 * n * t * (w[0].size + w[1].size) for w in weights_of(s))


def near_kink(s: Sample, step: float) -> bool:
    """A step's sum before its ReLU within reach of zero."""
    if s["mode"] != "RNN_RELU":
        return False
    for d, (w_ih, w_hh, b_ih, b_hh, _) in enumerate(weights_of(s)):
        h = np.zeros((len(s["x"]), w_hh.shape[1])) if s["h0"] is None else s["h0"][:, d]
        for t in list(range(s["x"].shape[1]))[:: -1 if d else 1]:
            z = s["x"][:, t] @ w_ih.T + h @ w_hh.T
            z = z if b_ih is None else z + b_ih + b_hh
            if np.any(np.abs(z) < 100 * step):
                return True
            runs = True if s["lengths"] is None else (t < s["lengths"])[:, None]
            h = np.where(runs, np.maximum(z, 0), h)
    return False


def row(mode: str, projected: bool = False) -> OpCase:
    return OpCase(
        f"recurrent {mode}" + " projected" * projected,
        forward,
        recurrent(mode, projected, SHAPES),
        recurrent(mode, projected, LARGE),
        flops=flops,
        reduced=terms,
        backward=backward,
        batched=("x", "h0", "c0", "lengths"),
        edges=(0, 1, 2, 7, 8, 9, 16, 17, 31, 33) if not projected else (0, 1, 2, 7, 8, 9, 16, 33),
        avoid=near_kink,
    )


def stacked(mode: str, shapes: tuple) -> Any:
    """Two layers; the upper one has its own weight_ih and the lower one's other weights."""
    below = recurrent(mode, False, tuple(shape for shape in shapes if "l" not in shape[5].lower()))

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for s in below(rng):
            weights = weights_of(s)
            n, (rows, units), directions = len(s["x"]), weights[0][1].shape, len(weights)
            for name in ("h0", "c0"):
                if s[name] is not None:
                    s[name] = normal(rng, n, 2 * directions, units, scale=0.5)
            width = directions * units
            for d in range(directions):
                s[f"above {d}"] = normal(rng, rows, width, scale=1 / width**0.5)
            yield s

    return inputs


def layers_of(s: Sample) -> list[list[list[Any]]]:
    below = weights_of(s)
    return [below, [[s[f"above {d}"], *w[1:]] for d, w in enumerate(below)]]


def of_stack(s: Sample, y: Any, h_n: Any, c_n: Any) -> Arrays:
    parts = [swapped(y, not s["batch_first"]), swapped(h_n), swapped(c_n)]
    return (flat([p for p in parts if p is not None], s["x"].shape[0]),)


def forward_stack(k: Any, **s: Any) -> Arrays:
    named = arguments(s)
    settings = {name: named[name] for name in ("mode", "x", "h0", "c0", "batch_first")}
    return of_stack(s, *k.recurrent_stack(layers=layers_of(s), **settings))


def forward_prepared(k: Any, **s: Any) -> Arrays:
    named = arguments(s)
    run = k.recurrent_prepared(named["mode"], layers_of(s), named["batch_first"])
    return of_stack(s, *run(named["x"], named["h0"], named["c0"]))


def stack_flops(s: Sample) -> int:
    n, t = s["x"].shape[:2]
    return sum(2 * n * t * (w[0].size + w[1].size) for layer in layers_of(s) for w in layer)


def stack_row(mode: str) -> OpCase:
    return OpCase(
        f"recurrent stack {mode}",
        forward_stack,
        stacked(mode, (*SHAPES, (0, 2, 3, 5, 2, "bs"), (0, 3, 2, 4, 1, "bf"))),
        stacked(mode, LARGE),
        flops=stack_flops,
        reduced=lambda s: 2 * terms(s) * max(1, s["above 0"].shape[1]),
        batched=("x", "h0", "c0"),
        edges=(0, 1, 2, 8, 9, 16, 17, 33),
    )


RECURRENT = [row(mode) for mode in GATES] + [row("LSTM", projected=True)]
RECURRENT += [stack_row(mode) for mode in GATES]
RECURRENT += [
    replace(stack_row(mode), name=f"prepared stack {mode}", forward=forward_prepared)
    for mode in GATES
]
