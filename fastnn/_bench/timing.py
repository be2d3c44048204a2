"""The one timing loop: contenders take turns, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

SPINNERS = ("numpy", "sklearn", "reference")  # OpenBLAS: its idle threads spin for long
REST = 0.04  # seconds before a turn: idle threads of OpenBLAS spin for some 25 ms after their work


@dataclass
class Result:
    """Times of one case: seconds per call of each contender, round by round."""

    case: str
    threads: int
    flops: float = 0.0
    times: dict[str, list[float]] = field(default_factory=dict)
    beside: list[float] = field(default_factory=list)  # fastnn's, next to SPINNERS
    bar: float | None = None  # what best_ratio() should reach

    def median(self, name: str = "fastnn") -> float:
        """Median seconds per call."""
        return statistics.median(self.times[name])

    def ratio(self, peer: str) -> float:
        """Median over the rounds of peer's time / fastnn's: above 1, fastnn is faster."""
        ours = self.beside if peer in SPINNERS else self.times["fastnn"]
        pairs = zip(self.times[peer], ours, strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def peers(self) -> list[str]:
        """Names of all others that count (the reference does not), the fastest first."""
        names = [name for name in self.times if name not in ("fastnn", "reference")]
        return sorted(names, key=self.ratio)

    def best_ratio(self) -> float | None:
        """The ratio to the fastest peer, or None without peers."""
        return self.ratio(self.peers()[0]) if self.peers() else None

    def gflops(self) -> float:
        """GFLOP/s of fastnn."""
        return self.flops / self.median() / 1e9


def measure(
    case: str, threads: int, contenders: dict[str, Callable[[], Any]], flops: float, rounds: int
) -> Result:
    """All in turns; those whose threads go on spinning in a second group, where they disturb only
    the fastnn that they are compared with."""
    first = {name: run for name, run in contenders.items() if name not in SPINNERS}
    second = {name: run for name, run in contenders.items() if name in SPINNERS or name == "fastnn"}
    times = interleaved(first, rounds=rounds)
    if len(second) == 1:
        return Result(case, threads, flops, times)
    beside = interleaved(second, rounds=rounds)
    return Result(case, threads, flops, {**beside, **times}, beside["fastnn"])


def interleaved(
    contenders: dict[str, Callable[[], Any]], *, rounds: int = 15, seconds: float = 0.02
) -> dict[str, list[float]]:
    """Seconds per call of each contender in each round; a turn lasts about `seconds`."""
    calls = {}
    for name, run in contenders.items():
        duration(run, 1)
        first = duration(run, 1)
        n = max(1, min(20, int(0.2 * seconds / max(first, 1e-9))))
        calls[name] = max(1, int(seconds / max(duration(run, n) / n, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run, n = contenders[name], calls[name]
            time.sleep(REST)
            duration(run, 1)
            times[name].append(duration(run, n) / n)
    return times


def duration(run: Callable[[], Any], n: int) -> float:
    """Seconds of n calls; a contender in another process times its own (`worker.Remote`)."""
    timed = getattr(run, "seconds", None)
    if timed is not None:
        return timed(n)
    start = time.perf_counter()
    for _ in range(n):
        run()
    return time.perf_counter() - start


@contextlib.contextmanager
def limited(n: int) -> Iterator[None]:
    """n threads for fastnn and, where they are loaded, PyTorch and NumPy's BLAS."""
    import sys

    import fastnn

    with contextlib.ExitStack() as stack:
        stack.enter_context(fastnn.threads(n))
        with contextlib.suppress(ImportError):
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(n, user_api="blas"))
        if "torch" in sys.modules:
            torch: Any = sys.modules["torch"]
            before = torch.get_num_threads()
            torch.set_num_threads(n)
            stack.callback(torch.set_num_threads, before)
        yield


def table(results: list[Result], peak: Callable[[int], float | None] | None = None) -> str:
    """One line per case: fastnn's time, GFLOP/s, share of the peak, the best peer with its time,
    the ratio to it and the bar of that ratio, then the ratios to the other peers."""
    width = max([len(r.case) for r in results] + [30]) + 1
    head = f"{'case':<{width}}{'threads':>8}{'µs':>11}{'GFLOP/s':>9}{'of peak':>8}"
    lines = [f"{head}  {'best peer':<16}{'µs':>11}{'ratio':>7}{'bar':>6}    the others"]
    for r in results:
        top = peak(r.threads) if peak and r.flops else None
        line = f"{r.case:<{width}}{r.threads:>8}{r.median() * 1e6:>11.1f}"
        line += f"{r.gflops():>9.1f}" if r.flops else f"{'':>9}"
        line += f"{r.gflops() / top:>8.0%}" if top else f"{'':>8}"
        peers = r.peers()
        if peers:
            best = r.ratio(peers[0])
            line += f"  {peers[0]:<16}{r.median(peers[0]) * 1e6:>11.1f}{best:>7.2f}"
            below = r.bar is not None and best < r.bar
            line += f"{r.bar:>6.2f}{' <' if below else '  '}  " if r.bar else f"{'':>10}"
        others = [*peers[1:], *(["reference"] if "reference" in r.times else [])]
        line += ", ".join(f"{name} {r.ratio(name):.2f}" for name in others)
        lines.append(line.rstrip())
    lines.append("ratio: median of the peer's time / fastnn's in turns; above 1 fastnn is faster")
    if any(r.bar is not None for r in results):
        lines.append("<: below the bar")
    return "\n".join(lines)


def means(results: list[Result], families: Iterable[str]) -> str:
    """Geometric means of the ratios to the best peer, by family (how a case begins) and threads."""
    lines = []
    for family in families:
        for threads in sorted({r.threads for r in results}):
            found = [
                ratio
                for r in results
                if r.case.startswith(family) and r.threads == threads and (ratio := r.best_ratio())
            ]
            if found:
                mean = math.exp(sum(map(math.log, found)) / len(found))
                lines.append(
                    f"{family}, {threads} threads: geometric mean {mean:.2f}, least "
                    f"{min(found):.2f}, of {len(found)} cases"
                )
    return "\n".join(lines)
