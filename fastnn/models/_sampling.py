"""Text from a character language model, id by id."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, no_grad, rand
from ..functional import _checks
from ..nn.utils import evaluating
from ..random import Generator


def sample(
    model: Any,
    prompt: Any,
    length: int,
    temperature: float,
    generator: Generator | None,
    context: int | None = None,
) -> np.ndarray:
    """`length` ids after `prompt`, of which the model sees the last `context` at most (None: all).

    model(ids (T, 1), state) -> logits (T, 1, V), state.  Errors name the model's class.
    """
    where = f"{type(model).__name__}.sample"
    prompt = np.asarray(prompt, np.int64)
    if prompt.ndim != 1 or not prompt.size:
        raise ValueError(f"{where}: prompt has shape {prompt.shape}, expected (P,)")
    length = _checks.integer(length, where, "length", 0)
    temperature = _checks.number(temperature, where, "temperature")
    if not 0 <= temperature < float("inf"):
        raise ValueError(
            f"{where}: temperature is {temperature}, expected a finite number above 0, "
            "or 0 for the most probable id each time"
        )
    result = np.empty(length, np.int64)
    if length == 0:
        return result
    draws = rand(length, generator=generator).numpy()
    state, ids = None, prompt if context is None else prompt[-context:]
    with evaluating(model), no_grad():
        for i in range(length):
            logits, state = model(from_numpy(ids.reshape(-1, 1)), state)
            result[i] = _draw(logits.numpy()[-1, 0], temperature, float(draws[i]))
            ids = result[i : i + 1]
    return result


def _draw(logits: np.ndarray, temperature: float, u: float) -> int:
    """The id at which the running sum of the probabilities passes u in [0, 1)."""
    z = logits.astype(np.float64) - logits.max()
    if temperature == 0:
        return int(z.argmax())
    with np.errstate(over="ignore"):  # a tiny temperature: exp(-inf) is the 0 that is meant
        total = np.exp(z / temperature).cumsum()
    return int(np.searchsorted(total, u * total[-1], side="right").clip(max=len(z) - 1))
