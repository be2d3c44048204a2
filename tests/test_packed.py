"""nn.utils.rnn against PyTorch's: the same arguments, results, gradients and errors."""

import copy
import inspect
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from test_torch_rnn import both, flattened, pair, states  # noqa: E402
from torch_compare import backward, close, compare_parameters, random_array  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

ours = nn.utils.rnn
theirs = torch.nn.utils.rnn
LENGTHS = {"sorted": [6, 4, 4, 1], "unsorted": [2, 6, 1, 4], "shorter": [3, 5, 2, 2]}


def test_signatures():
    for name in ours.__all__:
        if name != "PackedSequence":
            a = inspect.signature(getattr(ours, name)).parameters.values()
            b = inspect.signature(getattr(theirs, name)).parameters.values()
            assert [(p.name, p.default) for p in a] == [(p.name, p.default) for p in b], name


@pytest.mark.parametrize("order", LENGTHS)
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("rest", [(), (3,), (2, 3)])
def test_there_and_back(order, batch_first, rest):
    rng = np.random.default_rng(0)
    lengths, is_sorted = LENGTHS[order], order == "sorted"
    shape = (4, 6) if batch_first else (6, 4)
    settings = [(False, 0.0, None), (True, 0.0, None), (True, -1.5, None), (False, 0.0, 9)]
    for dtype, arguments in itertools.product(("float32", "float64"), settings):
        x, y = both(random_array(rng, (*shape, *rest), dtype))
        a = ours.pack_padded_sequence(x, lengths, batch_first, is_sorted)
        b = theirs.pack_padded_sequence(y, torch.tensor(lengths), batch_first, is_sorted)
        close(a.batch_sizes, b.batch_sizes, "batch_sizes")
        close(a.unsorted_indices, b.unsorted_indices, "unsorted_indices")
        (padded, n), (other, m) = (
            lib.pad_packed_sequence(p, *arguments) for lib, p in ((ours, a), (theirs, b))
        )
        assert n.numpy().tolist() == m.tolist() == lengths
        # The order among rows of equal length is PyTorch's own affair.
        backward([padded, a.data.sum(0)], [other, b.data.sum(0)])
        close(x.grad, y.grad, "gradient")


def test_data_is_in_pytorchs_order():
    a = np.arange(24, dtype=np.float32).reshape(6, 4)
    x = ours.pack_padded_sequence(fastnn.tensor(a), [2, 6, 1, 4], enforce_sorted=False)
    y = theirs.pack_padded_sequence(torch.tensor(a), [2, 6, 1, 4], enforce_sorted=False)
    close(x.data, y.data, "data")
    close(x.sorted_indices, y.sorted_indices, "sorted_indices")
    whole = ours.pack_padded_sequence(fastnn.tensor(a), fastnn.tensor([6, 4, 4, 1]))
    assert whole.sorted_indices is None and whole.lengths.numpy().tolist() == [6, 4, 4, 1]


def test_nan_in_the_padding_is_not_seen():
    a = np.full((3, 2, 1), np.nan, np.float32)
    a[:2, 0], a[:3, 1] = 1.0, 2.0
    x = fastnn.tensor(a, requires_grad=True)
    packed = ours.pack_padded_sequence(x, [2, 3], enforce_sorted=False)
    padded, _ = ours.pad_packed_sequence(packed)
    padded.sum().backward()
    assert padded.detach().numpy()[:, :, 0].T.tolist() == [[1, 1, 0], [2, 2, 2]]
    assert x.grad.numpy()[:, :, 0].T.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_what_comes_back_is_a_copy():
    x = fastnn.ones(3, 2, 1)
    padded, _ = ours.pad_packed_sequence(ours.pack_padded_sequence(x, [3, 3]))
    padded.add_(1)
    assert (x.numpy() == 1).all() and (padded.numpy() == 2).all()


