"""Recurrent layers from their equations, step by step: one layer, one or two directions.

weights: one list (weight_ih, weight_hh, bias_ih, bias_hh, weight_hr) for each direction; biases may
be None, weight_hr (the projection of Sak et al. 2014) is None or, for an LSTM, (P, H).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .activation import sigmoid_forward as sigmoid

Arrays = tuple[Any, ...]
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}


def _affine(x: np.ndarray, weight: np.ndarray, bias: Any) -> np.ndarray:
    y = x @ weight.T
    return y if bias is None else y + bias


def _step(mode: str, x: np.ndarray, h: np.ndarray, c: Any, weights: Any) -> tuple[Any, Any, Arrays]:
    """One time step: new h, new c, and what the step back needs."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    from_x, from_h = _affine(x, w_ih, b_ih), _affine(h, w_hh, b_hh)
    if mode == "RNN_TANH":  # Elman 1990
        new = np.tanh(from_x + from_h)
        return new, None, (new,)
    if mode == "RNN_RELU":
        new = np.maximum(from_x + from_h, 0)
        return new, None, (new,)
    if mode == "LSTM":  # Hochreiter & Schmidhuber 1997; forget gate of Gers et al. 2000
        i, f, g, o = np.split(from_x + from_h, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        new_c = f * c + i * g
        m = o * np.tanh(new_c)
        return m if w_hr is None else m @ w_hr.T, new_c, (i, f, g, o, new_c, m)
    # GRU: Cho et al. 2014, the reset gate after the product
    rx, zx, nx = np.split(from_x, 3, axis=1)
    rh, zh, nh = np.split(from_h, 3, axis=1)
    r, z = sigmoid(rx + rh), sigmoid(zx + zh)
    n = np.tanh(nx + r * nh)
    return (1 - z) * n + z * h, None, (r, z, n, nh)


def _step_back(
    mode: str, dh: np.ndarray, dc: Any, x: Any, h: Any, c: Any, kept: Arrays, weights: Any
) -> tuple[np.ndarray, np.ndarray, Any, list[Any]]:
    """dx, dh and dc of the step before, gradients of the weights."""
    w_ih, w_hh, _, _, w_hr = weights
    dw_hr = direct = None
    if mode == "RNN_TANH":
        from_x = from_h = dh * (1 - kept[0] ** 2)
    elif mode == "RNN_RELU":
        from_x = from_h = dh * (kept[0] > 0)
    elif mode == "LSTM":
        i, f, g, o, new_c, m = kept
        if w_hr is not None:
            dw_hr, dh = dh.T @ m, dh @ w_hr
        t = np.tanh(new_c)
        dc = dc + dh * o * (1 - t**2)
        gates = [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)]
        from_x = from_h = np.concatenate([*gates, dh * t * o * (1 - o)], axis=1)
        dc = dc * f
    else:
        r, z, n, nh = kept
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (h - n) * z * (1 - z)
        dr = dn * nh * r * (1 - r)
        from_x = np.concatenate([dr, dz, dn], axis=1)
        from_h = np.concatenate([dr, dz, dn * r], axis=1)
        direct = dh * z
    before = from_h @ w_hh
    if direct is not None:
        before = before + direct
    grads = [from_x.T @ x, from_h.T @ h, from_x.sum(axis=0), from_h.sum(axis=0), dw_hr]
    return from_x @ w_ih, before, dc, grads


def _order(steps: int, direction: int) -> list[int]:
    return list(range(steps))[:: -1 if direction else 1]


def _time_first(a: np.ndarray, batch_first: bool) -> np.ndarray:
    return a.swapaxes(0, 1) if batch_first else a


def _run(mode: str, x: np.ndarray, h: Any, c: Any, weights: Any, lengths: Any, d: int) -> Any:
    """Direction d over x (T, N, I): outputs, last states, what each step back needs."""
    w_hh = weights[1]
    n_hidden = w_hh.shape[0] // GATES[mode]
    h = np.zeros((x.shape[1], w_hh.shape[1]), x.dtype) if h is None else h[d]
    if mode == "LSTM":
        c = np.zeros((x.shape[1], n_hidden), x.dtype) if c is None else c[d]
    y = np.zeros((*x.shape[:2], w_hh.shape[1]), x.dtype)
    steps: list[Any] = [None] * x.shape[0]
    for t in _order(x.shape[0], d):
        runs = _runs(lengths, t, x.shape[1])
        new_h, new_c, kept = _step(mode, np.where(runs, x[t], 0), h, c, weights)
        steps[t] = (h, c, kept)
        y[t] = np.where(runs, new_h, 0)
        h = np.where(runs, new_h, h)
        c = None if c is None else np.where(runs, new_c, c)
    return y, h, c, steps


def _runs(lengths: Any, t: int, n: int) -> np.ndarray:
    """Which rows are not over at step t, (N, 1)."""
    return np.ones((n, 1), bool) if lengths is None else (t < lengths)[:, None]


