"""The one timing loop: contenders take turns, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
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

    def median(self, name: str = "fastnn") -> float:
        """Median seconds per call."""
        return statistics.median(self.times[name])

    def ratio(self, peer: str) -> float:
        """Median over the rounds of peer's time / fastnn's: above 1, fastnn is faster."""
        ours = self.beside if peer in SPINNERS else self.times["fastnn"]
        pairs = zip(self.times[peer], ours, strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def best_ratio(self) -> float | None:
        """The ratio to the fastest peer, or None without peers (the reference is none)."""
        peers = [name for name in self.times if name not in ("fastnn", "reference")]
        return min(map(self.ratio, peers)) if peers else None

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
        run()
        start = time.perf_counter()
        run()
        first = time.perf_counter() - start
        start = time.perf_counter()
        n = max(1, min(20, int(0.2 * seconds / max(first, 1e-9))))
        for _ in range(n):
            run()
        calls[name] = max(1, int(seconds / max((time.perf_counter() - start) / n, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            run, n = contenders[name], calls[name]
            time.sleep(REST)
            run()
            start = time.perf_counter()
            for _ in range(n):
                run()
            times[name].append((time.perf_counter() - start) / n)
    return times


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
    """One line per case: fastnn's time, GFLOP/s, share of the peak, and the ratio to each peer."""
    peers = sorted({name for r in results for name in r.times if name != "fastnn"})
    head = f"{'case':<34}{'threads':>8}{'µs':>11}{'GFLOP/s':>9}{'of peak':>8}"
    lines = [head + "".join(f"{'/ ' + peer:>15}" for peer in peers)]
    for r in results:
        top = peak(r.threads) if peak and r.flops else None
        line = f"{r.case:<34}{r.threads:>8}{r.median() * 1e6:>11.1f}"
        line += f"{r.gflops():>9.1f}" if r.flops else f"{'':>9}"
        line += f"{r.gflops() / top:>8.0%}" if top else f"{'':>8}"
        for peer in peers:
            line += f"{r.ratio(peer):>15.2f}" if peer in r.times else f"{'':>15}"
        lines.append(line)
    lines.append("/ peer: median of its time over fastnn's in turns; above 1 fastnn is faster")
    return "\n".join(lines)
