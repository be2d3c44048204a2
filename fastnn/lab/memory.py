"""What a recurrent network still holds of its past."""

from __future__ import annotations

import math

import numpy as np

from .. import nn
from ..creation import from_numpy, randint, randn
from ..functional import _checks
from ..grad_mode import no_grad
from ..nn.utils import evaluating
from ..random import Generator


def forgetting_curve(
    layer: nn.RNNBase,
    max_lag: int = 15,
    *,
    samples: int = 3000,
    noise: float = 1e-3,
    generator: Generator | None = None,
) -> np.ndarray:
    """How well a recurrent layer's last output tells which input came k steps before:
    shares of right guesses (max_lag + 1,), for k = 0, 1, ... max_lag.

    The layer reads `samples` sequences of random one-hot symbols, one for each of its inputs, which
    are longer than max_lag, so that its start does not show.  For each k linear least squares finds
    the symbol in the output, to which Gaussian noise of deviation `noise` is added, on two thirds
    of the sequences; the guess with the largest value is counted on the others.  What is measured
    is thus what a linear readout could learn; chance is 1 / input_size.  The layer runs in
    evaluation mode and is not trained.  generator: default the library's.

    Raises TypeError for what is not an RNN, LSTM or GRU; ValueError for fewer than two inputs, a
    negative max_lag or noise, or fewer samples than 4 for each value of the output.
    Source: the method is Jaeger's short-term memory capacity, GMD Report 152, 2001.
    """
    if not isinstance(layer, nn.RNNBase):
        name = type(layer).__name__
        raise TypeError(f"forgetting_curve: layer must be an RNN, LSTM or GRU, got {name}")
    symbols = layer.input_size
    if symbols < 2:
        raise ValueError(f"forgetting_curve: layer has {symbols} input, expected at least 2")
    max_lag = _checks.integer(max_lag, "forgetting_curve", "max_lag", 0)
    size = (layer.proj_size or layer.hidden_size) * (2 if layer.bidirectional else 1)
    n = _checks.integer(samples, "forgetting_curve", "samples", 4 * size)
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"forgetting_curve: noise is {noise}, expected a finite number >= 0")
    codes = randint(0, symbols, (2 * max_lag + 20, n), generator=generator).numpy()
    x = np.eye(symbols, dtype=np.float32)[codes]
    with evaluating(layer), no_grad():
        x = np.ascontiguousarray(x.swapaxes(0, 1)) if layer.batch_first else x
        y, _ = layer(from_numpy(x))
    last = y.numpy()[:, -1] if layer.batch_first else y.numpy()[-1]
    seen = np.ones((n, size + 1))  # the last column is the bias
    seen[:, :size] = last + noise * randn(n, size, generator=generator).numpy()
    wanted = codes[: -max_lag - 2 : -1]  # (max_lag + 1, n), the newest first
    targets = np.eye(symbols)[wanted.T].reshape(n, -1)
    cut = 2 * n // 3
    weights = np.linalg.lstsq(seen[:cut], targets[:cut], rcond=None)[0]
    guesses = (seen[cut:] @ weights).reshape(n - cut, max_lag + 1, symbols).argmax(axis=2)
    return (guesses.T == wanted[:, cut:]).mean(axis=1)
