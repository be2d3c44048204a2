"""Row 65: two threads and vector instructions: sooner done, the same bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from .. import functional, get_num_threads, manual_seed, optim, randn, show_config, threads
from ..models import MLP
from ._registry import Result, above, demo, exactly, told

_BATCH = 256


def _draw(figure: Any, *, seconds: dict, levels: dict, losses: dict) -> None:
    left, middle, right = figure.subplots(1, 3)
    for axes, times, title in (
        (left, seconds, "threads, widest instructions"),
        (middle, levels, "instructions, one thread"),
    ):
        milliseconds = [1e3 * t for t in times.values()]
        axes.bar_label(axes.bar(list(times), milliseconds, 0.6), fmt="%.1f ms")
        axes.set_ylim(0, 1.15 * max(milliseconds))
        axes.set_ylabel("one step of training, ms")
        axes.set_title(title, fontsize=10)
    for (name, values), style in zip(losses.items(), ("o", "-"), strict=True):
        right.plot(values, style, mfc="none", label=name)
    right.set_xlabel("step")
    right.set_ylabel("loss")
    right.set_title("the same numbers, to the last bit", fontsize=10)
    right.legend(fontsize=9)


def train(n_steps: int, seed: int) -> tuple[float, list[float], str]:
    """Steps of an MLP in which products of matrices take most time: seconds of the quickest step,
    losses, and a digest of all parameters at the end."""
    manual_seed(seed)
    x, y = randn(_BATCH, 512), randn(_BATCH, 512)
    model = MLP(512, [512, 512], 512)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    times, losses = [], []
    for _ in range(n_steps):
        start = time.perf_counter()
        loss = functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        times.append(time.perf_counter() - start)
    digest = hashlib.sha256()
    for p in model.parameters():
        digest.update(p.detach().numpy().tobytes())
    return min(times), losses, digest.hexdigest()


def _on_level(level: str, n_steps: int, seed: int) -> tuple[float, str]:
    """`train` by one thread in a process that has instructions of that level only: the level is
    chosen once, when the library is imported."""
    code = (
        "import fastnn\nfrom fastnn.demos import parallel as p\n"
        f"with fastnn.threads(1): t, _, d = p.train({n_steps}, {seed})\nprint(t, d)"
    )
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    env = {**os.environ, "FASTNN_ISA": level, "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, check=True, capture_output=True, text=True
    )
    seconds, digest = run.stdout.split()
    return float(seconds), digest


@demo(
    65,
    name="parallel",
    title="Threads and vector instructions: sooner, and the same bits",
    bar="training on 1 and on 2 threads gives the same parameters and losses to the last bit, and "
    "the loss falls; times are told, not judged, as they depend on the machine",
    draw=_draw,
    size=(13, 4),
    seconds=(4, 2),
    source="Goto and van de Geijn 2008, doi:10.1145/1356052.1356053; Demmel and Nguyen 2013, "
    "doi:10.1109/ARITH.2013.9 (reproducible sums)",
)
def parallel(quick: bool, seed: int) -> Result:
    """The units of a layer do not wait for each other, so they can be shared out among processors
    and computed several at a time. That can make training faster, and here it gives the same result
    to the last bit on one thread or two.

    Threads take shares of the outputs, vector instructions 4 to 16 products at a time. Sums of
    floats depend on their order, so that many libraries give other bits on other thread counts;
    here each order is fixed for a level of instructions; another level may round otherwise.
    """
    n_steps = 8 if quick else 40
    found = {}
    for n in (1, 2):
        with threads(n):
            found[n] = train(n_steps, seed), get_num_threads()
    (one, _), (two, used) = found[1], found[2]
    names = [name.strip() for name in str(show_config()["levels that run here"]).split(",")]
    both = dict.fromkeys((names[-1], names[0]))  # the plainest and the widest
    levels = {name: _on_level(name, 3 if quick else 10, seed) for name in both}
    slow, fast = levels[names[-1]], levels[names[0]]
    return Result(
        (
            exactly("threads that the second run had", used, 2),
            exactly("1 and 2 threads: the same parameters", float(one[2] == two[2]), 1),
            exactly("losses that differ", sum(np.array(one[1]) != np.array(two[1])), 0),
            above("fall of the loss", one[1][0] - one[1][-1], 0),
            told("2 threads: times as fast", one[0] / two[0]),
            told(f"{names[0]} against {names[-1]}: times as fast", slow[0] / fast[0]),
            told("the same parameters by both (1: yes)", float(slow[1] == fast[1])),
        ),
        {
            "seconds": {"1 thread": one[0], "2 threads": two[0]},
            "levels": {name: t for name, (t, _) in levels.items()},
            "losses": {"1 thread": one[1], "2 threads": two[1]},
        },
    )
