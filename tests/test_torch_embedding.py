"""PyTorch says the same: embeddings and bags of them over seeded random configurations, clipping,
orthogonal matrices, cross-entropy along a sequence, signatures."""

import inspect
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import (  # noqa: E402
    backward,
    close,
    compare,
    compare_parameters,
    random_array,
    same_parameters,
)

import fastnn  # noqa: E402
from fastnn import nn  # noqa: E402
from fastnn.nn import utils  # noqa: E402

DTYPES = ["float32", "float64"]
TABLES = {"Embedding", "EmbeddingBag"}
SIZES = (1, 2, 3, 7, 8, 9, 16, 17, 33, 64, 65, 130)


def integers(rng, rows, shape):
    return rng.integers(0, rows, shape).astype(rng.choice(["int32", "int64"]))


def both(a):
    return fastnn.tensor(a), torch.tensor(a)


def options_of(rng, rows):
    """padding_idx, max_norm, norm_type, scale_grad_by_freq."""
    return {
        "padding_idx": None if rng.random() < 0.4 else int(rng.integers(-rows, rows)),
        "max_norm": None if rng.random() < 0.6 else float(rng.uniform(0.2, 3.0)),
        "norm_type": float(rng.choice([2.0, 1.0, 3.0, math.inf])),
        "scale_grad_by_freq": bool(rng.random() < 0.4),
    }


@pytest.mark.parametrize("seed", range(120))
def test_embedding(seed):
    rng = np.random.default_rng(seed)
    dtype = DTYPES[seed % 2]
    rows, columns = int(rng.choice(SIZES)), int(rng.choice(SIZES))
    options = options_of(rng, rows)
    ours, theirs = (lib.nn.Embedding(rows, columns, **options) for lib in (fastnn, torch))
    assert repr(ours).replace(", scale_grad_by_freq=True", "") == repr(theirs).replace(
        ", scale_grad_by_freq=True", ""
    )
    if ours.padding_idx is not None:
        assert not ours.weight[ours.padding_idx].detach().numpy().any()
    same_parameters(ours, theirs, dtype)
    for step in range(2):
        shape = tuple(rng.integers(0 if step else 1, 9, rng.integers(0, 4)))
        x, t = both(integers(rng, rows, shape))
        backward(ours(x), theirs(t), seed)
        compare_parameters(ours, theirs)


@pytest.mark.parametrize("seed", range(40))
def test_embedding_of_an_activation(seed):
    """weight may be the result of other operations, and need not be contiguous."""
    rng = np.random.default_rng(500 + seed)
    dtype = DTYPES[seed % 2]
    rows, columns = int(rng.choice(SIZES)), int(rng.choice(SIZES))
    index = rng.integers(0, rows, (int(rng.integers(1, 5)), 6))
    mode = ("rows", "sum", "mean", "max")[seed % 4]

    def run(lib, f, a, b):
        table = (lib.tanh(a) * b).T if seed % 8 < 4 else (a * b).T.reshape(rows, columns)
        where = lib.tensor(index)
        if mode == "rows":
            return f.embedding(where, table)
        return f.embedding_bag(where, table, mode=mode)

    arrays = [rng.standard_normal((columns, rows)).astype(dtype) for _ in range(2)]
    compare(run, arrays)


def bag_config(rng):
    rows = int(rng.choice(SIZES))
    options = options_of(rng, rows) | {"mode": str(rng.choice(["sum", "mean", "max"]))}
    options["include_last_offset"] = bool(rng.random() < 0.5)
    if options["mode"] == "max":
        options["scale_grad_by_freq"] = False
    return rows, int(rng.choice(SIZES)), options


def bag_input(rng, rows, include_last_offset):
    """Two-dimensional, or flat with offsets, where some bags are empty."""
    if rng.random() < 0.3:
        return integers(rng, rows, (int(rng.integers(1, 9)), int(rng.integers(1, 9)))), None
    n, count = int(rng.integers(0, 70)), int(rng.choice([1, 2, 5, 9, 80]))
    inner = np.sort(rng.integers(0, n + 1, count - 1))
    index = integers(rng, rows, n)
    return index, np.array([0, *inner, *([n] if include_last_offset else [])], index.dtype)


