"""Rows of test_bad_inputs.py: the losses of bad_input_table.py's neighbours.

Every loss gets wrong shapes, dtypes, kinds and reductions; then each its own settings.
"""

import math

import numpy as np

import fastnn
from fastnn import functional as F
from fastnn import nn, tensor

NAN = math.nan


def x(*shape, **options):
    return fastnn.ones(*(shape or (2, 3)), **options)


def labels(*values, **options):
    return tensor(np.array(values or (0, 1), np.int64), **options)


# Losses of float pairs of equal shape: the call, and the names of its two tensors.
PAIRS = {
    "l1_loss": (F.l1_loss, "input", "target"),
    "mse_loss": (F.mse_loss, "input", "target"),
    "smooth_l1_loss": (F.smooth_l1_loss, "input", "target"),
    "huber_loss": (F.huber_loss, "input", "target"),
    "kl_div": (F.kl_div, "input", "target"),
    "poisson_nll_loss": (F.poisson_nll_loss, "input", "target"),
    "gaussian_nll_loss": (lambda a, b, **o: F.gaussian_nll_loss(a, b, 1.0, **o),
                          "input", "target"),
    "binary_cross_entropy": (F.binary_cross_entropy, "input", "target"),
    "binary_cross_entropy_with_logits": (F.binary_cross_entropy_with_logits, "input", "target"),
    "multilabel_soft_margin_loss": (F.multilabel_soft_margin_loss, "input", "target"),
    "soft_margin_loss": (F.soft_margin_loss, "input", "target"),
    "hinge_embedding_loss": (F.hinge_embedding_loss, "input", "target"),
    "margin_ranking_loss": (lambda a, b, **o: F.margin_ranking_loss(a, b, x(), **o),
                            "input1", "input2"),
    "cosine_embedding_loss": (lambda a, b, **o: F.cosine_embedding_loss(a, b, x(2), **o),
                              "input1", "input2"),
    "triplet_margin_loss": (lambda a, b, **o: F.triplet_margin_loss(a, b, x(), **o),
                            "anchor", "positive"),
    "triplet_margin_with_distance_loss": (
        lambda a, b, **o: F.triplet_margin_with_distance_loss(a, b, x(), **o),
        "anchor", "positive"),
}  # fmt: skip

PAIR_LOSSES = [
    row
    for name, (f, a, b) in PAIRS.items()
    for row in (
        (f"{name}: shapes", lambda f=f: f(x(), x(2, 4)), ValueError, rf"{name}: .*{b}.*\(2, 4\)"),
        (f"{name}: double {b}", lambda f=f: f(x(), x().double()),
         TypeError, f"{name}: {b} has dtype float64, but {a} has"),
        (f"{name}: double {a}", lambda f=f: f(x().double(), x()),
         TypeError, f"{name}: .* has dtype float(32|64), but {a} has dtype float64"),
        (f"{name}: integers", lambda f=f: f(x().long(), x().long()),
         TypeError, f"{name}: {a} has dtype int64, expected float32 or float64"),
        (f"{name}: array for {a}", lambda f=f: f(np.ones((2, 3)), x()),
         TypeError, f"{name}: {a} must be a Tensor, got ndarray"),
        (f"{name}: list for {b}", lambda f=f: f(x(), [[1.0] * 3] * 2),
         TypeError, f"{name}: {b} must be a Tensor, got list"),
        (f"{name}: reduction", lambda f=f: f(x(), x(), reduction="avg"),
         ValueError, f"{name}: reduction is 'avg', expected 'none', 'mean'"),
        (f"{name}: reduction None", lambda f=f: f(x(), x(), reduction=None),
         ValueError, f"{name}: reduction is None"),
    )
]  # fmt: skip

