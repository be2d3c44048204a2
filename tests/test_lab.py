"""fastnn.lab: receptive fields computed and measured, shifts, forgetting."""

import numpy as np
import pytest

import fastnn
from fastnn import lab, models, nn, train
from fastnn.demos import _steps

CHAINS = {
    "one kernel": nn.Sequential(nn.Conv2d(1, 2, 3)),
    "two kernels": nn.Sequential(nn.Conv2d(2, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, (5, 3))),
    "stride, padding": nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.Conv2d(2, 2, 3)),
    "dilation": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, dilation=2)),
    "pooling": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(2, 2, 3)),
    "same": nn.Sequential(nn.Conv2d(1, 2, 4, padding="same"), nn.Conv2d(2, 2, 3, padding="valid")),
    "nested": nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3)), nn.Identity(), nn.MaxPool2d(2, 1)),
    "max-pooling": nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), nn.Conv2d(1, 1, 3)),
    "power average": nn.Sequential(nn.LPPool2d(3, 2), nn.Conv2d(1, 1, 3), nn.LPPool2d(1, 3, 1)),
    "unshared": nn.Sequential(nn.LocallyConnected2d(1, 2, (16, 18), 3, 2, 1), nn.Conv2d(2, 1, 2)),
    "reflect": nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
                             nn.Conv2d(1, 1, 5, padding=2, padding_mode="reflect")),
    "replicate": nn.Sequential(nn.Conv2d(1, 1, 3, padding=2, padding_mode="replicate")),
    "circular, unpadded": nn.Sequential(nn.Conv2d(1, 1, 3, padding_mode="circular")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("position", [(0, 0), (2, 3), (-1, -1)])
def test_computed_and_measured_fields_are_the_same(name, position):
    model = CHAINS[name]
    channels = next((m.in_channels for m in model.modules() if hasattr(m, "in_channels")), 1)
    size = 16, 18
    out = model(fastnn.zeros(1, channels, *size)).shape[2:]
    position = tuple(p % n for p, n in zip(position, out, strict=True))
    seen = lab.measured_receptive_field(model, (channels, *size), position)
    top, bottom, left, right = lab.receptive_field(model).box(position, size)
    expected = np.zeros(size, bool)
    expected[top:bottom, left:right] = True
    np.testing.assert_array_equal(seen, expected)


def test_fields_of_known_networks():
    field = lab.receptive_field(models.LeNet5().features)
    assert (field.size, field.stride, field.start) == ((16, 16), (4, 4), (-2, -2))
    deep = nn.Sequential(*[nn.Conv2d(1, 1, 3) for _ in range(7)])
    assert lab.receptive_field(deep).size == (15, 15)
    dilated = nn.Sequential(*[nn.Conv2d(1, 1, 3, dilation=d) for d in (1, 2, 4, 8)])
    assert lab.receptive_field(dilated).size == (31, 31)


def test_dilation_leaves_holes():
    model = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=2))
    seen = lab.measured_receptive_field(model, (1, 9, 9), (0, 0))
    assert set(np.flatnonzero(seen.any(axis=1))) == {0, 2, 4}
    assert lab.receptive_field(model).box((0, 0), (9, 9)) == (0, 5, 0, 5)


def test_measuring_leaves_the_model_alone():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(0.5))
    before = model[0].weight.detach().numpy().copy()
    lab.measured_receptive_field(model, (1, 6, 6), (0, 0))
    assert model.training and model[0].weight.grad is None
    np.testing.assert_array_equal(model[0].weight.detach().numpy(), before)


def test_a_layer_that_is_not_local_is_refused():
    with pytest.raises(TypeError, match="Linear is not"):
        lab.receptive_field(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Linear(3, 3)))
    with pytest.raises(ValueError, match=r"output has shape .* expected \(N, C, H, W\)"):
        lab.measured_receptive_field(nn.Flatten(), (1, 4, 4), (0, 0))