@pytest.mark.parametrize("seed", range(240))
def test_embedding_bag(seed):
    rng = np.random.default_rng(1000 + seed)
    dtype = DTYPES[seed % 2]
    rows, columns, options = bag_config(rng)
    ours = nn.EmbeddingBag(rows, columns, **options)
    # PyTorch 2.13 divides by the frequency of another row (pytorch/pytorch issue 190063).
    by_frequency = options.pop("scale_grad_by_freq")
    theirs = torch.nn.EmbeddingBag(rows, columns, **options)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    same_parameters(ours, theirs, dtype)
    with torch.no_grad():  # ties of maxima: rows that are equal
        theirs.weight.copy_(torch.tensor(random_array(rng, (rows, columns), dtype)))
    ours.load_state_dict(theirs.state_dict())
    for _ in range(2):
        index, offsets = bag_input(rng, rows, options["include_last_offset"])
        weights = None
        if options["mode"] == "sum" and rng.random() < 0.6:
            weights = rng.standard_normal(index.shape).astype(dtype)
        calls = []
        for lib in (fastnn, torch):
            w = None if weights is None else lib.tensor(weights, requires_grad=True)
            where = None if offsets is None else lib.tensor(offsets)
            calls.append((lib.tensor(index), where, w))
        ours.weight.grad = theirs.weight.grad = None
        backward(ours(*calls[0]), theirs(*calls[1]), seed)
        if by_frequency:
            often = np.bincount(index.ravel(), minlength=rows).clip(1)
            theirs.weight.grad /= torch.tensor(often[:, None])
        compare_parameters(ours, theirs, size=1.0)
        if weights is not None:
            close(calls[0][2].grad, calls[1][2].grad, "per_sample_weights", size=1.0)


def test_from_pretrained():
    a = np.random.default_rng(3).standard_normal((5, 4)).astype(np.float32)
    for name in ("Embedding", "EmbeddingBag"):
        for freeze in (True, False):
            ours, theirs = (
                getattr(lib.nn, name).from_pretrained(lib.tensor(a), freeze, padding_idx=1)
                for lib in (fastnn, torch)
            )
            assert ours.weight.requires_grad == theirs.weight.requires_grad
            close(ours.weight, theirs.weight, name)  # the padding row is not set to zeros
            x, t = both(np.array([[1, 4, 4]]))
            backward(ours(x), theirs(t))
    shared = fastnn.tensor(a)
    nn.Embedding.from_pretrained(shared).weight.detach().numpy()[0] = 7.0
    assert shared[0, 0].item() == 7.0


@pytest.mark.parametrize("seed", range(40))
def test_norms_and_clipping(seed):
    rng = np.random.default_rng(seed)
    dtype = DTYPES[seed % 2]
    p = float(rng.choice([2.0, 1.0, math.inf, 3.0, 1.5, 4.0]))
    arrays = [
        random_array(rng, shape, dtype) * 10.0 ** rng.integers(-3, 3)
        for shape in ((), (1,), (17,), (3, 5), (70, 300), (0,), (2050,))
    ]

    def parameters(lib):
        found = []
        for a in arrays:
            found.append(lib.zeros(a.shape, dtype=getattr(lib, dtype), requires_grad=True))
            found[-1].grad = lib.tensor(np.asarray(a, dtype))
        return [*found, lib.zeros(3, requires_grad=True)]  # without a gradient

    def lists():
        ours, theirs = parameters(fastnn), parameters(torch)
        del ours[5], theirs[5]  # PyTorch has no largest element of nothing
        return ours, theirs

    ours, theirs = lists()
    total = utils.get_total_norm([t.grad for t in ours[:-1]], p)
    want = torch.nn.utils.get_total_norm([t.grad for t in theirs[:-1]], p)
    assert total == pytest.approx(float(want), rel=1e-5)
    limit = total * float(rng.choice([0.0, 0.1, 0.9, 2.0]))
    if seed % 3 == 0:
        utils.clip_grads_with_norm_(ours, limit, total)
        torch.nn.utils.clip_grads_with_norm_(theirs, limit, want)
    elif seed % 3 == 1:
        norm = utils.clip_grad_norm_(ours, limit, p)
        assert norm == total
        torch.nn.utils.clip_grad_norm_(theirs, limit, p)
    else:
        limit = float(rng.uniform(0, 2))
        utils.clip_grad_value_(ours, limit)
        torch.nn.utils.clip_grad_value_(theirs, limit)
    for a, b in zip(ours, theirs, strict=True):
        close(a.grad, b.grad, "gradient")


