"""Rows of the table of micro-kernels (ukernel_table.py): Winograd's transforms, from the matrices
of Lavin & Gray 2016 (arXiv:1509.09308), section 4."""

import itertools

import numpy as np
from ukernel_harness import InOut
from ukernel_table import EPS, Case, F, normal

TILES = ((2, 3), (4, 3), (3, 4), (2, 5))  # (m, r): outputs and taps of a line

BT = {  # by the products of a line
    4: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    6: np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ]
    ),
}


def points(a, n, last):
    """Powers 0 ... n - 1 of the points 0, 1, -1 (2, -2); then infinity's row."""
    at = np.array([0, 1, -1, 2, -2][: a - 1])
    infinity = np.eye(1, n, n - 1) * last
    return np.vstack([at[:, None] ** np.arange(n), infinity])


def a_t(m, r):
    a = m + r - 1
    return points(a, m, -1 if a == 4 else 1).T  # B's last column has the sign of F(2x2, 3x3)


def g_matrix(m, r):
    a = m + r - 1
    scale = {4: [2, 1, 1, 2], 6: [6, -4, -4, 1, 1, 24]}[a]
    return points(a, r, 1) * np.array(scale)[:, None] / {4: 2, 6: 24}[a]


def matrices_convolve():
    """y = A^T [(G g) * (B^T d)] is the correlation of d with g."""
    rng = np.random.default_rng(0)
    for m, r in TILES:
        d, g = rng.standard_normal(m + r - 1), rng.standard_normal(r)
        y = a_t(m, r) @ ((g_matrix(m, r) @ g) * (BT[m + r - 1] @ d))
        np.testing.assert_allclose(y, np.correlate(d, g), atol=1e-12)


def spread(array, strides, size):
    """array (any axes) placed by `strides` into `size` floats; the rest is zero."""
    out = np.zeros(size, F)
    at = sum(
        (np.arange(n) * step).reshape([-1] + [1] * (array.ndim - 1 - axis))
        for axis, (n, step) in enumerate(zip(array.shape, strides, strict=True))
    )
    out[at] = array
    return out


def extent(shape, strides):
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if min(shape) else 0


def tiles_of(row, m, lanes):
    """Strides of (tile, i, j, lane) in rows of pixels."""
    return m * lanes, row, lanes, 1


def products_of(xi, tile, a):
    """Strides of (tile, i, j, lane) in products."""
    return tile, a * xi, xi, 1


def moved(name, to_products, side):
    """samples of wino_input and wino_gradient (pixels to products) or wino_output (back)."""

    def samples(level, rng):
        for (m, r), n in itertools.product(TILES, (0, 1, 2, 5)):
            a, lanes = m + r - 1, level.lanes
            row = (n * m + r - 1) * lanes + 3
            xi, tile = (n + 1) * lanes + 5, lanes + (n % 2)
            pixels = tiles_of(row, m, lanes)
            products = products_of(n * tile + xi, tile, a)
            s = side(m, r)
            shape = (n, s, s, lanes)
            x = normal(rng, n * s * s * lanes).reshape(shape)
            args = {"m": m, "r": r, "tiles": n, "row": row}
            if to_products:  # neighbouring tiles share pixels: fill a whole strip
                strip = normal(rng, extent(shape, pixels))
                at = [np.arange(k) * step for k, step in zip(shape, pixels, strict=True)]
                x = strip[sum(np.ix_(*at))] if n else x
                shape = (n, a, a, lanes)
                v = InOut(np.zeros(extent(shape, products), F))
                source = {"wino_input": "x", "wino_gradient": "dy"}[name]
                yield args | {
                    source: strip, "v": v, "v_xi": products[2], "v_tile": tile, "tile": x
                }  # fmt: skip
                continue
            for bias, relu in ((None, 0), (normal(rng, lanes), 0), (normal(rng, lanes), 1)):
                y = InOut(np.zeros(extent((n, m, m, lanes), pixels), F))
                yield args | {
                    "x": spread(x, products, extent(shape, products)),
                    "x_xi": products[2], "x_tile": tile, "bias": bias, "relu": relu, "y": y,
                    "tile": x,
                }  # fmt: skip

    return samples


def two_sided(matrix, x):
    """M x M^T over the axes 1 and 2, float64."""
    return np.einsum("pi,nijl,qj->npql", matrix, x.astype(np.float64), matrix)


def to_products_model(matrix):
    def model(level, args):
        m, r = args["m"], args["r"]
        out = two_sided(matrix(m, r), args["tile"])
        strides = products_of(args["v_xi"], args["v_tile"], m + r - 1)
        return {"v": spread(out, strides, args["v"].initial.size)}

    return model


def output_model(level, args):
    m = args["m"]
    out = two_sided(a_t(m, args["r"]), args["tile"])
    if args["bias"] is not None:
        out = out + args["bias"]
    if args["relu"]:
        out = np.maximum(out, 0)
    return {"y": spread(out, tiles_of(args["row"], m, level.lanes), args["y"].initial.size)}