@pytest.mark.parametrize(
    "kernel, padding, mode",
    [(3, 1, "circular"), (3, "same", "circular"), (3, 2, "reflect"), (4, "same", "reflect"),
     (3, (0, 3), "replicate")],
)  # fmt: skip
def test_a_padding_that_shows_other_inputs_is_refused(kernel, padding, mode):
    """The measured field shows why: inputs at the border of a plane that the box cuts off."""
    layer = nn.Conv2d(1, 1, kernel, padding=padding, padding_mode=mode)
    with pytest.raises(ValueError, match=f"Conv2d pads .* padding_mode '{mode}'"):
        lab.receptive_field(nn.Sequential(layer))
    seen = lab.measured_receptive_field(layer, (1, 9, 9), (-1, -1))
    zeros = nn.Conv2d(1, 1, kernel, padding=padding)
    end = zeros(fastnn.zeros(1, 1, 9, 9)).shape[2:]
    top, bottom, left, right = lab.receptive_field(zeros).box((end[0] - 1, end[1] - 1), (9, 9))
    seen[max(top, 0) : bottom, max(left, 0) : right] = False
    assert seen.any()


def test_shift_moves_and_fills_with_zeros():
    x = np.arange(1, 7, dtype=np.float32).reshape(1, 1, 2, 3)
    np.testing.assert_array_equal(lab.shift(x, 1, 0)[0, 0], [[0, 0, 0], [1, 2, 3]])
    np.testing.assert_array_equal(lab.shift(x, 0, -1)[0, 0], [[2, 3, 0], [5, 6, 0]])
    np.testing.assert_array_equal(lab.shift(x, -1, 2)[0, 0], [[0, 0, 4], [0, 0, 0]])
    assert not lab.shift(x, 2, 0).any() and not lab.shift(x, 0, -3).any()
    np.testing.assert_array_equal(lab.shift(x, 0, 0), x)


class TopLeft(nn.Module):
    """Class 1 if the first pixel is on."""

    def forward(self, x):
        on = x.numpy()[:, 0, 0, 0]
        return fastnn.tensor(np.stack([0.5 - on, on - 0.5], axis=1))


def test_shift_test_counts():
    x = np.zeros((4, 1, 3, 3), np.float32)
    x[2:, 0, 0, 0] = 1
    result = lab.shift_test(TopLeft(), x, np.array([0, 0, 1, 1]), max_shift=1, batch_size=3)
    expected = np.full((3, 3), 0.5)
    expected[1, 1] = 1
    np.testing.assert_array_equal(result.accuracy, expected)
    assert (result.unshifted, result.shifted, result.drop) == (1, 0.5, 0.5)
    only = lab.shift_test(TopLeft(), x, np.array([0, 0, 1, 1]), max_shift=0)
    assert only.drop == 0


def test_shift_test_of_nothing_is_refused():
    x, y = np.zeros((0, 1, 3, 3), np.float32), np.zeros(0, int)
    with pytest.raises(ValueError, match="no images"):
        lab.shift_test(TopLeft(), x, y)
    with pytest.raises(ValueError, match="max_shift is -1"):
        lab.shift_test(TopLeft(), x, y, max_shift=-1)


@pytest.mark.parametrize("y", [np.zeros((4, 1), int), np.zeros(3, int), 0])
def test_shift_test_wants_a_label_an_image(y):
    with pytest.raises(ValueError, match=r"y has shape .* expected \(4,\)"):
        lab.shift_test(TopLeft(), np.zeros((4, 1, 3, 3), np.float32), y)


