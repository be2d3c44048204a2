"""fastnn.save and fastnn.load: round trips, damage, foreign files; see also test_io_faults.py."""

import json
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import fastnn
from fastnn import io, nn

DTYPES = ["float32", "float64", "int64", "int32", "uint8", "bool"]


def sample():
    rng = np.random.default_rng(0)
    shapes = [(), (3,), (2, 0, 3), (2, 3, 4)]
    found = {
        f"{dtype}.{i}": np.asarray(rng.integers(0, 2, shape)).astype(dtype)
        for dtype in DTYPES
        for i, shape in enumerate(shapes)
    }
    found["special"] = np.array([np.nan, np.inf, -0.0, 1e-45], np.float32)
    found['name with ünïcode \U0001f600 and "quotes\\'] = np.ones(1, np.float32)
    return found


def build(header, data=b"", pad=True):
    """A safetensors file from its parts."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8 if pad else 0)
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), start=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def write(folder, content):
    path = folder / "file.safetensors"
    path.write_bytes(content)
    return path


# ---- round trips


def test_round_trip(tmp_path):
    arrays, path = sample(), tmp_path / "a.safetensors"
    fastnn.save(arrays, path, {"note": "ü", "b": ""})
    loaded = fastnn.load(path)
    assert loaded.keys() == arrays.keys() and list(tmp_path.iterdir()) == [path]
    for name, a in arrays.items():
        t = loaded[name]
        assert t.dtype == a.dtype and t.shape == a.shape and t.numpy().tobytes() == a.tobytes()
        assert t.numpy().flags.writeable and not t.requires_grad
    assert io.load_metadata(path) == {"note": "ü", "b": ""}
    fastnn.save({k: fastnn.from_numpy(a) for k, a in arrays.items()}, str(path))
    assert fastnn.load(os.fsencode(path)).keys() == arrays.keys()
    fastnn.save({}, path)
    assert fastnn.load(path) == {} and io.load_metadata(path) == {}
    loaded["float32.1"].zero_()


def test_strided_and_foreign_byte_order(tmp_path):
    path = tmp_path / "a"
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    views = {"T": a.T, "back": a[::-1, ::2], "big": a.astype(">f4"), "same": a, "again": a}
    views |= {"wide": fastnn.from_numpy(a[:1]).expand(4, 6), "int": np.arange(3, dtype=">i8")}
    fastnn.save(views, path)
    for name, t in fastnn.load(path).items():
        assert np.array_equal(t.numpy(), np.asarray(views[name])) and t.dtype.isnative


def test_models_and_their_weights(tmp_path):
    path = tmp_path / "m.safetensors"
    fastnn.manual_seed(0)
    model, twin = fastnn.models.LeNet5(), fastnn.models.LeNet5()
    fastnn.save(model, path)
    twin.load_state_dict(fastnn.load(path))
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert a.tolist() == b.tolist()
    w = nn.Parameter(fastnn.ones(2))
    fastnn.save({"w": w}, path)
    assert fastnn.load(path)["w"].tolist() == [1, 1]


def test_other_programs_read_our_files_and_we_read_theirs(tmp_path):
    arrays, path = sample(), tmp_path / "a.safetensors"
    fastnn.save(arrays, path)
    for name, a in safetensors.numpy.load_file(path).items():
        assert a.dtype == arrays[name].dtype and a.tobytes() == arrays[name].tobytes()
    theirs = {"a": np.arange(6.0).reshape(2, 3), "half": np.array([1.5, -2, np.inf], np.float16)}
    safetensors.numpy.save_file(theirs, path, {"by": "another"})
    loaded = fastnn.load(path)
    assert np.array_equal(loaded["a"].numpy(), theirs["a"])
    assert loaded["half"].dtype == np.float32 and loaded["half"].tolist() == [1.5, -2, np.inf]
    assert io.load_metadata(path) == {"by": "another"}
    bits = np.array([1.0, -2.5, 3e38], np.float32).view(np.uint32) >> 16
    content = build({"b": entry("BF16", (3,), 0, 6)}, bits.astype("<u2").tobytes())
    loaded = fastnn.load(write(tmp_path, content))["b"]
    assert loaded.dtype == np.float32 and np.allclose(loaded.numpy(), [1, -2.5, 3e38], rtol=1e-2)


# ---- damage


def small(tmp_path):
    path = tmp_path / "small.safetensors"
    fastnn.save({"w": np.arange(3, dtype=np.float32), "b": np.array([True])}, path, {"n": "1"})
    return path


def test_every_flipped_bit_is_refused(tmp_path):
    path = small(tmp_path)
    content = path.read_bytes()
    for i in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[i] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match="not a valid safetensors file"):
                fastnn.load(path)
    path.write_bytes(content)
    assert len(fastnn.load(path)) == 2


def test_every_truncation_and_extension_is_refused(tmp_path):
    path = small(tmp_path)
    content = path.read_bytes()
    for changed in [content[:n] for n in range(len(content))] + [content + b"\0", content * 2]:
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=re.escape(str(path)) + ".*not a valid safetensors"):
            fastnn.load(path)


NAN_HEADER = b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'
HOSTILE = {
    "empty": b"",
    "seven bytes": b"1234567",
    "length beyond the file": struct.pack("<Q", 100) + b"{}",
    "length 2**63": struct.pack("<Q", 1 << 63) + b"{}",
    "length 2**64 - 1": struct.pack("<Q", (1 << 64) - 1) + b"{}",
    "length of a bomb": struct.pack("<Q", 100_000_001) + b"{}",
    "no JSON": build(b"hello!!!"),
    "no object": build(b"[1, 2]  "),
    "null": build(b"null    "),
    "NaN": build(NAN_HEADER, bytes(4)),
    "deep nesting": build(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "deep list": build(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "long number": build(b'{"a":' + b"1" * 10_000 + b"}"),
    "NUL": build(b'{"a":\0}  '),
    "invalid UTF-8": build(b'{"\xff":1}'),
    "UTF-16": build("{}".encode("utf-16")),
    "duplicate name": build(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', bytes(2)),
    "many duplicates": build(b"{" + b",".join([b'"a":1'] * 200_000) + b"}"),
    "duplicate field": build(
        b'{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
    "overlap": build({"a": entry(), "b": entry(start=0, end=4)}, bytes(4)),
    "partial overlap": build({"a": entry(), "b": entry(start=2, end=6)}, bytes(6)),
    "gap": build({"a": entry(), "b": entry(start=8, end=12)}, bytes(12)),
    "uncovered end": build({"a": entry()}, bytes(8)),
    "reversed": build({"a": entry(start=4, end=0)}, bytes(4)),
    "beyond the end": build({"a": entry(shape=(2,), end=8)}, bytes(4)),
    "overflowing offsets": build({"a": entry(start=(1 << 64) - 4, end=1 << 64)}, bytes(4)),
    "negative offset": build({"a": entry(start=-4, end=0)}, bytes(4)),
    "wrong size": build({"a": entry(shape=(2,))}, bytes(4)),
    "overflowing shape": build({"a": entry(shape=(1 << 32, 1 << 32, 4))}, bytes(4)),
    "negative axis": build({"a": entry(shape=(-1,))}, bytes(4)),
    "two negative axes": build({"a": entry(shape=(-1, -1))}, bytes(4)),
    "float axis": build({"a": entry(shape=(1.0,))}, bytes(4)),
    "unknown dtype": build({"a": entry("F33")}, bytes(4)),
    "dtype we lack": build({"a": entry("I16", (2,))}, bytes(4)),
    "missing dtype": build({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "tensor is a list": build({"a": [1]}),
    "boolean 2": build({"a": entry("BOOL", (1,), 0, 1)}, b"\2"),
    "metadata is a list": build({"__metadata__": [1]}),
    "metadata of numbers": build({"__metadata__": {"a": 1}}),
    "our format, no digest": build({"__metadata__": {"fastnn.format": "1"}}),
    "digest, no format": build({"__metadata__": {"fastnn.sha256": "0" * 64}}),
    "digest of another": build({"__metadata__": {"fastnn.format": "1", "fastnn.sha256": "0" * 64}}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path, name):
    path = write(tmp_path, HOSTILE[name])
    for read in (fastnn.load, io.load_metadata):
        with pytest.raises(
            ValueError, match=re.escape(str(path)) + ": not a valid safetensors file"
        ):
            read(path)


def test_messages_say_what_is_wrong(tmp_path):
    for name, words in (
        ("seven bytes", "7 bytes are too short for a header"),
        ("length 2**63", "the header claims 9223372036854775808 bytes, the file has 10"),
        ("duplicate name", "its header names 'a' twice"),
        ("dtype we lack", "'a' has dtype I16, expected one of F32"),
        ("boolean 2", "'a' has a boolean that is neither 0 nor 1"),
        ("digest of another", "its SHA-256 does not fit its content"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            fastnn.load(write(tmp_path, HOSTILE[name]))


# ---- what cannot be saved or opened


@pytest.mark.parametrize(
    "state, metadata, error, words",
    [
        ([1], None, TypeError, "expected a Module or a dict of tensors, got list"),
        ({1: np.ones(1)}, None, TypeError, "name 1 is not a string"),
        ({"a": [1.0]}, None, TypeError, "'a' is list"),
        ({"a": 3}, None, TypeError, "'a' is int"),
        ({"a": np.ones(1, np.float16)}, None, TypeError, "'a' is float16"),
        ({"a": np.ones(1, object)}, None, TypeError, "'a' is object"),
        ({"__metadata__": np.ones(1)}, None, ValueError, "__metadata__"),
        ({"\ud800": np.ones(1)}, None, ValueError, "name '.ud800'"),
        ({}, {"a": 1}, TypeError, "metadata must map strings to strings"),
        ({}, [1], TypeError, "metadata must map strings to strings"),
        ({}, {"fastnn.format": "1"}, ValueError, "must not hold"),
        ({}, {"a": "\udc80"}, ValueError, "metadata"),
    ],
)
def test_what_cannot_be_saved_leaves_the_old_file(tmp_path, state, metadata, error, words):
    path = small(tmp_path)
    before = path.read_bytes()
    with pytest.raises(error, match=words):
        fastnn.save(state, path, metadata)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_targets_that_cannot_be_written(tmp_path):
    state = {"a": np.ones(1)}
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to(tmp_path / "no" / "such" / "folder" / "file")
    os.mkfifo(tmp_path / "fifo")
    before = sorted(p.name for p in tmp_path.iterdir())
    for target, error in (
        (tmp_path / "folder", IsADirectoryError),
        (f"{tmp_path}/folder/", IsADirectoryError),
        (tmp_path / "missing" / "file", FileNotFoundError),
        (tmp_path / "broken", FileNotFoundError),
        (tmp_path / "loop", OSError),
        (tmp_path / "fifo", OSError),
        (f"{tmp_path}/a\0b", ValueError),
        (tmp_path / ("x" * 300), OSError),
        ("", OSError),
    ):
        with pytest.raises(error):
            fastnn.save(state, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    with pytest.raises(TypeError):
        fastnn.save(state, 3.5)
    for target, error in ((tmp_path / "none", FileNotFoundError), (tmp_path, IsADirectoryError),
                          (f"{tmp_path}/a\0b", ValueError)):  # fmt: skip
        with pytest.raises(error):
            fastnn.load(target)
    long = tmp_path / ("ü" * 120)
    fastnn.save(state, long)
    assert fastnn.load(long)["a"].item() == 1


def test_no_source_file_can_run_what_it_reads():
    words = (
        r"\b(pickle\.loads?|marshal|shelve|dill|cloudpickle|allow_pickle=True)\b|\b(eval|exec)\("
    )
    for path in Path(fastnn.__file__).parent.rglob("*.py*"):
        if path.suffix in (".py", ".pyx", ".pxd"):
            for line in path.read_text().splitlines():
                found = re.search(words, line.replace(".eval(", ""))
                assert not found or "def eval(" in line, f"{path}: {line}"
