"""Embedded data, made-up data, IDX reader, local folders."""

import gzip
import hashlib
import re
import struct

import numpy as np
import pytest

from fastnn import datasets
from fastnn.datasets import embedded
from fastnn.random import Generator

CODES = {0x08: "u1", 0x09: "i1", 0x0B: "i2", 0x0C: "i4", 0x0D: "f4", 0x0E: "f8"}


def idx_bytes(array, code):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(">" + CODES[code]).tobytes()


def test_digits_have_the_documented_shapes_and_values():
    x_train, y_train, x_test, y_test = datasets.digits()
    assert x_train.shape == (8500, 1, 28, 28) and x_test.shape == (1500, 1, 28, 28)
    assert y_train.shape == (8500,) and y_test.shape == (1500,)
    assert x_train.dtype == np.float32 and y_train.dtype == np.int64
    assert x_train.min() == 0 and x_train.max() == 1
    assert set(y_train) == set(y_test) == set(range(10))
    stored = datasets.digits(dtype="uint8")
    assert stored.x_test.dtype == np.uint8
    assert np.array_equal(x_test, stored.x_test.astype(np.float32) / np.float32(255))


def test_no_test_digit_is_in_the_training_set():
    stored = datasets.digits(dtype=np.uint8)
    train = {image.tobytes() for image in stored.x_train}
    assert not any(image.tobytes() in train for image in stored.x_test)


def test_digits_are_the_callers_own():
    datasets.digits8x8().x[:] = 7
    assert datasets.digits8x8().x.max() == 1


def test_small_sets_equal_scikit_learns():
    sklearn = pytest.importorskip("sklearn.datasets")
    digits, (x, y) = sklearn.load_digits(), datasets.digits8x8("float64")
    assert np.array_equal(x[:, 0] * 16, digits.images) and np.array_equal(y, digits.target)
    iris, (x, y) = sklearn.load_iris(), datasets.iris()
    assert np.array_equal(x, iris.data.astype(np.float32)) and np.array_equal(y, iris.target)
    assert datasets.IRIS_CLASSES == tuple(iris.target_names)


def test_sources_name_every_file_with_its_hash_and_size():
    text = (embedded.FILES / "SOURCES.md").read_text()
    listed = {
        name: (digest, int(size))
        for digest, name, size in re.findall(r"([0-9a-f]{64})  (\S+)  (\d+)", text)
    }
    files = [path for path in embedded.FILES.iterdir() if path.name != "SOURCES.md"]
    assert {path.name for path in files} == set(listed) == set(embedded.SHA256)
    for path in files:
        data = path.read_bytes()
        assert listed[path.name] == (hashlib.sha256(data).hexdigest(), len(data))
    assert sum(size for _, size in listed.values()) < 2_000_000


def test_damaged_embedded_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "iris.csv").write_text("nonsense")
    monkeypatch.setattr(embedded, "FILES", tmp_path)
    with pytest.raises(ValueError, match=r"iris\.csv.*SHA-256"):
        datasets.iris()
    with pytest.raises(ValueError, match="dtype is int32"):
        datasets.digits8x8("int32")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 5), (1, 1, 1, 1)])
def test_read_idx_gives_back_every_dtype(tmp_path, code, compress, shape):
    array = (np.arange(np.prod(shape)) - (0 if code == 0x08 else 3)).reshape(shape)
    data = idx_bytes(array, code)
    path = tmp_path / "a.idx"
    path.write_bytes(gzip.compress(data) if compress else data)
    read = datasets.read_idx(path)
    assert read.dtype == np.dtype(CODES[code]) and read.dtype.isnative
    assert np.array_equal(read, array)


GOOD = idx_bytes(np.arange(24).reshape(2, 3, 4), 0x08)
HUGE = struct.pack(">BBBB4I", 0, 0, 8, 4, *[2**32 - 1] * 4)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: file ends inside the magic number"),
        (b"\0\0", "byte 2: file ends inside the magic number"),
        (b"PNG\0" + GOOD[4:], "byte 0: not an IDX file"),
        (b"\0\0\x07" + GOOD[3:], "byte 2: unknown dtype code 07"),
        (b"\0\0\x08\0", "byte 3: 0 dimensions"),
        (b"\0\0\x08\xff" + GOOD[4:], "byte 3: 255 dimensions"),
        (GOOD[:9], "byte 9: file ends inside the sizes"),
        (GOOD[:-1], "byte"),
        (GOOD + b"x", "byte 40: bytes after the declared 24"),
        (HUGE, "byte 4: declares shape"),
        (b"\0\0\x08\x02" + b"\0\0\0\0" + b"\xff" * 4, "byte 4: declares shape"),
        (struct.pack(">BBBBI", 0, 0, 8, 1, 2**30) + b"x", "byte"),
    ],
)
def test_read_idx_refuses_bad_files(tmp_path, data, message, compress):
    path = tmp_path / "bad.idx"
    path.write_bytes(gzip.compress(data) if compress else data)
    with pytest.raises(ValueError, match=r"bad\.idx: " + message):
        datasets.read_idx(path)


