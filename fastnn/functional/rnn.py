"""Recurrent layers: a whole sequence, one layer, one or two directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..tensor import Function, Tensor
from . import _checks

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
_PER_DIRECTION = 5


class _Recurrent(Function):
    @staticmethod
    def forward(
        ctx: Any,
        mode: str,
        batch_first: bool,
        lengths: Any,
        x: Any,
        h0: Any,
        c0: Any,
        *weights: Any,
    ) -> Any:
        k = backend.kernels if x.dtype.char == "f" else backend.of(x)
        lists = _lists(weights)
        training = True in ctx.needs_input_grad
        y, h_n, c_n, kept = k.recurrent_forward(
            mode, x, h0, c0, lists, lengths, batch_first, training
        )
        if training:
            ctx.kernels, ctx.settings = k, (mode, batch_first)
            ctx.save(kept, lengths, x, h0, c0, y, *weights)
        return (y, h_n) if c_n is None else (y, h_n, c_n)

    @staticmethod
    def backward(ctx: Any, dy: np.ndarray, dh_n: np.ndarray, dc_n: Any = None) -> Any:
        kept, lengths, x, h0, c0, y, *weights = ctx.saved
        mode, batch_first = ctx.settings
        _, _, _, for_x, for_h, for_c, *for_weights = ctx.needs_input_grad
        dx, dh0, dc0, lists = ctx.kernels.recurrent_backward(
            mode, dy, dh_n, dc_n, x, h0, c0, _lists(weights), lengths, batch_first, y, kept,
            (for_x, for_h or for_c, True in for_weights),
        )  # fmt: skip
        grads = [None] * len(weights) if lists is None else [g for w in lists for g in w]
        return (None, None, None, dx, dh0, dc0, *grads)


def _lists(weights: Sequence[Any]) -> list[list[Any]]:
    """The weights of each direction."""
    n = _PER_DIRECTION
    return [list(weights[i : i + n]) for i in range(0, len(weights), n)]


def recurrent_layer(
    input: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    weights: Sequence[Sequence[Tensor | None]],
    mode: str,
    *,
    batch_first: bool = False,
    lengths: Any = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """One recurrent layer over whole sequences, in one or two directions.

    mode "RNN_TANH", "RNN_RELU": h' = act(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).
    "LSTM": i, f, o = sigmoid, g = tanh of the rows of W_ih x + b_ih + W_hh h + b_hh, stacked
    i f g o; c' = f c + i g; h' = o tanh(c') (Hochreiter & Schmidhuber 1997, Gers et al. 2000), or
    h' = W_hr o tanh(c') (Sak et al. 2014, arXiv:1402.1128).  "GRU": r, z = sigmoid, stacked r z n;
    n = tanh(W_in x + b_in + r (W_hn h + b_hn)); h' = (1 - z) n + z h (Cho et al. 2014,
    arXiv:1406.1078).

    input (T, N, I), or (N, T, I) if batch_first; h0 (D, N, P), c0 (D, N, H): first states, None for
    zeros; D directions, the second one backwards.  weights: for each direction weight_ih (G H, I),
    weight_hh (G H, P), bias_ih and bias_hh (G H,) or None, and weight_hr (P, H) or None.
    lengths (N,): steps of each row, from 1 to T; its states stay as they are from there on, its
    outputs are 0, and the second direction starts at its end.

    Returns output (T, N, D P) or (N, T, D P), h_n (D, N, P), and c_n (D, N, H) or None.
    Raises TypeError for dtypes, ValueError for shapes, lengths or a mode that do not fit.
    """
    try:
        fits = _fits(input, h0, c0, weights, mode)  # the kernel asks again; the words are below
    except TypeError:  # of what has no length or no hash
        fits = False
    if not fits:
        _explain(input, h0, c0, weights, mode, batch_first)
    x = input._data
    steps = None
    if lengths is not None:
        steps = _lengths(lengths, *(x.shape[:2] if batch_first else x.shape[1::-1]))
    flat = [w for of_direction in weights for w in of_direction]
    try:
        results = _Recurrent.apply(mode, bool(batch_first), steps, input, h0, c0, *flat)
    except (TypeError, ValueError):
        _explain(input, h0, c0, weights, mode, batch_first)
        raise
    return results if len(results) == 3 else (*results, None)


def _fits(input: Any, h0: Any, c0: Any, weights: Any, mode: Any) -> bool:
    """Whether the kernel's own checks are enough: float32 Tensors, listed as they should be."""
    if not isinstance(input, Tensor) or backend.name() != "kernels":
        return False
    x = input._data
    if x.dtype.char != "f" or x.ndim != 3 or 0 in x.shape:
        return False
    if mode not in GATES or (c0 is not None and mode != "LSTM"):
        return False
    for state in (h0, c0):
        if state is not None and not isinstance(state, Tensor):
            return False
    for of_direction in weights:
        if len(of_direction) != _PER_DIRECTION:
            return False
        for w in of_direction:
            if w is not None and not isinstance(w, Tensor):
                return False
    return True


