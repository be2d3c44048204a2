"""`fastnn bench`: the short form of the benches, without pytest."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from . import infer_cases, op_cases, ops, rnn_cases, sweep, train_cases, workloads
from .peers import lacks, left_out
from .timing import Result, limited, means, measure, table

SUITES = ("train", "gemm", "ops", "nets", "infer", "sweep")
PEERS = (
    *("numpy", "torch", "compile", "sklearn", "reference"),
    *("jax", "tensorflow", "onnxruntime", "openvino"),
)


def main(argv: list[str]) -> int:
    """Run the suites, print one table; 0, or 1 if --compare finds a case that became slower."""
    parser = _parser()
    args = parser.parse_args(argv)
    if unknown := [s for s in args.suites if s not in SUITES]:
        parser.error(f"unknown suite {unknown[0]!r}")
    if args.rounds < 1:
        parser.error("--rounds is below 1")
    peers = [peer for peer in args.against if not lacks(peer, args.against)]
    for line in left_out(args.against):
        print(line)
    if "torch" in peers:
        importlib.import_module("torch")  # before `limited`, which sets its threads
    results = []
    for threads in args.threads:
        with limited(threads):
            for suite in args.suites or ("train", "gemm"):
                if suite == "sweep":
                    for grid in sweep.GRIDS.values():
                        print(sweep.report(sweep.sweep(*grid), threads))
                    continue
                results += run_suite(suite, threads, peers, args.rounds)
    if results:
        print(table(results))
        print(*means(results), sep="\n")
    record = {f"{r.case}, {r.threads} threads": r.median() for r in results}
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=2) + "\n")
    return _compare(record, json.loads(Path(args.compare).read_text())) if args.compare else 0


def run_suite(suite: str, threads: int, peers: list[str], rounds: int) -> list[Result]:
    """Results of a suite but "sweep", with the threads that are set."""
    return [
        measure(case, threads, contenders(), flops, rounds)
        for case, contenders, flops in _cases(suite, threads, peers)
    ]


def _cases(
    suite: str, threads: int, peers: list[str]
) -> Iterator[tuple[str, Callable[[], dict[str, Any]], float]]:
    """(case, function that makes its contenders, FLOPs) of each case of a suite."""
    if suite == "train":
        for case in workloads.TRAIN:
            yield case, partial(workloads.training, case, peers), workloads.flops(case)
    elif suite == "gemm":
        for m, n, k in workloads.GEMM_SIZES:
            name = f"gemm {m} x {n} x {k}"
            yield name, partial(workloads.gemm, m, n, k, peers), 2.0 * m * n * k
    elif suite == "ops":
        operators: list[op_cases.Conv | op_cases.Pool | rnn_cases.Recurrent]
        operators = [*op_cases.CONV, *op_cases.POOL, *rnn_cases.RECURRENT]
        for op in operators:
            yield op.name, partial(ops.contenders, op, peers, threads), op.flops
    elif suite == "nets":
        for case in train_cases.TRAIN:
            make = partial(train_cases.training, case, peers, threads)
            yield case, make, train_cases.flops(case)
    else:
        for case in infer_cases.INFER:
            make = partial(infer_cases.inference, case, peers, threads)
            yield case, make, infer_cases.flops(case)


def _compare(new: dict[str, float], old: dict[str, float]) -> int:
    slower = 0
    for case, seconds in new.items():
        if case in old:
            change = seconds / old[case] - 1
            slower += change > 0.1
            print(f"{case:<44}{1e6 * old[case]:>11.1f} -> {1e6 * seconds:>9.1f} µs {change:>+8.0%}")
    print(f"{slower} cases more than 10 % slower")
    return 1 if slower else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastnn bench",
        description="Times training steps, inference and operators, all libraries in turns.",
    )
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; train, gemm"
    )
    parser.add_argument("--threads", type=_numbers, default=_default_threads(), help="such as 1,2")
    parser.add_argument(
        "--against", type=_peers, default=["numpy", "torch", "sklearn"], help=", ".join(PEERS)
    )
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--json", metavar="OUT", help="write seconds per case")
    parser.add_argument("--compare", metavar="OLD", help="compare with such a file")
    return parser


def _default_threads() -> list[int]:
    from .. import get_num_threads

    return sorted({1, get_num_threads()})


def _numbers(text: str) -> list[int]:
    values = [int(part) for part in text.split(",")]
    if not all(1 <= v <= 4 * (os.cpu_count() or 1) for v in values):
        raise argparse.ArgumentTypeError(f"{text}: more threads than are of use")
    return values


def _peers(text: str) -> list[str]:
    names = [part for part in text.split(",") if part]
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(PEERS)}")
    return names
