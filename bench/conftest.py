"""`pytest bench`: fixtures, and one table of all results at the end."""

from __future__ import annotations

import gc
import importlib

import pytest
from peak import peak_gflops

import fastnn
from fastnn._bench.peers import left_out
from fastnn._bench.timing import Result, limited, means, measure, missed, table
from fastnn._bench.workloads import has

if has("torch"):
    importlib.import_module("torch")  # before `limited`, which sets its threads
PEERS = ["numpy", "torch", "sklearn", "minisom", "reference"]
ALL = ["torch", "compile", "jax", "tensorflow", "onnxruntime", "openvino"]
RESULTS: list[Result] = []
TEXTS: list[str] = []
MISSED: list[str] = []  # beside those in RESULTS


def pytest_addoption(parser):
    parser.addoption("--rounds", type=int, default=11, help="turns of each contender")
    parser.addoption(
        "--peers",
        default=",".join(ALL),
        help="of " + ", ".join(ALL) + ": libraries beside fastnn in the larger benches",
    )
    parser.addoption("--strict-bars", action="store_true", help="fail if a bar is missed")


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
            ours = contenders["fastnn"]
            if hasattr(ours, "rest"):  # before each call, not timed
                benchmark.pedantic(ours.call, setup=ours.rest, rounds=10, warmup_rounds=1)
            else:
                calls = max(1, int(0.01 / result.median()))
                benchmark.pedantic(ours, rounds=3, iterations=calls, warmup_rounds=1)
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


@pytest.fixture
def miss():
    """miss(text): a bar that was missed."""
    return MISSED.append


def pytest_benchmark_update_machine_info(config, machine_info):
    machine_info["fastnn"] = dict(fastnn.show_config())


def all_missed():
    """A line for each bar that was missed."""
    return [*missed(RESULTS), *MISSED]


def pytest_sessionfinish(session):
    if session.config.getoption("--strict-bars") and session.exitstatus == 0 and all_missed():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    write = terminalreporter.write_line
    if RESULTS:
        terminalreporter.section("fastnn against its peers")
        write(table(RESULTS, peak_gflops))
        for mean in means(RESULTS):
            write(str(mean))
        asked = dict.fromkeys([*PEERS, *config.getoption("--peers").split(",")])
        for line in left_out([name for name in asked if name]):
            write(line)
    for text in TEXTS:
        terminalreporter.section("also measured")
        write(text)
    if RESULTS or TEXTS:
        lines = all_missed()
        terminalreporter.section(f"{len(lines)} bars missed")
        for line in lines:
            write(line)
