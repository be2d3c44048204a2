"""Rows of test_bad_inputs.py: attention and MultiheadAttention."""

import math

import numpy as np

import fastnn
from fastnn import functional as F
from fastnn import nn


def x(*shape, **options):
    return fastnn.ones(*shape, **options)


def sdpa(q=(2, 4, 3), k=(2, 5, 3), v=(2, 5, 6), mask=None, *settings, **options):
    q, k, v, mask = (x(*a) if isinstance(a, tuple) else a for a in (q, k, v, mask))
    return F.scaled_dot_product_attention(q, k, v, mask, *settings, **options)


def mask_of(*shape):
    return fastnn.zeros(*shape)


NAME = "scaled_dot_product_attention: "
ATTENTION = [
    *[(f"sdpa: {what}", lambda a=a: sdpa(**a), ValueError, NAME + words)
      for what, a, words in (
          ("features", {"q": (2, 4, 7)}, r"shapes of query \(2, 4, 7\), key \(2, 5, 3\)"),
          ("steps of value", {"v": (2, 4, 6)}, r"shapes of .* value \(2, 4, 6\), expected"),
          ("rank 1", {"q": (3,)}, r"shapes of query \(3,\)"),
          ("rank of key", {"k": (3,)}, r"shapes of .* key \(3,\)"),
          ("rank 0", {"v": ()}, r"shapes of .* value \(\)"),
          ("batches", {"k": (3, 5, 3)}, r"leading axes of query \(2, 4, 3\), key \(3, 5, 3\)"),
          ("batches of value", {"v": (3, 5, 6)}, r"leading axes of .* value \(3, 5, 6\)"),
          ("heads", {"q": (1, 5, 4, 3), "k": (1, 2, 5, 3), "v": (1, 2, 5, 6), "enable_gqa": True},
           "shapes of .*with enable_gqa the heads of query must be a multiple"),
          ("heads of value",
           {"q": (1, 4, 4, 3), "k": (1, 2, 5, 3), "v": (1, 4, 5, 6), "enable_gqa": True},
           "shapes of .*with enable_gqa"),
          ("mask's keys", {"mask": (4, 4)},
           r"attn_mask has shape \(4, 4\), expected .*\(2, 4, 5\)"),
          ("mask's queries", {"mask": (3, 5)}, r"attn_mask has shape \(3, 5\)"),
          ("mask's batch", {"mask": (3, 4, 5)}, r"attn_mask has shape \(3, 4, 5\)"),
          ("mask's rank", {"mask": (1, 2, 4, 5)}, r"attn_mask has shape \(1, 2, 4, 5\)"),
          ("dropout 1.5", {"dropout_p": 1.5}, "dropout_p is 1.5"),
          ("dropout -0.1", {"dropout_p": -0.1}, "dropout_p is -0.1"),
          ("dropout NaN", {"dropout_p": math.nan}, "dropout_p is nan"),
      )],
    *[(f"sdpa: {what}", lambda a=a: sdpa(**a), TypeError, NAME + words)
      for what, a, words in (
          ("integers", {"q": x(2, 4, 3).long()}, "query has dtype int64, expected float32"),
          ("double query", {"q": x(2, 4, 3).double()},
           "key has dtype float32, but query has dtype float64"),
          ("double key", {"k": x(2, 5, 3).double()}, "key has dtype float64, but query"),
          ("double value", {"v": x(2, 5, 6).double()}, "value has dtype float64, but query"),
          ("array", {"q": np.ones((2, 4, 3))}, "query must be a Tensor, got ndarray"),
          ("list", {"k": [1.0]}, "key must be a Tensor, got list"),
          ("None", {"v": None}, "value must be a Tensor, got NoneType"),
          ("mask's dtype", {"mask": x(4, 5).double()},
           "attn_mask has dtype float64, expected bool"),
          ("mask of integers", {"mask": x(4, 5).long()}, "attn_mask has dtype int64"),
          ("mask array", {"mask": np.ones((4, 5), bool)}, "attn_mask must be a Tensor"),
          ("dropout text", {"dropout_p": "0.1"}, "dropout_p must be a number"),
          ("scale text", {"scale": "1"}, "scale must be a number, got '1'"),
      )],
    ("sdpa: generator", lambda: sdpa(dropout_p=0.5, generator=1), TypeError, "generator must be"),
]  # fmt: skip


def mha(q=(4, 2, 6), k=(5, 2, 6), v=(5, 2, 6), *, layer=None, **options):
    q, k, v = (x(*a) if isinstance(a, tuple) else a for a in (q, k, v))
    layer = nn.MultiheadAttention(6, 3, **(layer or {}))
    return layer(q, k, v, **options)


