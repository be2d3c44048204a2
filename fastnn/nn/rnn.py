"""Recurrent layers over whole sequences: RNN, LSTM, GRU."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import backend
from .. import functional as F
from ..creation import empty
from ..functional import _checks
from ..functional.rnn import GATES
from ..grad_mode import mode
from ..tensor import Parameter, Tensor, wrap
from . import init
from .module import Module
from .utils.rnn import PackedSequence

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


class Recurrent(Module):
    """What layers and cells share: hidden_size, and parameters that begin uniform in
    +-1 / sqrt(hidden_size)."""

    hidden_size: int

    def reset_parameters(self) -> None:
        """Draw the first values again."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound)


def plain_mode(nonlinearity: Any, name: str) -> str:
    """The mode of a plain recurrent layer; ValueError unless "tanh" or "relu"."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{name}: nonlinearity is {nonlinearity!r}, expected 'tanh' or 'relu'")
    return f"RNN_{nonlinearity.upper()}"


def two_states(hx: Any, name: str, labels: str) -> tuple[Any, Any]:
    """An LSTM's states from a pair or None; TypeError otherwise."""
    if hx is None:
        return None, None
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        raise TypeError(f"{name}: hx must be a pair {labels}, got {type(hx).__name__}")
    return hx[0], hx[1]


class RNNBase(Recurrent):
    """What the recurrent layers share.

    Parameters of layer k: weight_ih_l{k} (G H, I or D P), weight_hh_l{k} (G H, P), bias_ih_l{k},
    bias_hh_l{k} (G H,) and, with a projection, weight_hr_l{k} (P, H); with _reverse at the end for
    the second direction.  All begin uniform in +-1 / sqrt(H).
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.mode = mode
        self.input_size = _checks.integer(input_size, name, "input_size", 1)
        self.hidden_size = _checks.integer(hidden_size, name, "hidden_size", 1)
        self.num_layers = _checks.integer(num_layers, name, "num_layers", 1)
        self.bias, self.batch_first = bool(bias), bool(batch_first)
        self.dropout = _checks.probability(dropout, name, "dropout")
        self.bidirectional = bool(bidirectional)
        self.proj_size = _checks.integer(proj_size, name, "proj_size", 0)
        if self.proj_size >= self.hidden_size:
            raise ValueError(
                f"{name}: proj_size is {proj_size}, expected less than hidden_size {hidden_size}"
            )
        n_out, rows = self.proj_size or self.hidden_size, GATES[mode] * self.hidden_size
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            n_in = n_out * directions if layer else self.input_size
            for suffix in self._suffixes(layer):
                self._add(f"weight_ih_{suffix}", rows, n_in)
                self._add(f"weight_hh_{suffix}", rows, n_out)
                if self.bias:
                    self._add(f"bias_ih_{suffix}", rows)
                    self._add(f"bias_hh_{suffix}", rows)
                if self.proj_size:
                    self._add(f"weight_hr_{suffix}", n_out, self.hidden_size)
        self._names = [  # of each layer's weights by direction; not made anew in every call
            [[f"{name}_{suffix}" for name in WEIGHTS] for suffix in self._suffixes(layer)]
            for layer in range(self.num_layers)
        ]
        self.reset_parameters()

    def _add(self, name: str, *shape: int) -> None:
        self.register_parameter(name, Parameter(empty(*shape)))

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}"] + [f"l{layer}_reverse"] * self.bidirectional

    def _layer(self, layer: int) -> list[list[Any]]:
        get = self._parameters.get
        return [[get(name) for name in names] for names in self._names[layer]]

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Any = None
    ) -> Any:
        output, h, _ = self._run(input, hx, None, lengths)
        return output, h

    def _run(self, input: Any, h0: Any, c0: Any, lengths: Any) -> tuple[Any, Any, Any]:
        """All layers: output, h_n, c_n."""
        name = type(self).__name__
        packed = input if isinstance(input, PackedSequence) else None
        batch_first = self.batch_first
        if packed is not None:
            if lengths is not None:
                raise ValueError(f"{name}: lengths are in the PackedSequence, expected None")
            # As in PyTorch, the layer's batch_first says nothing about packed rows.
            input, lengths, batch_first = packed.padded, packed._lengths, packed.batch_first
        x = _checks.tensor(input, name, "input")
        if x.ndim not in ((2, 3) if packed is None else (3,)) or x.shape[-1] != self.input_size:
            order = "(N, T, I)" if batch_first else "(T, N, I)"
            raise ValueError(
                f"{name}: input has shape {x.shape}, expected {order} or (T, I) with "
                f"I = {self.input_size}"
            )
        alone = x.ndim == 2
        if alone:
            if lengths is not None:
                raise ValueError(f"{name}: lengths are for a batch, input has shape {x.shape}")
            x = F.unsqueeze(x, 0 if batch_first else 1)
        directions = 2 if self.bidirectional else 1
        n_rows = x.shape[0 if batch_first else 1]
        n_out = self.proj_size or self.hidden_size
        h0 = self._state(h0, "h_0", directions * self.num_layers, n_rows, n_out, alone)
        c0 = self._state(c0, "c_0", directions * self.num_layers, n_rows, self.hidden_size, alone)
        h: Any = None
        c: Any = None
        if not mode.enabled and lengths is None and not alone:
            results = self._unrecorded(x._data, h0, c0, batch_first)
            if results is not None:
                return results
        last_h: list[Any] = []
        last_c: list[Any] = []
        for layer in range(self.num_layers):
            h, c = (self._of_layer(s, layer, directions) for s in (h0, c0))
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            x, h, c = F.recurrent_layer(
                x, h, c, self._layer(layer), self.mode, batch_first=batch_first,
                lengths=lengths,
            )  # fmt: skip
            last_h.append(h)
            last_c.append(c)
        if self.num_layers > 1:
            h = F.cat(last_h, 0)
            c = F.cat(last_c, 0) if self.mode == "LSTM" else None
        if alone:
            x = F.squeeze(x, 0 if batch_first else 1)
            h, c = F.squeeze(h, 1), None if c is None else F.squeeze(c, 1)
        return x if packed is None else packed.with_padded(x), h, c

    def _of_layer(self, s: Any, layer: int, directions: int) -> Any:
        """A layer's part of the states."""
        if s is None or self.num_layers == 1:
            return s
        return s[layer * directions : (layer + 1) * directions]

    def _unrecorded(self, x: np.ndarray, h0: Any, c0: Any, batch_first: bool) -> Any:
        """_run on arrays, in one call.  None for what the kernel may refuse, and for the reference,
        which refuses less; the other way says why."""
        if x.dtype.char != "f" or 0 in x.shape or (self.dropout and self.training):
            return None
        if backend.name() != "kernels":
            return None
        layers = [
            [[None if p is None else p._data for p in ps] for ps in self._layer(layer)]
            for layer in range(self.num_layers)
        ]
        h, c = (None if s is None else s._data for s in (h0, c0))
        try:
            x, h, c = backend.kernels.recurrent_stack(self.mode, x, h, c, layers, batch_first)
        except (TypeError, ValueError):
            return None
        return wrap(x), wrap(h), None if c is None else wrap(c)

    def _state(self, s: Any, label: str, count: int, n_rows: int, size: int, alone: bool) -> Any:
        if s is None:
            return None
        name = type(self).__name__
        shape = (count, size) if alone else (count, n_rows, size)
        if _checks.tensor(s, name, label).shape != shape:
            raise ValueError(f"{name}: {label} has shape {s.shape}, expected {shape}")
        return F.unsqueeze(s, 1) if alone else s

    def extra_repr(self) -> str:
        options = {
            "proj_size": (self.proj_size, 0), "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True), "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0.0), "bidirectional": (self.bidirectional, False),
        }  # fmt: skip
        parts = [f"{k}={v}" for k, (v, default) in options.items() if v != default]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *parts])


