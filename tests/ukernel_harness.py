"""The micro-kernels of every CPU level of this build, called through ctypes.

Signatures come from csrc/ukernels.def, structs from csrc/fastnn.h.  Each array argument lies in
memory of its own: NaN guard bands around it, and a page that nobody may touch before and after.
"""

import contextlib
import ctypes
import mmap
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fastnn._kernels import _csrc

CSRC = Path(__file__).parents[1] / "csrc"
GUARD = np.uint32(0x7FE5A5A5)  # a quiet NaN
PLACES = ("end", "start", "odd")  # against the page after, the page before, on no boundary at all
LIBC = ctypes.CDLL(None, use_errno=True)

C_TYPES = {
    "void": None,
    "float": ctypes.c_float,
    "int": ctypes.c_int,
    "size_t": ctypes.c_size_t,
    "ptrdiff_t": ctypes.c_ssize_t,
    "int32_t": ctypes.c_int32,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
}


def _declared(text):
    """'const float *a, *b' or 'size_t m, n' -> [(name, C type or struct name, is a pointer)]."""
    words = text.replace("const ", "").strip()
    base, names = re.match(r"(\w+)\s*(.*)", words, re.S).groups()
    names = [name.strip() for name in names.split(",")]
    return [(name.lstrip("* "), base, name.startswith("*")) for name in names]


def _read_structs():
    text = re.sub(r"/\*.*?\*/", "", (CSRC / "fastnn.h").read_text(), flags=re.S)
    structs = {}
    for name, body in re.findall(r"typedef struct (fnn_\w+) \{([^{}#()]*)\} \1;", text):
        members = [m for line in body.split(";") if line.strip() for m in _declared(line)]
        fields = [(m, ctypes.c_void_p if ptr else C_TYPES[base]) for m, base, ptr in members]
        structs[name] = type(name, (ctypes.Structure,), {"_fields_": fields})
    return structs


def _read_signatures():
    text = (CSRC / "ukernels.def").read_text()
    found = re.findall(r"^X\((\w+), (\w+), \(([^)]*)\)\)$", text, re.M)
    assert len(found) == len(re.findall(r"^\s*X\(", text, re.M)), "an entry was not understood"
    return {
        name: (result, [part for arg in args.split(",") for part in _declared(arg)])
        for result, name, args in found
    }


STRUCTS = _read_structs()
SIGNATURES = _read_signatures()


@dataclass(frozen=True)
class Level:
    """One CPU level: its table of micro-kernels and its block sizes."""

    name: str
    functions: dict = field(repr=False)
    lanes: int
    mr: int
    nr: int
    mr_narrow: int
    has_fma: bool

    def __str__(self):
        return self.name


def _prototype(name):
    result, args = SIGNATURES[name]
    kinds = [ctypes.c_void_p if pointer else C_TYPES[base] for _, base, pointer in args]
    return ctypes.CFUNCTYPE(C_TYPES[result], *kinds)


def _fuses(vaxpy):
    """Whether 1 - (1 + e)^2 + 2 e keeps its e^2, e = 2^-12."""
    e = 2.0**-12
    x, y = np.array([1 + e], np.float32), np.array([-1 - 2 * e], np.float32)
    vaxpy(1, 1 + e, x.ctypes.data, y.ctypes.data)
    return bool(y[0] == e * e)


def _read_levels():
    levels = []
    before = _csrc.isa_name()
    try:
        for name in _csrc.available_isas():
            _csrc.force_isa(name)
            blocks = _csrc.block_sizes()
            addresses = _csrc.ukernel_addresses()
            table = {key: _prototype(key)(address) for key, address in addresses.items()}
            sizes = {key: blocks[key] for key in ("lanes", "mr", "nr", "mr_narrow")}
            levels.append(Level(name, table, has_fma=_fuses(table["vaxpy"]), **sizes))
    finally:
        _csrc.force_isa(before)
    return levels


LEVELS = _read_levels()


@contextlib.contextmanager
def flushed_denormals():
    """Denormals count as zero, as in every kernel that fastnn runs (see _threads.pyx)."""
    where, flags = {"x86_64": (7, 0x8040), "aarch64": (0, 1 << 24)}[platform.machine()]
    saved, changed = (ctypes.c_uint32 * 64)(), (ctypes.c_uint32 * 64)()
    LIBC.fegetenv(saved)
    LIBC.fegetenv(changed)
    changed[where] |= flags
    LIBC.fesetenv(changed)
    try:
        yield
    finally:
        LIBC.fesetenv(saved)


