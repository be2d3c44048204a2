"""Rows of wrong arguments for bad_input_table.py: embeddings, bags, clipping, initial values."""

import math

import numpy as np

import fastnn
from fastnn import functional as F
from fastnn import nn, tensor
from fastnn.nn import init, utils

NAN = math.nan


def rows(x=(0, 1), weight=(3, 2), **options):
    x = tensor(list(x)) if isinstance(x, tuple) else x
    return F.embedding(x, fastnn.ones(*weight) if isinstance(weight, tuple) else weight, **options)


def bag(x=(0, 1, 2), offsets=(0, 2), weight=(3, 2), **options):
    x = tensor(list(x)) if isinstance(x, tuple) else x
    offsets = tensor(list(offsets), dtype="int64") if isinstance(offsets, tuple) else offsets
    return F.embedding_bag(
        x, fastnn.ones(*weight) if isinstance(weight, tuple) else weight, offsets, **options
    )


def read_only():
    a = np.ones((3, 2), np.float32)
    a.flags.writeable = False
    return fastnn.from_numpy(a)


def leaf(value=1.0):
    p = fastnn.ones(3, requires_grad=True)
    p.grad = fastnn.full((3,), value)
    return p


EMBEDDINGS = [
    ("too large", lambda: rows((0, 3)), IndexError, r"embedding: input\[1\] is 3, expected 0 <="),
    ("below 0", lambda: rows(tensor([[0, 1], [-1, 5]])), IndexError, r"input\[1, 0\] is -1"),
    ("a number", lambda: rows(tensor(7)), IndexError, r"input\[\(\)\] is 7"),
    ("too large, norm", lambda: rows((3,), max_norm=1.0), IndexError, r"input\[0\] is 3"),
    ("int32", lambda: rows(tensor([4], dtype="int32")), IndexError, r"input\[0\] is 4"),
    ("no rows", lambda: rows((0,), (0, 2)), IndexError, r"expected 0 <= index < 0"),
    ("floats", lambda: rows(fastnn.ones(2)), TypeError, "embedding: input has dtype float32"),
    ("bytes", lambda: rows(tensor([1], dtype="uint8")), TypeError, "input has dtype uint8"),
    ("list", lambda: F.embedding([1], fastnn.ones(3, 2)), TypeError, "input must be a Tensor"),
    ("array", lambda: rows(weight=np.ones((3, 2))), TypeError, "weight must be a Tensor, got nd"),
    ("weight rank", lambda: rows(weight=(3,)), ValueError, r"weight has shape \(3,\), expected"),
    ("weight dtype", lambda: rows(weight=fastnn.ones(3, 2).int()), TypeError, "weight has dtype"),
    *[(f"padding {p}", lambda p=p: rows(padding_idx=p), ValueError, f"padding_idx is {p}, expected")
      for p in (3, -4)],
    ("padding 1.0", lambda: rows(padding_idx=1.0), TypeError, "padding_idx must be an integer"),
    ("sparse", lambda: rows(sparse=True), ValueError, "embedding: sparse=True is not supported"),
    *[(f"max_norm {m}", lambda m=m: rows(max_norm=m), ValueError, "embedding: max_norm is")
      for m in (-1.0, NAN)],
    ("max_norm text", lambda: rows(max_norm="1"), TypeError, "max_norm must be a number, got '1'"),
    *[(f"norm_type {p}", lambda p=p: rows(max_norm=1.0, norm_type=p), ValueError, "norm_type is")
      for p in (0, -1.0, NAN)],
    ("read-only", lambda: rows(weight=read_only(), max_norm=1.0), ValueError, "is read-only"),
    ("layer sizes", lambda: nn.Embedding(-1, 2), ValueError, "Embedding: num_embeddings is -1"),
    ("layer width", lambda: nn.Embedding(2, 2.5), TypeError, "embedding_dim must be an integer"),
    ("layer padding", lambda: nn.Embedding(2, 2, 2), ValueError, "Embedding: padding_idx is 2"),
    ("layer sparse", lambda: nn.Embedding(2, 2, sparse=True), ValueError, "Embedding: sparse=True"),
    ("layer norm", lambda: nn.Embedding(2, 2, max_norm=-1), ValueError, "max_norm is -1"),
    ("layer weight", lambda: nn.Embedding(2, 2, _weight=fastnn.ones(2, 3)),
     ValueError, r"_weight has shape \(2, 3\), expected \(2, 2\)"),
    ("pretrained", lambda: nn.Embedding.from_pretrained(fastnn.ones(3)),
     ValueError, r"Embedding.from_pretrained: embeddings has shape \(3,\)"),
    ("pretrained integers", lambda: nn.Embedding.from_pretrained(fastnn.ones(3, 2).int()),
     TypeError, "_weight has dtype int32"),
]  # fmt: skip