LAYER = "MultiheadAttention: "
MULTIHEAD = [
    *[(f"mha: {what}", lambda a=a: mha(**a), error, LAYER + words)
      for error, what, a, words in (
          (ValueError, "features of query", {"q": (4, 2, 5)},
           r"query has shape \(4, 2, 5\), expected 6 features"),
          (ValueError, "features of key", {"k": (5, 2, 7)}, r"key has shape \(5, 2, 7\)"),
          (ValueError, "features of value", {"v": (5, 2, 7)}, r"value has shape \(5, 2, 7\)"),
          (ValueError, "kdim", {"layer": {"kdim": 5}}, "key has shape .*expected 5 features"),
          (ValueError, "batch", {"k": (5, 3, 6)}, "key has shape .* batch of 2"),
          (ValueError, "batch first", {"layer": {"batch_first": True}}, "key has shape"),
          (ValueError, "steps", {"v": (4, 2, 6)}, r"key has shape .* value has \(4, 2, 6\)"),
          (ValueError, "ranks", {"q": (4, 6)}, r"query, key and value have shapes \(4, 6\)"),
          (ValueError, "rank 4", {"q": (1,) * 4, "k": (1,) * 4, "v": (1,) * 4},
           "query, key and value have shapes"),
          (ValueError, "mask", {"attn_mask": mask_of(5, 4)},
           r"attn_mask has shape \(5, 4\), expected \(4, 5\) or \(6, 4, 5\)"),
          (ValueError, "mask of heads", {"attn_mask": mask_of(3, 4, 5)}, "attn_mask has shape"),
          (ValueError, "mask by blocks", {"attn_mask": mask_of(3, 4, 5), "need_weights": False},
           "attn_mask has shape"),
          (ValueError, "causal mask's shape",
           {"attn_mask": mask_of(3, 4, 5), "need_weights": False, "is_causal": True},
           "attn_mask has shape"),
          (ValueError, "padding", {"key_padding_mask": mask_of(5, 2)},
           r"key_padding_mask has shape \(5, 2\), expected \(2, 5\)"),
          (ValueError, "padding of one", {"q": (4, 6), "k": (5, 6), "v": (5, 6),
                                          "key_padding_mask": mask_of(1, 5)},
           r"key_padding_mask has shape \(1, 5\), expected \(5,\)"),
          (ValueError, "causal", {"is_causal": True}, "is_causal=True needs attn_mask"),
          (TypeError, "mask's dtype", {"attn_mask": mask_of(4, 5).double()},
           "attn_mask has dtype float64, expected bool or query's float32"),
          (TypeError, "mask of integers", {"attn_mask": mask_of(4, 5).long()},
           "attn_mask has dtype int64"),
          (TypeError, "mask array", {"attn_mask": np.zeros((4, 5), bool)},
           "attn_mask must be a Tensor, got ndarray"),
          (TypeError, "padding's dtype", {"key_padding_mask": mask_of(2, 5).long()},
           "key_padding_mask has dtype int64"),
          (TypeError, "padding array", {"key_padding_mask": np.zeros((2, 5), bool)},
           "key_padding_mask must be a Tensor"),
          (TypeError, "array", {"q": np.ones((4, 2, 6))}, "query must be a Tensor, got ndarray"),
          (TypeError, "list", {"k": [1.0]}, "key must be a Tensor, got list"),
          (TypeError, "integers", {"q": x(4, 2, 6).long()}, "query has dtype int64"),
          (TypeError, "double query", {"q": x(4, 2, 6).double()},
           "query has dtype float64, but .* float32"),
          (TypeError, "double key", {"k": x(5, 2, 6).double()},
           "key has dtype float64, but .* float32"),
          (TypeError, "double value", {"v": x(5, 2, 6).double()},
           "value has dtype float64, but .* float32"),
      )],
    ("mha: heads", lambda: nn.MultiheadAttention(6, 4),
     ValueError, LAYER + "num_heads 4 does not divide embed_dim 6"),
    ("mha: no heads", lambda: nn.MultiheadAttention(6, 0), ValueError, LAYER + "num_heads is 0"),
    ("mha: embed_dim", lambda: nn.MultiheadAttention(0, 1), ValueError, LAYER + "embed_dim is 0"),
    ("mha: half a head", lambda: nn.MultiheadAttention(6, 1.5),
     TypeError, LAYER + "num_heads must be an integer"),
    ("mha: dropout", lambda: nn.MultiheadAttention(6, 2, 1.5),
     ValueError, LAYER + "dropout is 1.5"),
    ("mha: dropout text", lambda: nn.MultiheadAttention(6, 2, "a"),
     TypeError, LAYER + "dropout must be a number"),
    ("mha: kdim 0", lambda: nn.MultiheadAttention(6, 2, kdim=0), ValueError, LAYER + "kdim is 0"),
    ("mha: vdim text", lambda: nn.MultiheadAttention(6, 2, vdim="6"),
     TypeError, LAYER + "vdim must be an integer"),
]  # fmt: skip

ATTENTION_ROWS = {"attention": ATTENTION, "multi-head attention": MULTIHEAD}