class _Memory:
    """Whole pages filled with the guard pattern, between two pages that nobody may touch."""

    def __init__(self, pages):
        page = mmap.PAGESIZE
        self.map = mmap.mmap(-1, (pages + 2) * page)
        self.words = np.frombuffer(self.map, np.uint32, pages * page // 4, page)
        base = self.words.ctypes.data
        for forbidden in (base - page, base + pages * page):
            if LIBC.mprotect(ctypes.c_void_p(forbidden), ctypes.c_size_t(page), 0) != 0:
                raise OSError(ctypes.get_errno(), "mprotect failed")
        self.free = True


_memory = {}


def _take_memory(words):
    pages = max(1, -(-(words + 2) * 4 // mmap.PAGESIZE))
    pool = _memory.setdefault(pages, [])
    memory = next((m for m in pool if m.free), None)
    if memory is None:
        memory = _Memory(pages)
        pool.append(memory)
    memory.free = False
    memory.words.fill(GUARD)
    return memory


class Placed:
    """A copy of an array in guarded memory; `values` is that copy."""

    def __init__(self, array, place):
        array = np.ascontiguousarray(array)
        self.memory = _take_memory(-(-array.nbytes // 4))
        self.bytes = self.memory.words.view(np.uint8)
        total = self.bytes.size
        self.first = {"end": total - array.nbytes, "start": 0, "odd": min(4, array.itemsize)}[place]
        if array.itemsize == 8:  # a table of offsets is aligned for its type
            self.first += self.first % 8
        self.last = self.first + array.nbytes
        self.values = self.bytes[self.first : self.last].view(array.dtype)
        self.values[:] = array.ravel()
        self.before = self.values.tobytes()
        self.address = self.bytes.ctypes.data + self.first

    def check(self, name, changed):
        around = np.resize(np.array([GUARD]).view(np.uint8), self.bytes.size)
        around[self.first : self.last] = self.bytes[self.first : self.last]
        assert np.array_equal(around, self.bytes), f"written outside {name}"
        assert changed or self.values.tobytes() == self.before, f"{name} is const but was written"

    def release(self):
        self.memory.free = True


class Out:
    """An output of n elements; until it is written it holds NaN."""

    def __init__(self, n, dtype=np.float32):
        self.initial = np.full(-(-n * np.dtype(dtype).itemsize // 4), GUARD).view(dtype)[:n]


class InOut:
    """An array that the kernel reads and writes."""

    def __init__(self, array):
        self.initial = np.array(array)


class InPlace:
    """The output is the input of that name."""

    def __init__(self, source):
        self.source = source


def call(level, name, args, place="end", flush=True):
    """Run a micro-kernel; {output name: array} and, under "return", what it returned.

    args: by the names of the signature; a struct's members stand in a dict.  Arrays are inputs
    unless they are wrapped in Out, InOut or InPlace.
    """
    placed, outputs = {}, {}

    def pointer(key, value):
        if value is None:
            return None
        if isinstance(value, InPlace):
            outputs[key] = placed[value.source]
            return outputs[key].address
        is_output = isinstance(value, Out | InOut)
        placed[key] = Placed(value.initial if is_output else value, place)
        if is_output:
            outputs[key] = placed[key]
        return placed[key].address

    plain = []
    for key, base, is_pointer in SIGNATURES[name][1]:
        if base in STRUCTS:
            struct = STRUCTS[base]()
            kinds = dict(struct._fields_)
            for member, value in args[key].items():
                is_address = kinds[member] is ctypes.c_void_p
                setattr(struct, member, pointer(member, value) if is_address else value)
            plain.append(ctypes.addressof(struct))
        else:
            plain.append(pointer(key, args[key]) if is_pointer else args[key])
    with flushed_denormals() if flush else contextlib.nullcontext():
        returned = level.functions[name](*plain)
    written = list(outputs.values())
    for key, part in placed.items():
        part.check(f"{name}: {key}", any(part is w for w in written))
    result = {key: part.values.copy() for key, part in outputs.items()}
    for part in placed.values():
        part.release()
    if SIGNATURES[name][0] != "void":
        result["return"] = returned
    return result
