"""PyTorch says the same: losses and distances, values and gradients."""

import numpy as np
import pytest

pytest.importorskip("torch")

from torch_compare import compare

DTYPES = ["float32", "float64"]
REDUCTIONS = ["mean", "sum", "none"]
LABELS = np.array([0, 4, 2, 2, 3, 1])
PAIRS = ["l1_loss", "smooth_l1_loss", "huber_loss", "mse_loss", "kl_div", "poisson_nll_loss"]
MODULES = {"CTCLoss", "CosineSimilarity", "HuberLoss", "L1Loss", "NLLLoss"}
MODULES |= {"PairwiseDistance", "SmoothL1Loss"}
MARGINS = {
    "KLDivLoss": [{}, {"log_target": True}],
    "GaussianNLLLoss": [{}, {"full": True, "eps": 1e-3}],
    "PoissonNLLLoss": [{}, {"log_input": False}, {"full": True}, {"log_input": False, "eps": 0.1}],
    "HingeEmbeddingLoss": [{}, {"margin": 0.3}],
    "MarginRankingLoss": [{}, {"margin": 0.3}],
    "CosineEmbeddingLoss": [{}, {"margin": 0.3}],
    "TripletMarginLoss": [{}, {"margin": 0.3, "p": 3.0, "swap": True}, {"p": 1.0, "eps": 0.01}],
    "TripletMarginWithDistanceLoss": [{}, {"margin": 0.3, "swap": True}, {"distance": True}],
    "MultiMarginLoss": [{}, {"p": 2, "margin": 0.3}, {"p": 2, "weight": True}, {"weight": True}],
    "MultiLabelMarginLoss": [{}],
    "MultiLabelSoftMarginLoss": [{}, {"weight": True}],
    "SoftMarginLoss": [{}],
}
MODULES |= set(MARGINS)
SIGNED = ["hinge_embedding_loss", "soft_margin_loss", "multilabel_soft_margin_loss"]

pytestmark = pytest.mark.filterwarnings("ignore:reduction")


def arrays(dtype, n, shape=(6, 5)):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for _ in range(n)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_pairs(name, reduction, dtype):
    compare(lambda lib, F, a, b: getattr(F, name)(a, b * b, reduction=reduction), arrays(dtype, 2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins_and_likelihoods(reduction, dtype):
    x, t, y = arrays(dtype, 3)
    s = np.sign(arrays(dtype, 4)[3])
    how = {"reduction": reduction}
    for name in SIGNED:
        compare(lambda lib, F, a, n=name: getattr(F, n)(a, lib.tensor(s), **how), [x])
    compare(lambda lib, F, a: F.nll_loss(a, lib.tensor(LABELS), **how), [x])
    compare(lambda lib, F, a: F.multi_margin_loss(a, lib.tensor(LABELS), p=2, **how), [x])
    several = np.array([[1, 3, -1, 0, 0]] * 6)
    compare(lambda lib, F, a: F.multilabel_margin_loss(a, lib.tensor(several), **how), [x])
    compare(lambda lib, F, a, b, d: F.triplet_margin_loss(a, b, d, swap=True, **how), [x, t, y])
    compare(lambda lib, F, a, b, d: F.margin_ranking_loss(a, b, d, **how), [x, t, s])
    compare(lambda lib, F, a, b, d: F.gaussian_nll_loss(a, b, d * d, full=True, **how), [x, t, y])
    compare(lambda lib, F, a, b: F.cosine_embedding_loss(a, b, lib.tensor(s[:, 0]), **how), [x, t])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction, dtype):
    targets = np.array([[1, 2, 2], [3, 1, 0]])

    def loss(lib, F, a):
        y = F.log_softmax(a, 2)
        return F.ctc_loss(y, lib.tensor(targets), (9, 7), (3, 2), reduction=reduction)

    compare(loss, arrays(dtype, 1, (9, 2, 5)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_distances(dtype):
    for p in (1, 2, 3, float("inf")):
        compare(lambda lib, F, a, b, p=p: F.pairwise_distance(a, b, p=p), arrays(dtype, 2))
    compare(lambda lib, F, a, b: F.cosine_similarity(a, b), arrays(dtype, 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_modules(dtype):
    for name, more in (
        ("L1Loss", {}),
        ("SmoothL1Loss", {"beta": 0.5}),
        ("HuberLoss", {"delta": 2}),
    ):
        compare(
            lambda lib, F, a, b, n=name, m=more: getattr(lib.nn, n)(reduction="sum", **m)(a, b),
            arrays(dtype, 2),
        )
    targets = np.array([[1, 2], [3, 0]])

    def ctc(lib, F, a):
        return lib.nn.CTCLoss(4)(F.log_softmax(a, 2), lib.tensor(targets), (9, 7), (2, 2))

    compare(ctc, arrays(dtype, 1, (9, 2, 5)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_and_distance_modules(reduction, dtype):
    (w,) = arrays(dtype, 1, (5,))

    def nll(lib, F, a):
        how = {"ignore_index": 2, "reduction": reduction}
        return lib.nn.NLLLoss(lib.tensor(w * w), **how)(a, lib.tensor(LABELS))

    compare(nll, arrays(dtype, 1))
    compare(lambda lib, F, a, b: lib.nn.CosineSimilarity(0)(a, b), arrays(dtype, 2))
    compare(lambda lib, F, a, b: lib.nn.PairwiseDistance(3, keepdim=True)(a, b), arrays(dtype, 2))


def margin_inputs(name, dtype):
    """Inputs of the loss that get a gradient, and the rest as plain arrays."""
    rng = np.random.default_rng(3)
    a, b, c = arrays(dtype, 3)
    signs = np.asarray(rng.choice([-1, 1], a.shape), dtype)
    labels = np.tile([3, 0, -1, 1, 2], (len(a), 1))
    return {
        "GaussianNLLLoss": ([a, b, np.abs(c) + dtype_of(dtype, 0.1)], []),
        "PoissonNLLLoss": ([np.abs(a) + dtype_of(dtype, 0.1)], [np.abs(np.round(b * 3))]),
        "HingeEmbeddingLoss": ([a], [signs]),
        "MarginRankingLoss": ([a, b], [signs]),
        "CosineEmbeddingLoss": ([a, b], [signs[:, 0]]),
        "MultiMarginLoss": ([a], [np.arange(len(a)) % a.shape[1]]),
        "MultiLabelMarginLoss": ([a], [labels]),
        "MultiLabelSoftMarginLoss": ([a], [(signs + 1) / 2]),
        "SoftMarginLoss": ([a], [signs]),
        "TripletMarginLoss": ([a, b, c], []),
        "TripletMarginWithDistanceLoss": ([a, b, c], []),
    }.get(name, ([a], [np.abs(b)]))


def dtype_of(dtype, value):
    return np.dtype(dtype).type(value)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MARGINS)
def test_margin_modules(name, dtype, reduction):
    inputs, rest = margin_inputs(name, dtype)
    weight = np.abs(arrays(dtype, 1, (5,))[0])
    for settings in MARGINS[name]:

        def loss(lib, F, *tensors, settings=settings):
            how = {"reduction": reduction, **settings}
            if how.get("weight"):
                how["weight"] = lib.tensor(weight)
            if how.pop("distance", False):
                how["distance_function"] = lambda u, v: ((u - v) ** 2).sum(-1)
            module = getattr(lib.nn, name)(**how)
            return module(*tensors, *(lib.tensor(r) for r in rest))

        compare(loss, inputs)