class RNN(RNNBase):
    """h_t = act(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), num_layers of them (Elman 1990).

    input (T, N, I), (N, T, I) if batch_first, or (T, I); hx (layers D, N, H) or None for zeros.
    nonlinearity: "tanh" or "relu".  dropout: between the layers, in training.  Returns output
    (T, N, D H) of the last layer and h_n (layers D, N, H), D = 2 if bidirectional.  lengths (N,):
    steps of each row; see functional.recurrent_layer.  A PackedSequence as input gives one as
    output (nn.utils.rnn).  Raises ValueError for shapes that do not
    fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        mode = plain_mode(nonlinearity, "RNN")
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """r, z = sigmoid(W_i x + b_i + W_h h + b_h), n = tanh(W_in x + b_in + r (W_hn h + b_hn)),
    h' = (1 - z) n + z h, num_layers of them (Cho et al. 2014, arXiv:1406.1078; the reset gate after
    the product).

    Gates are stacked r z n.  Arguments, shapes and errors as for RNN.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )


class LSTM(RNNBase):
    """i, f, o = sigmoid(...), g = tanh(...) of W_ih x + b_ih + W_hh h + b_hh, stacked i f g o;
    c' = f c + i g, h' = o tanh(c'), num_layers of them (Hochreiter & Schmidhuber 1997, with the
    forget gate of Gers et al. 2000).

    input (T, N, I), (N, T, I) if batch_first, or (T, I); hx: (h_0 (layers D, N, P),
    c_0 (layers D, N, H)) or None for zeros.  proj_size P > 0: h' = W_hr o tanh(c') (Sak et al.
    2014).  forget_bias: the sum of both forget biases at first (Gers et al. 2000 and Jozefowicz et
    al. 2015 argue for 1); None: drawn as all others.  Returns output (T, N, D P) and (h_n, c_n);
    otherwise as RNN.
    """

    forget_bias: float | None = None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        forget_bias: float | None = None,
    ) -> None:
        if forget_bias is not None and not bias:
            raise ValueError("LSTM: forget_bias needs bias=True")
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size,
        )  # fmt: skip
        self.forget_bias = forget_bias
        self._fill_forget_bias()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self._fill_forget_bias()

    def _fill_forget_bias(self) -> None:
        if self.forget_bias is None:
            return
        gate = slice(self.hidden_size, 2 * self.hidden_size)
        for name, p in self.named_parameters():
            if name.startswith("bias"):
                p._data[gate] = self.forget_bias if name.startswith("bias_ih") else 0.0
                p._changed()

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: tuple[Tensor, Tensor] | None = None,
        *,
        lengths: Any = None,
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        output, h, c = self._run(input, *two_states(hx, "LSTM", "(h_0, c_0)"), lengths)
        return output, (h, c)
