"""Rows of the table of micro-kernels (ukernel_table.py): GEMM and packing."""

import itertools

import numpy as np
from ukernel_harness import InOut, Out, call
from ukernel_table import Case, F, fma, normal


def round_up(n, to):
    return -(-n // to) * to


def offsets(count, limit, rng):
    """Distinct offsets in increasing order, as tables of taps and pixels hold them."""
    return np.sort(rng.permutation(limit)[:count]).astype(np.intp)


def strided(matrix, row, col, last=None):
    """The matrix as a flat array that ends with its last element; NaN in the gaps."""
    m, n = matrix.shape
    size = 0 if 0 in (m, n) else (m - 1) * row + (n - 1) * col + 1
    flat = np.full(size if last is None else max(size, last), np.nan, F)
    flat[np.arange(m)[:, None] * row + np.arange(n) * col] = matrix
    return flat


# ---- GEMM --------------------------------------------------------------------------------------

# Around the tile sizes of every level: mr 4, 6, 12 (narrow 8, 12), lanes 4, 8, 16.
ROWS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 24, 25, 31]
COLUMNS = [0, 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 79]
TERMS = [0, 1, 2, 3, 17, 5]
EDGES = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, -0.0], F)


def pack_panels(matrix, width):
    """(lines, k) in panels of `width` lines, one element of each line after the other."""
    lines, k = matrix.shape
    panels = -(-lines // width)
    full = np.zeros((panels * width, k), F)
    full[:lines] = matrix
    return full.reshape(panels, width, k).transpose(0, 2, 1).ravel()


def operand_a(mode, level, matrix, rng):
    """Where gemm_block finds A: members of fnn_gemm."""
    m, k = matrix.shape
    args = {"a_panel": 0, "a_row": 0, "a_col": 0, "a_row_off": None, "a_col_off": None}
    args["next"] = normal(rng, 1) if mode in ("ahead", "stream") else None
    if mode in ("packed", "ahead"):
        return args | {"a": pack_panels(matrix, level.mr), "a_panel": level.mr * k}
    if mode == "indirect":
        args["a_row_off"], cols = offsets(m, 2 * m, rng) * (3 * k + 1), offsets(k, 3 * k, rng)
        args["a_col_off"] = cols
        at = args["a_row_off"][:, None] + cols
        flat = np.full(at.max(initial=-1) + 1, np.nan, F)
        flat[at] = matrix
        return args | {"a": flat}
    if mode == "run":
        args["a_row"] = row = 1 + (m + k) % 2
        args["a_col_off"] = offsets(k, 3 * k, rng) * (row * m + 1)
        at = np.arange(m)[:, None] * row + args["a_col_off"]
        flat = np.full(at.max(initial=-1) + 1, np.nan, F)
        flat[at] = matrix
        return args | {"a": flat}
    by_column = (m + k) % 2
    row, col = (1, m + 2) if by_column else (k + 1, 1)
    return args | {"a": strided(matrix, row, col), "a_row": row, "a_col": col}


def operand_b(mode, level, matrix, rng):
    """B's rows may be read in whole vectors, up to a multiple of lanes."""
    k, n = matrix.shape
    if mode == "packed":
        args = {"b": pack_panels(matrix.T, level.nr), "b_panel": level.nr * k}
        return args | {"b_row": level.nr, "b_row_off": None}
    readable = round_up(n, level.lanes)
    starts = offsets(k, 2 * k, rng) * (n + 3) if mode == "direct" else np.arange(k) * (n + 3)
    flat = np.full(starts[-1] + readable if k else 0, np.nan, F)
    if k:
        flat[starts[:, None] + np.arange(n)] = matrix
    args = {"b": flat, "b_panel": level.nr, "b_row": n + 3, "b_row_off": None}
    return args | {"b_row_off": starts.astype(np.intp)} if mode == "direct" else args


# Addressing of A and of B, as the callers use them.
MODES = [("packed", "packed"), ("strided", "packed"), ("strided", "strided")]
MODES += [("strided", "direct"), ("indirect", "packed"), ("packed", "strided")]
MODES += [("ahead", "strided"), ("stream", "packed"), ("run", "packed")]
FLAGS = list(itertools.product((0, 1), (0, 1), (0, 1), (0, 1, 2, 3)))


def gemm_args(level, rng, modes, a, b, c, flags):
    accumulate, has_row, has_col, activation = flags
    m, n, gap = len(a), b.shape[1], 2
    bias_row, bias_col = normal(rng, m), normal(rng, n)
    before = c if accumulate else np.full_like(c, np.nan)
    return {
        "g": operand_a(modes[0], level, a, np.random.default_rng(m))
        | operand_b(modes[1], level, b, np.random.default_rng(n))
        | {
            "m": m,
            "n": n,
            "k": a.shape[1],
            "c": InOut(strided(before, n + gap, 1)),
            "c_row": n + gap,
            "bias_row": bias_row if has_row else None,
            "bias_col": bias_col if has_col else None,
            "accumulate": accumulate,
            "activation": activation,
        },
        "matrices": (a, b, c),
    }


def gemm_samples(level, rng):
    for i, (m, n) in enumerate(itertools.product(ROWS, COLUMNS)):
        for j, modes in enumerate(MODES):
            k = TERMS[(i + j) % len(TERMS)]
            a, b, c = (normal(rng, r * s).reshape(r, s) for r, s in ((m, k), (k, n), (m, n)))
            if (i + j) % 4 == 0 and a.size:
                a.flat[rng.integers(a.size)] = EDGES[i // 4 % len(EDGES)]
            yield gemm_args(level, rng, modes, a, b, c, FLAGS[(5 * i + j) % len(FLAGS)])


def gemm_model(level, args):
    """One chain of multiply-adds in increasing k, then the biases, then the activation."""
    g = args["g"]
    a, b, c = args["matrices"]
    total = c if g["accumulate"] else np.zeros_like(c)
    for p in range(g["k"]):
        total = fma(level, a[:, p, None], b[p], total)
    if g["bias_row"] is not None:
        total = total + g["bias_row"][:, None]
    if g["bias_col"] is not None:
        total = total + g["bias_col"]
    if g["activation"] == 1:
        total = np.where(total < 0, F(0), total)
    elif g["activation"]:
        name = ("vtanh", "vsigmoid")[g["activation"] - 2]
        total = call(level, name, {"n": total.size, "x": total, "y": Out(total.size)})["y"]
    return {"c": strided(total.reshape(c.shape), g["c_row"], 1)}


def rows_samples(level, rng):
    """Lines of pixels as a convolution reads them, each shape once as two lines may share a tile
    (`plain`), once with anything that gemm_block can do."""
    draw = np.random.default_rng(7)
    counts = itertools.product([1, 2, 3, 4, 5, 6, 7, 12], [1, 5, 8, 16, 17, 28, 32, 33, 65], (1, 0))
    for i, (m, n, plain) in enumerate(counts):
        lines, k = draw.integers(2, 6) if plain else draw.integers(4), draw.choice(TERMS)
        accumulate, has_row, has_col, activation = FLAGS[draw.integers(len(FLAGS))]
        if plain:
            accumulate, has_col, activation = 0, 0, activation % 2
        table = plain or draw.integers(2)
        plane = max(lines, 1) * (n + 3)
        starts = offsets(k, 2 * k, rng) * plane if table else np.arange(k) * plane
        at = starts[:, None, None] + np.arange(lines)[:, None] * (n + 3) + np.arange(n)
        end = at.max(initial=-1) + 1
        size = end + round_up(n, level.lanes) - n if at.size else 0
        a, b = normal(rng, m * k).reshape(m, k), normal(rng, end + 16)[:size]
        c = normal(rng, m * lines * n).reshape(m, lines * n)
        if i % 4 == 0 and a.size:
            a.flat[rng.integers(a.size)] = EDGES[i // 4 % len(EDGES)]
        g = {"m": m, "n": n, "k": k, "c": InOut(strided(c, lines * n + 2, 1))}
        g |= {"a_panel": 0, "a_row_off": None, "a_col_off": None, "next": None, "b": b}
        g |= {"a": strided(a, k + 1, 1), "a_row": k + 1, "a_col": 1, "c_row": lines * n + 2}
        g |= {"b_panel": level.nr, "b_row": plane, "b_row_off": starts if table else None}
        g |= {"bias_row": normal(rng, m) if has_row else None}
        g |= {"bias_col": normal(rng, n) if has_col else None}
        g |= {"accumulate": accumulate, "activation": activation}
        yield {"g": g, "rows": lines, "b_next": n + 3, "c_next": n, "matrices": (a, b, c, at)}


def rows_model(level, args):
    a, b, c, at = args["matrices"]
    g, n = args["g"], args["g"]["n"]
    result = c.copy()
    for t in range(args["rows"]):
        block, of_row = slice(t * n, t * n + n), b[at[:, t]].reshape(-1, n)
        row = gemm_model(level, {"g": g | {"c_row": n}, "matrices": (a, of_row, c[:, block])})
        result[:, block] = row["c"].reshape(-1, n)
    return {"c": strided(result, g["c_row"], 1)}


GEMM = [
    Case("gemm_block", gemm_samples, gemm_model, bits="fma"),
    Case("gemm_rows", rows_samples, rows_model, bits="fma"),
]

# ---- packing -----------------------------------------------------------------------------------

LINES = [0, 1, 3, 4, 5, 6, 7, 8, 11, 12, 13, 15, 16, 17, 24, 31, 32, 33, 40, 65]
DEPTHS = [0, 1, 2, 7, 8, 9, 16, 19, 33]


def strides(i, lines, depth):
    """Lines apart, lines side by side, neither: (from line to line, along a line)."""
    return [(depth + 2, 1), (1, lines + 3), (2 * depth + 1, 2), (depth, 1), (1, lines)][i % 5]


def pack_samples(panel_lines, matrix_name):
    def samples(level, rng):
        for i, (lines, depth) in enumerate(itertools.product(LINES, DEPTHS)):
            matrix = normal(rng, lines * depth).reshape(lines, depth)
            line, along = strides(i, lines, depth)
            size = round_up(lines, panel_lines(level)) * depth
            args = {matrix_name: strided(matrix, line, along), "k": depth, "out": Out(size)}
            if matrix_name == "a":
                yield args | {"m": lines, "row": line, "col": along, "matrix": matrix}
            else:
                yield args | {"n": lines, "row": along, "col": line, "matrix": matrix}

    return samples


def patch_samples(level, rng):
    """Pixels side by side in one row, in rows of six, and every second one."""
    for i, (n, k) in enumerate(itertools.product(LINES, DEPTHS)):
        pixel = np.arange(n)
        pixels = [pixel, pixel // 6 * 9 + pixel % 6, 2 * pixel][i % 3].astype(np.intp)
        taps = offsets(k, 3 * k, rng)
        size = int(taps.max(initial=0) + pixels.max(initial=0)) + 1 if n and k else 0
        args = {"k": k, "n": n, "x": normal(rng, size), "tap_off": taps, "pixel_off": pixels}
        yield args | {"out": Out(round_up(n, level.nr) * k)}


def patch_model(level, args):
    at = args["pixel_off"][:, None] + args["tap_off"]
    return {"out": pack_panels(args["x"][at], level.nr)}


def transpose_samples(level, rng):
    for i, (m, n) in enumerate(itertools.product(LINES, LINES)):
        x = normal(rng, m * n).reshape(m, n)
        x_row, y_row = n + i % 3, m + i % 4
        y = strided(np.zeros((n, m), F), y_row, 1)
        args = {"m": m, "n": n, "x": strided(x, x_row, 1), "x_row": x_row, "matrix": x}
        yield args | {"y": InOut(y), "y_row": y_row}


def pair_samples(level, rng):
    for n in LINES:
        yield {"n": n, "a": normal(rng, n), "b": normal(rng, n), "y": Out(2 * n)}


PACK = [
    Case(
        "pack_a",
        pack_samples(lambda level: level.mr, "a"),
        lambda level, args: {"out": pack_panels(args["matrix"], level.mr)},
        bits=None,
    ),
    Case(
        "pack_b",
        pack_samples(lambda level: level.nr, "b"),
        lambda level, args: {"out": pack_panels(args["matrix"], level.nr)},
        bits=None,
    ),
    Case("pack_patches", patch_samples, patch_model, bits=None),
    Case(
        "transpose",
        transpose_samples,
        lambda level, args: {"y": strided(args["matrix"].T, args["y_row"], 1)},
    ),
    Case(
        "zip_pairs", pair_samples, lambda level, args: {"y": np.ravel([args["a"], args["b"]], "F")}
    ),
]
