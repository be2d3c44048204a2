"""Peak memory of a training step, beside PyTorch's."""

import pytest

from fastnn._bench.memory import CASES, peak
from fastnn._bench.workloads import has


@pytest.mark.parametrize("case", CASES)
def test_peak_memory(benchmark, threads, quick, tell, miss, case):
    names = ["fastnn", *(["torch", "torch tuned"] if has("torch") and not quick else [])]
    found = {name: peak(name, case, threads) / 2**20 for name in names[1:]}
    found["fastnn"] = benchmark.pedantic(
        lambda: peak("fastnn", case, threads) / 2**20, rounds=1, iterations=1
    )
    benchmark.extra_info["MiB"] = found
    least = min((found[name] for name in names[1:]), default=None)
    if least is not None and found["fastnn"] > least:
        miss(
            f"peak memory, {case}, {threads} threads: {found['fastnn']:.0f} MiB, "
            f"PyTorch's {least:.0f} MiB"
        )
    if not quick:
        peaks = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in sorted(found.items()))
        tell(f"peak memory of a step beyond the imports, {case}, {threads} threads: {peaks}")