def test_read_idx_refuses_every_truncation_and_damaged_gzip(tmp_path):
    path = tmp_path / "cut.idx"
    packed = gzip.compress(GOOD, mtime=0)
    for data in (GOOD, packed):
        for n in range(len(data)):
            path.write_bytes(data[:n])
            with pytest.raises(ValueError, match=r"cut\.idx: byte \d+:"):
                datasets.read_idx(path)
    damaged = bytearray(packed)
    damaged[-6] ^= 1  # in the CRC
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="damaged gzip stream"):
        datasets.read_idx(path)


def test_read_idx_bounds_a_gzip_bomb(tmp_path):
    path = tmp_path / "bomb.idx"
    path.write_bytes(gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, 1 << 26) + b"\0" * (1 << 22)))
    with pytest.raises(ValueError, match="can hold at most"):
        datasets.read_idx(path)
    path.write_bytes(gzip.compress(GOOD[:12] + struct.pack(">I", 1 << 20) + b"\0" * (6 << 20)))
    with pytest.raises(ValueError, match="limit 1000 bytes"):
        datasets.read_idx(path, max_bytes=1000)
    with pytest.raises(FileNotFoundError):
        datasets.read_idx(tmp_path / "none.idx")


def write_mnist(folder, n=5, suffix="", labels=None):
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", n), ("t10k", 2)):
        images = np.arange(count * 784).reshape(count, 28, 28) % 256
        y = np.arange(count) if labels is None or part == "t10k" else np.asarray(labels)
        for kind, data in (
            ("images-idx3", idx_bytes(images, 8)),
            ("labels-idx1", idx_bytes(y, 8)),
        ):
            path = folder / f"{part}-{kind}-ubyte{suffix}"
            path.write_bytes(gzip.compress(data) if suffix else data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("sub", ["", "mnist", "MNIST/raw"])
def test_mnist_reads_a_local_folder(tmp_path, monkeypatch, suffix, sub):
    write_mnist(tmp_path / sub, suffix=suffix)
    for split in (datasets.mnist(tmp_path), datasets.mnist(str(tmp_path), dtype="uint8")):
        assert split.x_train.shape == (5, 1, 28, 28) and split.x_test.shape == (2, 1, 28, 28)
        assert split.y_train.tolist() == [0, 1, 2, 3, 4]
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    assert datasets.mnist().x_train.dtype == np.float32


def test_mnist_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"nowhere.*FASTNN_DATA"):
        datasets.mnist()
    write_mnist(tmp_path, labels=[0, 1, 2])
    with pytest.raises(ValueError, match=r"train-labels.*expected uint8 \(5,\)"):
        datasets.mnist(tmp_path)
    write_mnist(tmp_path, labels=[0, 1, 2, 99, 4])
    with pytest.raises(ValueError, match="byte 11: label 99"):
        datasets.mnist(tmp_path)


def test_local_folder_opens_no_file(tmp_path):
    write_mnist(tmp_path / "FashionMNIST/raw")
    for path in (tmp_path / "FashionMNIST/raw").iterdir():
        path.write_bytes(b"")
    assert datasets.local_folder("fashion_mnist", tmp_path) == tmp_path / "FashionMNIST/raw"
    with pytest.raises(FileNotFoundError, match="mnist: no folder with train-images"):
        datasets.local_folder("mnist", tmp_path)
    with pytest.raises(ValueError, match="name is 'cifar', expected mnist or fashion_mnist"):
        datasets.local_folder("cifar", tmp_path)


