"""Modules and parameters in lists and dictionaries; residual blocks; parameters as a vector."""

import numpy as np
import pytest

import fastnn
from fastnn import nn


def linears(lib, n):
    return [lib.Linear(3, 3) for _ in range(n)]


def test_module_list():
    layers = nn.ModuleList(linears(nn, 3))
    first, second, third = layers
    assert layers[-1] is third and list(layers[:2]) == [first, second] and len(layers) == 3
    extra = nn.Linear(3, 2)
    layers.insert(1, extra)
    assert list(layers) == [first, extra, second, third]
    assert list(layers.state_dict())[2:4] == ["1.weight", "1.bias"]
    del layers[0]
    assert list(layers) == [extra, second, third] and list(layers._modules) == ["0", "1", "2"]
    layers[0] = first
    assert layers[0] is first and len(list(layers.parameters())) == 6
    with pytest.raises(IndexError, match="ModuleList: index 3 of 3"):
        layers[3]
    with pytest.raises(NotImplementedError):
        layers(fastnn.ones(3))


def test_module_dict():
    made = nn.ModuleDict({"a": nn.Linear(2, 3)})
    made["b"] = nn.ReLU()
    assert list(made) == ["a", "b"] and "b" in made and len(made) == 2
    assert list(made.state_dict()) == ["a.weight", "a.bias"]
    b = made.pop("b")
    assert type(b) is nn.ReLU and "b" not in made
    made.clear()
    assert not list(made.parameters())


def test_parameter_collections():
    values = nn.ParameterList([fastnn.ones(2), nn.Parameter(fastnn.zeros(3))])
    assert all(p.requires_grad for p in values) and list(values.state_dict()) == ["0", "1"]
    values[0] = fastnn.zeros(4)
    assert values[0].shape == (4,) and len(values) == 2 and len(values[:1]) == 1
    named = nn.ParameterDict({"w": fastnn.ones(2)})
    named["v"] = fastnn.ones(1)
    assert [n for n, _ in named.named_parameters()] == ["w", "v"] and "v" in named
    with pytest.raises(TypeError, match="expected a Parameter or Tensor, got float"):
        values.append(1.0)


def test_same_keys_as_pytorch():
    torch = pytest.importorskip("torch")
    for make in (
        lambda lib: lib.ModuleList(linears(lib, 2)),
        lambda lib: lib.ModuleDict({"a": lib.Linear(2, 3)}),
    ):
        assert list(make(nn).state_dict()) == list(make(torch.nn).state_dict())


def test_residual_adds_its_input():
    block = nn.Residual(nn.Linear(4, 4), nn.Tanh())
    x = fastnn.randn(5, 4)
    want = x.numpy() + block[1](block[0](x)).detach().numpy()
    np.testing.assert_allclose(block(x).detach().numpy(), want, rtol=1e-6)
    with pytest.raises(ValueError, match=r"f\(x\) has shape \(5, 2\)"):
        nn.Residual(nn.Linear(4, 2))(x)


def test_parameters_as_a_vector():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    vector = nn.utils.parameters_to_vector(model.parameters())
    assert vector.shape == (11,)
    (vector * vector).sum().backward()
    w = model[0].weight
    np.testing.assert_allclose(w.grad.numpy(), 2 * w.detach().numpy())
    nn.utils.vector_to_parameters(fastnn.arange(11.0), model.parameters())
    assert w.tolist() == [[0, 1, 2], [3, 4, 5]] and model[1].bias.tolist() == [10]
    with pytest.raises(ValueError, match=r"vec has shape \(3,\), expected \(11,\)"):
        nn.utils.vector_to_parameters(fastnn.ones(3), model.parameters())
