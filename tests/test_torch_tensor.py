"""PyTorch says the same: operations on tensors, values and gradients, float32 and float64."""

import operator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_compare import compare, random_array  # noqa: E402

OPERATIONS = {
    # name: (what is computed, shapes of its arguments)
    "add": (lambda lib, F, a, b: a + b, (3, 4), (3, 4)),
    "add broadcast": (lambda lib, F, a, b: a + b, (3, 1, 4), (5, 1)),
    "add lead": (lambda lib, F, a, b: a.add(b), (4,), (2, 3, 4)),
    "add number": (lambda lib, F, a: 2 + a + 1.5, (3, 4)),
    "add itself": (lambda lib, F, a: a + a, (3, 4)),
    "add scalar": (lambda lib, F, a, b: a + b, (), (3, 4)),
    "add empty": (lambda lib, F, a, b: a + b, (0, 4), (1, 4)),
    "sub": (lambda lib, F, a, b: a - b, (3, 1), (1, 4)),
    "sub number": (lambda lib, F, a: 1 - a - 3, (3, 4)),
    "mul": (lambda lib, F, a, b: a * b, (2, 3, 4), (3, 1)),
    "mul number": (lambda lib, F, a: 3 * a * 0.5, (3, 4)),
    "mul itself": (lambda lib, F, a: a * a, (7,)),
    "div": (lambda lib, F, a, b: a / (b.abs() + 0.5), (3, 4), (4,)),
    "div number": (lambda lib, F, a: (a / 3) + 2 / (a.abs() + 1), (3, 4)),
    "neg": (lambda lib, F, a: -a, (3, 4)),
    "abs": (lambda lib, F, a: abs(a), (5, 6)),
    "pow 2": (lambda lib, F, a: a**2, (5, 6)),
    "pow 3": (lambda lib, F, a: a.pow(3), (5, 6)),
    "pow -1": (lambda lib, F, a: (a.abs() + 0.5) ** -1, (5, 6)),
    "pow 0": (lambda lib, F, a: a**0, (5, 6)),
    "pow 1": (lambda lib, F, a: a**1, (5, 6)),
    "pow 0.5": (lambda lib, F, a: (a.abs() + 0.1) ** 0.5, (5, 6)),
    "pow -2.3": (lambda lib, F, a: (a.abs() + 0.5) ** -2.3, (5, 6)),
    "sqrt": (lambda lib, F, a: (a.abs() + 0.1).sqrt(), (5, 6)),
    "exp": (lambda lib, F, a: a.exp(), (5, 6)),
    "log": (lambda lib, F, a: (a.abs() + 0.1).log(), (5, 6)),
    "clamp": (lambda lib, F, a: a.clamp(-0.5, 0.7), (5, 6)),
    "clamp at kinks": (lambda lib, F, a: a.clamp(0, 1), (5, 6)),
    "clamp min": (lambda lib, F, a: lib.clamp(a, min=0.25), (5, 6)),
    "clamp max": (lambda lib, F, a: lib.clamp(a, max=0.25), (5, 6)),
    "matmul": (lambda lib, F, a, b: a @ b, (3, 4), (4, 5)),
    "matmul vectors": (lambda lib, F, a, b: a @ b, (4,), (4,)),
    "matmul vector matrix": (lambda lib, F, a, b: a @ b, (4,), (4, 5)),
    "matmul matrix vector": (lambda lib, F, a, b: a @ b, (3, 4), (4,)),
    "matmul batches": (lambda lib, F, a, b: lib.matmul(a, b), (2, 3, 4), (2, 4, 5)),
    "matmul broadcast": (lambda lib, F, a, b: a @ b, (2, 1, 3, 4), (5, 4, 2)),
    "matmul batch matrix": (lambda lib, F, a, b: a @ b, (2, 3, 4), (4, 5)),
    "matmul matrix batch": (lambda lib, F, a, b: a @ b, (3, 4), (2, 4, 5)),
    "matmul batch vector": (lambda lib, F, a, b: a @ b, (2, 3, 4), (4,)),
    "matmul vector batch": (lambda lib, F, a, b: a @ b, (4,), (2, 4, 5)),
    "matmul empty": (lambda lib, F, a, b: a @ b, (3, 0), (0, 5)),
    "matmul transposed": (lambda lib, F, a, b: a.T @ b.transpose(0, 1), (4, 3), (5, 4)),
    "matmul large": (lambda lib, F, a, b: a @ b, (67, 130), (130, 35)),
    "sum": (lambda lib, F, a: a.sum(), (3, 4, 5)),
    "sum dim": (lambda lib, F, a: a.sum(1), (3, 4, 5)),
    "sum last": (lambda lib, F, a: lib.sum(a, -1, keepdim=True), (3, 4, 5)),
    "sum dims": (lambda lib, F, a: a.sum((0, 2)), (3, 4, 5)),
    "sum dims keepdim": (lambda lib, F, a: a.sum(dim=(0, -1), keepdim=True), (3, 4, 5)),
    "sum no elements": (lambda lib, F, a: [a.sum(0), a.sum(1), a.sum()], (0, 3)),
    "sum scalar": (lambda lib, F, a: [a.sum(), a.sum(0)], ()),
    "mean": (lambda lib, F, a: a.mean(), (3, 4, 5)),
    "mean dim": (lambda lib, F, a: a.mean(0), (3, 4, 5)),
    "mean dims": (lambda lib, F, a: lib.mean(a, (1, 2), keepdim=True), (3, 4, 5)),
    "var": (lambda lib, F, a: a.var(), (3, 4, 5)),
    "var dim": (lambda lib, F, a: a.var(1), (3, 4, 5)),
    "var biased": (lambda lib, F, a: lib.var(a, (0, 2), correction=0, keepdim=True), (3, 4, 5)),
    "std": (lambda lib, F, a: a.std(), (3, 4, 5)),
    "std dim": (lambda lib, F, a: lib.std(a, -1, correction=2), (3, 4, 5)),
    "std of equal": (lambda lib, F, a: (a * 0).std(0), (3, 4)),
    "max": (lambda lib, F, a: a.max(), (3, 11)),
    "max dim": (lambda lib, F, a: a.max(1), (3, 4, 5)),
    "max keepdim": (lambda lib, F, a: lib.max(a, 0, keepdim=True), (3, 4, 5)),
    "max named": (lambda lib, F, a: [a.max(-1).values, a.max(-1).indices], (3, 4)),
    "max of equal": (lambda lib, F, a: (a * 0).max(), (3, 4)),
    "max scalar": (lambda lib, F, a: a.max(0), ()),
    "min": (lambda lib, F, a: a.min(), (3, 11)),
    "min dim": (lambda lib, F, a: a.min(-2), (3, 4, 5)),
    "min keepdim": (lambda lib, F, a: lib.min(a, 2, keepdim=True), (3, 4, 5)),
    "argmax": (lambda lib, F, a: [a.argmax(), a.argmax(1), a.argmax(-1, keepdim=True)], (3, 4, 5)),
    "argmin": (lambda lib, F, a: [lib.argmin(a), a.argmin(0), a.argmin(0, True)], (3, 4, 5)),
    "reshape": (lambda lib, F, a: [a.reshape(4, -1), a.reshape((2, 6))], (3, 4)),
    "view": (lambda lib, F, a: [a.view(-1), a.view(2, 1, 6)], (3, 4)),
    "reshape transposed": (lambda lib, F, a: a.transpose(0, 1).reshape(-1) * 2, (3, 4)),
    "reshape to scalar": (lambda lib, F, a: a.reshape(()), (1, 1)),
    "flatten": (lambda lib, F, a: [a.flatten(), a.flatten(1), a.flatten(0, 1)], (2, 3, 4)),
    "flatten scalar": (lambda lib, F, a: lib.flatten(a), ()),
    "permute": (lambda lib, F, a: [a.permute(2, 0, 1), lib.permute(a, (-1, 1, 0))], (2, 3, 4)),
    "transpose": (lambda lib, F, a: [a.transpose(0, -1), lib.transpose(a, 1, 2)], (2, 3, 4)),
    "squeeze": (
        lambda lib, F, a: [a.squeeze(), a.squeeze(1), a.squeeze(0), a.squeeze((1, 3))],
        (3, 1, 4, 1),
    ),
    "unsqueeze": (lambda lib, F, a: [a.unsqueeze(0), a.unsqueeze(-1), a.unsqueeze(1)], (3, 4)),
    "expand": (lambda lib, F, a: [a.expand(3, 4), a.expand(2, 3, -1)], (3, 1)),
    "cat": (lambda lib, F, a, b, c: lib.cat([a, b, c], 1), (2, 3), (2, 1), (2, 0)),
    "cat first": (lambda lib, F, a, b: lib.cat((a, b, a)), (2, 3), (4, 3)),
    "stack": (lambda lib, F, a, b: [lib.stack([a, b]), lib.stack([a, b], -1)], (2, 3), (2, 3)),
    "split": (lambda lib, F, a: [*a.split(2), *a.split([1, 3, 1], 1)], (7, 5)),
    "split same": (lambda lib, F, a: [t * i for i, t in enumerate(lib.split(a, 3, -1))], (2, 7)),
    "chunk": (lambda lib, F, a: [*a.chunk(3), *lib.chunk(a, 4, 1)], (7, 5)),
    "chunk fewer": (lambda lib, F, a: [*a.chunk(4)], (6, 2)),
    "pad": (lambda lib, F, a: F.pad(a, (1, 2)), (3, 4)),
    "pad more": (lambda lib, F, a: F.pad(a, (1, 0, 2, 3, 0, 1), value=2.5), (2, 3, 4)),
    "index": (lambda lib, F, a: [a[0], a[-1, 2], a[:, 1:3], a[..., -1], a[None]], (3, 4, 5)),
    "index steps": (lambda lib, F, a: [a[::2], a[1:, ::3], a[:0], a[2, None, 1:]], (5, 7)),
    "index element": (lambda lib, F, a: a[1, 2], (3, 4)),
    "index list": (lambda lib, F, a: [a[[0, 2, 0]], a[:, [1, 1]], a[[0, 1], [2, 2]]], (3, 4)),
    "index tensor": (lambda lib, F, a: a[lib.tensor([[0, 2], [2, 1]])], (3, 4)),
    "index mixed": (lambda lib, F, a: [a[1, [0, 2]], a[[0, 1], :, 2], a[[0, 2], 1:]], (3, 4, 5)),
    "index mask": (lambda lib, F, a: [a[a > 0], a[(a > 0) & (a < 1)] * 2], (3, 7)),
    "index numpy": (lambda lib, F, a: a[np.array([2, 0])], (3, 4)),
    "iterate": (lambda lib, F, a: [row * i for i, row in enumerate(a)], (3, 4)),
    "clone": (lambda lib, F, a: a.clone() * a.contiguous(), (3, 4)),
    "detach": (lambda lib, F, a: a * a.detach(), (3, 4)),
    "to": (lambda lib, F, a: [a.double() * 2, a.float(), a.to(lib.float64)], (3, 4)),
    "type_as": (lambda lib, F, a, b: a.type_as(b.double()), (3, 4), (1,)),
    "compare": (
        lambda lib, F, a, b: [a < b, a <= b, a > 0, a >= b, a == b, a != 0, 1 > a],
        (3, 8),
        (8,),
    ),
    "accumulate": (lambda lib, F, a, b: (a * b).sum() + (a + b).mean() - a.sum(), (3, 4), (4,)),
    "diamond": (lambda lib, F, a: (lambda h: h * h.exp() + h.tanh())(a * 2), (3, 4)),
    "softmax method": (lambda lib, F, a: [a.softmax(1), a.log_softmax(0)], (3, 4)),
    "cosine": (lambda lib, F, a, b: (a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)).sqrt(),
               (5, 8), (5, 8)),
}  # fmt: skip


