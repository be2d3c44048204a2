"""The recipe of `fastnn train charlm`: a character language model against counted ones."""

from __future__ import annotations

import hashlib
import json
import math
import time
from pathlib import Path
from typing import Any

from . import datasets, get_num_threads, manual_seed, optim, save
from .classic import NGram
from .io.files import write_atomically
from .metrics.language import perplexity_of
from .models import CharRNN, CharTransformer
from .random import Generator, resolve
from .train import tbptt_epoch, tbptt_loss, weights_sha256
from .train.checkpoint import load_tree, refuse_other_options, save_tree

_BASELINES = ("uniform", "unigram", "bigram")
_SETTINGS = ("epochs", "batch_size", "lr", "seed", "cell", "hidden", "layers", "seq_len")


def run(args: Any, out: Path, checkpoint: Path) -> int:
    """Train, report and write into the folder out; args: the options of the command."""
    whole = datasets.pydoc_topics() if args.text is None else datasets.text_file(args.text)
    text = datasets.CharText(whole)
    train, _, test = text.split(0.0, 0.1)
    if min(len(test) - 1, (len(train) - 1) // args.batch_size) < 1:
        raise ValueError(f"the text has {len(text)} characters, too few for this batch size")
    out.mkdir(parents=True, exist_ok=True)
    v = len(text.vocabulary)
    print(
        f"{args.layers}-layer {_name(args)} of {args.hidden}, {len(text):,} characters, {v} "
        f"different; seed {args.seed}, {get_num_threads()} threads; results go to {out}"
    )
    manual_seed(args.seed)
    model, piece = _network(args, v)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    settings = {name: getattr(args, name) for name in _SETTINGS}
    data = {"text": _sha256(whole), "vocabulary": _sha256(text.vocabulary)}
    history: dict[str, list[float]] = {"epoch": [], "perplexity": [], "val_perplexity": []}
    if args.resume:
        history = _resume(checkpoint, settings, data, model, optimizer)
    baselines = {name: NGram(n, v).fit(train).perplexity(test) for n, name in enumerate(_BASELINES)}
    start = time.perf_counter()
    done = len(history["epoch"])
    try:
        for epoch in range(done, args.epochs):
            for group in optimizer.param_groups:  # falls linearly to lr / epochs
                group["lr"] = args.lr * (1 - epoch / args.epochs)
            batches = datasets.tbptt_batches(train, args.batch_size, args.seq_len)
            loss = tbptt_epoch(model, batches, optimizer)
            held_out = tbptt_loss(model, datasets.tbptt_batches(test, 1, piece))
            history["epoch"].append(epoch + 1)
            history["perplexity"].append(perplexity_of(loss))
            history["val_perplexity"].append(perplexity_of(held_out))
            print(
                f"epoch {epoch + 1}/{args.epochs}  perplexity {history['perplexity'][-1]:.3f}  "
                f"held out {history['val_perplexity'][-1]:.3f}",
                flush=True,
            )
            tree = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            tree |= {"settings": settings, "data": data, "history": history}
            save_tree(checkpoint, tree | {"generator": resolve(None).get_state()})
    except KeyboardInterrupt as interrupt:
        n = len(history["epoch"])
        where = f"last checkpoint: {checkpoint}" if n else "no checkpoint was written"
        interrupt.add_note(f"interrupted in epoch {n + 1}; {where}")
        raise
    seconds = time.perf_counter() - start
    prompt = test[:20]
    ids = model.sample(prompt, args.sample, args.temperature, Generator(args.seed))
    sample = text.decode(ids)
    return _finish(args, out, model, text, history, baselines, sample, seconds)


def _network(args: Any, vocab_size: int) -> tuple[CharRNN | CharTransformer, int]:
    """The model, and how many characters of the held-out text it is to be given at a time."""
    if args.cell != "transformer":
        return CharRNN(vocab_size, 64, args.hidden, args.layers, args.cell), 500
    heads = math.gcd(4, args.hidden)
    model = CharTransformer(vocab_size, args.hidden, args.layers, heads, args.seq_len)
    # All but the first characters then see half a window at least; smaller pieces cost more.
    return model, max(args.seq_len // 2, 1)


def _name(args: Any) -> str:
    return args.cell if args.cell == "transformer" else args.cell.upper()


def _finish(args, out, model, text, history, baselines, sample, seconds) -> int:
    digest = weights_sha256(model)
    final = history["val_perplexity"][-1]
    metadata = {
        "model": type(model).__name__,
        "vocabulary": text.vocabulary,
        "weights_sha256": digest,
    }
    save(model, out / "charlm.safetensors", metadata=metadata)
    report = history | {"baselines": baselines, "sample": sample}
    write_atomically(out / "history.json", (json.dumps(report, indent=1) + "\n").encode())
    print("\nperplexity on the held-out tenth")
    for name, value in (*baselines.items(), (_name(args), final)):
        print(f"  {name:11} {value:8.3f}")
    # The command's output is ASCII; the file has the text as it is.
    shown = sample.encode("ascii", "backslashreplace").decode()
    print(f"\nsampled at temperature {args.temperature}:\n{shown}\n")
    print(f"SHA-256 of the weights {digest}\ntraining {seconds:.1f} s, tests included")
    written = ["charlm.safetensors", "history.json", "checkpoint.safetensors"]
    if not args.no_plot:
        from ._report import NO_PICTURE, save_language_report

        title = f"{_name(args)} character model, held-out perplexity {final:.2f}"
        try:
            save_language_report(out / "report.png", title, history, baselines, sample)
            written.append("report.png")
        except ImportError:
            print(NO_PICTURE)
    print(f"wrote {', '.join(written)} in {out}")
    return 0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _resume(
    path: Path, settings: dict[str, Any], data: dict[str, str], model: Any, optimizer: Any
) -> Any:
    """Restore a run; its history.  ValueError if it was begun with other options or another text.

    data: SHA-256 of the text and of its vocabulary.  Of another text with as many different
    characters all weights would fit, and its ids would mean something else.
    """
    tree = load_tree(path)
    if not isinstance(tree, dict) or "generator" not in tree:
        raise ValueError(f"{path}: not a checkpoint of charlm")
    refuse_other_options(settings, tree["settings"])
    found = tree.get("data", {})
    for what, digest in data.items():
        if found.get(what) != digest:
            raise ValueError(
                f"{path}: the checkpoint is of another {what}: SHA-256 {found.get(what)}, that of "
                f"this one is {digest}; resume with the same --text"
            )
    model.load_state_dict(tree["model"])
    optimizer.load_state_dict(tree["optimizer"])
    resolve(None).set_state(tree["generator"])
    return tree["history"]
