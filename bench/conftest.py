"""`pytest bench`: fixtures, and one table of all results at the end."""

from __future__ import annotations

import importlib
import math

import pytest
from peak import peak_gflops

import fastnn
from fastnn._bench.timing import Result, limited, measure, table
from fastnn._bench.workloads import has

if has("torch"):
    importlib.import_module("torch")  # before `limited`, which sets its threads
PEERS = ["numpy", "torch", "sklearn", "reference"]
RESULTS: list[Result] = []


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=11, help="turns of each contender")


@pytest.fixture(params=[1, 2], ids=["1thread", "2threads"])
def threads(request):
    return request.param


@pytest.fixture
def race(benchmark, request):
    """race(case, threads, contenders, flops): times all in turns; the record is fastnn's."""

    def run(case, n_threads, contenders, flops=0.0):
        with limited(n_threads):
            if benchmark.disabled:
                for contender in contenders.values():
                    contender()
                benchmark(contenders["fastnn"])
                return None
            rounds = request.config.getoption("--rounds")
            result = measure(case, n_threads, contenders, flops, rounds)
            calls = max(1, int(0.01 / result.median()))
            benchmark.pedantic(contenders["fastnn"], rounds=5, iterations=calls, warmup_rounds=1)
        RESULTS.append(result)
        benchmark.extra_info["gflops"] = result.gflops()
        benchmark.extra_info["ratios"] = {
            peer: result.ratio(peer) for peer in contenders if peer != "fastnn"
        }
        return result

    return run


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fastnn"] = dict(fastnn.show_config())


def pytest_terminal_summary(terminalreporter):
    if not RESULTS:
        return
    terminalreporter.section("fastnn against its peers")
    terminalreporter.write_line(table(RESULTS, peak_gflops))
    for kind in ("gemm", "conv", "T"):
        for peer in ("numpy", "torch"):
            found = [r.ratio(peer) for r in RESULTS if r.case.startswith(kind) and peer in r.times]
            if len(found) > 1:
                mean = math.exp(sum(map(math.log, found)) / len(found))
                terminalreporter.write_line(f"{kind} / {peer}: geometric mean {mean:.2f}")
