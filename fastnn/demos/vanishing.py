"""Rows 57, 58: the gradient vanishes in a stack of sigmoids, by a factor of 4 a layer and more."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, functional, lab, nn, rand, randn
from ._registry import Result, above, at_most, below, demo, told

_WIDTH = 64
_DEPTHS = (2, 5, 10, 20, 50)


def _draw(figure: Any, *, ratios: dict, flows: dict) -> None:
    left, right = figure.subplots(1, 2)
    for (name, values), marker in zip(ratios.items(), "osv^", strict=True):
        left.plot(_DEPTHS[: len(values)], values, marker + "-", label=name)
    left.set_yscale("log")
    left.set_xlabel("layers")
    left.set_ylabel("gradient of the first / of the last layer")
    left.set_title("the deeper, the less arrives at the front", fontsize=10)
    left.legend(fontsize=9)
    for (name, values), marker in zip(flows.items(), "osv^", strict=True):
        right.plot(range(1, len(values) + 1), values, marker + "-", ms=4, label=name)
    right.set_yscale("log")
    right.set_xlabel("layer, 1 is next to the input")
    right.set_ylabel("norm of its weight's gradient")
    right.set_title("twenty layers, before training", fontsize=10)
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)


class _Residual(nn.Module):
    """x + sigmoid(W x + b)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return x + functional.sigmoid(self.layer(x))


def _stack(kind: str, depth: int) -> nn.Sequential:
    layers = []
    for _ in range(depth):
        layer = nn.Linear(_WIDTH, _WIDTH)
        if kind == "relu":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)
        after = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
        layers += [_Residual(layer)] if kind == "residual" else [layer, after[kind]()]
    return nn.Sequential(*layers)


def _flow(stack: nn.Sequential) -> list[float]:
    labels = from_numpy(np.arange(128) % 10)
    head = nn.Linear(_WIDTH, 10)
    return lab.gradient_flow(
        stack, functional.cross_entropy(head(stack(rand(128, _WIDTH))), labels)
    )


def _jacobian_norm(depth: int) -> tuple[float, float]:
    """Norm of the derivative of a sigmoid stack's output along a random direction of its input,
    largest of 16 points; and 0.25^depth times the product of the weights' norms."""
    stack = _stack("sigmoid", depth)
    x = randn(16, _WIDTH)
    x.requires_grad_()
    stack(x).backward(randn(16, _WIDTH) / np.sqrt(_WIDTH))
    found = np.linalg.norm(x.grad.numpy().astype(np.float64), axis=1).max()
    norms = [np.linalg.norm(m.weight.detach().numpy(), 2) for m in stack if hasattr(m, "weight")]
    return float(found), float(0.25**depth * np.prod(np.array(norms, np.float64)))


_NAMES = {
    "sigmoid": "sigmoid, Xavier",
    "residual": "sigmoid, residual",
    "tanh": "tanh, Xavier",
    "relu": "ReLU, Kaiming",
}


@demo(
    57,
    58,
    name="vanishing-gradient",
    title="The gradient vanishes in a deep stack of sigmoids",
    bar="first / last gradient of 20 layers of 64 units: sigmoid below 1e-9, tanh with Xavier, "
    "ReLU with Kaiming and residual sigmoid above 1e-2; a sigmoid stack's derivative stays below "
    "0.25^depth times the weights' norms",
    draw=_draw,
    size=(11, 4.5),
    seconds=(1, 1),
    source="Hochreiter 1991; Glorot and Bengio 2010; Hochreiter and Schmidhuber 1997, "
    "doi:10.1162/neco.1997.9.8.1735",
)
def vanishing(quick: bool, seed: int) -> Result:
    """What a deep network learns from is passed back from layer to layer, and a stack of sigmoids
    shrinks it so much that the first of twenty layers gets less than a billionth. ReLU or tanh with
    fitting first weights, or a path around each layer, keep it alive.

    Back-propagation multiplies by f'(z) at every layer, and a sigmoid's f' is 1/4 at most: after
    twenty layers about a trillionth of the gradient is left, and the front of the network does not
    learn.
    """
    ratios: dict[str, list[float]] = {}
    flows = {}
    for kind, name in _NAMES.items():
        for depth in _DEPTHS:
            flow = _flow(_stack(kind, depth))
            ratios.setdefault(name, []).append(flow[0] / flow[-1])
            if depth == 20:
                flows[name] = flow
    at = {kind: ratios[name][_DEPTHS.index(20)] for kind, name in _NAMES.items()}
    bounds = [_jacobian_norm(depth) for depth in _DEPTHS]
    worst = max(found / bound for found, bound in bounds)
    return Result(
        (
            below("first / last gradient, sigmoid", at["sigmoid"], 1e-9),
            *(above(f"the same, {_NAMES[k]}", at[k], 1e-2) for k in ("residual", "tanh", "relu")),
            at_most("sigmoid stack's derivative / its bound, largest", worst, 1.0),
            told("lost a layer, sigmoid: factor", (1 / at["sigmoid"]) ** (1 / 19)),
        ),
        {"ratios": ratios, "flows": flows},
    )