SETTINGS = [
    *[(f"{name}: weight's {what}", lambda f=f, w=w: f(x(), x(), weight=w), error, f"{name}: {word}")
      for name, f in (("l1_loss", F.l1_loss), ("mse_loss", F.mse_loss),
                      ("huber_loss", F.huber_loss))
      for what, w, error, word in (
          ("shape", x(3), ValueError, r".* weight has shape \(3,\)"),
          ("dtype", x().double(), TypeError, "weight has dtype float64"),
          ("kind", [1.0], TypeError, "weight must be a Tensor"))],
    *[(f"{name}: {arg}'s {what}", lambda f=f, w=w, a=arg: f(x(), x(), **{a: w}),
       error, f"{name}: {arg} {word}")
      for name, f, args in (
          ("binary_cross_entropy", F.binary_cross_entropy, ("weight",)),
          ("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits,
           ("weight", "pos_weight")),
          ("multilabel_soft_margin_loss", F.multilabel_soft_margin_loss, ("weight",)))
      for arg in args
      for what, w, error, word in (
          ("shape", x(4), ValueError, r"has shape \(4,\), which does not broadcast"),
          ("size", x(5, 2, 3), ValueError, "has shape"),
          ("dtype", x(3).double(), TypeError, "has dtype float64"),
          ("kind", [1.0] * 3, TypeError, "must be a Tensor"),
          ("gradient", x(3, requires_grad=True), ValueError, "is a constant"))],
    *[(f"bce: {what}", lambda a=a, b=b: F.binary_cross_entropy(a, b), RuntimeError,
       f"binary_cross_entropy: {word} has elements from")
      for what, a, b, word in (
          ("input 1.5", x() * 1.5, x(), "input"), ("input -1", -x(), x(), "input"),
          ("NaN", x() * NAN, x(), "input"), ("target 2", x(), x() * 2, "target"))],
    ("smooth_l1: beta", lambda: F.smooth_l1_loss(x(), x(), beta=-1.0),
     ValueError, "smooth_l1_loss: beta is -1.0"),
    ("smooth_l1: beta NaN", lambda: F.smooth_l1_loss(x(), x(), beta=NAN),
     ValueError, "smooth_l1_loss: beta is nan"),
    ("smooth_l1: beta text", lambda: F.smooth_l1_loss(x(), x(), beta="1"),
     TypeError, "smooth_l1_loss: beta must be a number"),
    ("huber: delta", lambda: F.huber_loss(x(), x(), delta=0),
     ValueError, "huber_loss: delta is 0"),
    ("kl_div: reduction", lambda: F.kl_div(x(), x(), reduction="batch"),
     ValueError, "'batchmean'"),
    ("gaussian: negative variance", lambda: F.gaussian_nll_loss(x(), x(), -x()),
     ValueError, "gaussian_nll_loss: var has elements down to -1.0"),
    ("gaussian: NaN variance", lambda: F.gaussian_nll_loss(x(), x(), -1.0),
     ValueError, "gaussian_nll_loss: var has"),
    ("gaussian: variance's shape", lambda: F.gaussian_nll_loss(x(), x(), x(4)),
     ValueError, r"gaussian_nll_loss: var has shape \(4,\), expected \(2, 3\)"),
    ("gaussian: variance's dtype", lambda: F.gaussian_nll_loss(x(), x(), x().double()),
     TypeError, "gaussian_nll_loss: var has dtype float64"),
    ("gaussian: variance's kind", lambda: F.gaussian_nll_loss(x(), x(), [1.0]),
     TypeError, "gaussian_nll_loss: var must be a number"),
    ("gaussian: eps", lambda: F.gaussian_nll_loss(x(), x(), x(), eps=0.0),
     ValueError, "gaussian_nll_loss: eps is 0.0"),
    ("poisson: eps", lambda: F.poisson_nll_loss(x(), x(), eps=None),
     TypeError, "poisson_nll_loss: eps must be a number, got None"),
    ("hinge: margin", lambda: F.hinge_embedding_loss(x(), x(), margin=None),
     TypeError, "hinge_embedding_loss: margin must be a number, got None"),
    ("ranking: margin", lambda: F.margin_ranking_loss(x(), x(), x(), margin="0"),
     TypeError, "margin_ranking_loss: margin must be a number, got '0'"),
    ("ranking: target's axes", lambda: F.margin_ranking_loss(x(), x(), x(3)),
     ValueError, r"margin_ranking_loss: shapes differ .* target \(3,\)"),
    ("ranking: target's dtype", lambda: F.margin_ranking_loss(x(), x(), x().long()),
     TypeError, "margin_ranking_loss: target has dtype int64"),
    ("cosine: margin", lambda: F.cosine_embedding_loss(x(), x(), x(2), margin=None),
     TypeError, "cosine_embedding_loss: margin must be a number"),
    ("cosine: target's axes", lambda: F.cosine_embedding_loss(x(), x(), x()),
     ValueError, r"cosine_embedding_loss: .* target \(2, 3\), expected \(N, D\)"),
    ("cosine: target's size", lambda: F.cosine_embedding_loss(x(), x(), x(3)),
     ValueError, r"cosine_embedding_loss: .* target \(3,\)"),
    ("cosine: no axes", lambda: F.cosine_embedding_loss(tensor(1.0), tensor(1.0), tensor(1.0)),
     ValueError, r"cosine_embedding_loss: input1 has shape \(\)"),
    *[(f"{name}: margin {m}", lambda f=f, m=m: f(x(), x(), x(), margin=m), error,
       f"{name}: margin {word}")
      for name, f in (("triplet_margin_loss", F.triplet_margin_loss),
                      ("triplet_margin_with_distance_loss", F.triplet_margin_with_distance_loss))
      for m, error, word in ((0, ValueError, "is 0"), (NAN, ValueError, "is nan"),
                             ("1", TypeError, "must be a number"))],
    *[(f"{name}: negative's {what}", lambda f=f, n=n: f(x(), x(), n), error, f"{name}: {word}")
      for name, f in (("triplet_margin_loss", F.triplet_margin_loss),
                      ("triplet_margin_with_distance_loss", F.triplet_margin_with_distance_loss))
      for what, n, error, word in (
          ("shape", x(2, 4), ValueError, r".*negative \(2, 4\)"),
          ("axes", x(3), ValueError, r"shapes differ .* negative \(3,\)"),
          ("dtype", x().double(), TypeError, "negative has dtype float64"),
          ("kind", [1.0], TypeError, "negative must be a Tensor, got list"))],
    ("triplet: p", lambda: F.triplet_margin_loss(x(), x(), x(), p=-1),
     ValueError, "triplet_margin_loss: p is -1"),
    ("triplet: eps", lambda: F.triplet_margin_loss(x(), x(), x(), eps="0"),
     TypeError, "triplet_margin_loss: eps must be a number"),
    ("triplet: no axes", lambda: F.triplet_margin_loss(*[tensor(1.0)] * 3),
     ValueError, r"triplet_margin_loss: .*anchor"),
    ("triplet: distance", lambda: F.triplet_margin_with_distance_loss(
        x(), x(), x(), distance_function=2),
     TypeError, "triplet_margin_with_distance_loss: distance_function must be callable, got 2"),
    ("soft margin: no axes", lambda: F.multilabel_soft_margin_loss(tensor(1.0), tensor(1.0)),
     ValueError, "multilabel_soft_margin_loss: input has no axes"),
]  # fmt: skip

