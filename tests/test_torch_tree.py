"""TreeRNN and TreeLSTM against recursive twins in PyTorch: values and gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_tree import ARITIES, batch, outputs  # noqa: E402
from torch_compare import backward, close  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

TREES = {"TreeRNN", "TreeLSTM"}


def twin(layer, p, x, children):
    """h and c of all nodes, by recursion, one node at a time."""
    size, n_ary = layer.hidden_size, layer.arity != "child_sum"
    states = {}

    def visit(j):
        below = [visit(k) for k in children[j]]
        z = p["weight_ih"] @ x[j] + p["bias"]
        if n_ary:
            rest = [torch.zeros(size, dtype=x.dtype)] * (layer.arity - len(below))
            total = p["weight_hh"] @ torch.cat([h for h, _ in below] + rest)
        else:
            total = p["weight_hh"] @ sum((h for h, _ in below), torch.zeros(size, dtype=x.dtype))
        if isinstance(layer, nn.TreeRNN):
            states[j] = torch.tanh(z + total), None
            return states[j]
        i, f, g, o = z.split(size)
        hi, *hf, hg, ho = total.split(size)
        c = torch.sigmoid(i + hi) * torch.tanh(g + hg)
        for place, (h, ck) in enumerate(below):
            c = c + torch.sigmoid(f + (hf[place] if n_ary else p["weight_fh"] @ h)) * ck
        states[j] = torch.sigmoid(o + ho) * torch.tanh(c), c
        return states[j]

    for root in set(range(len(x))) - {k for row in children for k in row}:
        visit(root)
    return [torch.stack([states[j][i] for j in range(len(x))])
            for i in range(1 if isinstance(layer, nn.TreeRNN) else 2)]  # fmt: skip


@pytest.mark.parametrize("arity", ARITIES)
@pytest.mark.parametrize("name", sorted(TREES))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_recursive_twin(name, arity, dtype):
    fastnn.manual_seed(3)
    rng = np.random.default_rng(6)
    for n_in, hidden, n_nodes, n_trees in ((4, 5, 31, 4), (9, 17, 60, 1), (1, 1, 8, 8)):
        layer = getattr(nn, name)(n_in, hidden, arity).to(dtype)
        trees = batch(rng, arity, n_nodes, n_trees, dtype, n_in)
        p = {key: torch.tensor(value.detach().numpy(), requires_grad=True)
             for key, value in layer.named_parameters()}  # fmt: skip
        x = torch.tensor(trees.x.detach().numpy(), requires_grad=True)
        children = [trees.children(j) for j in range(n_nodes)]
        backward(outputs(layer, trees), twin(layer, p, x, children))
        close(trees.x.grad, x.grad, "gradient of x")
        for key, value in layer.named_parameters():
            if n_nodes > n_trees or "ih" in key or key == "bias":
                close(value.grad, p[key].grad, f"gradient of {key}")
