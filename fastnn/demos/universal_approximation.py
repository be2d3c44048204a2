"""Row 27: one hidden layer, wide enough, comes as near to a function as one likes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import from_numpy, manual_seed, nn, optim
from ..models import MLP
from ._registry import Result, at_most, demo
from ._steps import linear_decay, outputs

_WIDTHS = (1, 2, 4, 8, 16, 32, 64)


def _draw(figure: Any, *, errors: dict, fits: dict, x: np.ndarray) -> None:
    left, right = figure.subplots(1, 2)
    left.plot(x, np.sin(x), color="black", lw=4, alpha=0.25, label="sin")
    for width, y in fits.items():
        left.plot(x, y, label=f"{width} hidden unit{'s' if width > 1 else ''}")
    left.legend(fontsize=9)
    left.set_xlabel("x")
    left.set_title("what networks of one hidden layer make of it", fontsize=10)
    right.loglog(list(errors), list(errors.values()), "o-")
    right.axhline(1e-4, color="C3", ls="--", lw=1)
    right.text(1, 1.2e-4, "bar", color="C3", fontsize=9)
    right.set_xticks(_WIDTHS, _WIDTHS)
    right.set_xlabel("hidden units")
    right.set_ylabel("mean squared error")
    right.grid(alpha=0.3)


@demo(
    27,
    name="universal-approximation",
    title="One hidden layer approximates a function, the wider the better",
    bar="mean squared error on sin(x), x from -pi to pi: at most 1e-4 at 64 tanh units or fewer; "
    "over the widths 1 to 64 it never rises by more than a factor of 3 above the best so far",
    draw=_draw,
    size=(11, 4.5),
    seconds=(5, 2),
    source="Cybenko 1989, doi:10.1007/BF02551274; Hornik, Stinchcombe, White 1989, "
    "doi:10.1016/0893-6080(89)90020-8",
)
def universal_approximation(quick: bool, seed: int) -> Result:
    """One hidden layer is trained to follow a sine, with 1 to 64 units: the more units, the closer
    the curve. That some weights come as close as one likes is a theorem for every continuous
    function on a closed interval.

    The theorem does not say that training finds these weights, nor how many units it takes. For a
    sine few are enough.
    """
    x = np.linspace(-math.pi, math.pi, 256, dtype=np.float32)[:, None]
    y = np.sin(x)
    errors, fits = {}, {}
    for width in _WIDTHS:
        manual_seed(seed)
        model = MLP(1, [width], 1, activation="tanh")
        n_steps = 2000 if quick else 4000
        optimizer = optim.Adam(model.parameters(), lr=0.02)
        schedule = linear_decay(optimizer, n_steps)
        loss_of = nn.MSELoss()
        for _ in range(n_steps):
            loss = loss_of(model(from_numpy(x)), from_numpy(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        found = outputs(model, x)
        errors[width] = float(np.square(found - y, dtype=np.float64).mean())
        if width in (1, 2, 4, 64):
            fits[width] = found[:, 0]
    values = np.array(list(errors.values()))
    rise = float((values[1:] / np.minimum.accumulate(values)[:-1]).max())
    return Result(
        (
            at_most("smallest error, width up to 64", float(values.min()), 1e-4),
            at_most("error / the best of smaller widths, largest", rise, 3.0),
        ),
        {"errors": errors, "fits": fits, "x": x[:, 0]},
    )