# Losses of labels: nll_loss and multi_margin_loss take one a row, multilabel_margin_loss several.
ROWS_OF_LABELS = [
    row
    for name, f in (("nll_loss", F.nll_loss), ("multi_margin_loss", F.multi_margin_loss))
    for row in (
        (f"{name}: label too large", lambda f=f: f(x(), labels(0, 3)),
         IndexError, rf"{name}: target\[1\] is 3, expected 0 <= class < 3"),
        (f"{name}: label -1", lambda f=f: f(x(), labels(-1, 0)),
         IndexError, rf"{name}: target\[0\] is -1"),
        (f"{name}: label of one row", lambda f=f: f(x(3), tensor(7)), IndexError, "is 7"),
        (f"{name}: float labels", lambda f=f: f(x(), x(2)),
         TypeError, f"{name}: target has dtype float32, expected integers"),
        (f"{name}: boolean labels", lambda f=f: f(x(), labels().bool()),
         TypeError, f"{name}: target has dtype bool"),
        (f"{name}: labels' shape", lambda f=f: f(x(), labels(0, 1, 2)),
         ValueError, rf"{name}: input has shape \(2, 3\) and target \(3,\)"),
        (f"{name}: rank 0", lambda f=f: f(tensor(1.0), tensor(0)),
         ValueError, rf"{name}: input has shape \(\)"),
        (f"{name}: no classes", lambda f=f: f(x(2, 0), labels()), ValueError, f"{name}: .*classes"),
        (f"{name}: integers", lambda f=f: f(x().long(), labels()),
         TypeError, f"{name}: input has dtype int64"),
        (f"{name}: array", lambda f=f: f(np.ones((2, 3)), labels()),
         TypeError, f"{name}: input must be a Tensor, got ndarray"),
        (f"{name}: list", lambda f=f: f(x(), [0, 1]),
         TypeError, f"{name}: target must be a Tensor, got list"),
        (f"{name}: weight's shape", lambda f=f: f(x(), labels(), weight=x(2)),
         ValueError, rf"{name}: weight has shape \(2,\), expected \(3,\)"),
        (f"{name}: weight's dtype", lambda f=f: f(x(), labels(), weight=x(3).double()),
         TypeError, f"{name}: weight has dtype float64"),
        (f"{name}: weight's kind", lambda f=f: f(x(), labels(), weight=[1.0] * 3),
         TypeError, f"{name}: weight must be a Tensor"),
        (f"{name}: weight is a leaf", lambda f=f: f(x(), labels(),
                                                    weight=x(3, requires_grad=True)),
         ValueError, f"{name}: weight is a constant"),
        (f"{name}: reduction", lambda f=f: f(x(), labels(), reduction="avg"),
         ValueError, f"{name}: reduction is 'avg'"),
    )
]  # fmt: skip

