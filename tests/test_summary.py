"""summary(): layers in order, shapes, parameters, operations; counting without memory."""

import pytest

import fastnn
from fastnn import models, nn


def test_lenet_in_order():
    s = fastnn.summary(models.LeNet5(), (1, 1, 28, 28))
    assert s.parameters == s.trainable == 61_706 and s.size == 4 * 61_706
    kinds = [layer.kind for layer in s.layers]
    assert kinds[0] == "LeNet5" and kinds.index("Conv2d") < kinds.index("Linear")
    shapes = [layer.output for layer in s.layers if layer.kind == "Conv2d"]
    assert shapes == [(1, 6, 28, 28), (1, 16, 10, 10)]
    flops = 2 * (6 * 28 * 28 * 25 + 16 * 100 * 150 + 400 * 120 + 120 * 84 + 84 * 10)
    assert s.flops == flops == s.layers[0].flops
    text = str(s).splitlines()
    assert text[-1].startswith("61,706 parameters, 61,706 trainable, 0.2 MB")
    assert len(text) == len(s.layers) + 2


def test_without_input_nothing_is_run():
    s = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).summary()
    assert [layer.output for layer in s.layers] == [None] * 4 and s.flops == 0
    assert [layer.parameters for layer in s.layers] == [26, 16, 0, 10]


def test_depth_shared_and_frozen_parameters():
    inner = nn.Linear(3, 3)
    model = nn.Sequential(nn.Sequential(inner, nn.Tanh()), inner)
    inner.bias.requires_grad_(False)
    s = model.summary((2, 3), depth=1)
    assert [layer.path for layer in s.layers] == ["", "0"]  # a shared layer stands once
    assert s.parameters == 12 and s.trainable == 9
    assert s.flops == 2 * 2 * 2 * 9  # called twice with two rows
    assert len(model.summary(depth=0).layers) == 1


def test_recurrent_layers_are_marked():
    s = fastnn.summary(nn.LSTM(5, 7), (11, 2, 5))
    assert s.layers[0].recurrent and s.layers[0].output == (11, 2, 7)
    assert s.flops == 2 * 11 * 2 * (28 * 5 + 28 * 7)
    assert "recurrent" in str(s)
    assert not fastnn.summary(nn.Linear(5, 7)).layers[0].recurrent


def test_transposed_convolution():
    s = fastnn.summary(nn.ConvTranspose2d(3, 5, 4, stride=2), (2, 3, 6, 7))
    assert s.flops == 2 * 2 * 6 * 7 * 3 * 5 * 16


def test_a_model_of_any_size_is_counted():
    s = fastnn.summary(lambda: nn.Linear(10**6, 10**6, bias=False), meta=True)
    assert s.parameters == 10**12

    def layers():
        return nn.Sequential(nn.Conv2d(4, 100, 10), nn.BatchNorm2d(100), nn.LSTM(9, 10))

    s = fastnn.summary(layers, meta=True)
    assert [layer.parameters for layer in s.layers[1:3]] == [40_100, 200]
    assert s.parameters == fastnn.summary(layers()).parameters
    assert fastnn.empty(3).numpy().flags.writeable  # the mode has ended


def test_model_stays_as_it_was():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    before = {name: v.numpy().copy() for name, v in model.state_dict().items()}
    model.summary((4, 3))
    assert model.training and not model[0]._forward_hooks
    for name, v in model.state_dict().items():
        assert (v.numpy() == before[name]).all()


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: fastnn.summary(3), TypeError, "expected a Module"),
        (lambda: fastnn.summary(nn.Identity(), depth=-1), ValueError, "depth"),
        (lambda: fastnn.summary(nn.Identity(), meta=True), TypeError, "function"),
        (lambda: fastnn.summary(nn.Identity, (3,), meta=True), ValueError, "input_size"),
        (lambda: fastnn.summary(lambda: 3, meta=True), TypeError, "expected a Module"),
        (lambda: fastnn.summary(nn.Linear(3, 4), (2, 5)), ValueError, "linear"),
    ],
)
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()
