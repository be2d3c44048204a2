"""fastnn.freeze: the same bits as the network, for every input; what it refuses; what it keeps."""

import copy
import threading

import numpy as np
import pytest
from test_models_reference import BIG, SMALL, numbers, symbols

import fastnn
from fastnn import models, nn
from fastnn.frozen import FreezeError, Frozen


def arrays(value):
    """The arrays of Tensors and ndarrays in tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in arrays(part)]
    return [value.numpy() if isinstance(value, fastnn.Tensor) else value]


def same_bits(a, b):
    a, b = arrays(a), arrays(b)
    assert [(x.shape, x.dtype) for x in a] == [(y.shape, y.dtype) for y in b]
    for x, y in zip(a, b, strict=True):
        assert x.tobytes() == y.tobytes()


class Calls(nn.Module):
    """A Module around a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def run(model, *inputs):
    with fastnn.no_grad():
        return model(*[x if isinstance(x, fastnn.Tensor) else fastnn.from_numpy(x) for x in inputs])


def shuffled(array):
    """Another input of the same kind."""
    other = np.random.default_rng(7).permutation(array.reshape(-1)).reshape(array.shape)
    return other * np.float32(0.5) if other.dtype.kind == "f" else other


def agrees(model, *inputs):
    frozen = fastnn.freeze(model)
    others = [shuffled(x) for x in inputs]
    for given in (inputs, others, inputs):
        same_bits(frozen(*given), run(model, *given))
    assert frozen.inputs == 1
    return frozen


@pytest.mark.parametrize("name", [*SMALL, *BIG])
def test_networks(name):
    make, x = {**SMALL, **BIG}[name]
    fastnn.manual_seed(3)
    agrees(make().eval(), x)


AUTOENCODERS = {
    "Autoencoder": (lambda: models.Autoencoder(16, (8,), 3), numbers(4, 16)),
    "ConvAutoencoder": (lambda: models.ConvAutoencoder(), numbers(2, 1, 28, 28)),
    "VAE": (lambda: models.VAE(), numbers(2, 1, 28, 28)),
    "DCGAN": (lambda: models.DCGAN().generator, numbers(2, 100, 1, 1)),
    "DCIGN": (lambda: models.DCIGN({"turn": 2}), numbers(2, 1, 32, 32)),
}


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_autoencoders(name):
    make, x = AUTOENCODERS[name]
    fastnn.manual_seed(3)
    agrees(make().eval(), x)


