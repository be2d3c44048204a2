"""Row 201: reservoirs. One goes on with a chaotic series, one of spiking neurons tells patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets
from ..classic import EchoStateNetwork, LiquidStateMachine
from ._registry import Result, at_least, at_most, demo, told

_AHEAD = 84  # steps at which the literature compares forecasts of this series
_SEGMENT = 50  # steps of a spike pattern; two make a trial
_CHANNELS = 4


def _draw(figure: Any, *, free: np.ndarray, true: np.ndarray, past: np.ndarray, trial: np.ndarray,
          spikes: np.ndarray, scores: dict) -> None:  # fmt: skip
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.2])
    axes = top.subplots()
    axes.plot(range(-len(past), 0), past, color="grey", label="heard")
    axes.plot(true, color="black", lw=3, alpha=0.4, label="what happened")
    axes.plot(free, color="C3", lw=1, label="echo state network, fed by its own outputs")
    axes.axvline(_AHEAD, color="C0", ls=":", lw=1, label=f"{_AHEAD} steps: where it is judged")
    axes.set_title("the reservoir goes on with the chaotic Mackey-Glass series", fontsize=10)
    axes.set_xlabel("steps after the last value that it heard")
    axes.set_ylim(bottom=0.2)
    axes.legend(fontsize=8, ncols=4, loc="lower left")
    axes.margins(x=0.01)
    left, right = bottom.subplots(1, 2, width_ratios=[2.2, 1])
    inputs, liquid = (np.nonzero(a) for a in (trial, spikes))
    left.scatter(liquid[0], liquid[1], s=3, color="black", label="liquid")
    left.scatter(inputs[0], -6 - 4 * inputs[1], s=14, marker="|", color="C3", label="input")
    left.axvline(_SEGMENT, color="grey", ls=":")
    left.set_title("a trial: two spike patterns, and the spikes of the liquid", fontsize=10)
    left.set_xlabel("milliseconds")
    left.set_ylabel("neuron")
    left.set_xlim(right=2.3 * _SEGMENT)
    left.legend(fontsize=8, loc="upper right")
    bars = right.barh(list(scores), list(scores.values()), color=["C7", "C0", "C3"])
    right.bar_label(bars, fmt="%.2f", fontsize=8)
    right.axvline(0.5, color="black", ls=":", lw=1)
    right.set_xlim(0, 1.15)
    right.set_title("share of trials told right: was just one\nof the two patterns of the second "
                    "kind?", fontsize=10)  # fmt: skip


def _trials(
    patterns: np.ndarray, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Trials (n, 2 segments, channels) of a pattern (segment, kind) each, their spikes moved by
    about a millisecond, and the exclusive or of the two kinds."""
    kinds = rng.integers(0, 2, (n, 2))
    x = np.zeros((n, 2 * _SEGMENT, _CHANNELS), np.float32)
    for i, part in np.ndindex(n, 2):
        t, channel = np.nonzero(patterns[part, kinds[i, part]])
        moved = np.rint(t + rng.standard_normal(len(t))).astype(int)
        x[i, part * _SEGMENT + np.clip(moved, 0, _SEGMENT - 1), channel] = 1
    return x, kinds[:, 0] ^ kinds[:, 1]


def _filtered(x: np.ndarray, tau: float) -> np.ndarray:
    """What is left at the end of the trials x (n, T, channels) of spikes that fade."""
    fading = np.exp(-np.arange(x.shape[1])[::-1] / tau)
    return np.einsum("ntc,t->nc", x, fading)


def _linear(z: np.ndarray, labels: np.ndarray) -> Any:
    """The classifier by least squares on z (n, features)."""
    ones = np.ones((len(z), 1))
    weights = np.linalg.lstsq(np.hstack([z, ones]), 2 * labels - 1, rcond=None)[0]
    return lambda z: (z @ weights[:-1] + weights[-1] > 0).astype(int)


@demo(
    201,
    name="reservoir",
    title="Reservoirs: an echo state network and a liquid state machine",
    bar="beyond the list: 84 steps ahead in a closed loop, error of the echo state network at most "
    "0.01 standard deviations (quick: 0.02); liquid state machine at least 0.85 where its filtered "
    "inputs alone stay at 0.8 or below",
    draw=_draw,
    size=(12, 7.5),
    seconds=(6, 2),
    source="Jaeger and Haas 2004, doi:10.1126/science.1091277; Maass, Natschlaeger, Markram 2002, "
    "doi:10.1162/089976602760407955",
)
def reservoir(quick: bool, seed: int) -> Result:
    """A recurrent network drawn at random and never trained holds echoes of its past, and fitting
    only a linear readout of them is enough to continue a chaotic series. A network of spiking
    neurons used the same way answers a question about its inputs' past that a linear readout of the
    inputs alone cannot.

    Nothing is propagated back in time, so nothing vanishes or explodes. A spectral radius below 1
    is often said to be what makes it work: it is neither necessary nor sufficient. The liquid's
    spikes make a question linear that is not so in its inputs, the exclusive or of what came first
    and what came then: filtered inputs are sums of what each left, and from a sum a linear readout
    gets three of the four cases right, 0.75, at best. It need not be the ripples from neuron to
    neuron: here the neurons do as well if not joined.
    """
    n_train = 2000 if quick else 4000
    series = datasets.mackey_glass(n_train + 2500, discard=200)
    mean, sd = series[:n_train].mean(), series[:n_train].std()
    x = series - mean
    model = EchoStateNetwork(200 if quick else 500, leak=0.4, alpha=1e-9, random_state=seed)
    model.fit(x[: n_train - 1], x[1:n_train])
    errors = []
    starts = range(n_train + 500, len(x) - _AHEAD, 200)
    for start in starts:  # each time from 500 values that it was not trained with
        found = model.generate(x[start - 500 : start], _AHEAD)
        errors.append(found[-1] - x[start + _AHEAD - 1])
    error = float(np.sqrt(np.mean(np.square(errors)))) / sd
    at = starts[0]
    free = model.generate(x[at - 500 : at], 1000)

    rng = np.random.default_rng(seed)
    patterns = rng.random((2, 2, _SEGMENT, _CHANNELS)) < 0.06
    trials, labels = _trials(patterns, 500 if quick else 2000, rng)
    others, truth = _trials(patterns, 500, rng)
    liquid = LiquidStateMachine(input_scale=0.5, random_state=seed)
    score = liquid.fit(trials, labels).score(others, truth)
    still = liquid.get_params() | {"recurrent_scale": 0.0}
    apart = LiquidStateMachine(**still).fit(trials, labels).score(others, truth)
    alone = _linear(_filtered(trials, liquid.tau_readout), labels)
    alone_score = float((alone(_filtered(others, liquid.tau_readout)) == truth).mean())
    return Result(
        (
            at_most(f"echo states: error {_AHEAD} steps ahead, sd", error, 0.02 if quick else 0.01),
            told("echo states: forecasts judged", len(errors)),
            at_least("liquid: told right", score, 0.85),
            at_most("filtered inputs alone: told right", alone_score, 0.8),
            told("liquid without recurrent connections", apart),
            told("spikes a neuron and second", float(liquid.spikes(others[:50]).mean() * 1000)),
        ),
        {
            "free": free + mean,
            "true": series[at : at + len(free)],
            "past": series[at - 200 : at],
            "trial": others[0] > 0,
            "spikes": liquid.spikes(others[:1])[0],
            "scores": {
                "filtered inputs": alone_score,
                "neurons, not joined": apart,
                "liquid": score,
            },
        },
    )
