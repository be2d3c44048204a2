"""Rows of tests/op_table.py: scaled dot-product attention."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from op_case import Arrays, OpCase
from op_inputs import Sample, normal

# N, H, key heads, Tq, Tk, E, V, options: c causal, b boolean mask, a added mask (n, h, r: its
# batch, heads, rows of size 1), d dropout
SHAPES = (
    (1, 1, 1, 1, 1, 1, 1, ""),
    (0, 2, 2, 3, 4, 5, 6, ""),
    (2, 3, 3, 7, 9, 8, 8, ""),
    (2, 2, 2, 0, 5, 4, 3, "c"),
    (2, 1, 1, 5, 0, 4, 3, ""),
    (1, 2, 2, 6, 17, 0, 2, ""),
    (2, 2, 2, 8, 7, 16, 31, "b"),
    (2, 4, 2, 15, 16, 9, 7, "c"),
    (3, 2, 1, 16, 15, 17, 33, "bh"),
    (2, 3, 3, 17, 31, 5, 9, "ar"),
    (1, 2, 2, 33, 9, 8, 16, "ah"),
    (1, 6, 2, 12, 65, 8, 8, "ad"),
    (2, 2, 2, 9, 130, 7, 5, "brd"),
    (1, 2, 2, 13, 11, 6, 15, "cb"),
    (2, 1, 1, 97, 33, 4, 17, "c"),
    (1, 2, 2, 100, 259, 8, 9, "a"),
    (1, 1, 1, 193, 300, 9, 8, "c"),
    (2, 2, 1, 40, 257, 8, 8, "bn"),
    (1, 1, 1, 31, 600, 16, 7, "d"),
)
LARGE = (
    (2, 4, 4, 200, 300, 32, 40, "cd"),
    (2, 2, 1, 300, 530, 33, 32, "b"),
    (2, 1, 1, 500, 520, 32, 31, "c"),
    (2, 8, 2, 128, 128, 64, 64, "a"),
)
NAMES = ("q", "keys", "v", "mask")


def a_mask(rng: np.random.Generator, shape: tuple, options: str) -> Any:
    """Some queries that may see nothing among them."""
    sizes = [1 if letter in options else n for letter, n in zip("nhr", shape[:3], strict=True)]
    if "a" in options:
        return normal(rng, *sizes, shape[3])
    if "b" not in options:
        return None
    keep = rng.random((*sizes, shape[3])) < 0.7
    if "r" not in options:
        keep[..., ::5, :] = False
    return keep


def inputs(shapes: tuple) -> Any:
    def samples(rng: np.random.Generator) -> Iterator[Sample]:
        for N, H, G, Tq, Tk, E, V, options in shapes:
            s: Sample = {"q": normal(rng, N, H, Tq, E), "keys": normal(rng, N, G, Tk, E)}
            s["v"] = normal(rng, N, G, Tk, V)
            s["mask"] = a_mask(rng, (N, H, Tq, Tk), options)
            s |= {"is_causal": "c" in options, "scale": 1 / max(1, E) ** 0.5}
            yield s | {"dropout_p": 0.3 * ("d" in options), "key": 7, "offset": 32}

    return samples


def forward(k: Any, **s: Any) -> Arrays:
    return (k.attention_forward(*s.values())[0],)


def backward(k: Any, s: Sample, out: Arrays, dy: np.ndarray) -> dict[str, np.ndarray]:
    y, lse = k.attention_forward(*s.values())
    rest = list(s.values())[3:]
    added = s["mask"] is not None and s["mask"].dtype.kind == "f"
    needs = True, True, True, added
    grads = k.attention_backward(dy, s["q"], s["keys"], s["v"], y, lse, *rest, needs)
    found = {name: g for name, g in zip(NAMES, grads, strict=True) if g is not None}
    if added:
        repeated = tuple(i for i, n in enumerate(s["mask"].shape) if n == 1)
        total = found["mask"].sum(repeated, dtype=np.float64, keepdims=True)
        found["mask"] = total.reshape(s["mask"].shape).astype(dy.dtype)
    return found


def terms(s: Sample) -> int:
    """A score's terms, then the keys or queries that a gradient adds up."""
    (n, h, t_q, e), t_k = s["q"].shape, s["keys"].shape[2]
    return max(1, e) * max(1, n, t_q * h, t_k)


def flops(s: Sample) -> int:
    return int(2 * s["q"].size * s["keys"].shape[2] + 2 * s["q"].shape[2] * s["v"].size)


ATTENTION = [
    OpCase(
        "attention",
        forward,
        inputs(SHAPES),
        inputs(LARGE),
        flops=flops,
        reduced=terms,
        backward=backward,
        batched=("q", "keys", "v", "mask"),
        edges=(0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 65, 97, 257),
    )
]
