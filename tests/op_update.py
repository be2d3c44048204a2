"""Rows of optimizer steps for tests/op_table.py."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from op_case import OpCase, stepped
from op_inputs import SHAPES, SHAPES_LARGE, Sample, normal

Inputs = Callable[[np.random.Generator], Iterator[Sample]]


def arrays(rng: np.random.Generator, sizes: tuple, positive: bool = False) -> list[np.ndarray]:
    found = [normal(rng, *np.atleast_1d(n)) for n in sizes]
    for x in found:
        if x.size > 1:  # both signs
            x.flat[0], x.flat[-1] = abs(x.flat[0]), -abs(x.flat[-1])
    return [x * x for x in found] if positive else found


def zeros(value: float = 0.0) -> list[np.ndarray]:
    return [np.full(np.atleast_1d(n), value, np.float32) for n in SHAPES]


# rule: (states and whether they are >= 0, other arguments, flops an element)
DECAY = {"weight_decay": 0.0, "l1_decay": 0.0, "maximize": False}
MOMENTS = {"ms": False, "vs": True}
ADAM = {"step": 3, "lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8} | DECAY
RULES: dict[str, tuple[dict[str, bool], dict[str, Any], int]] = {
    "sgd": (
        {"buffers": False},
        {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "first": False} | DECAY,
        6,
    ),
    "adam": (MOMENTS, ADAM | {"max_vs": None, "decoupled": False}, 14),
    "nadam": (
        MOMENTS,
        ADAM | {"decoupled": False, "momentum_decay": 0.004, "mu_product": 0.3},
        16,
    ),
    "radam": (MOMENTS, ADAM | {"decoupled": False, "step": 60}, 13),
    "adamax": ({"ms": False, "us": True}, ADAM, 10),
    "rmsprop": (
        {"vs": True, "means": False, "buffers": False},
        {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0} | DECAY,
        12,
    ),
    "adagrad": ({"sums": True}, {"step": 3, "lr": 0.01, "lr_decay": 0.0, "eps": 1e-10} | DECAY, 8),
    "adadelta": ({"vs": True, "deltas": True}, {"lr": 1.0, "rho": 0.9, "eps": 1e-6} | DECAY, 14),
    "rprop": (
        {"prevs": False, "sizes": True},
        {"eta_minus": 0.5, "eta_plus": 1.2, "smallest": 1e-6, "largest": 50.0}
        | {"l1_decay": 0.0, "maximize": False},
        8,
    ),
    "lion": ({"ms": False}, {"lr": 0.001, "beta1": 0.9, "beta2": 0.99} | DECAY, 9),
}


def sample(rule: str, rng: np.random.Generator, sizes: tuple, settings: dict[str, Any]) -> Sample:
    states, rest, _ = RULES[rule]
    made = {"params": arrays(rng, sizes), "grads": arrays(rng, sizes)}
    made |= {name: arrays(rng, sizes, positive) for name, positive in states.items()}
    # Where a divisor is the small rest of large terms, rounding is all that could be compared.
    if rule == "rmsprop":
        made["vs"] = [
            v + 2 * c * c + np.float32(0.1) for v, c in zip(made["vs"], made["means"], strict=True)
        ]
    if rule == "adamax":
        made["us"] = [u + np.float32(0.1) for u in made["us"]]
    return made | rest | settings


def some(rule: str, *settings: dict[str, Any]) -> Inputs:
    """A sample for each of the settings, decays, the largest step, and no parameters at all."""

    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        for setting in settings:
            yield sample(rule, rng, SHAPES, setting)
        params = arrays(rng, SHAPES)
        params[2][0] = 0.0  # where |p| has no derivative it adds nothing
        yield sample(rule, rng, SHAPES, {"params": params, "l1_decay": 0.3})
        for decay in ("l1_decay",) if rule == "rprop" else ("weight_decay", "l1_decay"):
            yield sample(rule, rng, SHAPES, {decay: 0.2, "maximize": True})
        yield sample(rule, rng, (), {})

    return inputs


def large(rule: str, setting: dict[str, Any]) -> Inputs:
    def inputs(rng: np.random.Generator) -> Iterator[Sample]:
        yield sample(rule, rng, SHAPES_LARGE, setting)

    return inputs


def row(rule: str, settings: tuple[dict[str, Any], ...], big: dict[str, Any]) -> OpCase:
    cost = RULES[rule][2]
    return OpCase(
        f"{rule}_step",
        stepped(f"{rule}_step"),
        some(rule, *settings),
        large(rule, big),
        flops=lambda s: cost * sum(p.size for p in s["params"]),
    )


UNSET = zeros(np.nan)  # what a first step must not read
NEW = {"ms": zeros(), "vs": zeros(), "step": 1}
DECOUPLED = {"decoupled": True, "weight_decay": 0.1, "l1_decay": 0.05}
UPDATES = [
    row(
        "sgd",
        (
            {"buffers": None},
            {"buffers": None, "maximize": True, "weight_decay": 0.2},
            {"buffers": UNSET, "momentum": 0.9, "first": True},
            {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
            {"momentum": 0.8, "nesterov": True, "l1_decay": 0.01, "maximize": True},
        ),
        {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    ),
    row(
        "adam",
        (
            {},
            NEW,
            {"weight_decay": 0.1, "l1_decay": 0.2, "maximize": True, "step": 10**6},
            {"beta1": 0.0, "beta2": 0.5, "eps": 1.0, "lr": 3.0},
            {"max_vs": zeros(0.5), "step": 7},
            DECOUPLED,
        ),
        {"weight_decay": 0.01},
    ),
    row(
        "nadam",
        ({}, NEW | {"mu_product": 1.0}, DECOUPLED, {"momentum_decay": 0.5, "eps": 1.0}),
        {"weight_decay": 0.01},
    ),
    row(
        "radam",
        ({}, NEW, DECOUPLED, {"step": 5}, {"step": 6}, {"step": 10**6, "beta2": 0.9}),
        {"weight_decay": 0.01},
    ),
    row(
        "adamax",
        ({}, {"ms": zeros(), "us": zeros(), "step": 1}, {"beta2": 0.5, "eps": 0.1}),
        {"weight_decay": 0.01},
    ),
    row(
        "rmsprop",
        (
            {"means": None, "buffers": None},
            {"means": None, "momentum": 0.9},
            {"buffers": None, "eps": 1e-2},
            {"momentum": 0.5, "alpha": 0.9},
            # a mean beyond the root of the mean square: v - c^2 counts as 0
            {"vs": zeros(), "means": zeros(2.0), "buffers": None, "eps": 1.0},
        ),
        {"means": None, "momentum": 0.9, "weight_decay": 0.01},
    ),
    row(
        "adagrad",
        ({}, {"sums": zeros(), "step": 1}, {"lr_decay": 0.1, "step": 100}),
        {"weight_decay": 0.01},
    ),
    row("adadelta", ({}, {"vs": zeros(), "deltas": zeros()}, {"rho": 0.5, "eps": 0.1}), {}),
    row(
        "rprop",
        (
            {},
            {"prevs": zeros(), "sizes": zeros(0.01)},
            {"smallest": 0.5, "largest": 0.75},
            {"eta_minus": 0.1, "eta_plus": 10.0},
        ),
        {},
    ),
    row("lion", ({}, {"ms": zeros()}, {"beta1": 0.5, "beta2": 0.0, "lr": 1.0}), {}),
]
