"""Convolutions of many shapes: no shape should cost more than 3 times its neighbours, per FLOP."""

from fastnn._bench.sweep import CHANNELS, SIZES, report, sweep
from fastnn._bench.timing import limited


def test_sweep(benchmark, threads, quick, tell):
    channels, sizes = (CHANNELS[::9], SIZES[::9]) if quick else (CHANNELS, SIZES)
    with limited(threads):
        points = benchmark.pedantic(
            sweep,
            args=(threads, channels, sizes),
            kwargs={"rounds": 1 if quick else 3},
            rounds=1,
            iterations=1,
        )
    worst = max(points, key=lambda p: p.ratio)
    benchmark.extra_info["worst"] = f"{worst.ratio:.2f} {worst}, beside {worst.beside}"
    if not quick:
        tell(report(points, threads))
