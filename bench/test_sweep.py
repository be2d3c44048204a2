"""Convolutions of many shapes: no shape should cost more than 3 times its neighbours, per FLOP."""

import pytest

from fastnn._bench.sweep import BAR, GRIDS, missed, report, sweep
from fastnn._bench.timing import limited


@pytest.mark.parametrize("grid", GRIDS)
def test_sweep(benchmark, threads, quick, tell, miss, grid):
    channels, sizes = GRIDS[grid]
    if quick:
        channels, sizes = channels[::13], sizes[::9]
    turns = {"rounds": 1, "again": 0} if quick else {}
    with limited(threads):
        points = benchmark.pedantic(
            sweep, args=(channels, sizes), kwargs=turns, rounds=1, iterations=1
        )
    worst = max(points, key=lambda p: p.ratio)
    benchmark.extra_info["worst"] = f"{worst.ratio:.2f} {worst}, beside {worst.beside}"
    if not quick:
        tell(report(points, threads))
        for p in missed(points):
            miss(f"{p}, {threads} threads: {p.ratio:.2f} times {p.beside}, bar {BAR}")