@pytest.mark.parametrize("shape", [(3, 3), (7, 3), (3, 7), (4, 2, 3), (1, 5), (5, 1)])
def test_orthogonal(shape):
    """The same matrix from the same normal numbers."""
    w = nn.init.orthogonal_(fastnn.empty(*shape), 1.7, generator=fastnn.Generator(4))
    normal = nn.init.normal_(fastnn.empty(*shape), generator=fastnn.Generator(4)).numpy()
    flat = torch.tensor(normal.reshape(shape[0], -1), dtype=torch.float64)
    q, r = torch.linalg.qr(flat if flat.shape[0] >= flat.shape[1] else flat.T)
    q = q * torch.diag(r).sign()
    q = q if flat.shape[0] >= flat.shape[1] else q.T
    np.testing.assert_allclose(w.numpy(), 1.7 * q.reshape(shape).numpy(), atol=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_cross_entropy_along_a_sequence(seed):
    """(N, C, T), and (N T, C) of (N, T, C): classes and probabilities, weights, what is ignored."""
    rng = np.random.default_rng(seed)
    n, c, t = (int(v) for v in rng.choice([1, 2, 5, 9, 16, 33], 3))
    dtype = DTYPES[seed % 2]
    soft = seed % 5 == 0
    target = rng.random((n, c, t)).astype(dtype) if soft else rng.integers(0, c, (n, t))
    weight = rng.random(c).astype(dtype) + 0.1
    options = {
        "reduction": str(rng.choice(["mean", "sum", "none"])),
        "label_smoothing": float(rng.choice([0.0, 0.1])),
    }
    if not soft and c > 1:
        options["ignore_index"] = 0
        target[0, 0] = 1

    def run(lib, f, x):
        w = lib.tensor(weight) if seed % 2 else None
        return f.cross_entropy(x, lib.tensor(target), w, **options)

    logits = rng.standard_normal((n, c, t)).astype(dtype)
    compare(run, [logits])
    if not soft:
        along = run(fastnn, fastnn.functional, fastnn.tensor(logits))
        target = target.reshape(-1)
        rows = np.ascontiguousarray(logits.transpose(0, 2, 1)).reshape(n * t, c)
        flat = run(fastnn, fastnn.functional, fastnn.tensor(rows))
        # in another order: along positions the classes are added one by one, in rows by lanes
        np.testing.assert_allclose(along.numpy().ravel(), flat.numpy().ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (nn.Embedding, torch.nn.Embedding),
        (nn.Embedding.from_pretrained, torch.nn.Embedding.from_pretrained),
        (nn.EmbeddingBag, torch.nn.EmbeddingBag),
        (nn.EmbeddingBag.from_pretrained, torch.nn.EmbeddingBag.from_pretrained),
        (nn.EmbeddingBag.forward, torch.nn.EmbeddingBag.forward),
        (nn.functional.embedding, torch.nn.functional.embedding),
        (nn.functional.embedding_bag, torch.nn.functional.embedding_bag),
        (utils.clip_grad_norm_, torch.nn.utils.clip_grad_norm_),
        (utils.clip_grad_value_, torch.nn.utils.clip_grad_value_),
        (utils.get_total_norm, torch.nn.utils.get_total_norm),
        (utils.clip_grads_with_norm_, torch.nn.utils.clip_grads_with_norm_),
        (nn.init.orthogonal_, torch.nn.init.orthogonal_),
    ],
)
def test_signatures(ours, theirs):
    def told(f):
        found = inspect.signature(f).parameters.values()
        return [(p.name, p.default) for p in found if p.name not in ("device", "dtype")]

    assert told(ours) == told(theirs)