def in_place(change):
    """Change a recorded result in place, then use it."""

    def run(lib, F, a, b):
        h = a * 2
        change(h, b)
        return h * a

    return run


def _iadd(h, b):
    h += b


OPERATIONS |= {
    "+=": (in_place(_iadd), (3, 4), (4,)),
    "add_": (in_place(lambda h, b: h.add_(b)), (3, 4), (3, 4)),
    "sub_ number": (in_place(lambda h, b: h.sub_(3)), (3, 4), ()),
    "mul_": (in_place(lambda h, b: h.mul_(b)), (3, 4), (3, 1)),
    "div_": (in_place(lambda h, b: h.div_(b * b + 1)), (3, 4), (4,)),
    "copy_": (in_place(lambda h, b: h.copy_(b)), (3, 4), (4,)),
    "fill_": (in_place(lambda h, b: h.fill_(1.5)), (3, 4), ()),
    "zero_": (in_place(lambda h, b: h.zero_()), (3, 4), ()),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, dtype):
    function, *shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    compare(function, [random_array(rng, shape, dtype) for shape in shapes])


INTEGERS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.lt, operator.le,
    operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("op", INTEGERS, ids=lambda op: op.__name__)
def test_integers(op, dtype):
    a = np.array([[0, 1, 250], [3, 7, 100]], dtype)
    b = np.array([1, 2, 7], dtype)
    compare(lambda lib, F, a, b: [op(a, b), op(a, 3), op(a, a), op(a, 1.5)], [a, b])


