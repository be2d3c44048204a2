"""Row 91c: recursive networks evaluate Boolean expressions, a bag of words cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import datasets, from_numpy, functional, manual_seed, nn, optim
from ..models import MLP
from ..nn.utils import evaluating
from ..random import Generator
from ._registry import Result, at_least, at_most, demo, told
from ._steps import descend, fit, linear_decay, outputs

_DEPTH = 8
_WIDTH = 24
_BAG = "bag of words, MLP"


class Evaluator(nn.Module):
    """Symbols of a batch of trees -> logits (n_nodes, 2) of false and true at every node."""

    def __init__(self, tree: nn.Module, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(datasets.SYMBOLS), width)
        self.tree = tree
        self.readout = nn.Linear(width, 2)

    def forward(self, trees: nn.Trees) -> Any:
        states = self.tree(trees.with_x(self.embedding(trees.x)))
        return self.readout(states[0] if isinstance(states, tuple) else states)


def _train(model: Evaluator, trees: nn.Trees, y: np.ndarray, epochs: int, seed: int) -> None:
    """Adam on the roots' labels alone, 50 trees a step."""
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    rng = np.random.default_rng(seed)
    n_steps = epochs * len(y) // 50
    schedule = linear_decay(optimizer, n_steps)
    for _ in range(epochs):
        for rows in np.split(rng.permutation(len(y)), len(y) // 50):
            some = trees.select(rows)
            loss = functional.cross_entropy(some.at_roots(model(some)), from_numpy(y[rows]))
            descend(model, loss, optimizer)
            schedule.step()


def _truth(model: Evaluator, trees: nn.Trees) -> np.ndarray:
    """Probability of true at every node."""
    with evaluating(model):
        return functional.softmax(model(trees), 1).numpy()[:, 1]


def _places(trees: nn.Trees) -> np.ndarray:
    """(n_nodes, 2): leaves of the one tree side by side, each operator above its operands."""
    places = np.zeros((len(trees.parents), 2))
    leaves = 0
    waiting = [(int(trees.roots[0]), 0, False)]
    while waiting:
        node, level, whole = waiting.pop()
        below = trees.children(node)
        if below and not whole:
            waiting.append((node, level, True))
            waiting += [(child, level + 1, False) for child in reversed(below)]
        elif below:
            places[node] = places[below, 0].mean(), -level
        else:
            places[node] = leaves, -level
            leaves += 1
    return places


def _draw(figure: Any, *, accuracies: dict, example: dict) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    for (name, by_depth), style in zip(accuracies.items(), ("o-", "s:", "^--"), strict=True):
        size = 10 if name == "TreeLSTM" else 5  # both lie on the same line
        left.plot(range(1, _DEPTH + 1), by_depth, style, label=name, markersize=size)
    left.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
    left.text(1, 0.505, "chance", color="gray", fontsize=8)
    left.set_ylim(0.4, 1.02)
    left.set_xticks(range(1, _DEPTH + 1))
    left.set_xlabel("depth of the expression")
    left.set_ylabel("accuracy on held-out expressions")
    left.legend(loc="center right", fontsize=9)
    places, trees = example["places"], example["trees"]
    for node, parent in enumerate(trees.parents):
        if parent >= 0:
            right.plot(*places[[node, parent]].T, color="gray", linewidth=1, zorder=1)
    dots = right.scatter(*places.T, c=example["truth"], cmap="RdYlGn", vmin=0, vmax=1, s=900,
                         edgecolors="black", zorder=2)  # fmt: skip
    for (x, y), symbol, p, value in zip(
        places, example["words"], example["truth"], example["values"], strict=True
    ):
        wrong = bool((p > 0.5) != value)
        right.text(x, y, f"{symbol}\n{p:.2f}" + "\nwrong" * wrong, ha="center", va="center",
                   fontsize=8, zorder=3, color="black" if 0.25 < p < 0.75 else "white")  # fmt: skip
    figure.colorbar(dots, ax=right, label="predicted probability of true", shrink=0.8)
    n_right = int(((example["truth"] > 0.5) == example["values"]).sum())
    right.set_title(
        f"TreeLSTM at each node of a new expression: {n_right} of {len(places)} right", fontsize=10
    )
    right.margins(0.08)
    right.axis("off")


@demo(
    "91c",
    name="recursive",
    title="Recursive networks evaluate Boolean expressions",
    bar="new expressions to depth 8: TreeLSTM at least 0.95; a network on the bag of words at most "
    "0.75",
    draw=_draw,
    size=(13, 5.5),
    seconds=(13, 5),
    source="Tai, Socher and Manning 2015, arXiv:1503.00075",
)
def recursive(quick: bool, seed: int) -> Result:
    """A recursive network applies one cell at every node of a tree, leaves first, and so learns to
    evaluate Boolean expressions that it never saw. A network that sees only how often each symbol
    occurs, without the tree, is right on small ones at most and guesses on the rest.

    A recurrent network is the special case of a chain, and popular accounts mix the two words up.
    Told only whether whole expressions are true, TreeLSTM and TreeRNN learn what and, or and not do
    to their operands, and so evaluate subexpressions that no label spoke of. The bag of words knows
    the same words without their structure, and past small expressions it guesses. Small expressions
    recur in the held-out set: TreeLSTM is judged without those that it was trained on, the bag of
    words with them, which makes both bars harder.
    """
    n_train, n_test = (4000, 1000) if quick else (10000, 4000)
    e = datasets.boolean_expressions(n_train + n_test, max_depth=_DEPTH, generator=Generator(seed))
    trees = nn.Trees(from_numpy(e.symbols), e.parents)
    train, test = trees.select(np.arange(n_train)), trees.select(np.arange(n_train, len(e.y)))
    y_test, depth, first = e.y[n_train:], e.depth[n_train:], e.starts[n_train]
    right, truths = {}, {}
    for name, make in (("TreeLSTM", nn.TreeLSTM), ("TreeRNN", nn.TreeRNN)):
        manual_seed(seed)
        model = Evaluator(make(_WIDTH, _WIDTH, arity=2), _WIDTH)
        _train(model, train, e.y[:n_train], 5 if quick else 6, seed)
        truths[name] = _truth(model, test)
        right[name] = (truths[name][test.roots] > 0.5) == y_test
    counts = e.counts()
    counts /= counts[:n_train].std(0)
    bag = MLP(counts.shape[1], [64, 64], 2)
    fit(bag, counts[:n_train], e.y[:n_train], epochs=20 if quick else 40, seed=seed)
    right[_BAG] = outputs(bag, counts[n_train:]).argmax(1) == y_test
    seen = {e.text(i) for i in range(n_train)}
    new = np.array([e.text(i) not in seen for i in range(n_train, len(e.y))])
    inside = (truths["TreeLSTM"] > 0.5) == e.values[first:]
    sizes = np.diff(e.starts[n_train:])
    chosen = n_train + int(np.flatnonzero(new & (depth >= 5) & (sizes > 13) & (sizes < 19))[0])
    nodes = np.arange(*e.starts[chosen : chosen + 2])
    one = trees.select([chosen])
    return Result(
        (
            at_least("TreeLSTM, expressions not seen in training", right["TreeLSTM"][new].mean(),
                     0.95),
            at_most(f"{_BAG}, all held-out expressions", right[_BAG].mean(), 0.75),
            told("TreeRNN, expressions not seen in training", right["TreeRNN"][new].mean()),
            told(f"{_BAG}, expressions not seen in training", right[_BAG][new].mean()),
            told("TreeLSTM, all nodes of held-out expressions", inside.mean()),
            told("share of held-out expressions not seen", new.mean()),
        ),
        {
            "accuracies": {
                name: [ok[depth == d].mean() for d in range(1, _DEPTH + 1)]
                for name, ok in right.items()
            },
            "example": {
                "trees": one,
                "places": _places(one),
                "truth": truths["TreeLSTM"][nodes - first],
                "values": e.values[nodes],
                "words": [datasets.SYMBOLS[s] for s in e.symbols[nodes]],
            },
        },
    )  # fmt: skip
