"""Row 94: a Boltzmann machine's samples, what it learns with hidden units, and annealing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classic import BoltzmannMachine
from ._registry import Result, at_least, below, demo, told

_UNITS, _SPINS, _GLASSES = 10, 16, 8
_PARITY = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])


def _draw(
    figure: Any, *, shares: tuple, curves: dict, trace: tuple, found: dict
) -> None:  # fmt: skip
    left, middle, right, last = figure.subplots(1, 4, width_ratios=[1, 1, 1.1, 1])
    exact, drawn = shares
    seen = drawn > 0
    left.loglog(exact[seen], drawn[seen], "C0.", ms=3)
    line = [exact[seen].min(), exact.max()]
    left.loglog(line, line, "k:", lw=1)
    left.set_xlabel("exact probability of a state")
    left.set_ylabel("share of the samples")
    left.set_title(f"Gibbs samples of {_UNITS} units", fontsize=10)
    for name, values in curves.items():
        middle.plot(values, label=name)
    middle.axhline(np.log(2), color="black", ls=":", lw=1, label="log 2")
    middle.set_ylim(0, None)
    middle.set_xlabel("steps")
    middle.set_ylabel("KL(data || machine), exact")
    middle.set_title("learning the parity of three bits", fontsize=10)
    middle.legend(fontsize=8)
    temperatures, energies, lowest = trace
    right.plot(temperatures, energies[1:, :12], "C0-", lw=0.6, alpha=0.6)
    right.axhline(lowest, color="C3", ls=":", label="ground state")
    right.set_xscale("log")
    right.invert_xaxis()
    right.set_xlabel("temperature, falling")
    right.set_ylabel("energy")
    right.set_title("annealing, 12 runs", fontsize=10)
    right.legend(fontsize=8)
    sweeps, rates, quenched = found["sweeps"], found["rates"], found["quenched"]
    last.semilogx(sweeps, rates, "o-", label="annealed")
    last.axhline(quenched, color="C7", ls="--", label="only ever downhill")
    last.set_ylim(0, 1.03)
    last.set_xlabel("sweeps of annealing")
    last.set_title("share of runs in the ground state", fontsize=10)
    last.legend(fontsize=8)


def _random_weights(n: int, rng: np.random.Generator) -> np.ndarray:
    w = np.triu(rng.normal(0, 1, (n, n)), 1)
    return w + w.T


def _samples(n_draws: int, seed: int, rng: np.random.Generator) -> tuple[float, tuple]:
    """KL(samples || exact distribution), and both."""
    machine = BoltzmannMachine(random_state=seed)
    machine.set_weights(_random_weights(_UNITS, rng), rng.normal(0, 0.5, _UNITS))
    exact = machine.probabilities()
    states = machine.sample(20_000, 50)
    counts = np.zeros(len(exact))
    powers = 1 << np.arange(_UNITS - 1, -1, -1)
    for _ in range(n_draws):
        counts += np.bincount(states.astype(np.int64) @ powers, minlength=len(exact))
        states = machine.gibbs(states, 5)
    drawn = counts / counts.sum()
    seen = drawn > 0
    return float((drawn[seen] * np.log(drawn[seen] / exact[seen])).sum()), (exact, drawn)


def _parity(n_hidden: int, method: str, n_steps: int, rate: float, seed: int) -> list[float]:
    """Exact KL on the way."""
    data = np.tile(_PARITY, (50, 1))
    machine = BoltzmannMachine(
        n_hidden, method=method, learning_rate=rate, init_std=1.0, n_chains=200, n_epochs=0,
        random_state=seed,
    ).fit(data)  # fmt: skip
    values = [machine.kl_divergence(data)]
    for _ in range(n_steps):
        machine.partial_fit(data)
        values.append(machine.kl_divergence(data))
    return values


def _annealing(
    sweeps: list, n_runs: int, seed: int, rng: np.random.Generator
) -> tuple[np.ndarray, float, tuple]:
    """Share of runs in the ground state, mean over machines: for each number of sweeps, and without
    noise; temperatures, energies and the least energy of one machine."""
    rates, quenched = np.zeros((_GLASSES, len(sweeps))), np.zeros(_GLASSES)
    numbers = np.arange(1 << _SPINS)
    states = (numbers[:, None] >> np.arange(_SPINS)) & 1
    for i in range(_GLASSES):
        glass = BoltzmannMachine(random_state=seed)
        w = _random_weights(_SPINS, rng)
        glass.set_weights(w, -0.5 * w.sum(axis=1))  # no unit prefers 0 or 1
        lowest = float(glass.energy(states).min())
        downhill = glass.energy(glass.anneal(n_runs, 30, start=1e-6, stop=1e-6))
        quenched[i] = (downhill < lowest + 1e-4).mean()
        for j, n in enumerate(sweeps):
            found = glass.energy(glass.anneal(n_runs, n, start=2.0, stop=0.04))
            rates[i, j] = (found < lowest + 1e-4).mean()
    trace = glass.temperatures_, glass.energy_trace_, lowest
    return rates.mean(axis=0), float(quenched.mean()), trace


@demo(
    94,
    name="boltzmann",
    title="A Boltzmann machine: samples, hidden units, annealing",
    bar="KL of Gibbs samples of 10 units to the exact distribution < 0.01; the exact KL of the "
    "parity of three bits falls below 0.25 with 4 hidden units (by Gibbs sampling: 0.4), and "
    "without them stays above 0.69; annealing finds the ground "
    "state of 16 units in at least 0.45 of runs (mean over 8 machines), and in 0.2 more than going "
    "downhill only",
    draw=_draw,
    size=(14, 4),
    seconds=(6, 2.3),
    source="Ackley, Hinton, Sejnowski 1985, doi:10.1207/s15516709cog0901_7; Kirkpatrick, Gelatt, "
    "Vecchi 1983, doi:10.1126/science.220.4598.671",
)
def boltzmann(quick: bool, seed: int) -> Result:
    """A Boltzmann machine is a Hopfield network with noise: it visits its states as often as
    Boltzmann's law says, and cooled slowly it finds the lowest valley where going downhill stops in
    the nearest. With hidden units it learns a pattern that pairs of visible units cannot hold, the
    parity of three bits.

    It is often called a Hopfield network that learns; the point of 1985 is its hidden units. Each
    two of three bits of even parity are independent, so visible units alone, tied in pairs, learn
    nothing: log 2 stays. Hidden units make it possible, by a rule that looks at two neighbours at a
    time.
    """
    rng = np.random.default_rng(seed)
    kl, shares = _samples(10 if quick else 40, seed, rng)
    n_steps = 1000 if quick else 2500
    curves = {
        "no hidden units": _parity(0, "exact", n_steps, 0.5, seed),
        "4 hidden, exact": _parity(4, "exact", n_steps, 0.5, seed),
        "4 hidden, Gibbs": _parity(4, "gibbs", n_steps, 0.3, seed),
    }

    sweeps = [1, 3, 10, 30, 100] if quick else [1, 3, 10, 30, 100, 300]
    rates, quenched, trace = _annealing(sweeps, 60 if quick else 200, seed, rng)
    return Result(
        (
            below("samples: KL to the exact distribution", kl, 0.01),
            at_least("parity, no hidden units: KL", curves["no hidden units"][-1], 0.69),
            told("parity, 4 hidden, exact: KL at the start", curves["4 hidden, exact"][0]),
            below("parity, 4 hidden, exact: KL", curves["4 hidden, exact"][-1], 0.25),
            below("parity, 4 hidden, Gibbs: KL", curves["4 hidden, Gibbs"][-1], 0.4),
            at_least("annealed: runs in the ground state", float(rates[-1]), 0.45),
            at_least("annealed: lead over downhill only", float(rates[-1]) - quenched, 0.2),
        ),
        {
            "shares": shares,
            "curves": curves,
            "trace": trace,
            "found": {"sweeps": sweeps, "rates": rates, "quenched": quenched},
        },
    )