@pytest.mark.parametrize("order", LENGTHS)
@pytest.mark.parametrize("kind", ["tanh", "LSTM", "GRU"])
def test_recurrent_layers(kind, order):
    """Layers, directions, batch_first of layer, packing and unpacking, states, gradients."""
    lengths, is_sorted = LENGTHS[order], order == "sorted"
    for i, (layers, bidirectional, first, given) in enumerate(
        itertools.product((1, 2), (False, True), (False, True), (False, True))
    ):
        rng, dtype = np.random.default_rng(i), ("float32", "float64")[i % 2]
        a, b = pair(
            kind, 3, 5, num_layers=layers, bidirectional=bidirectional, batch_first=i % 3 == 0,
            dtype=dtype,
        )  # fmt: skip
        x = both(random_array(rng, (4, 6, 3) if first else (6, 4, 3), dtype))
        leaves, hx, hy = [x], None, None
        if given:
            hx, hy, more = states(rng, kind, layers * (1 + bidirectional), 4, 5, 0, dtype)
            leaves += more
        got = a(ours.pack_padded_sequence(x[0], lengths, first, is_sorted), hx)
        want = b(theirs.pack_padded_sequence(x[1], torch.tensor(lengths), first, is_sorted), hy)
        assert isinstance(got[0], ours.PackedSequence)
        close(got[0].batch_sizes, want[0].batch_sizes, "batch_sizes")
        settings = (i % 4 < 2, float(i % 3), (None, 8)[i % 2])
        unpacked = [
            (lib.pad_packed_sequence(y[0], *settings)[0], y[1])
            for lib, y in ((ours, got), (theirs, want))
        ]
        backward(flattened(unpacked[0]), flattened(unpacked[1]), seed=i)
        for one, other in leaves:
            close(one.grad, other.grad, "gradient")
        compare_parameters(a, b)


def test_packed_is_lengths():
    """The same bits as lengths=, and a packed output goes on into the next layer."""
    fastnn.manual_seed(0)
    first, second = nn.GRU(3, 4, bidirectional=True), nn.GRU(8, 2)
    x = fastnn.tensor(np.random.default_rng(1).standard_normal((6, 4, 3)).astype(np.float32))
    lengths = [2, 6, 1, 4]
    packed, h = second(first(ours.pack_padded_sequence(x, lengths, enforce_sorted=False))[0])
    plain, last = second(first(x, lengths=lengths)[0], lengths=lengths)
    padded, _ = ours.pad_packed_sequence(packed)
    for a, b in ((padded, plain), (h, last)):
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_lists_of_sequences(batch_first, side):
    rng = np.random.default_rng(2)
    for rest in ((), (3,), (2, 3)):
        pairs = [both(rng.standard_normal((n, *rest)).astype(np.float32)) for n in (2, 5, 3)]
        a, b = ([p[i] for p in pairs] for i in (0, 1))
        x = ours.pad_sequence(a, batch_first, 7.0, side)
        y = theirs.pad_sequence(b, batch_first, 7.0, side)
        backward(x, y)
        for one, other in pairs:
            close(one.grad, other.grad, "gradient")
        padded, other = both(x.detach().numpy())
        lengths = [2, 5, 3]
        # other * 1: PyTorch's function swaps the axes of its argument in place.
        backward(
            ours.unpad_sequence(padded, lengths, batch_first),
            theirs.unpad_sequence(other * 1, torch.tensor(lengths), batch_first),
        )
        close(padded.grad, other.grad, "gradient")
    packed = ours.pack_sequence(a, enforce_sorted=False)
    close(packed.data, theirs.pack_sequence(b, enforce_sorted=False).data, "data")
    for one, other in zip(ours.unpack_sequence(packed), a, strict=True):
        assert np.array_equal(one.detach().numpy(), other.detach().numpy())
    whole = [fastnn.tensor([1, 2]), fastnn.tensor([3])]
    assert ours.pad_sequence(whole, True).numpy().tolist() == [[1, 2], [3, 0]]
    assert ours.pack_sequence(whole).data.numpy().tolist() == [1, 3, 2]