def frozen():
    """A network in training whose second layer is frozen."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten()).train()
    model[1].eval()
    return model


def flags(model):
    return [m.training for m in model.modules()]


def test_what_was_frozen_stays_frozen():
    x, y = np.zeros((4, 1, 3, 3), np.float32), np.zeros(4, int)
    uses = {
        "shift_test": lambda model, x: lab.shift_test(model, x, y, max_shift=0),
        "outputs": _steps.outputs,
        "predict": lambda model, x: train.Trainer(
            model, nn.CrossEntropyLoss(), fastnn.optim.SGD(model.parameters(), lr=0.1)
        ).predict(x),
    }
    for name, use in uses.items():
        model = frozen()
        use(model, x)
        assert flags(model) == [True, True, False, True], name
        with pytest.raises(ValueError):
            use(model, np.zeros((4, 3, 3, 3), np.float32))  # three channels
        assert flags(model) == [True, True, False, True], name


def delay_line(steps, **options):
    """A ReLU RNN whose state is exactly the last `steps` symbols of 3, side by side."""
    layer = nn.RNN(3, 3 * steps, nonlinearity="relu", bias=False, **options)
    w_ih, w_hh = np.zeros((3 * steps, 3)), np.zeros((3 * steps, 3 * steps))
    w_ih[:3] = np.eye(3)
    w_hh[3:, :-3] = np.eye(3 * steps - 3)
    layer.load_state_dict({"weight_ih_l0": w_ih.astype("f4"), "weight_hh_l0": w_hh.astype("f4")})
    return layer


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_delay_line_forgets_at_its_end(batch_first):
    layer = delay_line(4, batch_first=batch_first)
    curve = lab.forgetting_curve(layer, 7, generator=fastnn.Generator(3))
    assert curve.shape == (8,)
    np.testing.assert_array_equal(curve[:4], 1)
    np.testing.assert_allclose(curve[4:], 1 / 3, atol=0.06)  # four deviations of 1000 guesses
    np.testing.assert_array_equal(
        curve, lab.forgetting_curve(delay_line(4), 7, generator=fastnn.Generator(3))
    )
    np.testing.assert_array_equal(lab.forgetting_curve(layer, 0), 1)


def test_noise_hides_the_state():
    curve = lab.forgetting_curve(delay_line(4), 3, noise=100, generator=fastnn.Generator(0))
    np.testing.assert_allclose(curve, 1 / 3, atol=0.06)


def test_a_plain_network_forgets_in_ten_steps():
    fastnn.manual_seed(0)
    curve = lab.forgetting_curve(nn.RNN(8, 64))
    assert curve.shape == (16,) and curve[3] >= 0.95 and curve[10] <= 0.3


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(5, 32, proj_size=20),
        lambda: nn.GRU(5, 12, bidirectional=True).eval(),
    ],
    ids=["LSTM", "GRU"],
)
def test_forgetting_of_other_layers(make):
    """The newest symbol is in the output, the oldest is not, and the layer is left alone."""
    fastnn.manual_seed(0)
    layer = make()
    before = layer.training, {k: v.numpy().copy() for k, v in layer.state_dict().items()}
    curve = lab.forgetting_curve(layer, 12, samples=900, generator=fastnn.Generator(1))
    assert curve[0] > 0.9 > 0.4 > curve[12]
    assert layer.training is before[0]
    for k, v in layer.state_dict().items():
        np.testing.assert_array_equal(v.numpy(), before[1][k])
    assert all(p.grad is None for p in layer.parameters())


@pytest.mark.parametrize(
    "layer, options, error, message",
    [
        (nn.Linear(2, 2), {}, TypeError, "must be an RNN, LSTM or GRU, got Linear"),
        (nn.GRU(1, 4), {}, ValueError, "layer has 1 input, expected at least 2"),
        (nn.GRU(2, 4), {"max_lag": -1}, ValueError, "max_lag is -1, expected at least 0"),
        (nn.GRU(2, 4), {"max_lag": 1.5}, TypeError, "max_lag must be an integer, got 1.5"),
        (nn.GRU(2, 4), {"samples": 15}, ValueError, "samples is 15, expected at least 16"),
        (nn.GRU(2, 4), {"noise": -1.0}, ValueError, "noise is -1.0, expected a finite number"),
        (nn.GRU(2, 4), {"noise": np.nan}, ValueError, "noise is nan, expected a finite number"),
    ],
)
def test_forgetting_of_what_cannot_be_measured(layer, options, error, message):
    with pytest.raises(error, match=f"forgetting_curve: .*{message}"):
        lab.forgetting_curve(layer, **options)
