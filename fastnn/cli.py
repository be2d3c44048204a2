"""The command `fastnn`: train, predict, demo, info, vocabulary, bench.

Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong use. Plain output when not a
terminal.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (sys.argv[1:] if None); returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if argv[:1] == ["bench"]:  # has its own options
            from . import _bench

            return _bench.main(argv[1:]) or 0
        parser = _parser()
        args = parser.parse_args(argv)
        return args.run(args)
    except SystemExit as stop:  # argparse: 2 for wrong use, 0 for --help
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:  # `fastnn ... | head`
        sys.stdout = None  # type: ignore[assignment]
        return 1
    except KeyboardInterrupt as interrupt:
        notes = getattr(interrupt, "__notes__", ["interrupted"])
        print(f"fastnn: {notes[-1]}", file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, MemoryError) as error:
        text = str(error) or type(error).__name__
        print("fastnn: error: " + " ".join(text.split()), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastnn", description="Neural networks on the CPU.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "train",
        allow_abbrev=False,
        help="train a network on embedded data",
        description="Train a network; fastnn train MODEL --help lists its options.",
    )
    networks = command.add_subparsers(dest="model", required=True, metavar="MODEL")
    train = networks.add_parser(
        "lenet5",
        allow_abbrev=False,
        help="LeNet-5 on the embedded digits",
        description="Train LeNet-5 on the 8,500 embedded digits and test it on the other 1,500. "
        "The same seed gives the same bits, whatever the number of threads.",
    )
    _add_training_options(train, epochs=15, batch_size=64, lr=0.05)
    train.set_defaults(run=_train)

    charlm = networks.add_parser(
        "charlm",
        allow_abbrev=False,
        help="a character language model on a text",
        description="Train a character language model on Python's help topics or a text file, the "
        "last tenth held out; print its perplexity against counted models, and a sample.",
    )
    _add_training_options(charlm, epochs=5, batch_size=32, lr=0.003)
    charlm.add_argument("--text", type=Path, metavar="FILE", help="UTF-8; default: help topics")
    charlm.add_argument("--cell", choices=["lstm", "gru", "rnn", "transformer"], default="lstm")
    charlm.add_argument("--hidden", type=_positive_int, default=256, metavar="N")
    charlm.add_argument("--layers", type=_positive_int, default=2, metavar="N")
    charlm.add_argument("--seq-len", type=_positive_int, default=64, metavar="N")
    charlm.add_argument("--temperature", type=_positive_float, default=0.7)
    charlm.add_argument("--sample", type=_positive_int, default=500, metavar="N")
    charlm.set_defaults(run=_train_charlm)

    predict = commands.add_parser(
        "predict",
        allow_abbrev=False,
        help="read digits from image files",
        description="Read one digit per image, PNG or .npy, any size. The digit is white on black, "
        "as in the training data, unless --invert is given; it should fill about 20 of 28 pixels "
        "of the height.",
    )
    predict.add_argument(
        "model", type=Path, metavar="MODEL", help="a .safetensors file of `fastnn train`"
    )
    predict.add_argument("images", nargs="+", metavar="IMAGE")
    predict.add_argument(
        "--invert", action="store_true", help="the digits are dark on a bright ground"
    )
    predict.set_defaults(run=_predict)

    demo = commands.add_parser(
        "demo",
        allow_abbrev=False,
        help="show what networks do: a figure, its bar, a picture",
        description="Run demonstrations of the catalogue. Each prints its figures against their "
        "bars; the exit code is 1 if one is missed. The same seed gives the same figures.",
    )
    demo.add_argument("names", nargs="*", metavar="NAME", help="a name or number of --list")
    demo.add_argument("--list", action="store_true", help="name, title, time, status of all")
    demo.add_argument("--all", action="store_true", help="run all that can run here")
    demo.add_argument("--quick", action="store_true", help="fewer data, fewer steps")
    demo.add_argument("--plot", type=Path, metavar="FILE", help="draw; a folder for several")
    demo.add_argument(
        "--report", type=Path, metavar="DIR", help="write a page with all results, DIR/index.html"
    )
    demo.add_argument("--seed", type=_seed, default=0, metavar="N")
    demo.set_defaults(run=_demo)

    info = commands.add_parser(
        "info", allow_abbrev=False, help="version, CPU level, threads, compiler"
    )
    info.add_argument("--json", action="store_true")
    info.set_defaults(run=_info)

    vocabulary = commands.add_parser(
        "vocabulary",
        allow_abbrev=False,
        help="PyTorch's names, ours, and the differences",
        description="A table: PyTorch's name, fastnn's, and the difference or why it is left out.",
    )
    vocabulary.add_argument("--missing", action="store_true", help="only what is left out")
    vocabulary.set_defaults(run=_print_vocabulary)

    commands.add_parser("bench", help="measure the kernels (fastnn bench --help)", add_help=False)
    return parser


def _add_training_options(
    parser: argparse.ArgumentParser, *, epochs: int, batch_size: int, lr: float
) -> None:
    parser.add_argument("--epochs", type=_positive_int, default=epochs, metavar="N")
    parser.add_argument("--batch-size", type=_positive_int, default=batch_size, metavar="N")
    parser.add_argument("--lr", type=_positive_float, default=lr, help="peak learning rate")
    parser.add_argument("--seed", type=_seed, default=0, metavar="N")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/MODEL")
    parser.add_argument("--threads", type=_positive_int, metavar="N")
    parser.add_argument(
        "--resume", action="store_true", help="go on from DIR/checkpoint.safetensors"
    )
    parser.add_argument("--no-plot", action="store_true", help="do not draw DIR/report.png")


def _print_vocabulary(args: argparse.Namespace) -> int:
    from . import _vocabulary

    rows = [row for row in _vocabulary.table() if not args.missing or row[1] == "-"]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for theirs, ours, difference in rows:
        print(f"{theirs:{widths[0]}}  {ours:{widths[1]}}  {difference}".rstrip())
    return 0


def _train_charlm(args: argparse.Namespace) -> int:
    from . import _charlm

    return _charlm.run(args, *_begin(args))


def _begin(args: argparse.Namespace) -> tuple[Path, Path]:
    """The folder of a training run and its checkpoint; the threads are set."""
    import fastnn

    if args.threads is not None:
        fastnn.set_num_threads(args.threads)
    out = args.out or Path("runs") / args.model
    checkpoint = out / "checkpoint.safetensors"
    if args.resume and not checkpoint.exists():
        raise FileNotFoundError(f"--resume: there is no {checkpoint}")
    return out, checkpoint


def _train(args: argparse.Namespace) -> int:
    import fastnn

    from . import _recipe, train

    out, checkpoint = _begin(args)
    out.mkdir(parents=True, exist_ok=True)
    print(f"LeNet-5, seed {args.seed}, {fastnn.get_num_threads()} threads; results go to {out}")

    run = _recipe.lenet5_on_digits(
        epochs=args.epochs,
        batch_size=args.batch_size,
        lr=args.lr,
        seed=args.seed,
        checkpoint=checkpoint,
        file=sys.stdout,
    )
    if args.resume:
        run.trainer.load_checkpoint(checkpoint)
    n_images = len(run.x_train) * (args.epochs - run.trainer.epoch)
    start = time.perf_counter()
    history = run.trainer.fit(run.train, epochs=args.epochs, val=run.test)
    seconds = time.perf_counter() - start
    if run.trainer.epoch != args.epochs:
        raise ValueError(f"training ended in epoch {run.trainer.epoch + 1}")

    confusion, predicted, true = run.test_result()
    digest = train.weights_sha256(run.model)
    n_right, n_all = int(confusion.diagonal().sum()), int(confusion.sum())
    fastnn.save(
        run.model,
        out / f"{args.model}.safetensors",
        metadata={"model": "LeNet5", "data": "fastnn digits", "weights_sha256": digest},
    )
    history.to_json(out / "history.json")
    print(f"\ntest accuracy {100 * n_right / n_all:.2f} % ({n_right} of {n_all})")
    print(_confusion_text(confusion))
    print(f"SHA-256 of the weights {digest}")
    print(f"training {seconds:.1f} s, {n_images / seconds:,.0f} images/s, tests included")
    written = [f"{args.model}.safetensors", "history.json", "checkpoint.safetensors"]
    if not args.no_plot:
        title = f"LeNet-5 on 8,500 digits, test accuracy {100 * n_right / n_all:.2f} %"
        written += _draw(out / "report.png", title, run, history, confusion, predicted, true)
    print(f"wrote {', '.join(written)} in {out}")
    return 0


def _draw(path: Path, title: str, run: Any, *results: Any) -> list[str]:
    """The names of what was written: report.png, or nothing without matplotlib."""
    from ._report import NO_PICTURE, save_report

    history, confusion, predicted, true = results
    kernels = run.model.features[0].weight.detach().numpy()
    try:
        save_report(path, title, history, confusion, kernels, run.x_test, predicted, true)
    except ImportError:
        print(NO_PICTURE)
        return []
    return [path.name]


def _confusion_text(confusion: Any) -> str:
    n = len(confusion)
    width = max(len(str(confusion.max())), 3) + 1
    lines = ["confusion matrix, rows true, columns predicted:"]
    lines.append("  |" + "".join(f"{j:{width}d}" for j in range(n)))
    lines.append("--+" + "-" * (width * n))
    for i, row in enumerate(confusion):
        lines.append(f"{i} |" + "".join(f"{v or '.':>{width}}" for v in row.tolist()))
    return "\n".join(lines)


def _predict(args: argparse.Namespace) -> int:
    import fastnn

    from . import functional
    from ._image import read_digit

    model = _load_lenet5(args.model)
    failed = False
    for name in args.images:
        try:
            x = read_digit(name, invert=args.invert)
        except (OSError, ValueError) as error:
            print("fastnn: error: " + " ".join(str(error).split()), file=sys.stderr)
            failed = True
            continue
        if x.mean() > 0.5:
            print(
                f"fastnn: note: {name} is bright; give --invert for a dark digit",
                file=sys.stderr,
            )
        with fastnn.no_grad():
            probabilities = functional.softmax(model(fastnn.from_numpy(x)), dim=1).numpy()[0]
        digit = int(probabilities.argmax())
        print(f"{name}: {digit} ({100 * probabilities[digit]:.1f} %)")
        print("  " + "  ".join(f"{k}: {p:.4f}" for k, p in enumerate(probabilities)))
    return 1 if failed else 0


def _load_lenet5(path: Path) -> Any:
    """Raises OSError; ValueError, naming the file, if it is damaged or holds other tensors."""
    import fastnn

    from .models import LeNet5

    state = fastnn.load(path)
    model = LeNet5()
    try:
        model.load_state_dict(state)
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: not the weights of a LeNet5: {error}") from error
    return model.eval()


def _demo(args: argparse.Namespace) -> int:
    from . import demos
    from .demos import _command

    if args.list:
        _command.print_list()
        return 0
    if bool(args.names) == args.all:
        print("fastnn demo: give NAME ..., or --all, or --list", file=sys.stderr)
        return 2
    try:
        rows = [demos.find(name) for name in args.names] or list(demos.catalogue())
    except ValueError as error:
        print(f"fastnn demo: error: {error}", file=sys.stderr)
        return 2
    missed = _command.run_demos(
        rows,
        quick=args.quick,
        seed=args.seed,
        plot=args.plot,
        report=args.report,
        leave_out=args.all,
    )
    if len(rows) > 1:
        print(f"{len(rows)} demonstrations; missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def _info(args: argparse.Namespace) -> int:
    import fastnn

    config = fastnn.show_config()
    print(json.dumps(config, indent=2) if args.json else config)
    return 0


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not in 0 .. 2**64 - 1")
    return value
