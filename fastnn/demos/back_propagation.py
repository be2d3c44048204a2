"""Row 38: back-propagation: the chain rule, by hand, against differences, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import Tensor, from_numpy, manual_seed, nn, no_grad
from ..models import MLP
from ._registry import Result, at_most, demo, exactly, told
from ._steps import count_parameters, relative_error

_H = 1e-5


def _draw(figure: Any, *, errors: dict, steps: Any, curve: Any, deltas: list) -> None:
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    names = sorted(errors, key=lambda name: -errors[name])
    left.plot([max(errors[name], 1e-16) for name in names], range(len(names)), "o", ms=4)
    left.set_xscale("log")
    left.axvline(1e-6, color="C3", lw=1)
    left.text(8e-7, 0, "bar", color="C3", fontsize=9, ha="right")
    left.set_yticks(range(len(names)), names, fontsize=8)
    left.grid(alpha=0.3)
    left.set_xlabel("relative difference of the gradients")
    left.set_title("back-propagation against differences", fontsize=10)
    middle.loglog(steps, curve, "o-", ms=3)
    middle.set_xlabel("step h of the differences")
    middle.set_ylabel("relative difference of the gradients")
    middle.set_title("differences are rough, whatever the step", fontsize=10)
    notes = (("rounding\ngrows", 0.05, "left"), ("the curve\nbends", 0.95, "right"))
    for note, x, side in notes:
        middle.text(x, 0.05, note, transform=middle.transAxes, fontsize=9, ha=side)
    backwards = [d / np.abs(d).max() for d in deltas]
    right.imshow(np.concatenate(backwards, axis=1), cmap="RdBu", aspect="auto", vmin=-1, vmax=1)
    edges = np.cumsum([0, *(d.shape[1] for d in deltas)]) - 0.5
    for edge in edges[1:-1]:
        right.axvline(edge, color="black", lw=2)
    right.set_xticks((edges[1:] + edges[:-1]) / 2, ["output", "hidden 2", "hidden 1"])
    right.set_yticks([])
    right.set_ylabel("sample")
    right.set_xlabel("units, from the output back")
    right.set_title("error signals: the right class pulls up (red)", fontsize=10)


def mlp_by_hand(
    x: np.ndarray, y: np.ndarray, weights: list[np.ndarray], biases: list[np.ndarray]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of tanh layers, a linear last one and the mean cross-entropy with the labels y: the gradients
    in the order w1, b1, w2, b2 ..., and the error signals dE/dz (N, units), last layer first.

    delta_L = (softmax(z_L) - onehot(y)) / N;  delta_l = (delta_{l+1} w_{l+1}) (1 - a_l^2);
    dw_l = delta_l^T a_{l-1};  db_l = the sum of delta_l over the samples.
    """
    values = [x]
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        z = values[-1] @ w.T + b
        values.append(np.tanh(z) if i < len(weights) - 1 else z)
    e = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    delta = (e / e.sum(axis=1, keepdims=True) - np.eye(e.shape[1])[y]) / len(y)
    grads: list[np.ndarray] = []
    deltas = [delta]
    for i in reversed(range(len(weights))):
        grads = [delta.T @ values[i], delta.sum(axis=0), *grads]
        if i:
            delta = (delta @ weights[i]) * (1 - values[i] ** 2)
            deltas.append(delta)
    return grads, deltas


