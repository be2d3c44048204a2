"""The one timing loop: contenders take turns, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# OpenBLAS and ONNX Runtime: their idle threads spin for long, 25 to over 40 ms after their work.
SPINNERS = ("numpy", "sklearn", "reference", "onnxruntime")
REST, LONG_REST = 0.04, 0.15  # seconds before a turn, the second one among SPINNERS
# Means are taken over the cases that begin so; the bar of some.
FAMILIES: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ("gemm", "conv_fwd", "conv_bwd", "dwconv")},
    "all convolutions": ("conv_fwd", "conv_bwd", "dwconv"),
    **{name: (name,) for name in ("maxpool", "avgpool", "lstm", "gru")},
    "all recurrent layers": ("lstm", "gru"),
    **{name: (name,) for name in ("T", "I")},
}
MEAN_BARS = {"all convolutions": 1.25, "all recurrent layers": 1.4}
# Shown, but no peers: the NumPy reference, and networks that are not frozen.
ASIDE = ("reference", "fastnn eager")


@dataclass
class Result:
    """Times of one case: seconds per call of each contender, round by round."""

    case: str
    threads: int
    flops: float = 0.0
    times: dict[str, list[float]] = field(default_factory=dict)
    beside: list[float] = field(default_factory=list)  # fastnn's, next to SPINNERS
    bar: float | dict[str, float] | None = None  # that ratios should reach; by how a peer begins

    def median(self, name: str = "fastnn") -> float:
        """Median seconds per call."""
        return statistics.median(self.times[name])

    def ratio(self, peer: str) -> float:
        """Median over the rounds of peer's time / fastnn's: above 1, fastnn is faster."""
        ours = self.beside if peer in SPINNERS else self.times["fastnn"]
        pairs = zip(self.times[peer], ours, strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def peers(self) -> list[str]:
        """Names of all others that count (those in ASIDE do not), the fastest first."""
        names = [name for name in self.times if name != "fastnn" and name not in ASIDE]
        return sorted(names, key=self.ratio)

    def best_ratio(self) -> float | None:
        """The ratio to the fastest peer, or None without peers."""
        return self.ratio(self.peers()[0]) if self.peers() else None

    def bar_of(self, peer: str) -> float | None:
        """The bar of the ratio to a peer."""
        if not isinstance(self.bar, dict):
            return self.bar
        found = [start for start in self.bar if peer.startswith(start)]
        return self.bar[max(found, key=len)] if found else None

    def missed(self) -> list[str]:
        """The peers to which the ratio is below the bar, the fastest first."""
        return [p for p in self.peers() if self.ratio(p) < (self.bar_of(p) or 0.0)]

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
    beside = interleaved(second, rounds=rounds, rest=LONG_REST)
    return Result(case, threads, flops, {**beside, **times}, beside["fastnn"])


def interleaved(
    contenders: dict[str, Callable[[], Any]],
    *,
    rounds: int = 15,
    seconds: float = 0.02,
    rest: float = REST,
) -> dict[str, list[float]]:
    """Seconds per call of each contender in each round; a turn lasts about `seconds`, after a
    rest and some calls that do not count."""
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
            time.sleep(rest)
            duration(run, 1 + n // 10)  # a virtual core that slept may take milliseconds to return
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
    the ratio to it and its bar, then the ratios to the other peers, with bars of their own."""
    width = max([len(r.case) for r in results] + [30]) + 1
    head = f"{'case':<{width}}{'threads':>8}{'µs':>11}{'GFLOP/s':>9}{'of peak':>8}"
    lines = [f"{head}  {'best peer':<19}{'µs':>11}{'ratio':>7}{'bar':>6}    the others"]
    for r in results:
        top = peak(r.threads) if peak and r.flops else None
        line = f"{r.case:<{width}}{r.threads:>8}{r.median() * 1e6:>11.1f}"
        line += f"{r.gflops():>9.1f}" if r.flops else f"{'':>9}"
        line += f"{r.gflops() / top:>8.0%}" if top else f"{'':>8}"
        peers, missed = r.peers(), r.missed()
        if peers:
            best, bar = peers[0], r.bar_of(peers[0])
            line += f"  {best:<19}{r.median(best) * 1e6:>11.1f}{r.ratio(best):>7.2f}"
            line += f"{bar:>6.2f}{' <' if best in missed else '  '}  " if bar else f"{'':>10}"
        others = [f"{peer} {r.ratio(peer):.2f}{_own_bar(r, peer)}" for peer in peers[1:]]
        others += [f"{name} {r.ratio(name):.2f}" for name in ASIDE if name in r.times]
        line += ", ".join(others)
        lines.append(line.rstrip())
    lines.append("ratio: median of the peer's time / fastnn's in turns; above 1 fastnn is faster")
    if any(r.bar is not None for r in results):
        lines.append("<: below the bar")
    return "\n".join(lines)


def _own_bar(result: Result, peer: str) -> str:
    if not isinstance(result.bar, dict) or not (bar := result.bar_of(peer)):
        return ""
    return f" (bar {bar:.2f}{' <' if peer in result.missed() else ''})"


@dataclass
class Mean:
    """Of the ratios to the best peer: a family of cases at one number of threads."""

    family: str
    threads: int
    ratios: list[float]
    bar: float | None

    def value(self) -> float:
        """The geometric mean."""
        return math.exp(sum(map(math.log, self.ratios)) / len(self.ratios))

    def missed(self) -> bool:
        """Whether it is below its bar."""
        return self.bar is not None and self.value() < self.bar

    def __str__(self) -> str:
        text = f"{self.family}, {self.threads} threads: geometric mean {self.value():.2f}"
        if self.bar is not None:
            text += f" (bar {self.bar:.2f}{' <' if self.missed() else ''})"
        return f"{text}, least {min(self.ratios):.2f}, of {len(self.ratios)} cases"


def means(results: list[Result]) -> list[Mean]:
    """Of each family in FAMILIES and number of threads.  The bar of a mean is held against it if
    each of the family's beginnings was measured."""
    found = []
    for family, starts in FAMILIES.items():
        for threads in sorted({r.threads for r in results}):
            cases = [r for r in results if r.case.startswith(starts) and r.threads == threads]
            ratios = [ratio for r in cases if (ratio := r.best_ratio())]
            whole = all(any(r.case.startswith(start) for r in cases) for start in starts)
            if ratios:
                bar = MEAN_BARS.get(family) if whole else None
                found.append(Mean(family, threads, ratios, bar))
    return found


def missed(results: list[Result]) -> list[str]:
    """Ratios and means below their bars, a line each."""
    lines = [
        f"{r.case}, {r.threads} threads: {r.ratio(peer):.2f} of {peer}, bar {r.bar_of(peer):.2f}"
        for r in results
        for peer in r.missed()
    ]
    return lines + [str(mean) for mean in means(results) if mean.missed()]
