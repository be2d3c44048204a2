"""Trees that are chains: as many levels as nodes, and the work of one pass over the nodes."""

import numpy as np
import pytest

import fastnn
from fastnn import backend, nn

LAYERS = [(nn.TreeRNN, 1), (nn.TreeRNN, 2), (nn.TreeRNN, "child_sum"), (nn.TreeLSTM, 1),
          (nn.TreeLSTM, 2), (nn.TreeLSTM, "child_sum")]  # fmt: skip


def chain(n, size=3):
    x = np.random.default_rng(0).standard_normal((n, size)).astype(np.float32)
    return nn.Trees(fastnn.tensor(x, requires_grad=True), [*range(1, n), -1])


def first(y):
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize("make, sequence", [(nn.TreeRNN, nn.RNN), (nn.TreeLSTM, nn.LSTM)])
def test_a_chain_of_2000_nodes_is_a_sequence(make, sequence):
    """With one child each, the equations are those of a recurrent layer."""
    fastnn.manual_seed(0)
    tree, layer = make(3, 5, 1), sequence(3, 5)
    trees = chain(2000)
    x = fastnn.tensor(trees.x.detach().numpy()[:, None].copy(), requires_grad=True)
    layer.load_state_dict({
        "weight_ih_l0": tree.weight_ih, "weight_hh_l0": tree.weight_hh,
        "bias_ih_l0": tree.bias, "bias_hh_l0": fastnn.zeros(*tree.bias.shape),
    })  # fmt: skip
    h, y = first(tree(trees)), layer(x)[0]
    np.testing.assert_allclose(h.detach().numpy(), y.detach().numpy()[:, 0], rtol=1e-5, atol=1e-6)
    (h * h).sum().backward()
    (y * y).sum().backward()
    pairs = [(trees.x, x), (tree.weight_ih, layer.weight_ih_l0), (tree.bias, layer.bias_ih_l0),
             (tree.weight_hh, layer.weight_hh_l0)]  # fmt: skip
    for ours, theirs in pairs:
        expected = theirs.grad.numpy().reshape(ours.shape)
        limit = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(ours.grad.numpy(), expected, rtol=1e-4, atol=limit)


class Counted:
    """A module whose functions' results are counted, in elements."""

    def __init__(self, module):
        self.module, self.elements = module, 0

    def __getattr__(self, name):
        found = getattr(self.module, name)
        return self.counting(found) if callable(found) else found

    def counting(self, function):
        def call(*args, **kwargs):
            result = function(*args, **kwargs)
            for a in result if isinstance(result, (tuple, list)) else [result]:
                self.elements += a.size if isinstance(a, np.ndarray) else 0
            return result

        return call


def work(make, arity, n, monkeypatch):
    """Elements that kernels and NumPy's makers of arrays make in both passes over a chain."""
    layer, trees = make(3, 4, arity), chain(n)
    counted = Counted(backend.kernels)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "kernels", counted)
        for name in ("zeros", "zeros_like", "empty", "empty_like", "concatenate"):
            patch.setattr(np, name, counted.counting(getattr(np, name)))
        first(layer(trees)).sum().backward()
    assert counted.elements > 10 * n
    return counted.elements


@pytest.mark.parametrize("make, arity", LAYERS)
def test_work_grows_with_the_nodes(make, arity, monkeypatch):
    """A table that is copied at each level, or a gradient of its size, would make it 4 times."""
    few, many = (work(make, arity, n, monkeypatch) for n in (200, 400))
    assert many < 2.1 * few


@pytest.mark.parametrize("make, arity", LAYERS)
def test_gradients_of_some_of_the_weights_and_a_second_pass(make, arity):
    """Each pass back has a table of its own, also where it ends early."""
    fastnn.manual_seed(1)
    layer, trees = make(3, 4, arity), chain(6)
    h = (first(layer(trees)) ** 2).sum()
    h.backward(retain_graph=True)
    once = {name: p.grad.numpy().copy() for name, p in layer.named_parameters()}
    (alone,) = fastnn.autograd.grad(h, [layer.weight_hh], retain_graph=True)
    np.testing.assert_array_equal(alone.numpy(), once["weight_hh"])
    layer.zero_grad()
    h.backward()
    for name, p in layer.named_parameters():
        np.testing.assert_array_equal(p.grad.numpy(), once[name], err_msg=name)


def test_a_frozen_input_has_no_gradient_and_the_rest_does():
    layer, trees = nn.TreeLSTM(3, 4, "child_sum"), chain(5)
    first(layer(trees)).sum().backward()
    expected = layer.weight_hh.grad.numpy().copy()
    layer.zero_grad()
    for p in (layer.weight_ih, layer.bias):
        p.requires_grad_(False)
    first(layer(trees.with_x(trees.x.detach()))).sum().backward()
    assert layer.weight_ih.grad is None
    np.testing.assert_array_equal(layer.weight_hh.grad.numpy(), expected)
