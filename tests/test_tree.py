"""Trees and the networks over them: structure, values and gradients node by node, bits, errors."""

import itertools

import numpy as np
import pytest

import fastnn
from fastnn import nn

ARITIES = (1, 2, 3, "child_sum")
LAYERS = list(itertools.product((nn.TreeRNN, nn.TreeLSTM), ARITIES))


def random_parents(rng, n_nodes, n_trees, arity, shuffled=True):
    """Parents of random trees, nodes in any order; arity "child_sum": any number of children."""
    parents, counts = np.full(n_nodes, -1), np.zeros(n_nodes, int)
    for node in range(n_trees, n_nodes):
        free = np.flatnonzero(counts[:node] < (arity if arity != "child_sum" else 5))
        parents[node] = rng.choice(free)
        counts[parents[node]] += 1
    if not shuffled:
        return parents
    number = rng.permutation(n_nodes)
    renamed = np.empty_like(parents)
    renamed[number] = np.where(parents < 0, -1, number[parents])
    return renamed


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def by_hand(layer, x, children):
    """h and c of all nodes by the papers' equations, one node after the other, float64."""
    p = {name: value.detach().numpy().astype(np.float64) for name, value in
         layer.named_parameters()}  # fmt: skip
    n_hidden, bias = layer.hidden_size, p.get("bias", 0.0)
    n_ary = layer.arity != "child_sum"
    h, c = np.zeros((2, len(x), n_hidden))

    def visit(j):
        for k in children[j]:
            visit(k)
        z = p["weight_ih"] @ x[j] + bias
        below = [h[k] for k in children[j]]
        if n_ary:
            below += [np.zeros(n_hidden)] * (layer.arity - len(below))
            total = p["weight_hh"] @ np.concatenate(below)
        else:
            total = p["weight_hh"] @ sum(below, np.zeros(n_hidden))
        if isinstance(layer, nn.TreeRNN):
            h[j] = np.tanh(z + total)
            return
        i, f, g, o = np.split(z, 4)
        gates = np.split(total, len(total) // n_hidden)
        c[j] = sigmoid(i + gates[0]) * np.tanh(g + gates[-2])
        for place, k in enumerate(children[j]):
            uf = gates[1 + place] if n_ary else p["weight_fh"] @ h[k]
            c[j] += sigmoid(f + uf) * c[k]
        h[j] = sigmoid(o + gates[-1]) * np.tanh(c[j])

    for root in set(range(len(x))) - {k for row in children for k in row}:
        visit(root)
    return h, c


def outputs(layer, trees):
    y = layer(trees)
    return list(y) if isinstance(y, tuple) else [y]


def batch(rng, arity, n_nodes=23, n_trees=3, dtype="float32", size=4):
    parents = random_parents(rng, n_nodes, n_trees, arity)
    x = rng.standard_normal((n_nodes, size)).astype(dtype)
    return nn.Trees(fastnn.tensor(x, requires_grad=True), parents)


@pytest.mark.parametrize("make, arity", LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_node_by_node(make, arity, dtype):
    fastnn.manual_seed(0)
    rng = np.random.default_rng(1)
    for bias in (True, False):
        layer = make(4, 5, arity, bias=bias).to(dtype)
        trees = batch(rng, arity, dtype=dtype)
        children = [trees.children(j) for j in range(23)]
        want = by_hand(layer, trees.x.detach().numpy().astype(np.float64), children)
        for a, b in zip(outputs(layer, trees), want, strict=False):
            assert a.dtype == dtype and np.abs(b).max() > 0.1
            tolerance = 1e-5 if dtype == "float32" else 1e-12
            np.testing.assert_allclose(a.detach().numpy(), b, atol=tolerance)


@pytest.mark.parametrize("make, arity", LAYERS)
def test_gradients_are_differences(make, arity):
    """Float64, central differences of a weighted sum of all states, all parameters and x."""
    fastnn.manual_seed(0)
    rng = np.random.default_rng(2)
    layer = make(3, 4, arity).to("float64")
    trees = batch(rng, arity, 13, 2, "float64", 3)
    weights = [rng.standard_normal((13, 4)) for _ in range(2)]

    def loss():
        parts = zip(outputs(layer, trees), weights, strict=False)
        return sum((y * fastnn.tensor(w)).sum() for y, w in parts)

    loss().backward()
    for leaf in (trees.x, *layer.parameters()):
        data, grad = leaf.detach().numpy(), leaf.grad.numpy()
        found = np.zeros(data.shape)
        for at in np.ndindex(*data.shape):
            before, values = data[at], []
            for step in (1e-6, -1e-6):
                data[at] = before + step
                with fastnn.no_grad():
                    values.append(loss().item())
            data[at] = before
            found[at] = (values[0] - values[1]) / 2e-6
        assert np.abs(grad).max() > 1e-3
        np.testing.assert_allclose(grad, found, atol=2e-8, rtol=1e-6)


def run(layer, trees):
    """Bytes of states and gradients."""
    layer.zero_grad()
    trees.x.grad = None
    ys = outputs(layer, trees)
    sum((y * y).sum() for y in ys).backward()
    arrays = [*(y.detach() for y in ys), trees.x.grad, *(p.grad for p in layer.parameters())]
    return [a.numpy().tobytes() for a in arrays]


@pytest.mark.parametrize("make, arity", [(m, a) for m, a in LAYERS if a in (2, "child_sum")])
def test_threads_do_not_show(make, arity):
    fastnn.manual_seed(0)
    layer = make(20, 70, arity)
    trees = batch(np.random.default_rng(3), arity, 900, 60, size=20)
    found = []
    for n in (1, 2, 3, 5):
        with fastnn.threads(n):
            found.append(run(layer, trees))
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("make, arity", LAYERS)
def test_the_rest_of_the_batch_does_not_show(make, arity):
    """A tree's states have the same bits alone and in company, in any order."""
    fastnn.manual_seed(0)
    layer = make(7, 33, arity)
    trees = batch(np.random.default_rng(4), arity, 150, 11, size=7)
    whole = [y.detach().numpy() for y in outputs(layer, trees)]
    for chosen in ([3], [0], list(range(10, -1, -1)), [7, 2, 5]):
        some = trees.select(chosen)
        nodes = np.concatenate([np.flatnonzero(trees.tree == t) for t in chosen])
        for a, b in zip(whole, outputs(layer, some), strict=True):
            assert a[nodes].tobytes() == b.detach().numpy().tobytes()


def test_structure():
    trees = nn.Trees(fastnn.zeros(7, 1), [3, 0, 0, -1, 3, -1, 5])
    assert trees.roots.tolist() == [3, 5] and len(trees) == 2
    assert trees.height.tolist() == [1, 0, 0, 2, 0, 1, 0]
    assert trees.tree.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert [level.nodes.tolist() for level in trees.levels] == [[1, 2, 4, 6], [0, 5], [3]]
    assert trees.children(3) == [0, 4] and trees.children(0) == [1, 2] and not trees.children(1)
    assert "2 trees, 7 nodes, heights to 2" in repr(trees)
    states = fastnn.arange(7)
    assert trees.at_roots(states).numpy().tolist() == [3, 5]


def test_nested():
    trees = nn.Trees.from_nested([(7, 3, (8, 4, 5)), 6, (9, 2)])
    assert trees.x.numpy().tolist() == [7, 3, 8, 4, 5, 6, 9, 2] and trees.x.dtype == "int64"
    assert trees.parents.tolist() == [-1, 0, 0, 2, 2, -1, -1, 6]
    vectors = nn.Trees.from_nested([([1.0, 2.0], [3.0, 4.0])])
    assert vectors.x.dtype == "float32" and vectors.x.shape == (2, 2)
    deep = 0
    for _ in range(5000):  # deeper than Python's stack
        deep = (0, deep)
    assert len(nn.Trees.from_nested([deep]).levels) == 5001


def test_children_in_the_listed_order():
    x = fastnn.tensor(np.random.default_rng(5).standard_normal((3, 2)).astype(np.float32))
    layer = nn.TreeRNN(2, 4)
    forth = nn.Trees.from_children(x, [[1, 2], [], []])
    back = nn.Trees.from_children(x, [[2, 1], [], []])
    assert forth.children(0) == [1, 2] and back.children(0) == [2, 1]
    assert back.select([0]).children(0) == [2, 1]
    a, b = layer(forth).detach().numpy(), layer(back).detach().numpy()
    assert not np.allclose(a[0], b[0]) and np.array_equal(a[1:], b[1:])
    assert np.array_equal(a, layer(nn.Trees(x, [-1, 0, 0])).detach().numpy())
    child_sum = nn.TreeRNN(2, 4, "child_sum")
    np.testing.assert_allclose(
        child_sum(forth).detach().numpy(), child_sum(back).detach().numpy(), atol=1e-6
    )


def test_features_through_an_embedding():
    """The gradient reaches the table of symbols, also through select."""
    trees = nn.Trees.from_nested([(2, 0, 1), (3, 1, 1)])
    table, layer = nn.Embedding(5, 3), nn.TreeLSTM(3, 4)
    h, _ = layer(trees.with_x(table(trees.x)))
    trees.at_roots(h).sum().backward()
    grad = table.weight.grad.numpy()
    assert np.abs(grad[:4]).max(axis=1).all() and not grad[4].any()
    table.zero_grad()
    h, _ = layer(trees.with_x(table(trees.x)).select([1]))
    h.sum().backward()
    assert np.flatnonzero(table.weight.grad.numpy().any(axis=1)).tolist() == [1, 3]


@pytest.mark.parametrize("make, arity", LAYERS)
def test_no_trees_and_single_nodes(make, arity):
    layer = make(3, 4, arity)
    empty = nn.Trees(fastnn.zeros(0, 3), [])
    assert [y.shape for y in outputs(layer, empty)] == [(0, 4)] * (1 + (make is nn.TreeLSTM))
    alone = nn.Trees(fastnn.ones(1, 3), [-1])
    assert outputs(layer, alone)[0].shape == (1, 4)


def test_forget_bias():
    layer = nn.TreeLSTM(3, 4, forget_bias=2.0)
    assert (layer.bias.detach().numpy()[4:8] == 2).all()
    assert (np.abs(layer.bias.detach().numpy()[:4]) <= 0.5).all()
    with pytest.raises(ValueError, match="forget_bias needs bias=True"):
        nn.TreeLSTM(3, 4, bias=False, forget_bias=2.0)


X3 = fastnn.zeros(3, 2)
BAD = [
    (lambda: nn.Trees(X3, [-1, 0]), ValueError, r"x has shape \(3, 2\), expected \(2, \*\)"),
    (lambda: nn.Trees(X3, [-1, 2, 1]), ValueError, "node 1 has no path to a root.*cycle"),
    (lambda: nn.Trees(X3, [0, 0, 0]), ValueError, "node 0 has no path to a root"),
    (lambda: nn.Trees(X3, [-1, 3, 0]), ValueError, r"parents\[1\] is 3"),
    (lambda: nn.Trees(X3, [-2, 0, 0]), ValueError, r"parents\[0\] is -2"),
    (lambda: nn.Trees(X3, [-1.0, 0, 0]), TypeError, "parents has dtype float64"),
    (lambda: nn.Trees(np.zeros((1, 2)), [-1]), TypeError, "x must be a Tensor"),
    (lambda: nn.Trees.from_children(X3, [[1], [2], [1]]), ValueError, "node 1 is named .* twice"),
    (lambda: nn.Trees.from_children(X3, [[1], [2], [0]]), ValueError, "cycle"),
    (lambda: nn.Trees.from_children(X3, [[1], [3], []]), ValueError, "name node 3"),
    (lambda: nn.Trees.from_nested([()]), ValueError, "empty tuple"),
    (lambda: nn.Trees(X3, [-1, 0, 0]).select([1]), IndexError, "no tree 1"),
    (lambda: nn.Trees(X3, [-1, 0, 0]).select([0, 0]), ValueError, "named twice"),
    (lambda: nn.TreeRNN(2, 3, 1)(nn.Trees(X3, [-1, 0, 0])), ValueError, "node 0 has 2 children"),
    (lambda: nn.TreeRNN(4, 3)(nn.Trees(X3, [-1, 0, 0])), ValueError, r"expected \(n_nodes, 4\)"),
    (lambda: nn.TreeRNN(2, 3)(X3), TypeError, "trees must be nn.Trees"),
    (lambda: nn.TreeLSTM(2, 3)(nn.Trees(X3.double(), [-1, 0, 0])), TypeError, "float64"),
    (lambda: nn.TreeLSTM(2, 3, "sum"), ValueError, "arity is 'sum'"),
    (lambda: nn.TreeLSTM(2, 3, 0), ValueError, "arity is 0"),
    (lambda: nn.TreeRNN(2, 0), ValueError, "hidden_size is 0"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