def kernels(source, target, side):
    """samples of wino_weight and wino_weight_grad: n kernels, strides of both sides."""

    def samples(level, rng):
        for (m, r), n in itertools.product(TILES, (0, 1, 3)):
            lanes, a = level.lanes, m + r - 1
            s = side(m, r)
            g_tap, u_step = lanes + 1, lanes + 3
            g_step, u_xi = r * r * g_tap + 2, n * u_step + 4
            names = {"g": (g_step, g_tap, r), "u": (u_step, u_xi, a)}
            step, tap, line = names[source]
            x = normal(rng, n * s * s * lanes).reshape(n, s, s, lanes)
            strides = step, line * tap, tap, 1
            step, tap, line = names[target]
            shape = (n, line, line, lanes)
            out = np.zeros(extent(shape, (step, line * tap, tap, 1)), F)
            arrays = {"g": spread(x, strides, extent(x.shape, strides)), "u": InOut(out)}
            if source == "u":
                arrays = {"du": spread(x, strides, extent(x.shape, strides)), "dg": InOut(out)}
            yield arrays | {
                "m": m, "r": r, "n": n, "g_step": g_step, "g_tap": g_tap, "u_step": u_step,
                "u_xi": u_xi, "tile": x,
            }  # fmt: skip

    return samples


def weight_model(level, args):
    a = args["m"] + args["r"] - 1
    out = two_sided(g_matrix(args["m"], args["r"]), args["tile"])
    strides = args["u_step"], a * args["u_xi"], args["u_xi"], 1
    return {"u": spread(out, strides, args["u"].initial.size)}


def weight_grad_model(level, args):
    out = two_sided(g_matrix(args["m"], args["r"]).T, args["tile"])
    strides = args["g_step"], args["r"] * args["g_tap"], args["g_tap"], 1
    return {"dg": spread(out, strides, args["dg"].initial.size)}


def few_tiles(level, rng):
    """samples of wino_few_tiles: 0 to 11 kernels, in eights and one by one."""
    for (m, r), n, tiles in itertools.product(TILES, (0, 1, 8, 11), (1, 4)):
        lanes, a = level.lanes, m + r - 1
        g_tap, v_tile, x_tile = lanes + 1, n + 2, lanes + 3
        g_step, v_xi, x_xi = r * r * g_tap + 2, tiles * v_tile + 1, tiles * x_tile + 4
        taps = normal(rng, n * r * r * lanes).reshape(n, r, r, lanes)
        v = normal(rng, a * a * tiles * n).reshape(a * a, tiles, n)
        x = normal(rng, a * a * tiles * lanes).reshape(a * a, tiles, lanes)
        of_g, of_v, of_x = (g_step, r * g_tap, g_tap, 1), (v_xi, v_tile, 1), (x_xi, x_tile, 1)
        yield {
            "m": m, "r": r, "n": n, "tiles": tiles,
            "g": spread(taps, of_g, extent(taps.shape, of_g)),
            "g_step": g_step, "g_tap": g_tap, "v": spread(v, of_v, extent(v.shape, of_v)),
            "v_xi": v_xi, "v_tile": v_tile, "x": InOut(spread(x, of_x, extent(x.shape, of_x))),
            "x_xi": x_xi, "x_tile": x_tile, "parts": (taps, v, x),
        }  # fmt: skip


def few_tiles_model(level, args):
    taps, v, x = args["parts"]
    a = args["m"] + args["r"] - 1
    u = two_sided(g_matrix(args["m"], args["r"]), taps).reshape(args["n"], a * a, level.lanes)
    out = x + np.einsum("xti,ixl->xtl", v.astype(np.float64), u)
    return {"x": spread(out, (args["x_xi"], args["x_tile"], 1), args["x"].initial.size)}


def error(level, args, output, expected):
    """Up to 36 terms of up to 100 times a normal deviate."""
    return 64 * EPS * max(1.0, float(np.abs(expected).max(initial=0.0)))


def inputs(m, r):
    return m + r - 1


WINOGRAD = [
    Case(
        "wino_input",
        moved("wino_input", True, inputs),
        to_products_model(lambda m, r: BT[m + r - 1]),
        error,
        bits=None,
    ),
    Case(
        "wino_gradient",
        moved("wino_gradient", True, lambda m, r: m),
        to_products_model(lambda m, r: a_t(m, r).T),
        error,
        bits=None,
    ),
    Case("wino_output", moved("wino_output", False, inputs), output_model, error, bits=None),
    Case("wino_weight", kernels("g", "u", lambda m, r: r), weight_model, error, bits=None),
    Case("wino_few_tiles", few_tiles, few_tiles_model, error, bits=None),
    Case("wino_weight_grad", kernels("u", "g", inputs), weight_grad_model, error, bits=None),
]