BAGS = [
    ("too large", lambda: bag((0, 1, 3)), IndexError, r"embedding_bag: input\[2\] is 3, expected"),
    ("too large, max", lambda: bag((0, 4, 3), mode="max"), IndexError, r"input\[1\] is 4"),
    ("rank", lambda: bag(tensor(0), None), ValueError, r"input has shape \(\), expected \(N,\) or"),
    ("no offsets", lambda: bag(offsets=None), ValueError, "offsets is None, but input has shape"),
    ("offsets of rows", lambda: bag(tensor([[0, 1]])), ValueError, "offsets must be None"),
    ("offsets rank", lambda: bag(offsets=tensor([[0]])), ValueError, r"offsets has shape \(1, 1\)"),
    ("offsets dtype", lambda: bag(offsets=fastnn.zeros(1)), TypeError, "offsets has dtype float32"),
    ("offsets list", lambda: bag(offsets=[0]), TypeError, "offsets must be a Tensor, got list"),
    ("first offset", lambda: bag(offsets=(1, 2)), ValueError, r"offsets\[0\] is 1, expected 0"),
    ("falling", lambda: bag(offsets=(0, 2, 1)), ValueError, r"offsets\[2\] is 1, expected at"),
    ("beyond", lambda: bag(offsets=(0, 5)), ValueError, r"offsets\[1\] is 5, but input has 3"),
    ("last", lambda: bag(include_last_offset=True), ValueError, r"offsets\[1\] is 2, but input"),
    ("beyond, norm", lambda: bag(offsets=(0, 5), max_norm=1.0), ValueError, r"offsets\[1\] is 5"),
    ("none for some", lambda: bag(offsets=()), ValueError, "offsets is empty, but input has 3 el"),
    ("no last", lambda: bag(offsets=(), include_last_offset=True), ValueError, "offsets is empty"),
    ("mode", lambda: bag(mode="min"), ValueError, "mode is 'min', expected 'sum', 'mean' or 'max'"),
    ("max by frequency", lambda: bag(mode="max", scale_grad_by_freq=True), ValueError,
     "scale_grad_by_freq does not go with mode 'max'"),
    ("sparse", lambda: bag(sparse=True), ValueError, "embedding_bag: sparse=True is not supported"),
    ("weights of a mean", lambda: bag(per_sample_weights=fastnn.ones(3)), ValueError,
     "per_sample_weights needs mode 'sum', got mode 'mean'"),
    ("weights' shape", lambda: bag(mode="sum", per_sample_weights=fastnn.ones(2)), ValueError,
     r"per_sample_weights has shape \(2,\), but input has \(3,\)"),
    ("weights' dtype", lambda: bag(mode="sum", per_sample_weights=fastnn.ones(3).double()),
     TypeError, "per_sample_weights has dtype float64, but weight"),
    ("padding", lambda: bag(padding_idx=3), ValueError, "embedding_bag: padding_idx is 3"),
    ("layer mode", lambda: nn.EmbeddingBag(2, 2, mode="all"), ValueError, "EmbeddingBag: mode is"),
    ("layer sparse", lambda: nn.EmbeddingBag(2, 2, sparse=True), ValueError, "EmbeddingBag: spars"),
]  # fmt: skip

CLIPPING = [
    *[(f"norm_type {p}", lambda p=p: utils.clip_grad_norm_(leaf(), 1.0, p), ValueError,
       "clip_grad_norm_: norm_type is .*, expected above 0") for p in (0, -2.0, NAN)],
    ("norm_type text", lambda: utils.get_total_norm([leaf()], "inf"), TypeError, "norm_type must"),
    *[(f"max_norm {m}", lambda m=m: utils.clip_grad_norm_([leaf()], m), ValueError, "max_norm is")
      for m in (-1.0, NAN)],
    ("max_norm None", lambda: utils.clip_grad_norm_([leaf()], None), TypeError, "max_norm must be"),
    ("array", lambda: utils.clip_grad_norm_([np.ones(3)], 1.0), TypeError, "parameters must be"),
    ("infinite", lambda: utils.clip_grad_norm_([leaf(math.inf)], 1.0, error_if_nonfinite=True),
     RuntimeError, "norm of the gradients is inf"),
    ("total", lambda: utils.get_total_norm([leaf(), fastnn.full((2,), NAN)], 3, True),
     RuntimeError, "get_total_norm: the norm of the gradients is nan"),
    ("integers", lambda: utils.get_total_norm([tensor([1])]), TypeError, "has dtype int64"),
    ("value", lambda: utils.clip_grad_value_([leaf()], -1.0), ValueError, "clip_value is -1.0"),
    ("scale", lambda: utils.clip_grads_with_norm_([leaf()], -1.0, 1.0), ValueError, "max_norm is"),
]  # fmt: skip

INITIAL_VALUES = [
    ("orthogonal rank", lambda: init.orthogonal_(fastnn.empty(3)), ValueError, "fewer than 2 axes"),
    ("orthogonal dtype", lambda: init.orthogonal_(fastnn.ones(3, 3).int()), TypeError, "has dtype"),
    ("chrono of Linear", lambda: init.chrono_(nn.Linear(2, 2), 10), TypeError,
     "chrono_: module must be an LSTM or GRU, got Linear"),
    ("chrono of RNN", lambda: init.chrono_(nn.RNN(2, 2), 10), TypeError, "LSTM or GRU, got RNN"),
    *[(f"t_max {t}", lambda t=t: init.chrono_(nn.LSTM(2, 2), t), ValueError, "chrono_: t_max is")
      for t in (1, NAN, math.inf)],
    ("t_max text", lambda: init.chrono_(nn.GRU(2, 2), "9"), TypeError, "t_max must be a number"),
    ("no biases", lambda: init.chrono_(nn.LSTM(2, 2, bias=False), 9), ValueError,
     "the LSTM has no biases"),
]  # fmt: skip

EMBEDDING_ROWS = {"embedding": EMBEDDINGS, "embedding_bag": BAGS, "clipping": CLIPPING,
                  "initial values": INITIAL_VALUES}  # fmt: skip