@pytest.mark.parametrize(
    "op", [operator.and_, operator.or_, operator.xor], ids=lambda op: op.__name__
)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_logic(op, dtype):
    a, b = np.array([[0, 1, 5], [3, 6, 0]], dtype), np.array([1, 0, 3], dtype)
    compare(lambda lib, F, a, b: [op(a, b), op(a, a), ~a], [a, b])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "bool"])
def test_reductions_and_shapes_of_integers(dtype):
    a = np.array([[0, 1, 200], [3, 7, 100]], dtype)

    def run(lib, F, a):
        extremes = [] if dtype == "bool" else [a.argmax(1), *a.max(1), a.min(), a.argmin()]
        made = [a.reshape(3, 2), a.T, a[0], a[a > 1], lib.cat([a, a], 1), a.unsqueeze(1).squeeze()]
        moved = [a.to(lib.float32), a.long(), a.bool(), a.int(), a.double()]
        return [a.sum(), a.sum(0), a.sum((0, 1), keepdim=True), *extremes, *made, *moved]

    compare(run, [a])


CREATED = {
    "tensor": lambda lib: [lib.tensor(v) for v in ([1, 2], [1.5, 2], [True], 3, [[1], [2.0]])],
    "zeros": lambda lib: [lib.zeros(2, 3), lib.zeros((2, 3)), lib.zeros(()), lib.zeros(0, 4)],
    "ones": lambda lib: [lib.ones(2, dtype=lib.int64), lib.ones_like(lib.zeros(2, 3))],
    "full": lambda lib: [lib.full((2, 3), 7), lib.full((2,), 1.5), lib.full((1,), True)],
    "eye": lambda lib: [lib.eye(3), lib.eye(2, 4)],
    "arange": lambda lib: [lib.arange(5), lib.arange(2, 9, 3), lib.arange(0, 1, 0.25),
                           lib.arange(5, 0, -2), lib.arange(3.0)],
    "linspace": lambda lib: [lib.linspace(0, 1, 5), lib.linspace(-2, 2, 1), lib.linspace(3, 1, 4)],
}  # fmt: skip


@pytest.mark.parametrize("name", CREATED)
def test_created(name):
    compare(lambda lib, F: CREATED[name](lib), [])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_is_the_largest_and_the_smallest(dtype):
    a = np.array([[1, np.nan, 3], [np.inf, 0, -np.inf], [2, 5, np.nan]], dtype)

    def run(lib, F, a):
        a = a.detach()
        return [a.max(), a.min(), *a.max(1), *a.min(0), a.argmax(1), a.argmin(0), a.sum(1)]

    compare(run, [a])


def test_operators_take_numbers_of_numpy():
    def run(lib, F, a):
        return [a * np.float32(2), a + np.int64(3), np.float64(2) * a, a - np.array(1.0)]

    compare(lambda lib, F, a: run(lib, F, a) if lib is not torch else [a * 2, a + 3, 2 * a, a - 1],
            [np.arange(6, dtype=np.float32).reshape(2, 3)])  # fmt: skip