def calls(lib, u):
    """Wrong use, in either library."""
    x, one = lib.zeros(5, 3, 2), [lib.zeros(2, 3), lib.zeros(4, 3)]
    packed = u.pack_padded_sequence(x, lib.tensor([4, 2, 1]))
    return {
        "sorted in decreasing order": lambda: u.pack_padded_sequence(x, lib.tensor([2, 4, 1])),
        "greater than 0": lambda: u.pack_padded_sequence(x, lib.tensor([2, 1, 0])),
        "equal to batch_size": lambda: u.pack_padded_sequence(x, lib.tensor([2, 1])),
        "empty": lambda: u.pack_padded_sequence(lib.zeros(5, 0, 2), lib.zeros(0).to(lib.int64)),
        "total_length to be at least": lambda: u.pad_packed_sequence(packed, total_length=3),
        "must be sorted": lambda: u.pack_sequence(one),
        "empty list": lambda: u.pad_sequence([]),
    }  # fmt: skip


@pytest.mark.parametrize("message", calls(torch, theirs))
def test_errors(message):
    with pytest.raises((RuntimeError, ValueError)) as their_error:
        calls(torch, theirs)[message]()
    with pytest.raises(type(their_error.value), match=message):
        calls(fastnn, ours)[message]()


def test_our_own_errors():
    packed = ours.pack_padded_sequence(fastnn.zeros(5, 3, 2), [4, 2, 1])
    layer = nn.LSTM(2, 3)
    with pytest.raises(ValueError, match="lengths are in the PackedSequence"):
        layer(packed, lengths=[4, 2, 1])
    with pytest.raises(ValueError, match=r"input has shape \(4, 3, 2\).*I = 5"):
        nn.GRU(5, 3)(packed)
    with pytest.raises(TypeError, match="expected a PackedSequence, got Tensor"):
        ours.pad_packed_sequence(fastnn.zeros(5, 3, 2))
    with pytest.raises(TypeError, match="expected integers"):
        ours.pack_padded_sequence(fastnn.zeros(5, 3, 2), [4.0, 2.0, 1.0])
    with pytest.raises(RuntimeError, match=r"lengths\[0\] is 6, but input has 5 steps"):
        ours.pack_padded_sequence(fastnn.zeros(5, 3, 2), [6, 1, 1])
    with pytest.raises(ValueError, match="padding_side is 'up'"):
        ours.pad_sequence([fastnn.zeros(1)], padding_side="up")
    with pytest.raises(RuntimeError, match=r"sequences\[1\] has shape"):
        ours.pad_sequence([fastnn.zeros(2, 3), fastnn.zeros(2, 4)])
    with pytest.raises(RuntimeError, match="expected 3 from 0 to 5"):
        ours.unpad_sequence(fastnn.zeros(5, 3, 2), [6, 1, 1])


def test_no_packed_sequence_by_hand():
    """PyTorch's own way of making one would have other fields here."""
    with pytest.raises(TypeError, match="use nn.utils.rnn.pack_padded_sequence"):
        ours.PackedSequence(fastnn.zeros(3, 2), fastnn.tensor([2, 1]))
    with pytest.raises(TypeError, match="pack_sequence"):
        ours.PackedSequence(data=fastnn.zeros(3, 2), batch_sizes=fastnn.tensor([2, 1]))
    packed = ours.pack_sequence([fastnn.ones(2), fastnn.ones(1)])
    assert copy.copy(packed).batch_sizes.numpy().tolist() == [2, 1]


def test_the_input_is_not_copied_and_lengths_are():
    x, lengths = fastnn.zeros(4, 2), np.array([3, 2])
    packed = ours.pack_padded_sequence(x, lengths)
    with fastnn.no_grad():
        x[0, 0] = 5.0
    lengths[0] = 1
    assert packed.data.numpy().tolist() == [5, 0, 0, 0, 0]
