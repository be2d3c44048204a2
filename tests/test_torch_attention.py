"""PyTorch says the same of attention: values and gradients under every mask; memory stays small."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from programs import run_python  # noqa: E402
from torch_compare import compare  # noqa: E402

import fastnn  # noqa: E402
from fastnn import functional as F  # noqa: E402

CASES = [
    # query, key, value, mask's shape, options
    ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 6), None, {}),
    ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 6), (5, 7), {}),
    ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8), (2, 1, 1, 7), {}),
    ((2, 3, 5, 8), (2, 3, 7, 8), (2, 3, 7, 8), (3, 5, 1), {}),
    ((2, 3, 9, 8), (2, 3, 7, 8), (2, 3, 7, 8), None, {"is_causal": True}),
    ((2, 3, 7, 8), (2, 3, 9, 8), (2, 3, 9, 8), None, {"is_causal": True, "scale": 0.5}),
    ((2, 4, 6, 8), (2, 2, 7, 8), (2, 2, 7, 8), None, {"enable_gqa": True}),
    ((3, 5, 4), (3, 6, 4), (3, 6, 4), (3, 5, 6), {}),
    ((5, 4), (6, 4), (6, 3), None, {}),
    ((2, 2, 2, 5, 4), (2, 2, 2, 6, 4), (2, 2, 2, 6, 4), (2, 1, 1, 5, 6), {}),
    ((1, 2, 130, 16), (1, 2, 300, 16), (1, 2, 300, 16), (130, 300), {}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["added", "boolean"])
@pytest.mark.parametrize(("q", "k", "v", "mask", "options"), CASES, ids=str)
def test_attention(q, k, v, mask, options, kind, dtype):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in (q, k, v)]
    if mask is None:
        compare(lambda lib, F, *t: F.scaled_dot_product_attention(*t, **options), arrays)
        return
    if kind == "added" and mask[-1] > 1:  # what is added to all keys alike has no gradient
        arrays.append(rng.standard_normal(mask).astype(dtype))
    else:
        keep = rng.random(mask) < 0.7
        keep.reshape(-1, mask[-1])[0] = False  # a query, or a whole row of the batch, sees nothing
        arrays.append(keep)
    compare(lambda lib, F, *t: F.scaled_dot_product_attention(*t, **options), arrays)


def test_dropout_is_drawn_from_the_generator_and_keeps_the_mean():
    x = fastnn.randn(1, 1, 4, 8, generator=fastnn.Generator(0))
    k = fastnn.randn(1, 1, 400, 8, generator=fastnn.Generator(1))
    v = fastnn.ones(1, 1, 400, 300)

    def draw(seed):
        g = fastnn.Generator(seed)
        return F.scaled_dot_product_attention(x, k, v, dropout_p=0.25, generator=g).numpy()

    assert np.array_equal(draw(1), draw(1)) and not np.array_equal(draw(1), draw(2))
    mean = np.mean([draw(seed) for seed in range(200)])
    assert abs(mean - 1) < 0.02
    y = F.scaled_dot_product_attention(x, k, v, dropout_p=1.0)
    assert not y.numpy().any()


def test_no_matrix_of_scores_in_memory():
    """T = 8192: the scores alone would take 256 MiB."""
    code = """
import resource, fastnn
from fastnn import functional as F
q, k, v = (fastnn.randn(1, 1, 8192, 64, requires_grad=True) for _ in range(3))
F.scaled_dot_product_attention(q[:, :, :8], k, v).sum().backward()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
F.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    assert float(run_python("-c", code).stdout) < 64


BAD = [
    (((2, 3), (2, 4), (2, 3)), {}, ValueError, r"query \(2, 3\), key \(2, 4\)"),
    (((2, 3), (2, 3), (3, 3)), {}, ValueError, "shapes of query"),
    (((3,), (2, 3), (2, 3)), {}, ValueError, "shapes of query"),
    (((2, 2, 3), (3, 2, 3), (3, 2, 3)), {}, ValueError, "do not broadcast"),
    (((3, 2, 3), (2, 2, 3), (2, 2, 3)), {"enable_gqa": True}, ValueError, "multiple of those"),
    (((2, 3),) * 3, {"dropout_p": 1.5}, ValueError, "dropout_p is 1.5"),
    (((2, 3),) * 3, {"scale": "1"}, TypeError, "scale must be a number"),
    (((2, 3),) * 3, {"attn_mask": fastnn.ones(3, 2)}, ValueError, r"attn_mask has shape \(3, 2\)"),
    (((2, 3),) * 3, {"attn_mask": fastnn.ones(2, 2).long()}, TypeError, "attn_mask has dtype int"),
]


@pytest.mark.parametrize(("shapes", "options", "error", "words"), BAD)
def test_refused(shapes, options, error, words):
    with pytest.raises(error, match=words):
        F.scaled_dot_product_attention(*(fastnn.ones(*s) for s in shapes), **options)
