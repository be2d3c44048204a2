"""PyTorch says the same of the transformer's layers, stacks and whole: values, all gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import backward, close, compare_parameters, same_parameters  # noqa: E402

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402

# PyTorch says that it will not take its fast path.
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")

TRANSFORMERS = {
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
}
N, S, T, E, HEADS, WIDTH = 3, 6, 4, 8, 2, 12
OPTIONS = [
    {},
    {"batch_first": True},
    {"norm_first": True},
    {"norm_first": True, "batch_first": True, "activation": "gelu"},
    {"bias": False, "layer_norm_eps": 1e-3},
    {"activation": "tanh"},  # the library's function: not one of the two that have a name
    {"activation": "gelu", "bias": False, "norm_first": True},
]
MASKS = ["none", "bool", "float", "heads", "padding", "both", "causal", "found"]
DTYPES = ["float32", "float64"]


def settings(lib, options, dropout=0.0):
    given = {"dim_feedforward": WIDTH, "dropout": dropout, **options}
    if given.get("activation") == "tanh":
        given["activation"] = lib.tanh
    return given


def perturbed(model, theirs, dtype):
    """Both with the same weights, no LayerNorm at 1 and 0, no bias at 0."""
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for p in theirs.parameters():
            p += torch.tensor(0.3 * rng.standard_normal(tuple(p.shape)), dtype=p.dtype)
    return same_parameters(model, theirs, dtype)


def masks(kind, t, s, dtype, prefix, key_prefix):
    """The arguments for scores (N, HEADS, t, s), by their names without "is_causal"."""
    rng, mask, padding = np.random.default_rng(1), None, None
    keep = rng.random((N, s)) < 0.7
    keep[:, 0] = True
    if kind in ("bool", "found", "both"):
        mask = ~np.tri(t, s, dtype=bool)
    if kind == "causal":
        mask = np.triu(np.full((t, s), -np.inf), 1).astype(dtype)
    if kind == "float":
        mask = rng.standard_normal((t, s)).astype(dtype)
    if kind == "heads":
        mask = rng.standard_normal((N * HEADS, t, s)).astype(dtype)
    if kind in ("padding", "both"):
        padding = ~keep
    named = {f"{prefix}mask": mask, f"{key_prefix}key_padding_mask": padding}
    return {k: v for k, v in named.items() if v is not None}


def sequences(options, dtype, *lengths):
    rng = np.random.default_rng(0)
    first = options.get("batch_first")
    return [rng.standard_normal((N, n, E) if first else (n, N, E)).astype(dtype) for n in lengths]


def check(model, theirs, arrays, arguments):
    """Outputs, gradients of the inputs and of the parameters."""
    ours = [fastnn.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]

    def given(make):
        return {k: make(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}

    backward(model(*ours, **given(fastnn.from_numpy)), theirs(*other, **given(torch.tensor)))
    for a, b in zip(ours, other, strict=True):
        close(a.grad, b.grad, "gradient of an input", 1.0)
    compare_parameters(model, theirs, size=1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_encoder_layer(options, kind, training, dtype):
    model, theirs = perturbed(
        nn.TransformerEncoderLayer(E, HEADS, **settings(fastnn, options)),
        torch.nn.TransformerEncoderLayer(E, HEADS, **settings(torch, options)),
        dtype,
    )
    given = masks(kind, T, T, dtype, "src_", "src_")
    given |= {"is_causal": True} if kind == "causal" else {}
    check(model.train(training), theirs.train(training), sequences(options, dtype, T), given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_decoder_layer(options, kind, dtype):
    model, theirs = perturbed(
        nn.TransformerDecoderLayer(E, HEADS, **settings(fastnn, options)),
        torch.nn.TransformerDecoderLayer(E, HEADS, **settings(torch, options)),
        dtype,
    )
    given = masks(kind, T, T, dtype, "tgt_", "tgt_") | masks(kind, T, S, dtype, *["memory_"] * 2)
    if kind == "causal":
        given |= {"tgt_is_causal": True, "memory_is_causal": True}
    check(model, theirs, sequences(options, dtype, T, S), given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("options", OPTIONS[1:4], ids=str)
def test_stacks(options, kind, normed, dtype):
    def both(lib):
        given = settings(lib, options)
        norm = [lib.nn.LayerNorm(E) if normed else None for _ in range(2)]
        layer = lib.nn.TransformerEncoderLayer(E, HEADS, **given)
        encoder = lib.nn.TransformerEncoder(layer, 2, norm[0])
        layer = lib.nn.TransformerDecoderLayer(E, HEADS, **given)
        return encoder, lib.nn.TransformerDecoder(layer, 2, norm[1])

    pairs = [perturbed(a, b, dtype) for a, b in zip(both(fastnn), both(torch), strict=True)]
    given = masks(kind, T, T, dtype, "", "src_")
    given |= {"is_causal": True} if kind == "causal" else {}
    check(*pairs[0], sequences(options, dtype, T), given)
    given = masks(kind, T, T, dtype, "tgt_", "tgt_") | masks(kind, T, S, dtype, *["memory_"] * 2)
    check(*pairs[1], sequences(options, dtype, T, S), given)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("options", [*OPTIONS[:3], OPTIONS[4]], ids=str)
def test_transformer(options, kind, dtype):
    model, theirs = perturbed(
        nn.Transformer(E, HEADS, 2, 2, **settings(fastnn, options)),
        torch.nn.Transformer(E, HEADS, 2, 2, **settings(torch, options)),
        dtype,
    )
    given = masks(kind, S, S, dtype, "src_", "src_") | masks(kind, T, T, dtype, "tgt_", "tgt_")
    given |= masks(kind, T, S, dtype, "memory_", "memory_")
    check(model, theirs, sequences(options, dtype, S, T), given)


def test_without_batch():
    model, theirs = perturbed(
        nn.Transformer(E, HEADS, 1, 1, **settings(fastnn, {})),
        torch.nn.Transformer(E, HEADS, 1, 1, **settings(torch, {})),
        "float64",
    )
    arrays = [a[:, 0] for a in sequences({}, "float64", S, T)]
    check(model, theirs, [np.ascontiguousarray(a) for a in arrays], {})


def test_weights_go_back_to_pytorch():
    fastnn.manual_seed(0)
    model = nn.Transformer(E, HEADS, 2, 1, WIDTH).eval()
    theirs = torch.nn.Transformer(E, HEADS, 2, 1, WIDTH).eval()
    state = {k: torch.tensor(v.numpy()) for k, v in model.state_dict().items()}
    assert not any(theirs.load_state_dict(state))
    arrays = sequences({}, "float32", S, T)
    close(model(*map(fastnn.tensor, arrays)), theirs(*map(torch.tensor, arrays)), "output")


def test_dropout_is_in_training_only_and_has_its_places():
    """With p = 1 nothing but the residual path is left."""
    fastnn.manual_seed(0)
    x = fastnn.randn(T, N, E)
    layer = nn.TransformerEncoderLayer(E, HEADS, WIDTH, 1.0, norm_first=True)
    assert np.array_equal(layer(x).detach().numpy(), x.numpy())
    assert not np.array_equal(layer.eval()(x).detach().numpy(), x.numpy())
    layer = nn.TransformerEncoderLayer(E, HEADS, WIDTH, 0.5)
    assert {m.p for m in layer.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert layer.self_attn.dropout == 0.5
    a, b = layer(x).detach().numpy(), layer(x).detach().numpy()
    assert not np.array_equal(a, b)
    a, b = layer.eval()(x).detach().numpy(), layer(x).detach().numpy()
    assert np.array_equal(a, b)
    theirs = torch.nn.TransformerDecoderLayer(E, HEADS, WIDTH)
    ours = nn.TransformerDecoderLayer(E, HEADS, WIDTH)
    rates = [
        {k: m.p for k, m in net.named_modules() if type(m).__name__ == "Dropout"}
        for net in (ours, theirs)
    ]
    assert rates[0] == rates[1]


def test_copies_and_first_weights():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(E, HEADS, WIDTH), 2)
    a, b = (layer.linear1.weight for layer in encoder.layers)
    assert a is not b and np.array_equal(a.detach().numpy(), b.detach().numpy())
    whole = nn.Transformer(E, HEADS, 2, 2, WIDTH)
    a, b = (layer.linear1.weight.detach().numpy() for layer in whole.decoder.layers)
    assert not np.array_equal(a, b)
    bound = np.sqrt(6 / (E + WIDTH))
    assert 0.8 * bound < np.abs(a).max() <= bound


@pytest.mark.parametrize("name", ["float32", "float64", "bool"])
def test_mask(name):
    ours = nn.Transformer.generate_square_subsequent_mask(4, dtype=name)
    theirs = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(torch, name))
    assert np.array_equal(ours.numpy(), theirs.numpy())
    assert ours.dtype == theirs.numpy().dtype
    default = nn.Transformer.generate_square_subsequent_mask(3)
    assert default.dtype == np.float32 and default.shape == (3, 3)


def test_a_hook_on_linear1_sees_its_output():
    layer, seen = nn.TransformerEncoderLayer(E, HEADS, WIDTH, 0.0), []
    x = fastnn.randn(T, N, E)
    before = layer(x).detach().numpy()
    layer.linear1.register_forward_hook(lambda module, args, y: seen.append(y.detach().numpy()))
    after = layer(x).detach().numpy()
    assert np.array_equal(before, after)  # fused with relu or not
    assert seen[0].min() < 0


def test_refused():
    layer, x = nn.TransformerEncoderLayer(E, HEADS, WIDTH), fastnn.ones(T, N, E)
    decoder = nn.TransformerDecoderLayer(E, HEADS, WIDTH)
    whole = nn.Transformer(E, HEADS, 1, 1, WIDTH)
    for call, error, words in (
        (lambda: nn.TransformerEncoderLayer(E, 3), ValueError, "num_heads 3 does not divide"),
        (lambda: nn.TransformerEncoderLayer(0, 1), ValueError, "Layer: d_model is 0"),
        (lambda: nn.TransformerEncoderLayer(E, 2, 0), ValueError, "dim_feedforward is 0"),
        (lambda: nn.TransformerEncoderLayer(E, 2, activation="x"), ValueError, "activation is 'x'"),
        (lambda: nn.TransformerDecoderLayer(E, 2, activation=3), ValueError, "activation is 3"),
        (lambda: nn.TransformerEncoder(layer, -1), ValueError, "num_layers is -1"),
        (lambda: layer(fastnn.ones(T, N, 5)), ValueError, r"src has shape \(4, 3, 5\)"),
        (lambda: layer(np.ones((T, N, E))), TypeError, "src must be a Tensor"),
        (lambda: decoder(x, fastnn.ones(E)), ValueError, r"memory has shape \(8,\)"),
        (lambda: layer(x, fastnn.ones(3, 3)), ValueError, r"attn_mask has shape \(3, 3\)"),
        (lambda: whole(x, fastnn.ones(T, 2, E)), ValueError, r"tgt has shape \(4, 2, 8\)"),
        (lambda: whole(x, fastnn.ones(T, E)), ValueError, "the same batch"),
        (lambda: whole.generate_square_subsequent_mask(-1), ValueError, "sz is -1"),
        (lambda: whole.generate_square_subsequent_mask(2, dtype="int64"), TypeError, "dtype is"),
    ):
        with pytest.raises(error, match=words):
            call()