IMAGE = numbers(2, 4, 6, 6)
LAYERS = {
    "encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32), 2),
        [(5, 2, 16)],
    ),
    "decoder": (lambda: nn.TransformerDecoderLayer(16, 4, 32), [(5, 2, 16), (6, 2, 16)]),
    "transformer": (lambda: nn.Transformer(16, 4, 1, 1, 32), [(5, 2, 16), (6, 2, 16)]),
    "groups": (lambda: nn.GroupNorm(2, 4), [(2, 4, 5, 5)]),
    "instances": (lambda: nn.InstanceNorm2d(4), [(2, 4, 5, 5)]),
    "layer norm": (lambda: nn.LayerNorm(5), [(2, 4, 5)]),
    "volumes": (lambda: nn.Sequential(nn.Conv3d(4, 3, 3), nn.BatchNorm3d(3)), [(2, 4, 5, 5, 5)]),
    "turned": (lambda: nn.ConvTranspose2d(4, 3, 3, 2, 1, 1, activation="relu"), [(2, 4, 5, 5)]),
    "reflected": (lambda: nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect"), [(2, 4, 5, 5)]),
    "own weights": (lambda: nn.LocallyConnected2d(2, 3, (5, 5), 2), [(2, 2, 5, 5)]),
    "bicubic": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), [(2, 4, 5, 5)]),
    "pooled": (lambda: nn.MaxPool2d(2, return_indices=True), [(2, 4, 6, 6)]),
    "softmax": (lambda: nn.Softmax(1), [(2, 4, 5)]),
    "gated": (lambda: nn.GLU(1), [(2, 4, 5)]),
    "slopes": (lambda: nn.PReLU(4), [(2, 4, 5)]),
    "two inputs": (lambda: nn.Bilinear(4, 5, 3), [(2, 4), (2, 5)]),
    "two directions": (lambda: nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True), [(2, 6, 4)]),
    "projected": (lambda: nn.LSTM(4, 5, proj_size=3), [(6, 2, 4)]),
    "cell": (lambda: nn.GRUCell(4, 5), [(2, 4), (2, 5)]),
    "likeness": (lambda: nn.CosineSimilarity(), [(2, 4), (2, 4)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    make, shapes = LAYERS[name]
    fastnn.manual_seed(3)
    agrees(make().eval(), *[numbers(*shape) for shape in shapes])


FUNCTIONS = {
    "sums": lambda x: (x.sum(), x.mean(1), x.std(0), x.max(1)),
    "views": lambda x: (
        x[:, 1:3],
        x.transpose(0, 1),
        x[1],
        x[0, 0],
        x.reshape(2, 8),
        x.unsqueeze(0),
    ),
    "copies": lambda x: (x.transpose(0, 1).contiguous(), x.permute(1, 0).reshape(-1), x.flip(0)),
    "products": lambda x: (x @ x.transpose(0, 1), fastnn.einsum("ij,kj->ik", x, x)),
    "broadcasts": lambda x: x + x[:, :1] * 2 - x[:1],
    "joined": lambda x: (fastnn.cat([x, x * 2], 1), fastnn.stack([x, x]), x.split(2, 1)),
    "chosen": lambda x: (fastnn.where(x > 0, x, x * 2), x.clamp(0, 1), x.argmax(1)),
    "ordered": lambda x: (x.topk(2), x.sort(), x.cumsum(1)),
    "in place": lambda x: x.clone().add_(1).relu_() * 2,
    "assigned": lambda x: assigned(x.clone()),
    "input changed": lambda x: x.relu_(),
    "wide": lambda x: (x.double() * 2).sum(0),
    "named": lambda x: {"a": x * 2, "b": [x + 1, None, 3]},
    "itself": lambda x: x,
    "constant": lambda x: (fastnn.ones(3), x),
    "nothing": lambda x: x[:, :0] * 2,
}


def assigned(x):
    x[:, 0] = 0.0
    x[1] = x[2] * 2
    return x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    model = Calls(FUNCTIONS[name]).eval()
    frozen = fastnn.freeze(model)
    for x in (numbers(4, 4), numbers(4, 4)[::-1].copy(), np.zeros((4, 4), np.float32)):
        ours, theirs = frozen(fastnn.tensor(x)), run(model, x.copy())
        same_bits(tensors(ours), tensors(theirs))
        assert type(ours) is type(theirs)


def tensors(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [t for part in value for t in tensors(part)]
    return [value] if isinstance(value, fastnn.Tensor) else []


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", fastnn.zeros(1))

    def forward(self, x):
        self.count.add_(1)
        return x * 2


REFUSED = {
    "a branch": (Calls(lambda x: x * 2 if x.sum() > 0 else x), "depends on the input"),
    "a number": (Calls(lambda x: x * x.max().item()), "depends on the input"),
    "a list": (Calls(lambda x: x + len([v for v in x.tolist() if v])), "depends on the input"),
    "a loop": (Calls(lambda x: x * float(x[0])), "depends on the input"),
    "a mask": (Calls(lambda x: x[x > 0]), "shapes that depend"),
    "noise": (Calls(lambda x: x + fastnn.randn(3)), "random numbers"),
    "NumPy": (Calls(lambda x: fastnn.tensor(np.array(x.numpy()) * 2)), "outside of fastnn"),
    "an array": (Calls(lambda x: x.numpy()), "returns an ndarray"),
    "a state": (Counting(), "changes the network"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused(name):
    model, words = REFUSED[name]
    frozen = fastnn.freeze(model.eval())
    for _ in range(2):
        with pytest.raises(FreezeError, match=words):
            for n in (3, 3, 50, 50):
                frozen(numbers(n))
                frozen(-numbers(n))
    assert name == "a mask" or frozen.inputs == 0
    assert fastnn.backend.kernels.__name__ == "fastnn._kernels"  # nothing is recorded any more
    agrees(nn.Linear(3, 2).eval(), numbers(5, 3))


def test_training_and_other_things_are_refused():
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5)).eval()
    model[1].train()
    with pytest.raises(ValueError, match="'?1'? is in training mode; use .eval"):
        fastnn.freeze(model)
    with pytest.raises(TypeError, match="must be a Module, got function"):
        fastnn.freeze(lambda x: x)
    with pytest.raises(TypeError, match="hashable"):
        fastnn.freeze(Calls(lambda x, y: x).eval())(numbers(3), {1, 2})
    with pytest.raises(ValueError, match="expected"):
        fastnn.freeze(nn.Linear(3, 2).eval())(numbers(5, 4))


def test_arrays_give_arrays_and_tensors_give_tensors():
    frozen = fastnn.freeze(nn.LSTM(3, 4).eval())
    x = numbers(5, 2, 3)
    y, (h, c) = frozen(x)
    assert all(type(a) is np.ndarray for a in (y, h, c))
    y, (h, c) = frozen(fastnn.from_numpy(x))
    assert all(type(a) is fastnn.Tensor and not a.requires_grad for a in (y, h, c))
    y, _ = frozen(x, (fastnn.zeros(1, 2, 4), fastnn.zeros(1, 2, 4)))
    assert type(y) is fastnn.Tensor
    assert frozen.inputs == 2


def test_every_form_of_the_input_is_recorded_once():
    model = nn.Linear(3, 2).eval()
    frozen = fastnn.freeze(model)
    for n in (1, 2, 5, 2, 1):
        same_bits(frozen(numbers(n, 3)), run(model, numbers(n, 3)))
    assert frozen.inputs == 3 and "3 recorded" in repr(frozen)
    x = numbers(3, 8)
    for given in (x.T, np.asfortranarray(x.T), x[:, ::2].T, x.T.astype(">f4")):
        same_bits(frozen(given), run(model, np.ascontiguousarray(given, np.float32)))
    for n in range(70):
        frozen(numbers(n + 1, 3))
    assert frozen.inputs == 64


def test_lengths_and_options_are_part_of_the_form():
    model = nn.GRU(3, 4).eval()
    frozen = fastnn.freeze(model)
    x = numbers(6, 2, 3)
    for lengths in ((6, 6), (6, 2), (3, 4)):
        with fastnn.no_grad():
            expected = model(fastnn.from_numpy(x), lengths=lengths)
        same_bits(frozen(x, lengths=lengths), expected)
    assert frozen.inputs == 3
    with pytest.raises(FreezeError, match="depends? on"):
        frozen(x, lengths=np.array([6, 2]))


def test_results_are_the_callers_and_weights_the_frozen_networks():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    twin = copy.deepcopy(model)
    frozen = fastnn.freeze(model)
    x = numbers(5, 3)
    first = frozen(x)
    first[:] = 7
    for p in model.parameters():
        p.data.fill_(1)
    same_bits(frozen(x), run(twin, x))
    constant = fastnn.freeze(Calls(lambda x: (fastnn.ones(3), x * 2)).eval())
    constant(x)[0][:] = 5
    assert constant(x)[0].tolist() == [1, 1, 1]


def test_symbols_beyond_the_table_are_refused_at_each_call():
    frozen = fastnn.freeze(models.CharRNN(20, 9, 12).eval())
    frozen(symbols(7, 2))
    for bad in (20, -1):
        with pytest.raises(IndexError):
            frozen(np.full((7, 2), bad))


def test_the_backend_is_the_one_in_force():
    model = nn.Linear(30, 20).eval()
    frozen = fastnn.freeze(model)
    x = numbers(5, 30)
    same_bits(frozen(x), run(model, x))
    with fastnn.backend("reference"):
        same_bits(frozen(x), run(model, x))
    same_bits(frozen(x), run(model, x))
    agrees(nn.Linear(3, 2).double().eval(), numbers(5, 3).astype(np.float64))


def test_threads_share_a_frozen_network_and_record_nothing_of_each_other():
    model = models.LeNet5().eval()
    frozen = fastnn.freeze(model)
    inputs = [numbers(n + 1, 1, 28, 28) for n in range(4)]
    expected = [run(model, x).numpy() for x in inputs]
    found = {}

    def work(i):
        for turn in range(20):
            y = frozen(inputs[i]) if turn % 2 else run(model, inputs[i]).numpy()
            found[i, turn] = y.tobytes() == expected[i].tobytes()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80 and all(found.values())
    assert frozen.inputs == 4


def test_copies_and_threads_of_one_network_have_the_same_bits():
    fastnn.manual_seed(0)
    model = models.resnet18(5, small_images=True, width=8).eval()
    frozen = fastnn.freeze(model)
    assert isinstance(frozen, Frozen)
    x = numbers(3, 3, 32, 32)
    with fastnn.threads(1):
        one = frozen(x)
    with fastnn.threads(3):
        same_bits(frozen(x), one)
    same_bits(fastnn.freeze(model)(x), one)
    same_bits(frozen(x[1:2]), one[1:2])  # a row does not depend on its batch


CONVOLUTIONS = {  # channels, filters, size, kernel, stride, padding, groups
    "few tiles": (24, 40, 7, 3, 1, 1, 1),
    "tiles kept": (16, 130, 13, 3, 1, 1, 1),
    "kernels kept": (40, 24, 20, 3, 1, 1, 1),
    "two groups": (34, 36, 9, 3, 1, 1, 2),
    "strided": (24, 70, 15, 3, 2, 1, 1),
    "one pixel": (40, 24, 9, 1, 2, 0, 1),
    "direct": (3, 8, 40, 5, 1, 2, 1),
    "each plane": (20, 20, 9, 3, 1, 1, 20),
    "dense": (6, 20, 5, 5, 1, 0, 1),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("n_threads", [1, 3])
def test_prepared_convolutions_have_the_bits_of_others(name, n_threads):
    channels, filters, size, kernel, stride, padding, groups = CONVOLUTIONS[name]
    k = fastnn.backend.kernels
    weight, bias = numbers(filters, channels // groups, kernel, kernel), numbers(filters)
    settings = ((stride, stride), (padding, padding), (1, 1), groups)
    with fastnn.threads(n_threads):
        for act in (None, "relu", "tanh"):
            run = k.conv2d_prepared(weight, bias, (1, channels, size, size), *settings, act)
            for n in (1, 3, 0):
                x = numbers(n, channels, size, size)
                y = k.conv2d_forward(x, weight, bias, *settings, act)
                same_bits(run(x), y)
                if act is None:
                    more = shuffled(y)
                    theirs = k.conv2d_add_relu_forward(x, weight, bias, more, *settings)
                    same_bits(run(x, more), theirs)


@pytest.mark.parametrize("backend", ["kernels", "reference"])
def test_prepared_convolutions_refuse_what_does_not_fit(backend):
    k = fastnn.reference if backend == "reference" else fastnn.backend.kernels
    weight = numbers(5, 16, 3, 3)
    run = k.conv2d_prepared(weight, None, (1, 16, 9, 9), (1, 1), (1, 1), (1, 1), 1, None)
    for shape in ((1, 16, 9, 8), (1, 15, 9, 9), (2, 16, 10, 9)):
        with pytest.raises(ValueError, match="prepared for"):
            run(numbers(*shape))
    with pytest.raises(ValueError):
        run(numbers(1, 16, 9, 9), numbers(1, 5, 9, 8))
    relu = k.conv2d_prepared(weight, None, (1, 16, 9, 9), (1, 1), (1, 1), (1, 1), 1, "relu")
    with pytest.raises(ValueError, match="exclude each other"):
        relu(numbers(1, 16, 9, 9), numbers(1, 5, 9, 9))
    with pytest.raises(ValueError):
        k.conv2d_prepared(weight, None, (1, 15, 9, 9), (1, 1), (1, 1), (1, 1), 1, None)(
            numbers(1, 15, 9, 9)
        )


@pytest.mark.parametrize("n_threads", [1, 3])
def test_prepared_dense_layers_have_the_bits_of_others(n_threads):
    k = fastnn.backend.kernels
    with fastnn.threads(n_threads):
        for units, features in ((1, 1), (10, 84), (120, 400), (1030, 300), (33, 0)):
            weight, bias = numbers(units, features), numbers(units)
            for act in (None, "relu", "tanh", "sigmoid"):
                run = k.linear_prepared(weight, bias, act)
                for n in (1, 2, 3, 17, 200, 0):
                    x = numbers(n, features)
                    same_bits(run(x), k.linear_forward(x, weight, bias, act))
    with pytest.raises(ValueError, match="features"):
        k.linear_prepared(weight, None, None)(numbers(2, 1))


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("mode", ["RNN_TANH", "RNN_RELU", "LSTM", "GRU"])
def test_prepared_recurrent_layers_have_the_bits_of_others(mode, n_threads):
    k = fastnn.backend.kernels
    gates = {"LSTM": 4, "GRU": 3}.get(mode, 1)

    def weights(features, units, outputs, directions, bias):
        rows = gates * units
        more = [numbers(rows), numbers(rows)] if bias else [None, None]
        project = None if outputs == units else numbers(outputs, units)
        shapes = (rows, features), (rows, outputs)
        return [[*[numbers(*s) * 0.1 for s in shapes], *more, project] for _ in range(directions)]

    cases = [(20, 30, 30, 1, True), (300, 256, 256, 1, True), (7, 9, 9, 2, False)]
    if mode == "LSTM":
        cases.append((8, 20, 6, 1, True))
    with fastnn.threads(n_threads):
        for features, units, outputs, directions, bias in cases:
            below = weights(features, units, outputs, directions, bias)
            layers = [below, weights(outputs * directions, units, outputs, directions, bias)]
            for batch_first in (False, True):
                run = k.recurrent_prepared(mode, layers, batch_first)
                for n_steps, rows in ((1, 1), (1, 5), (6, 1), (5, 3), (2, 70)):
                    shape = (rows, n_steps) if batch_first else (n_steps, rows)
                    x = numbers(*shape, features)
                    h = numbers(2 * directions, rows, outputs)
                    c = numbers(2 * directions, rows, units) if mode == "LSTM" else None
                    for states in ((None, None), (h, c)):
                        theirs = k.recurrent_stack(mode, x, *states, layers, batch_first)
                        for a, b in zip(run(x, *states), theirs, strict=True):
                            assert (a is None) == (b is None)
                            if a is not None:
                                same_bits(a, b)


def test_a_frozen_network_packs_its_weights():
    model = models.resnet18(5, small_images=True, width=16).eval()
    frozen = fastnn.freeze(model)
    x = numbers(2, 3, 32, 32)
    same_bits(frozen(x), run(model, x))
    (recorded,) = frozen._recorded.values()
    kinds = [type(step.function).__name__ for step in recorded.program.steps]
    assert kinds.count("PreparedConv2d") == 20 and kinds.count("PreparedLinear") == 1
    frozen = fastnn.freeze(models.CharRNN(20, 9, 12).eval())
    frozen(symbols(7, 2))
    (recorded,) = frozen._recorded.values()
    assert "PreparedStack" in [type(step.function).__name__ for step in recorded.program.steps]
