"""Every loss and attention against central differences, in float64, for all that has a gradient."""

import numpy as np
import pytest

import fastnn
from fastnn import functional as F
from fastnn.autograd import gradcheck

LABELS = fastnn.tensor([0, 3, 2, 2])
PIXELS = fastnn.tensor([[[0, 3], [2, 1], [3, 3]], [[1, -100], [0, 2], [-100, 1]]])
SIGNS = np.array([1.0, -1.0, -1.0, 1.0])
WEIGHT = fastnn.tensor(np.array([0.5, 2.0, 1.0, 0.0]))
SEVERAL = fastnn.tensor([[3, 0, -1, 1], [1, -1, -1, -1], [-1, 0, 0, 0], [0, 1, 2, 3]])
CTC_TARGETS = fastnn.tensor([[1, 2, 2], [3, 1, 0]])


def signs(*shape):
    return fastnn.tensor(np.resize(SIGNS, shape))


def probabilities(x, dim=-1):
    return F.softmax(x, dim)


def ctc(x, **how):
    return F.ctc_loss(F.log_softmax(x, 2), CTC_TARGETS, (7, 6), (3, 2), **how)


def squares(u, v):
    return ((u - v) ** 2).sum(-1)


X, XT, XYZ = ((4, 4),), ((4, 4),) * 2, ((4, 4),) * 3

