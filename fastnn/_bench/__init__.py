"""`fastnn bench`: the short form of the benches, without pytest."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path

from . import workloads
from .timing import Result, limited, measure, table

SUITES = ("train", "gemm")
PEERS = ("numpy", "torch", "sklearn", "reference")


def main(argv: list[str]) -> int:
    """Run the suites, print one table; 0, or 1 if --compare finds a case that became slower."""
    parser = _parser()
    args = parser.parse_args(argv)
    if unknown := [s for s in args.suites if s not in SUITES]:
        parser.error(f"unknown suite {unknown[0]!r}")
    if args.rounds < 1:
        parser.error("--rounds is below 1")
    peers = [p for p in args.against if p in ("reference", "numpy") or workloads.has(p)]
    for peer in set(args.against) - set(peers):
        print(f"{peer} is not installed and is left out")
    if "torch" in peers:
        importlib.import_module("torch")  # before `limited`, which sets its threads
    results = []
    for threads in args.threads:
        with limited(threads):
            for suite in args.suites or SUITES:
                results += run_suite(suite, threads, peers, args.rounds)
    print(table(results))
    record = {f"{r.case}, {r.threads} threads": r.median() for r in results}
    if args.json:
        Path(args.json).write_text(json.dumps(record, indent=2) + "\n")
    return _compare(record, json.loads(Path(args.compare).read_text())) if args.compare else 0


def run_suite(suite: str, threads: int, peers: list[str], rounds: int) -> list[Result]:
    """Results of "train" or "gemm" with the threads that are set."""
    results = []
    if suite == "train":
        for case in workloads.TRAIN:
            steps = workloads.training(case, peers)
            results.append(measure(case, threads, steps, workloads.flops(case), rounds))
        return results
    for m, n, k in workloads.GEMM_SIZES:
        contenders = workloads.gemm(m, n, k, peers)
        results.append(
            measure(f"gemm {m} x {n} x {k}", threads, contenders, 2.0 * m * n * k, rounds)
        )
    return results


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
        description="Times training steps and matrix products, with what is installed in turns.",
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all")
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