def _explain(input: Any, h0: Any, c0: Any, weights: Any, mode: Any, batch_first: Any) -> None:
    """Raises TypeError or ValueError for what does not fit."""
    name = "recurrent_layer"
    if not isinstance(mode, str):
        raise TypeError(f"{name}: mode must be a str, got {type(mode).__name__}")
    if mode not in GATES:
        raise ValueError(f"{name}: mode is {mode!r}, expected one of {', '.join(GATES)}")
    x = _checks.tensor(input, name, "input")._data
    if x.ndim != 3:
        raise ValueError(f"{name}: input has shape {x.shape}, expected three axes")
    n_steps, n_rows = x.shape[:2] if not batch_first else x.shape[1::-1]
    if n_steps == 0:
        raise ValueError(f"{name}: input of shape {x.shape} has no steps")
    _explain_weights(weights, mode, x)
    w_hh = weights[0][1]
    n_out, n_hidden = w_hh.shape[1], w_hh.shape[0] // GATES[mode]
    for what, state, size in (("h0", h0, n_out), ("c0", c0, n_hidden)):
        if state is None:
            continue
        if what == "c0" and mode != "LSTM":
            raise ValueError(f"{name}: c0 is for an LSTM only")
        _checks.kernels(x, name, "input", _checks.tensor(state, name, what)._data, what)
        expected = (len(weights), n_rows, size)
        if state.shape != expected:
            raise ValueError(f"{name}: {what} has shape {state.shape}, expected {expected}")


def _explain_weights(weights: Any, mode: str, x: np.ndarray) -> None:
    """The same of the weights alone."""
    name = "recurrent_layer"
    labels = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    _checks.kernels(x, name, "input")
    if not isinstance(weights, Sequence):
        raise TypeError(
            f"{name}: weights must be a sequence of directions, got {type(weights).__name__}"
        )
    if len(weights) not in (1, 2):
        raise ValueError(f"{name}: weights is of {len(weights)} directions, expected one or two")
    for of_direction in weights:
        if not isinstance(of_direction, Sequence):
            raise TypeError(
                f"{name}: a direction of weights must be a sequence of {', '.join(labels)}, got "
                f"{type(of_direction).__name__}"
            )
        if len(of_direction) != _PER_DIRECTION:
            raise ValueError(
                f"{name}: a direction has {len(of_direction)} weights, expected {', '.join(labels)}"
            )
    w_hh = weights[0][1]
    if not isinstance(w_hh, Tensor) or w_hh.ndim != 2 or w_hh.shape[0] % GATES[mode]:
        raise ValueError(f"{name}: weight_hh must be a matrix of {GATES[mode]} x hidden_size rows")
    rows, n_out = w_hh.shape
    wanted = ((rows, x.shape[2]), (rows, n_out), (rows,), (rows,), (n_out, rows // GATES[mode]))
    for of_direction in weights:
        for label, w, shape in zip(labels, of_direction, wanted, strict=True):
            if w is None and label.startswith("bias"):
                continue
            if label == "weight_hr":
                if w is None and n_out == rows // GATES[mode]:
                    continue
                if mode != "LSTM" and w is not None:
                    raise ValueError(f"{name}: weight_hr is for an LSTM only")
            _checks.tensor(w, name, label)
            _checks.kernels(x, name, "input", w._data, label)
            if w.shape != shape:
                raise ValueError(
                    f"{name}: {label} has shape {w.shape}, expected {shape} for an input of shape "
                    f"{x.shape}"
                )


def _lengths(lengths: Any, n_rows: int, n_steps: int) -> np.ndarray:
    """int64 (N,), each from 1 to T."""
    a = lengths._data if isinstance(lengths, Tensor) else np.asarray(lengths)
    if a.dtype.kind not in "iu" or a.shape != (n_rows,):
        raise ValueError(
            f"recurrent_layer: lengths has dtype {a.dtype} and shape {a.shape}, expected "
            f"{n_rows} integers, one for each row of the batch"
        )
    if a.size and (a.min() < 1 or a.max() > n_steps):
        wrong = int(np.flatnonzero((a < 1) | (a > n_steps))[0])
        raise ValueError(
            f"recurrent_layer: lengths[{wrong}] is {a[wrong]}, expected 1 to {n_steps}"
        )
    return np.array(a, np.int64)  # a copy: the caller may go on with his
