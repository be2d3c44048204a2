"""Readers of text, the LZW decoder, characters as numbers, counted models."""

import inspect
import struct

import numpy as np
import pytest

from fastnn import datasets
from fastnn.classic import NGram
from fastnn.datasets import CharText, tbptt_batches


class Writer:
    """Codes packed as Unix compress packs them: groups of 8 codes, the rest of one padded."""

    def __init__(self):
        self.bits, self.codes, self.width = [], 0, 9

    def put(self, code):
        self.bits += [code >> i & 1 for i in range(self.width)]
        self.codes += 1

    def new_width(self, width):
        self.bits += [0] * (-self.codes % 8 * self.width)
        self.codes, self.width = 0, width

    def bytes(self):
        return np.packbits(self.bits, bitorder="little").tobytes()


def lzw_encode(data, clear_at=()):
    """The encoder of the tests.  clear_at: positions after which the table is emptied."""
    writer, table, n_decoder = Writer(), {bytes((i,)): i for i in range(256)}, 257
    new, prefix, fresh = 257, b"", True
    for i in range(len(data) + 1):
        longer = prefix + data[i : i + 1]
        if i < len(data) and longer in table:
            prefix = longer
            continue
        if prefix:
            writer.put(table[prefix])
            n_decoder += (not fresh) and n_decoder < 1 << 16  # the decoder's table, one behind
            fresh = False
            if n_decoder >= 1 << writer.width and writer.width < 16:
                writer.new_width(writer.width + 1)
            if new < 1 << 16 and i < len(data):
                table[longer] = new
                new += 1
        prefix = data[i : i + 1]
        if i in clear_at:
            writer.put(256)
            writer.new_width(9)
            table = {bytes((j,)): j for j in range(256)}
            new = n_decoder = 257
            fresh = True
    return writer.bytes()


def packed(text, size=2000):
    windows = [lzw_encode(text[i : i + size]) for i in range(0, len(text), size)]
    start = 0x5C + 4 * (len(windows) + 1)
    offsets = np.cumsum([start] + [len(w) for w in windows]).tolist()
    head = b"EC02Compressed Data File".ljust(0x54, b"\0") + struct.pack(">II", size, len(windows))
    return head + struct.pack(f">{len(offsets)}I", *offsets) + b"".join(windows)


TEXT = "".join(f"Ge1:{i} In the beginning {i * 7919 % 1000} heavens\n" for i in range(120))


@pytest.mark.parametrize("clear_at", [(), (700,), (1, 300, 5000)])
def test_lzw_round_trip(clear_at):
    rng = np.random.default_rng(0)
    for data in (b"a", b"aaaaaaaaaaaa", TEXT.encode(), rng.integers(0, 9, 9000, "uint8").tobytes()):
        assert datasets.lzw_decode(lzw_encode(data, clear_at)) == data
    data = rng.integers(0, 256, 90_000, "uint8").tobytes()  # fills the table of 16 bits
    assert datasets.lzw_decode(lzw_encode(data, clear_at)) == data


def test_lzw_output_is_bounded():
    """A window of 64 KiB can stand for half a gigabyte."""
    data = lzw_encode(b"a" * 5000)
    assert len(data) < 200 and len(datasets.lzw_decode(data, max_size=5000)) == 5000
    with pytest.raises(ValueError, match="w: more than 4999 bytes, the max_size"):
        datasets.lzw_decode(data, "w", 4999)
    size = inspect.signature(datasets.lzw_decode).parameters["max_size"].default
    writer, n = Writer(), 1
    writer.put(97)
    while n * (n + 1) // 2 <= size:  # each code is the one that is being defined
        writer.put(256 + n)
        n += 1
        if 256 + n >= 1 << writer.width and writer.width < 16:
            writer.new_width(writer.width + 1)
    with pytest.raises(ValueError, match=f"more than {size} bytes"):
        datasets.lzw_decode(writer.bytes())


def test_lzw_refuses_an_unknown_code():
    writer = Writer()
    for code in (65, 300):
        writer.put(code)
    with pytest.raises(ValueError, match="bit 9: code 300"):
        datasets.lzw_decode(writer.bytes())


def test_kjv_reads_a_file_of_the_format(tmp_path, monkeypatch):
    (tmp_path / "bible.data").write_bytes(packed(TEXT.encode()))
    assert datasets.kjv(tmp_path / "bible.data") == TEXT
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    assert datasets.kjv() == TEXT


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda b: b"X" + b[1:], "does not begin"),
        (lambda b: b[:50], "does not begin"),
        (lambda b: b[:0x60], "damaged header"),
        (lambda b: b[:-40], "window 2: bytes"),
        (lambda b: b[:0x54] + struct.pack(">I", 1999) + b[0x58:], "window 0: more than 1999 bytes"),
    ],
)
def test_kjv_refuses_damage(damage, message, tmp_path):
    path = tmp_path / "b"
    path.write_bytes(damage(packed(TEXT[:5500].encode())))
    with pytest.raises(ValueError, match=message) as info:
        datasets.kjv(path)
    assert str(path) in str(info.value)


