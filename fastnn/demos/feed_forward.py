"""Rows 11, 13, 36, 37: a feed-forward network, layer by layer, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend, datasets, from_numpy, nn, no_grad, summary
from ._registry import Result, at_most, demo, exactly
from ._steps import relative_error


def _draw(figure: Any, *, outputs: list, errors: dict) -> None:
    grid = figure.add_gridspec(1, len(outputs) + 1, width_ratios=[1] * len(outputs) + [2.4])
    for i, (name, y) in enumerate(outputs):
        axes = figure.add_subplot(grid[i])
        image = y.reshape(y.shape[0], -1) if y.ndim == 3 else y
        if y.ndim == 3:  # the channels, one under the other
            image = y.reshape(-1, y.shape[-1])
        axes.imshow(np.atleast_2d(image).T if y.ndim == 1 else image, cmap="viridis")
        axes.set_title(f"{name}\n{' x '.join(map(str, y.shape))}", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    axes = figure.add_subplot(grid[-1])
    axes.barh(list(errors), list(errors.values()), left=1e-17)
    axes.axvline(1e-6, color="black", ls=":", label="bar 1e-6")
    axes.set_xscale("log")
    axes.set_xlim(1e-17, 1e-5)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8)
    axes.set_title("difference from NumPy, float32", fontsize=9)
    axes.legend(fontsize=8, loc="center", bbox_to_anchor=(0.3, 0.65))
    axes.set_xlabel("no bar: the same to the last bit", fontsize=8)


class Net(nn.Module):
    """One layer of each kind, from a picture (N, 1, 8, 8) to the logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(36, 16), nn.LayerNorm(16), nn.Tanh(), nn.Linear(16, 10, bias=False),
            nn.Softmax(-1),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return self.layers(x)


def _numpy(layer: Any, x: np.ndarray) -> np.ndarray:
    """The output of one layer in evaluation mode, by its equation, in float64."""
    p = {name: t.detach().numpy().astype(np.float64) for name, t in layer.state_dict().items()}
    match type(layer).__name__:
        case "Conv2d":
            windows = np.lib.stride_tricks.sliding_window_view(x, layer.kernel_size, (2, 3))
            y = np.einsum("nchwij,ocij->nohw", windows, p["weight"])
            return y + p["bias"][:, None, None]
        case "BatchNorm2d":
            scale = p["weight"] / np.sqrt(p["running_var"] + layer.eps)
            shift = p["bias"] - p["running_mean"] * scale
            return x * scale[:, None, None] + shift[:, None, None]
        case "ReLU":
            return np.maximum(x, 0)
        case "MaxPool2d":
            n, c, h, w = x.shape
            return x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
        case "Flatten":
            return x.reshape(len(x), -1)
        case "Linear":
            return x @ p["weight"].T + p.get("bias", 0)
        case "LayerNorm":
            mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
            return (x - mean) / np.sqrt(var + layer.eps) * p["weight"] + p["bias"]
        case "Tanh":
            return np.tanh(x)
        case "Softmax":
            e = np.exp(x - x.max(-1, keepdims=True))
            return e / e.sum(-1, keepdims=True)
    raise ValueError(f"no equation for {layer}")


def _linear_errors(rng: np.random.Generator) -> tuple[float, float]:
    """Largest relative error of a Linear's output, and of its three gradients."""
    layer = nn.Linear(24, 12)
    x, g = rng.standard_normal((32, 24)), rng.standard_normal((32, 12))
    t = from_numpy(x.astype(np.float32))
    t.requires_grad_()
    y = layer(t)
    y.backward(from_numpy(g.astype(np.float32)))
    w = layer.weight.detach().numpy().astype(np.float64)
    b = layer.bias.detach().numpy().astype(np.float64)
    back = {t: g @ w, layer.weight: g.T @ x, layer.bias: g.sum(0)}
    return (
        relative_error(y.detach().numpy(), x @ w.T + b),
        max(relative_error(found.grad.numpy(), exact) for found, exact in back.items()),
    )


