"""Row 25: without activations many layers are one matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, nn, no_grad, optim
from ._registry import Result, at_most, demo, exactly
from ._steps import accuracy, relative_error


def _draw(figure: Any, *, chain: list, product: np.ndarray, difference: np.ndarray) -> None:
    all_axes = figure.subplots(1, len(chain) + 2)
    low = min(w.min() for w in [*chain, product])
    high = max(w.max() for w in [*chain, product])
    titles = [f"layer {i}" for i in range(1, len(chain) + 1)] + ["their product"]
    for axes, w, title in zip(all_axes, [*chain, product], titles, strict=False):
        axes.imshow(w, cmap="RdBu", vmin=-max(-low, high), vmax=max(-low, high))
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    last = all_axes[-1]
    last.hist(difference.ravel(), bins=30)
    last.set_title("net - product,\nover the largest output", fontsize=9)
    last.set_yticks([])


@demo(
    25,
    name="linear-collapse",
    title="Five linear layers are one matrix",
    bar="the product of the weights gives the net's output within 1e-5; trained on XOR, the net "
    "gets 3 of 4 at most, with a tanh after each layer 4 of 4",
    draw=_draw,
    size=(13, 2.6),
    seconds=(1, 1),
    source="Minsky and Papert 1969, ISBN 978-0262130431; Goodfellow, Bengio, Courville 2016, "
    "ISBN 978-0262035613, section 6.1",
)
def linear_collapse(quick: bool, seed: int) -> Result:
    """Five layers without activation functions between them are the same as one layer: the product
    of their weight matrices gives the same output. So depth alone adds parameters and no power, and
    such a network cannot learn XOR, while one with tanh after each layer can.

    W5 (W4 (W3 (W2 (W1 x)))) = (W5 W4 W3 W2 W1) x.
    """
    sizes = (6, 12, 12, 12, 12, 4)
    layers = [nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)]
    net = nn.Sequential(*layers)
    x = np.random.default_rng(seed).standard_normal((200, 6)).astype(np.float32)
    weights = [layer.weight.detach().numpy().astype(np.float64) for layer in layers]
    product = weights[0]
    for w in weights[1:]:
        product = w @ product
    with no_grad():
        y = net(from_numpy(x)).numpy()
    expected = x.astype(np.float64) @ product.T
    right = {}
    for name, activation in (("linear", nn.Identity), ("tanh", nn.Tanh)):
        model = nn.Sequential(
            *(m for _ in range(4) for m in (nn.Linear(2 if _ == 0 else 8, 8), activation())),
            nn.Linear(8, 2),
        )
        right[name] = _learn_xor(model)
    return Result(
        (
            at_most("relative error of the product", relative_error(y, expected), 1e-5),
            at_most("XOR right of 4, five linear layers", right["linear"], 3),
            exactly("XOR right of 4, with tanh between", right["tanh"], 4),
        ),
        {
            "chain": weights,
            "product": product,
            "difference": (y - expected) / np.abs(expected).max(),
        },
    )


def _learn_xor(model: nn.Module) -> float:
    """The most of the four that are right after any of 300 steps of Adam."""
    x, y = datasets.xor()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    best = 0.0
    for _ in range(300):
        loss = nn.CrossEntropyLoss()(model(from_numpy(x)), from_numpy(y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        best = max(best, 4 * accuracy(model, x, y))
    return best