def recurrent_forward(
    mode: str,
    x: np.ndarray,
    h0: Any,
    c0: Any,
    weights: list[list[Any]],
    lengths: Any,
    batch_first: bool,
    training: bool,
) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    """One layer over whole sequences.

    mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".  x (T, N, I), or (N, T, I) if batch_first;
    h0 (D, N, P) and, for an LSTM, c0 (D, N, H), or None for zeros; lengths (N,) int64 from 1 to T,
    or None.  Returns output (T, N, D P), zero from a row's length on; h_n (D, N, P); c_n (D, N, H)
    or None; and what recurrent_backward needs, None unless training.
    """
    seq = _time_first(x, batch_first)
    runs = [_run(mode, seq, h0, c0, w, lengths, d) for d, w in enumerate(weights)]
    y = np.concatenate([run[0] for run in runs], axis=2)
    h_n = np.stack([run[1] for run in runs])
    c_n = np.stack([run[2] for run in runs]) if mode == "LSTM" else None
    saved = [run[3] for run in runs] if training else None
    return np.ascontiguousarray(_time_first(y, batch_first)), h_n, c_n, saved


def recurrent_stack(
    mode: str,
    x: np.ndarray,
    h0: Any,
    c0: Any,
    layers: list[list[list[Any]]],
    batch_first: bool,
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Layers one on another over whole sequences, nothing kept: y, h_n and c_n of the last one and
    of all.

    layers: the weights of each.  h0, c0 (L D, N, size), or None; h_n, c_n likewise.
    """
    if not layers:
        raise ValueError("layers is empty")
    last, first = [], 0
    for weights in layers:
        part = slice(first, first + len(weights))
        h, c = (None if s is None else s[part] for s in (h0, c0))
        x, h_n, c_n, _ = recurrent_forward(mode, x, h, c, weights, None, batch_first, False)
        last.append((h_n, c_n))
        first = part.stop
    h_n = np.concatenate([h for h, _ in last])
    return x, h_n, np.concatenate([c for _, c in last]) if mode == "LSTM" else None


def recurrent_prepared(
    mode: str, layers: list[list[list[Any]]], batch_first: bool
) -> Callable[..., tuple[np.ndarray, np.ndarray, Any]]:
    """A function (x, h0=None, c0=None) -> y, h_n, c_n: recurrent_stack with these weights."""

    def run(x: np.ndarray, h0: Any = None, c0: Any = None) -> tuple[np.ndarray, np.ndarray, Any]:
        return recurrent_stack(mode, x, h0, c0, layers, batch_first)

    return run


def recurrent_backward(
    mode: str,
    dy: np.ndarray,
    dh_n: Any,
    dc_n: Any,
    x: np.ndarray,
    h0: Any,
    c0: Any,
    weights: list[list[Any]],
    lengths: Any,
    batch_first: bool,
    y: np.ndarray,
    saved: Any,
    needs: tuple[bool, bool, bool],
) -> tuple[Any, Any, Any, Any]:
    """Back-propagation through time (Werbos 1990): dx, dh0, dc0, dweights like weights.

    dh_n, dc_n: None for zeros.  needs: gradients of x, of the states, of the weights.
    """
    seq, dout = _time_first(x, batch_first), _time_first(dy, batch_first)
    dx, dh0, dc0, dweights = np.zeros_like(seq), [], [], []
    width = weights[0][1].shape[1]
    for d, w in enumerate(weights):
        n_hidden = w[1].shape[0] // GATES[mode]
        dh = np.zeros((seq.shape[1], width), x.dtype) if dh_n is None else dh_n[d]
        dc = np.zeros((seq.shape[1], n_hidden), x.dtype) if dc_n is None else dc_n[d]
        totals = [None if a is None else np.zeros_like(a) for a in w]
        for t in _order(seq.shape[0], 1 - d):
            runs = _runs(lengths, t, seq.shape[1])
            h, c, kept = saved[d][t]
            mine = np.where(runs, dh + dout[t, :, d * width : (d + 1) * width], 0)
            dct = np.where(runs, dc, 0)
            inputs = np.where(runs, seq[t], 0)
            into_x, before, dc_before, grads = _step_back(mode, mine, dct, inputs, h, c, kept, w)
            dx[t] += into_x
            dh, dc = np.where(runs, before, dh), np.where(runs, dc_before, dc)
            for total, grad in zip(totals, grads, strict=True):
                if total is not None:
                    total += grad
        dh0.append(dh)
        dc0.append(dc)
        dweights.append(totals)
    return (
        np.ascontiguousarray(_time_first(dx, batch_first)) if needs[0] else None,
        np.stack(dh0) if needs[1] else None,
        np.stack(dc0) if needs[1] and mode == "LSTM" else None,
        dweights if needs[2] else None,
    )