def _note_of_a_wrong_shape(net: Net) -> str:
    """What the error says of where it was when the picture is one column too wide."""
    try:
        net(from_numpy(np.zeros((1, 1, 8, 10), np.float32)))
    except ValueError as error:
        return " ".join(error.__notes__)
    return ""


@demo(
    11,
    13,
    36,
    37,
    name="feed-forward",
    title="A feed-forward network, layer by layer",
    bar="summary() lists the layers in their order; each layer's output equals NumPy's within 1e-6 "
    "on the compiled kernels, within 1e-12 in float64 on the reference; a Linear's gradients "
    "within 1e-6; parameters() has each weight and bias and bias=False leaves one out; a wrong "
    "shape's error names the layer",
    draw=_draw,
    size=(15, 4),
    seconds=(1, 1),
    source="Rumelhart, Hinton, Williams 1986, doi:10.1038/323533a0",
)
def feed_forward(quick: bool, seed: int) -> Result:
    """In a feed-forward network each layer is a function of the one before, from the input through
    hidden layers to the output, and no path leads back. So it can be checked layer by layer: what
    each one computes, and its gradient, agree with the same equation written in NumPy.

    The whole is as exact as its layers, and each of them is a line or two. Weights and biases are
    what training may change.
    """
    rng = np.random.default_rng(seed)
    net = Net().eval()
    bn = net.layers[1]
    bn.running_mean.copy_(from_numpy(rng.normal(0, 0.3, 4).astype(np.float32)))
    bn.running_var.copy_(from_numpy(rng.uniform(0.5, 2, 4).astype(np.float32)))
    pictures = datasets.digits8x8().x[:16].reshape(16, 1, 8, 8).astype(np.float32)
    errors: dict[str, float] = {}
    outputs = [("input", pictures[0, 0])]
    x = pictures
    with no_grad():
        for i, layer in enumerate(net.layers):
            y = layer(from_numpy(x)).numpy()
            name = type(layer).__name__
            errors[f"{i} {name}"] = relative_error(y, _numpy(layer, x.astype(np.float64)))
            if name in ("Conv2d", "MaxPool2d", "Tanh", "Softmax"):
                outputs.append((name, y[0]))
            x = y
        double = Net().eval().double()
        z = pictures.astype(np.float64)
        with backend("reference"):  # type: ignore[operator]  # a module that is callable
            found = double(from_numpy(z)).numpy()
        for layer in double.layers:
            z = _numpy(layer, z)
    forward, backward = _linear_errors(rng)
    listed = [m.kind for m in summary(net, (1, 1, 8, 8)).layers[2:]]
    in_order = listed == [type(layer).__name__ for layer in net.layers]
    names = {name for name, _ in net.named_parameters()}
    wanted = {f"layers.{i}.{kind}" for i in (0, 1, 5, 6) for kind in ("weight", "bias")}
    note = _note_of_a_wrong_shape(net)
    return Result(
        (
            exactly("layers listed in their order", len(listed) * in_order, len(net.layers)),
            at_most("a layer's output, largest error", max(errors.values()), 1e-6),
            at_most("float64, reference, whole net: error", relative_error(found, z), 1e-12),
            at_most("Linear: error of the output", forward, 1e-6),
            at_most("Linear: error of the gradients", backward, 1e-6),
            exactly("parameters() other than each weight and bias",
                    len(names ^ (wanted | {"layers.8.weight"})), 0),
            exactly("layers with a bias in spite of bias=False",
                    sum(len(list(m.parameters())) - 1 for m in (
                        nn.Linear(3, 2, bias=False), nn.Conv2d(3, 2, 3, bias=False),
                        nn.LayerNorm(3, bias=False), nn.ConvTranspose2d(3, 2, 3, bias=False))), 0),
            exactly("error names the layer, Sequential.5 > Linear",
                    float("Net.layers > Sequential.5 > Linear" in note), 1),
        ),
        {"outputs": outputs, "errors": errors},
    )  # fmt: skip
