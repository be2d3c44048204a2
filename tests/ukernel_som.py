"""Rows of the table of micro-kernels (ukernel_table.py): self-organising maps."""

import numpy as np
from ukernel_harness import InOut, Out
from ukernel_table import SIZES, Case, F, fma, normal

PANEL = 32


def distance_samples(level, rng):
    for n in SIZES:
        args = {"n": n, "scale": float(F(rng.normal())), "at_row": 0.5, "at_col": -2.0}
        yield args | {"row": normal(rng, n), "col": normal(rng, n), "y": Out(n)}


def distance_model(level, a):
    rows, columns = a["row"] - F(a["at_row"]), a["col"] - F(a["at_col"])
    return {"y": F(a["scale"]) * fma(level, rows, rows, columns * columns)}


def panel_samples(level, rng):
    for panels in (0, 1, 2, 5):
        for n in (0, 1, 2, 7, 33):
            for learns, looks in ((True, True), (True, False), (False, True), (False, False)):
                h = rng.random((panels, PANEL)).astype(F)
                h[panels // 2 :] = 0  # panels that stay as they are
                h[-1:, 3] = 0.25
                d = np.full(panels * PANEL, 7, F)
                yield {
                    "panels": panels,
                    "n": n,
                    "h": h.ravel(),
                    "x": normal(rng, n) if learns else None,
                    "next": normal(rng, n) if looks else None,
                    "w": InOut(normal(rng, panels * n * PANEL)),
                    "d": InOut(d),
                }


def panel_model(level, a):
    panels, n = a["panels"], a["n"]
    w = a["w"].initial.reshape(panels, n, PANEL).copy()
    d = a["d"].initial.reshape(panels, PANEL).copy()
    h = a["h"].reshape(panels, PANEL)
    for p in range(panels):
        if a["x"] is not None and h[p].any():
            w[p] = fma(level, h[p], a["x"][:, None] - w[p], w[p])
        if a["next"] is not None:
            total = np.zeros(PANEL, F)
            for j in range(n):
                gap = w[p, j] - a["next"][j]
                total = fma(level, gap, gap, total)
            d[p] = total
    return {"w": w.ravel(), "d": d.ravel()}


MAPS = [
    Case("grid_distances", distance_samples, distance_model, bits="fma"),
    Case("som_panels", panel_samples, panel_model, bits="fma"),
]
