"""PyTorch says the same: losses and distances, values and gradients."""

import numpy as np
import pytest

pytest.importorskip("torch")

from torch_compare import compare

DTYPES = ["float32", "float64"]
REDUCTIONS = ["mean", "sum", "none"]
LABELS = np.array([0, 4, 2, 2, 3, 1])
PAIRS = ["l1_loss", "smooth_l1_loss", "huber_loss", "mse_loss", "kl_div", "poisson_nll_loss"]
MODULES = {"CTCLoss", "HuberLoss", "L1Loss", "SmoothL1Loss"}
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