def conv_by_hand(
    x: np.ndarray, y: np.ndarray, k: np.ndarray, b: np.ndarray, w: np.ndarray, c: np.ndarray
) -> list[np.ndarray]:
    """Gradients for k, b, w, c of: convolution k with bias b, ReLU, max-pooling 2x2, a linear layer
    w, c, and half the squared error from y, summed.  Every sum of the chain rule is a loop.
    """
    dk, db, dw, dc = (np.zeros_like(a) for a in (k, b, w, c))
    taps = list(np.ndindex(*k.shape[1:]))
    side = x.shape[2] - k.shape[2] + 1
    for image, target in zip(x, y, strict=True):
        z = np.zeros((len(k), side, side))
        for o, i, j in np.ndindex(*z.shape):
            z[o, i, j] = b[o] + sum(k[(o, *t)] * image[t[0], i + t[1], j + t[2]] for t in taps)
        pooled, winner = np.zeros((len(k), side // 2, side // 2)), {}
        for o, i, j in np.ndindex(*pooled.shape):
            window = [(o, 2 * i + di, 2 * j + dj) for di in (0, 1) for dj in (0, 1)]
            winner[o, i, j] = max(window, key=z.__getitem__)
            pooled[o, i, j] = max(z[winner[o, i, j]], 0)
        delta = w @ pooled.ravel() + c - target
        dc += delta
        dw += np.outer(delta, pooled.ravel())
        back = (w.T @ delta).reshape(pooled.shape)
        for place, (o, i, j) in winner.items():
            if z[o, i, j] > 0:  # only the winner of a window hears of the error
                db[o] += back[place]
                for t in taps:
                    dk[(o, *t)] += back[place] * image[t[0], i + t[1], j + t[2]]
    return [dk, db, dw, dc]


def _double(a: Any) -> Tensor:
    return from_numpy(np.array(a, np.float64))


def _differences(loss: Any, a: np.ndarray, h: float) -> np.ndarray:
    """Central differences of loss() for each element of `a`, which is changed in place and back."""
    out = np.zeros_like(a)
    for place in np.ndindex(*a.shape):
        kept, ends = a[place], []
        for end in (kept + h, kept - h):
            a[place] = end
            with no_grad():
                ends.append(loss().item())
        a[place] = kept
        out[place] = (ends[0] - ends[1]) / (2 * h)
    return out


def _layers(rng: np.random.Generator) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """A layer of each kind and its inputs: those in float64 get a gradient too."""

    def normal(*shape: int) -> Tensor:
        return _double(rng.standard_normal(shape))

    def apart(*shape: int) -> Tensor:
        """No two within 0.1, none within 0.1 of 0: no tie and no kink as near as h."""
        n = int(np.prod(shape))
        return _double(((rng.permutation(n) - n // 2 + 0.5) / 5).reshape(shape))

    labels = from_numpy(np.array([2, 0, 1]))
    image, sequence = (1, 2, 5, 5), (3, 2, 4)
    return {
        "Linear": (nn.Linear(4, 3), (normal(3, 4),)),
        "Bilinear": (nn.Bilinear(3, 2, 2), (normal(3, 3), normal(3, 2))),
        "Embedding": (nn.Embedding(4, 3), (labels,)),
        "Conv1d": (nn.Conv1d(2, 3, 3), (normal(2, 2, 6),)),
        "Conv2d, stride 2": (nn.Conv2d(2, 2, 3, stride=2, padding=1), (normal(*image),)),
        "Conv3d": (nn.Conv3d(1, 2, 2), (normal(1, 1, 3, 3, 3),)),
        "ConvTranspose2d": (nn.ConvTranspose2d(2, 2, 3, stride=2), (normal(1, 2, 2, 2),)),
        "LocallyConnected2d": (nn.LocallyConnected2d(1, 2, (4, 4), 2), (normal(1, 1, 4, 4),)),
        "MaxPool2d": (nn.MaxPool2d(2), (apart(1, 2, 4, 4),)),
        "AvgPool2d": (nn.AvgPool2d(2), (normal(1, 2, 4, 4),)),
        "Upsample, bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), (normal(1, 1, 3, 3),)),
        "BatchNorm1d": (nn.BatchNorm1d(3), (normal(5, 3),)),
        "LayerNorm": (nn.LayerNorm(4), (normal(3, 4),)),
        "GroupNorm": (nn.GroupNorm(2, 4), (normal(2, 4, 3),)),
        "RNN": (nn.RNN(4, 3), (normal(*sequence),)),
        "LSTM": (nn.LSTM(4, 3), (normal(*sequence),)),
        "GRU": (nn.GRU(4, 3), (normal(*sequence),)),
        "MultiheadAttention": (nn.MultiheadAttention(4, 2), tuple(normal(3, 4) for _ in range(3))),
        "ReLU": (nn.ReLU(), (apart(3, 4),)),
        "Sigmoid": (nn.Sigmoid(), (normal(3, 4),)),
        "Tanh": (nn.Tanh(), (normal(3, 4),)),
        "GELU": (nn.GELU(), (normal(3, 4),)),
        "Softmax": (nn.Softmax(-1), (normal(3, 4),)),
        "CrossEntropyLoss": (nn.CrossEntropyLoss(), (normal(3, 4), labels)),
        "MSELoss": (nn.MSELoss(), (normal(3, 4), normal(3, 4))),
    }


def _layer_error(layer: nn.Module, inputs: tuple[Any, ...]) -> float:
    """Of the gradients for inputs and parameters, from differences: the largest, relative to the
    largest gradient."""
    layer.to("float64")

    def loss() -> Tensor:
        y = layer(*inputs)
        y = y[0] if isinstance(y, tuple) else y
        weights = np.cos(np.arange(max(y.numel(), 1))) + 1.5  # a plain sum hides errors that cancel
        return (y * _double(weights.reshape(y.shape))).sum()

    wanted = [x.requires_grad_() for x in inputs if x.dtype == np.float64] + [*layer.parameters()]
    loss().backward()
    exact = [_differences(loss, t.detach().numpy(), _H) for t in wanted]
    return relative_error(
        np.concatenate([t.grad.numpy().ravel() for t in wanted]),
        np.concatenate([g.ravel() for g in exact]),
    )


def _gradients(net: Any, loss: Any, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    net.zero_grad()
    loss(net(from_numpy(x)), from_numpy(y)).backward()
    return [p.grad.numpy().copy() for p in net.parameters()]


def _worst(found: list[np.ndarray], exact: list[np.ndarray]) -> float:
    return max(relative_error(a, b) for a, b in zip(found, exact, strict=True))


@demo(
    38,
    name="back-propagation",
    title="Back-propagation: the chain rule, by hand and by machine",
    bar="gradients of an MLP and of a convolutional network equal those derived by hand within "
    "1e-12 in float64 and 1e-5 on the float32 kernels; of 25 kinds of layers they equal central "
    "differences within 1e-6; differences need two forward passes for each weight",
    draw=_draw,
    size=(14, 5.5),
    seconds=(2, 2),
    source="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0; Linnainmaa 1976, "
    "doi:10.1007/BF01931367 (reverse accumulation); Griewank and Walther 2008, "
    "ISBN 978-0898716597",
)
def back_propagation(quick: bool, seed: int) -> Result:
    """Back-propagation carries the error at the output back through the layers, each multiplying it
    by its derivative, and what arrives at a weight is its gradient: which way, and how much, to
    change it. Here the gradients agree with ones derived by hand and with small trial changes of
    each weight.

    One pass back gives the gradient for all weights at the price of about two forward passes;
    trying each weight in turn, by differences, takes two forward passes a weight, and is never
    exact.

    Back-propagation is not a way to learn, as is often said, but a way to get the gradient; descent
    is what learns. It is no approximation either: its digits are those of the formula.
    """
    rng = np.random.default_rng(seed)
    manual_seed(seed)
    net = MLP(6, [8, 5], 3, activation="tanh").to("float64")
    x, y = rng.standard_normal((12, 6)), rng.integers(0, 3, 12)
    entropy = nn.CrossEntropyLoss()
    parameters = [p.detach().numpy() for p in net.parameters()]
    by_hand, deltas = mlp_by_hand(x, y, parameters[::2], parameters[1::2])
    found = _gradients(net, entropy, x, y)

    steps = np.logspace(-11, -1, 21)
    curve = []
    for h in steps:
        with_step = [
            _differences(lambda: entropy(net(from_numpy(x)), from_numpy(y)), p, h)
            for p in parameters
        ]
        curve.append(_worst(with_step, by_hand))

    conv = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    ).to("float64")
    images, targets = rng.standard_normal((3, 2, 6, 6)), rng.standard_normal((3, 2))
    half = lambda out, target: 0.5 * nn.functional.mse_loss(out, target, reduction="sum")  # noqa: E731
    conv_hand = conv_by_hand(images, targets, *(p.detach().numpy() for p in conv.parameters()))
    conv_found = _gradients(conv, half, images, targets)

    single = [
        _worst(_gradients(net.to("float32"), entropy, x.astype(np.float32), y), by_hand),
        _worst(
            _gradients(
                conv.to("float32"), half, *(a.astype(np.float32) for a in (images, targets))
            ),
            conv_hand,
        ),
    ]
    errors = {name: _layer_error(*case) for name, case in _layers(rng).items()}
    return Result(
        (
            at_most("MLP: float64 against by hand", _worst(found, by_hand), 1e-12),
            at_most("convolutional: float64 against by hand", _worst(conv_found, conv_hand), 1e-12),
            at_most("MLP: float32 kernels against by hand", single[0], 1e-5),
            at_most("convolutional: float32 kernels against by hand", single[1], 1e-5),
            exactly("kinds of layers", len(errors), 25),
            at_most("layers: largest difference", max(errors.values()), 1e-6),
            told("best that differences do for the MLP", min(curve)),
            told("forward passes for differences", 2 * count_parameters(net)),
        ),
        {"errors": errors, "steps": steps, "curve": curve, "deltas": deltas},
    )