# Name, its call of float64 leaves and the reduction, their shapes.  Leaves are normal numbers;
# what needs probabilities or something positive is computed of them.
CASES = [
    ("binary_cross_entropy", lambda x, t, **how: F.binary_cross_entropy(
        F.sigmoid(x), F.sigmoid(t), **how), XT),
    ("binary_cross_entropy", lambda x, t, **how: F.binary_cross_entropy(
        F.sigmoid(x), F.sigmoid(t), WEIGHT, **how), XT),
    ("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, XT),
    ("binary_cross_entropy_with_logits", lambda x, t, **how: F.binary_cross_entropy_with_logits(
        x, t, WEIGHT, pos_weight=WEIGHT + 1, **how), XT),
    ("cosine_embedding_loss", lambda a, b, **how: F.cosine_embedding_loss(
        a, b, signs(4), margin=-0.3, **how), XT),
    ("cosine_embedding_loss", lambda a, b, **how: F.cosine_embedding_loss(
        a, b, signs(), **how), ((5,),) * 2),
    ("cross_entropy", lambda x, **how: F.cross_entropy(x, LABELS, **how), X),
    ("cross_entropy", lambda x, **how: F.cross_entropy(
        x, LABELS, WEIGHT, ignore_index=3, label_smoothing=0.2, **how), X),
    ("cross_entropy", lambda x, **how: F.cross_entropy(x, PIXELS, **how), ((2, 4, 3, 2),)),
    ("cross_entropy", lambda x, **how: F.cross_entropy(x, LABELS[1], **how), ((4,),)),
    ("cross_entropy", lambda x, t, **how: F.cross_entropy(
        x, probabilities(t, 1), WEIGHT, label_smoothing=0.1, **how), ((2, 4, 3),) * 2),
    ("ctc_loss", ctc, ((7, 2, 4),)),
    ("ctc_loss", lambda x, **how: F.ctc_loss(F.log_softmax(x, 1), CTC_TARGETS[1, :2], (6,), (2,),
        blank=2, **how), ((7, 4),)),
    ("gaussian_nll_loss", lambda x, t, v, **how: F.gaussian_nll_loss(
        x, t, v * v + 0.1, full=True, **how), XYZ),
    ("gaussian_nll_loss", lambda x, t, v, **how: F.gaussian_nll_loss(
        x, t, v * v + 0.1, **how), (*XT, (4,))),
    ("hinge_embedding_loss", lambda x, **how: F.hinge_embedding_loss(
        x, signs(4, 4), margin=0.4, **how), X),
    ("huber_loss", lambda x, t, **how: F.huber_loss(x, t, delta=0.7, **how), XT),
    ("huber_loss", lambda x, t, w, **how: F.huber_loss(x, t, weight=w, **how), XYZ),
    ("kl_div", lambda x, t, **how: F.kl_div(x, probabilities(t), **how), XT),
    ("kl_div", lambda x, t, **how: F.kl_div(x, t, log_target=True, **how), XT),
    ("l1_loss", F.l1_loss, XT),
    ("l1_loss", lambda x, t, w, **how: F.l1_loss(x, t, weight=w * w + 0.1, **how), XYZ),
    ("margin_ranking_loss", lambda a, b, **how: F.margin_ranking_loss(
        a, b, signs(4, 4), margin=0.3, **how), XT),
    ("mse_loss", F.mse_loss, XT),
    ("mse_loss", lambda x, t, w, **how: F.mse_loss(x, t, weight=w * w + 0.1, **how), XYZ),
    ("multi_margin_loss", lambda x, **how: F.multi_margin_loss(x, LABELS, **how), X),
    ("multi_margin_loss", lambda x, **how: F.multi_margin_loss(
        x, LABELS, p=2, margin=0.6, weight=WEIGHT + 0.1, **how), X),
    ("multilabel_margin_loss", lambda x, **how: F.multilabel_margin_loss(x, SEVERAL, **how), X),
    ("multilabel_soft_margin_loss", lambda x, t, **how: F.multilabel_soft_margin_loss(
        x, t, WEIGHT, **how), XT),
    ("nll_loss", lambda x, **how: F.nll_loss(x, LABELS, WEIGHT, ignore_index=0, **how), X),
    ("nll_loss", lambda x, **how: F.nll_loss(x, PIXELS, **how), ((2, 4, 3, 2),)),
    ("poisson_nll_loss", F.poisson_nll_loss, XT),
    ("poisson_nll_loss", lambda x, t, **how: F.poisson_nll_loss(
        x * x + 0.1, 3 * t * t + 0.01, log_input=False, full=True, **how), XT),
    ("smooth_l1_loss", F.smooth_l1_loss, XT),
    ("smooth_l1_loss", lambda x, t, **how: F.smooth_l1_loss(x, t, beta=0.3, **how), XT),
    ("soft_margin_loss", lambda x, **how: F.soft_margin_loss(x, signs(4, 4), **how), X),
    ("triplet_margin_loss", lambda a, p, n, **how: F.triplet_margin_loss(
        a, p, n, swap=True, **how), XYZ),
    ("triplet_margin_loss", lambda a, p, n, **how: F.triplet_margin_loss(
        a, p, n, p=3, margin=2.0, **how), XYZ),
    ("triplet_margin_with_distance_loss", lambda a, p, n, **how:
        F.triplet_margin_with_distance_loss(a, p, n, distance_function=squares, **how), XYZ),
]  # fmt: skip


def leaves(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [fastnn.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]


def check(function, tensors):
    assert gradcheck(function, tensors, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("i", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
def test_loss(i, reduction):
    _, loss, shapes = CASES[i]
    tensors = leaves(shapes, i)
    y = loss(*tensors, reduction=reduction)
    assert y.dtype == np.float64 and (reduction == "none" or y.shape == ())
    y.backward(fastnn.ones(*y.shape, dtype="float64"))
    for t in tensors:  # a loss that is flat here would pass whatever its gradient is
        assert t.grad.shape == t.shape and t.grad.numpy().any()
    check(lambda *values: loss(*values, reduction=reduction), tensors)


def test_batchmean():
    check(lambda x, t: F.kl_div(x, probabilities(t), reduction="batchmean"), leaves(XT))


def test_every_loss_is_here():
    names = {n for n in F.__all__ if n.endswith("_loss") or "cross_entropy" in n or n == "kl_div"}
    assert names == {name for name, _, _ in CASES}


# ---- attention

# Query, key, value, mask's shape, options
ATTENTION = [
    ((2, 3, 4, 3), (2, 3, 5, 3), (2, 3, 5, 2), None, {}),
    ((2, 3, 4, 3), (2, 3, 5, 3), (2, 3, 5, 2), (4, 5), {}),
    ((2, 3, 4, 3), (2, 3, 5, 3), (2, 3, 5, 2), (2, 1, 1, 5), {"scale": 1.3}),
    ((2, 5, 3), (2, 4, 3), (2, 4, 3), None, {"is_causal": True}),
    ((2, 4, 3), (2, 6, 3), (2, 6, 3), (2, 4, 6), {"is_causal": True}),
    ((4, 3), (5, 3), (5, 2), (4, 5), {}),
    ((2, 4, 3, 2), (2, 2, 5, 2), (2, 2, 5, 2), (3, 5), {"enable_gqa": True}),
    ((2, 1, 4, 3), (3, 5, 3), (2, 3, 5, 2), (3, 4, 5), {}),
]


@pytest.mark.parametrize("kind", ["added", "boolean"])
@pytest.mark.parametrize(("q", "k", "v", "mask", "options"), ATTENTION, ids=str)
def test_attention(q, k, v, mask, options, kind):
    tensors = leaves((q, k, v))

    def attend(q, k, v, m=None):
        return F.scaled_dot_product_attention(q, k, v, m, **options)

    if mask is None:
        check(attend, tensors)
    elif kind == "added":
        check(attend, [*tensors, *leaves((mask,), 1)])
    else:
        keep = np.random.default_rng(1).random(mask) < 0.6
        keep.reshape(-1, mask[-1])[0] = False  # a query, or a row of the batch, sees nothing
        check(lambda *t: attend(*t, fastnn.tensor(keep)), tensors)
        assert attend(*tensors, fastnn.tensor(keep)).detach().numpy().any()


@pytest.mark.parametrize("causal", [False, True])
def test_attention_with_dropout(causal):
    """The same draw each time."""

    def attend(q, k, v):
        g = fastnn.Generator(3)
        return F.scaled_dot_product_attention(q, k, v, dropout_p=0.4, is_causal=causal, generator=g)

    tensors = leaves(((2, 4, 3), (2, 5, 3), (2, 5, 2)))
    check(attend, tensors)
    whole = F.scaled_dot_product_attention(*tensors, is_causal=causal)
    assert not np.allclose(attend(*tensors).detach().numpy(), whole.detach().numpy())