MORE_LABELS = [
    ("nll: label of a pixel", lambda: F.nll_loss(x(1, 3, 2, 2), tensor([[[0, 1], [2, 5]]])),
     IndexError, r"nll_loss: target\[\(0, 1, 1\)\] is 5"),
    ("nll: ignore_index", lambda: F.nll_loss(x(), labels(), ignore_index=0.5),
     TypeError, "nll_loss: ignore_index must be an integer"),
    ("margin: p 3", lambda: F.multi_margin_loss(x(), labels(), p=3),
     ValueError, "multi_margin_loss: p is 3, expected 1 or 2"),
    ("margin: margin", lambda: F.multi_margin_loss(x(), labels(), margin=None),
     TypeError, "multi_margin_loss: margin must be a number"),
    ("margin: images", lambda: F.multi_margin_loss(x(2, 3, 4), x(2, 4).long()),
     ValueError, r"multi_margin_loss: input has shape \(2, 3, 4\)"),
    ("labels: shapes", lambda: F.multilabel_margin_loss(x(), labels()),
     ValueError, r"multilabel_margin_loss: input has shape \(2, 3\) and target \(2,\)"),
    ("labels: too large", lambda: F.multilabel_margin_loss(x(3), labels(0, 3, -1)),
     IndexError, "multilabel_margin_loss: target has 3, expected classes < 3"),
    ("labels: floats", lambda: F.multilabel_margin_loss(x(), x()),
     TypeError, "multilabel_margin_loss: target has dtype float32"),
    ("labels: integers", lambda: F.multilabel_margin_loss(x().int(), x().int()),
     TypeError, "multilabel_margin_loss: input has dtype int32"),
    ("labels: rank 3", lambda: F.multilabel_margin_loss(x(1, 2, 3), x(1, 2, 3).long()),
     ValueError, r"multilabel_margin_loss: input has shape \(1, 2, 3\)"),
    ("labels: array", lambda: F.multilabel_margin_loss(x(), np.zeros((2, 3), int)),
     TypeError, "multilabel_margin_loss: target must be a Tensor"),
    ("labels: reduction", lambda: F.multilabel_margin_loss(x(), x().long(), reduction="max"),
     ValueError, "multilabel_margin_loss: reduction is 'max'"),
]  # fmt: skip


def ctc(p=(5, 2, 4), t=((1, 2), (3, 1)), n=(5, 5), m=(2, 2), **options):
    p = x(*p) if isinstance(p, tuple) else p
    return F.ctc_loss(p, labels(*t) if isinstance(t, tuple) else t, n, m, **options)


