"""Row 46: batch size: speed, memory, noise of the gradient, and what is learned of it."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np

from .. import backend, datasets, from_numpy, functional, manual_seed, nn, optim
from ..data import DataLoader, TensorDataset
from ..models import MLP
from ..random import Generator
from ..train import Trainer
from ._registry import Result, above, at_least, at_most, demo, told

_SIZES = (1, 4, 16, 64, 256, 1024)
_SEEN = 5120  # samples that each net is trained with
_RATE = 0.1
_ACTIVATIONS = 4 * (64 + 64 + 10)  # bytes a sample: pixels, hidden units, logits


def _draw(figure: Any, *, speed: dict, memory: dict, noise: dict, losses: dict) -> None:
    panels = (
        (speed, "samples a second", "speed: large batches do more at once"),
        (memory, "kB of a step", "memory: activations of all samples"),
        (noise, "distance from the true gradient / its norm", "noise: one over the root"),
        (losses, "loss of all digits", "loss after 5,120 samples, same rate"),
    )
    for axes, (values, label, title) in zip(figure.subplots(1, 4), panels, strict=True):
        axes.loglog(list(values), list(values.values()), "o-")
        for n in (_SIZES[0], _SIZES[-1]):
            axes.annotate(f"{values[n]:,.3g}" if values[n] < 100 else f"{values[n]:,.0f}",
                          (n, values[n]), (0, 7), textcoords="offset points", ha="center",
                          fontsize=8)  # fmt: skip
        axes.margins(0.12)
        axes.set_xlabel("batch size")
        axes.set_ylabel(label)
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        if values is noise:
            line = [noise[1] / n**0.5 for n in _SIZES]
            axes.loglog(_SIZES, line, "k--", lw=1, label="noise of one / root of the size")
            axes.legend(fontsize=8)
        axes.set_xticks(_SIZES, _SIZES)
        axes.minorticks_off()


class _Digits:
    """A net, the 8x8 digits, and the gradient of any of them."""

    def __init__(self, seed: int) -> None:
        d = datasets.digits8x8()
        self.x, self.y = d.x.reshape(len(d.x), -1), d.y
        manual_seed(seed)
        self.model = MLP(64, [64], 10)

    def gradient(self, places: Any) -> np.ndarray:
        """Of the mean loss of the samples at `places`, as one vector."""
        self.model.zero_grad()
        x, y = from_numpy(self.x[places]), from_numpy(self.y[places])
        functional.cross_entropy(self.model(x), y).backward()
        return np.concatenate([p.grad.numpy().ravel() for p in self.model.parameters()])


def _noise(digits: _Digits, size: int, n_draws: int, rng: np.random.Generator) -> float:
    """Root mean square distance of a batch's gradient from that of all, over the latter's norm.
    Batches are drawn with replacement."""
    n = len(digits.x)
    right = digits.gradient(slice(None)).astype(np.float64)
    squares = [
        np.square(digits.gradient(rng.integers(0, n, size)) - right).sum() for _ in range(n_draws)
    ]
    return float(np.sqrt(np.mean(squares)) / np.linalg.norm(right))


def _memory(digits: _Digits, size: int) -> int:
    """Bytes of all arrays and objects that a step needs at once, beyond those there before it.

    Results of kernels lie in blocks that return to a pool, emptied before, when they are free:
    in the end it holds as much as was needed.  NumPy's arrays are traced by Python."""
    k = backend.kernels
    digits.model.zero_grad()
    if hasattr(k, "empty_cache"):  # the reference has no pool
        k.empty_cache()
    tracemalloc.start()
    try:
        digits.gradient(np.arange(size))
        traced = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    digits.model.zero_grad()
    return traced + (k.cache_info()["pooled"] if hasattr(k, "cache_info") else 0)


def _train(digits: _Digits, size: int, seed: int, n_samples: int) -> tuple[float, float]:
    """Samples a second of the training, and the loss of all digits after it."""
    model = MLP(64, [64], 10)
    model.load_state_dict(digits.model.state_dict())
    loss_of = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=_RATE)
    samples = TensorDataset(digits.x[:1024], digits.y[:1024])
    loader = DataLoader(samples, size, shuffle=True, generator=Generator(seed))
    trainer = Trainer(model, loss_of, optimizer, progress=False)
    start = time.perf_counter()
    trainer.fit(loader, epochs=n_samples // 1024)
    seconds = time.perf_counter() - start
    found = trainer.evaluate(DataLoader(TensorDataset(digits.x, digits.y), 500))["loss"]
    return n_samples / seconds, float(found)


@demo(
    46,
    name="batch-size",
    title="Batch size: speed and memory against noise and steps",
    bar="over batches of 1, 4, ... 1,024 samples the gradient's noise falls like 1 over the root "
    "of the size: each within 15 %, the fitted power -0.5 +- 0.02; memory grows with each sample "
    "by the bytes of its activations or more; at one rate, 5,120 samples in batches of 1,024 leave "
    "more than twice the loss of batches of 16; speed is told",
    draw=_draw,
    size=(16, 4.2),
    seconds=(3, 2),
    source="Bottou, Curtis and Nocedal 2018, arXiv:1606.04838; McCandlish et al. 2018, "
    "arXiv:1812.06162",
)
def batch_size(quick: bool, seed: int) -> Result:
    """How many samples should one step of training look at? Four times the samples halve the noise
    of the gradient but need more memory, and at the same number of samples the larger batch has
    made fewer steps and learned less.

    A batch is a sample of the data and its gradient an estimate, so returns diminish, while memory
    grows with the batch. What a larger batch gains is speed, as products of matrices use the
    machine better; what it loses is steps.
    """
    rng = np.random.default_rng(seed)
    digits = _Digits(seed)
    speed, memory, noise, losses = {}, {}, {}, {}
    for size in _SIZES:
        # single samples differ most from one another, so their mean needs the most draws
        n_draws = max(100, 2000 // size) * (1 if quick else 4)
        noise[size] = _noise(digits, size, n_draws, rng)
        memory[size] = _memory(digits, size)
        speed[size], losses[size] = _train(digits, size, seed, _SEEN)
    scaled = np.array([value * size**0.5 for size, value in noise.items()])
    power = np.polyfit(np.log(_SIZES), np.log(list(noise.values())), 1)[0]
    growth = np.diff(list(memory.values())) / np.diff(_SIZES)
    return Result(
        (
            at_most("noise x root of the size: largest / smallest",
                    scaled.max() / scaled.min(), 1.15),
            at_most("power of the size in the noise, from -0.5", abs(power + 0.5), 0.02),
            at_least("memory: least growth, bytes a sample", growth.min(), _ACTIVATIONS),
            above("loss after 5,120 samples: batches of 1,024 / 16", losses[1024] / losses[16], 2),
            *(told(f"batch {n}: samples a second", speed[n]) for n in _SIZES),
            *(told(f"batch {n}: memory of a step, kB", memory[n] / 1e3) for n in _SIZES),
            *(told(f"batch {n}: noise", noise[n]) for n in _SIZES),
            *(told(f"batch {n}: loss", losses[n]) for n in _SIZES),
        ),
        {"speed": speed, "noise": noise, "losses": losses,
         "memory": {n: v / 1e3 for n, v in memory.items()}},
    )  # fmt: skip
