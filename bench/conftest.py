"""`pytest bench`: fixtures, and one table of all results at the end."""

from __future__ import annotations

import gc
import importlib

import pytest
from peak import peak_gflops

import fastnn
from fastnn._bench.timing import Result, limited, means, measure, table
from fastnn._bench.workloads import has

if has("torch"):
    importlib.import_module("torch")  # before `limited`, which sets its threads
PEERS = ["numpy", "torch", "sklearn", "reference"]
ALL = ["torch", "compile", "jax", "tensorflow", "onnxruntime", "openvino"]
FAMILIES = ("gemm", "conv_fwd", "conv_bwd", "dwconv", "maxpool", "avgpool", "T", "I")
RESULTS: list[Result] = []
TEXTS: list[str] = []


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=11, help="turns of each contender")
    parser.addoption(
        "--peers",
        default=",".join(ALL),
        help="of " + ", ".join(ALL) + ": libraries beside fastnn in the larger benches",
    )


@pytest.fixture(params=[1, 2], ids=["1thread", "2threads"])
def threads(request):
    return request.param


@pytest.fixture
def peers(benchmark, request):
    """Names of the libraries to compare with; none in the quick pass."""
    if benchmark.disabled:
        return []
    names = [name for name in request.config.getoption("--peers").split(",") if name]
    if unknown := set(names) - set(ALL):
        raise pytest.UsageError(f"--peers: {sorted(unknown)} not among {ALL}")
    return names


@pytest.fixture
def quick(benchmark):
    """Whether everything is to run once, to see that it works."""
    return benchmark.disabled


@pytest.fixture
def race(benchmark, request):
    """race(case, threads, contenders, flops, bar): times all in turns; the record is fastnn's.

    contenders may be a function of no arguments, which is called with the threads set.
    """

    def run(case, n_threads, contenders, flops=0.0, bar=None):
        with limited(n_threads):
            if callable(contenders):
                contenders = contenders()
            if benchmark.disabled:
                for contender in contenders.values():
                    contender()
                benchmark(contenders["fastnn"])
                return None
            rounds = request.config.getoption("--rounds")
            result = measure(case, n_threads, contenders, flops, rounds)
            calls = max(1, int(0.01 / result.median()))
            benchmark.pedantic(contenders["fastnn"], rounds=3, iterations=calls, warmup_rounds=1)
        result.bar = bar
        RESULTS.append(result)
        benchmark.extra_info["gflops"] = result.gflops()
        benchmark.extra_info["ratios"] = {peer: result.ratio(peer) for peer in result.peers()}
        del contenders
        gc.collect()
        return result

    return run


@pytest.fixture
def tell():
    """tell(text): lines for the end of the run."""
    return TEXTS.append


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fastnn"] = dict(fastnn.show_config())


def pytest_terminal_summary(terminalreporter):
    if RESULTS:
        terminalreporter.section("fastnn against its peers")
        terminalreporter.write_line(table(RESULTS, peak_gflops))
        terminalreporter.write_line(means(RESULTS, FAMILIES))
    for text in TEXTS:
        terminalreporter.section("also measured")
        terminalreporter.write_line(text)
