"""fastnn.freeze: the same bits as the network, for every input; what it keeps."""

import copy
import pickle
import threading

import numpy as np
import pytest
from frozen_cases import Calls, agrees, run, same_bits, tensors
from test_models_reference import BIG, SMALL, numbers, symbols

import fastnn
from fastnn import models, nn
from fastnn.frozen import FreezeError, Frozen


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
    "its own scale": lambda x: (x / x.norm() - x.mean(), x.max() - x, x.mean() * x.sum()),
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
    "a tuple with names": lambda x: x.max(1),
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


def test_a_frozen_network_in_a_frozen_network():
    inner = fastnn.freeze(nn.Linear(3, 3).eval())
    inner(numbers(2, 3))
    model = Calls(lambda x: inner(x) * 2).eval()
    outer = fastnn.freeze(model)
    for x in (numbers(2, 3), numbers(2, 3) * 3, numbers(5, 3)):
        same_bits(outer(x), inner(x) * np.float32(2))


def test_copies_and_pickles():
    frozen = fastnn.freeze(models.LeNet5().eval())
    x = numbers(2, 1, 28, 28)
    y = frozen(x)
    for again in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert again.inputs == 0
        same_bits(again(x), y)


def test_forms_share_packed_weights_and_keep_no_activations():
    model = models.resnet18(5, small_images=True, width=8).eval()
    frozen = fastnn.freeze(model)
    for n, size in ((1, 32), (2, 32), (3, 28)):
        frozen(numbers(n, 3, size, size))
    functions = [
        {id(step.function) for step in recorded.program.steps}
        for recorded in frozen._recorded.values()
    ]
    packed = set.intersection(*functions)
    assert len(packed) >= 21
    for recorded in frozen._recorded.values():
        for step in recorded.program.steps:
            assert all(step.args[i] is None for i, _ in step.holes)


def test_packed_weights_go_with_their_forms():
    """Also those of a Conv1d, a new view at each call."""
    frozen = fastnn.freeze(nn.Conv1d(16, 16, 3, padding=1).eval())
    for n in range(5):
        frozen(numbers(1, 16, n + 8))
    assert len(frozen._prepared) == 1
    frozen = fastnn.freeze(Calls(lambda x: fastnn.functional.linear(x, fastnn.ones(4, 3))).eval())
    for n in range(80):
        frozen(numbers(n + 1, 3))
    assert frozen.inputs == 64 and len(frozen._prepared) <= 65