def test_the_real_bible():
    try:
        text = datasets.kjv()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    lines = text.splitlines()
    assert len(text) == 4_404_475 and len(lines) == 31_103
    assert lines[1].startswith("Ge1:1 In the beginning God created")
    assert lines[-1].startswith("Rev22:21")


def test_kjv_names_the_places(tmp_path, monkeypatch):
    from fastnn.datasets import text

    monkeypatch.setenv("FASTNN_DATA", str(tmp_path / "x"))
    monkeypatch.setattr(text, "_DEBIAN", tmp_path / "y")
    with pytest.raises(FileNotFoundError, match=r"x/bible\.data.*y/bible\.data"):
        datasets.kjv()


def test_pydoc_topics_and_text_file(tmp_path):
    text = datasets.pydoc_topics()
    assert len(text) > 300_000 and text == datasets.pydoc_topics()
    path = tmp_path / "t.txt"
    path.write_bytes("caf\u00e9\r\n".encode("latin-1"))
    assert datasets.text_file(path, "latin-1") == "caf\u00e9\n"
    with pytest.raises(ValueError, match=r"t\.txt: byte 3"):
        datasets.text_file(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"t\.txt: the file is empty"):
        datasets.text_file(path)
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        datasets.text_file(tmp_path / "none.txt")


def test_char_text():
    text = CharText("banana")
    assert text.vocabulary == "abn" and text.ids.tolist() == [1, 0, 2, 0, 2, 0] and len(text) == 6
    assert text.decode(text.encode("nab")) == "nab"
    with pytest.raises(ValueError, match="character 1, 'x'"):
        text.encode("bx")
    with pytest.raises(ValueError, match="ids"):
        text.decode([3])
    other = CharText("banana", vocabulary="ab", unknown="?")
    assert other.decode(other.ids) == "ba?a?a"
    with pytest.raises(ValueError, match="empty"):
        CharText("")


def test_split_by_position():
    text = CharText("abcdefghij" * 2)
    parts = text.split(0.1, 0.2)
    assert [len(p) for p in parts] == [14, 2, 4]
    assert np.array_equal(np.concatenate(parts), text.ids)
    with pytest.raises(ValueError, match="leave no training"):
        text.split(0.5, 0.5)


def test_batches_go_on_from_one_to_the_next():
    ids = np.arange(32)
    batches = list(tbptt_batches(ids, 3, 4))
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert [b[0].shape for b in batches] == [(4, 3), (4, 3), (2, 3)]
    assert np.array_equal(x.T, np.arange(30).reshape(3, 10)) and np.array_equal(y, x + 1)
    with pytest.raises(ValueError, match="too few"):
        tbptt_batches(ids, 32, 4)


def test_ngrams():
    ids = np.array([0, 1, 0, 1, 0, 2])
    assert NGram(0, 3).fit(ids).perplexity(ids) == pytest.approx(3)
    unigram = NGram(1, 3).fit(ids)  # counts + 1: 4 3 2
    assert unigram.score(np.array([0, 2])) == pytest.approx(np.log(4 / 9 * 2 / 9) / 2)
    bigram = NGram(2, 3, alpha=0.5).fit(ids)  # after 0: 0 2 1 (+ 0.5 each)
    assert np.exp(bigram.score(np.array([0, 1]))) == pytest.approx(2.5 / 4.5)
    with pytest.raises(RuntimeError, match=r"NGram\.score: this NGram is not fitted yet"):
        NGram(1, 3).score(ids)
    with pytest.raises(ValueError, match="ids have shape"):
        unigram.score(np.array([3]))


def counted(n, v, alpha, ids, other):
    """Mean log-probability of each character of other, from a table of all n-grams."""
    table = np.full((v,) * n, alpha)
    for i in range(len(ids) - n + 1):
        table[tuple(ids[i : i + n])] += 1
    table = np.log(table / table.sum(axis=-1, keepdims=True))
    return np.mean([table[tuple(other[i : i + n])] for i in range(len(other) - n + 1)])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ngrams_equal_a_table_of_all(n):
    """Seen and unseen n-grams, seen and unseen contexts."""
    rng = np.random.default_rng(0)
    ids, other = rng.integers(0, 4, 60), rng.integers(0, 6, 80)
    found = NGram(n, 6, alpha=0.3).fit(ids).score(other)
    assert found == pytest.approx(counted(n, 6, 0.3, ids, other), rel=1e-12)


def test_ngrams_of_a_large_vocabulary_keep_what_was_seen():
    v, ids = 100_000, np.array([7, 99_999, 7, 99_999, 3])
    model = NGram(3, v).fit(ids)  # 10^15 trigrams
    assert np.exp(model.score(ids[:3])) == pytest.approx(2 / (2 + v))
    assert np.exp(model.score(np.array([5, 6, 7]))) == pytest.approx(1 / v)
    with pytest.raises(ValueError, match=r"below 2\^63"):
        NGram(4, v)