CTC = [
    ("ctc: axes", lambda: ctc((5,)), ValueError, r"ctc_loss: log_probs has shape \(5,\)"),
    ("ctc: integers", lambda: ctc(x(5, 2, 4).long()), TypeError, "log_probs has dtype int64"),
    ("ctc: array", lambda: ctc(np.ones((5, 2, 4))), TypeError, "log_probs must be a Tensor"),
    ("ctc: list", lambda: ctc(t=[[1, 2], [3, 1]]), TypeError, "targets must be a Tensor"),
    ("ctc: float targets", lambda: ctc(t=x(2, 2)), TypeError, "targets has dtype float32"),
    ("ctc: target 4", lambda: ctc(t=((1, 2), (3, 4))),
     IndexError, "ctc_loss: target 1 of sequence 1 is 4, expected 0 <= class < 4"),
    ("ctc: target -1", lambda: ctc(t=((-1, 2), (3, 1))), IndexError, "target 0 of sequence 0"),
    ("ctc: targets' shape", lambda: ctc(t=((1, 2), (3, 1), (1, 1))),
     ValueError, r"targets has shape \(3, 2\), expected \(2, L\)"),
    ("ctc: targets in a row", lambda: ctc(t=(1, 2, 3)), ValueError, "targets has 3 elements"),
    ("ctc: blank 4", lambda: ctc(blank=4), ValueError, "ctc_loss: blank is 4"),
    ("ctc: blank -1", lambda: ctc(blank=-1), ValueError, "ctc_loss: blank is -1"),
    ("ctc: blank text", lambda: ctc(blank="a"), TypeError, "blank must be an integer"),
    ("ctc: long input", lambda: ctc(n=(5, 6)), ValueError, r"input_lengths\[1\] is 6"),
    ("ctc: negative input", lambda: ctc(n=(-1, 5)), ValueError, r"input_lengths\[0\] is -1"),
    ("ctc: lengths", lambda: ctc(n=(5,)), ValueError, "input_lengths has 1 elements, expected 2"),
    ("ctc: float lengths", lambda: ctc(n=(5.0, 5.0)), TypeError, "input_lengths has dtype"),
    ("ctc: long target", lambda: ctc(m=(2, 3)), ValueError, r"target_lengths\[1\] is 3"),
    ("ctc: target lengths", lambda: ctc(m=(2, 2, 2)), ValueError, "target_lengths has 3"),
    ("ctc: text", lambda: ctc(m="ab"), TypeError, "target_lengths has dtype"),
    ("ctc: reduction", lambda: ctc(reduction="max"), ValueError, "ctc_loss: reduction is 'max'"),
]  # fmt: skip


LAYERS = [
    *[(f"{make.__name__}: reduction", lambda m=make: m(reduction="avg"),
       ValueError, f"{make.__name__}: reduction is 'avg'")
      for make in (
          nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss, nn.KLDivLoss, nn.BCELoss, nn.BCEWithLogitsLoss,
          nn.GaussianNLLLoss, nn.NLLLoss, nn.PoissonNLLLoss, nn.HingeEmbeddingLoss,
          nn.MarginRankingLoss, nn.CosineEmbeddingLoss, nn.TripletMarginLoss, nn.MultiMarginLoss,
          nn.TripletMarginWithDistanceLoss, nn.MultiLabelMarginLoss, nn.MultiLabelSoftMarginLoss,
          nn.SoftMarginLoss, nn.CTCLoss)],
    ("TripletMarginLoss: margin", lambda: nn.TripletMarginLoss(0),
     ValueError, "TripletMarginLoss: margin is 0"),
    ("MultiMarginLoss: p", lambda: nn.MultiMarginLoss(3), ValueError, "MultiMarginLoss: p is 3"),
    ("TripletMarginWithDistanceLoss: margin",
     lambda: nn.TripletMarginWithDistanceLoss(margin=-1),
     ValueError, "TripletMarginWithDistanceLoss: margin is -1"),
]  # fmt: skip

LOSS_ROWS = {"losses of pairs": PAIR_LOSSES, "losses' settings": SETTINGS,
             "losses of labels": [*ROWS_OF_LABELS, *MORE_LABELS], "ctc": CTC,
             "loss layers": LAYERS}  # fmt: skip