def test_made_up_sets():
    x, y = datasets.xor()
    assert y.tolist() == [int(a != b) for a, b in x]
    for make, classes in ((datasets.moons, 2), (datasets.spirals, 3)):
        for n in (0, 1, 2, 7, 100):
            x, y = make(n, generator=Generator(3))
            assert x.shape == (n, 2) and x.dtype == np.float32
            assert y.dtype == np.int64 and y.tolist() == [i % classes for i in range(n)]
        again = make(100, generator=Generator(3))
        assert np.array_equal(x, again.x) and not np.array_equal(x, make(100, noise=0).x)
        with pytest.raises(ValueError, match="noise"):
            make(5, noise=float("nan"))
        with pytest.raises(ValueError, match="n is -1"):
            make(-1)
    sklearn = pytest.importorskip("sklearn.datasets")
    expected, labels = sklearn.make_moons(100, shuffle=False)
    x, y = datasets.moons(100, noise=0)
    for label in (0, 1):
        assert np.allclose(x[y == label], expected[labels == label], atol=1e-6)


def test_expressions_are_what_they_say():
    """Values, depths and order of the nodes, by Python's own evaluation of the text."""
    e = datasets.boolean_expressions(400, generator=Generator(3))
    assert e.starts[0] == 0 and e.starts[-1] == len(e.symbols) == len(e.parents) == len(e.values)
    names = {"true": True, "false": False}
    for i in range(400):
        a, b = e.starts[i], e.starts[i + 1]
        assert eval(e.text(i), names) == e.y[i] == e.values[a]
        levels = np.zeros(b, int)
        operands: dict[int, list[int]] = {n: [] for n in range(a, b)}
        for node in range(a, b):
            parent = e.parents[node]
            assert parent == -1 if node == a else a <= parent < node
            if node > a:
                levels[node] = levels[parent] + 1
                operands[parent].append(e.values[node])
        assert levels[a:].max() == e.depth[i]
        for node, below in operands.items():
            word = datasets.SYMBOLS[e.symbols[node]]
            assert len(below) == {"not": 1, "and": 2, "or": 2}.get(word, 0)
            rule = {"not": lambda v: not v[0], "and": all, "or": any}.get(word)
            assert e.values[node] == (rule(below) if rule else word == "true")
    words = [e.text(i).replace("(", " ").replace(")", " ").split() for i in range(400)]
    expected = [[row.count(symbol) for symbol in datasets.SYMBOLS] for row in words]
    assert np.array_equal(e.counts(), expected) and e.counts().dtype == np.float32


def test_expressions_are_balanced():
    """Labels and depths exactly; no count of a symbol goes with the label."""
    e = datasets.boolean_expressions(8000, max_depth=8, generator=Generator(0))
    assert e.y.sum() == 4000 and np.bincount(e.depth).tolist() == [0] + [1000] * 8
    for d in range(1, 9):
        assert e.y[e.depth == d].sum() == 500
    for column in e.counts()[e.depth > 2].T:  # 6,000 trees: a standard error of 0.013
        assert abs(np.corrcoef(column, e.y[e.depth > 2])[0, 1]) < 0.06


def test_expressions_follow_the_generator():
    a, b, c = (datasets.boolean_expressions(50, generator=Generator(s)) for s in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(a.symbols, c.symbols)
    generator = Generator(1)
    first, second = (datasets.boolean_expressions(50, generator=generator) for _ in range(2))
    assert not np.array_equal(first.symbols, second.symbols)
    assert datasets.boolean_expressions(0).y.shape == (0,)
    assert datasets.boolean_expressions(0).counts().shape == (0, 5)
    with pytest.raises(ValueError, match="n is -1"):
        datasets.boolean_expressions(-1)
    with pytest.raises(ValueError, match="max_depth is 0"):
        datasets.boolean_expressions(3, max_depth=0)


def test_bars_and_stripes():
    for n in (1, 2, 3, 4):
        x, y = datasets.bars_and_stripes(n)
        assert x.shape == (2 ** (n + 1) - 2, n, n) and x.dtype == np.float32 and y.dtype == np.int64
        assert len(np.unique(x.reshape(len(x), -1), axis=0)) == len(x)
        assert set(np.unique(x)) == {0, 1}
        bars = (x == x[:, :1]).all(axis=(1, 2))
        stripes = (x == x[:, :, :1]).all(axis=(1, 2))
        assert (y == np.where(bars & stripes, 2, np.where(bars, 0, 1))).all()
        assert (bars | stripes).all()
    for n in (0, 11):
        with pytest.raises(ValueError, match=f"n is {n}, expected 1 to 10"):
            datasets.bars_and_stripes(n)
