"""The house rules that a program can read: imports, sizes of files, documents."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from programs import run_python

import fastnn

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fastnn"

# Room -> rooms it may import (itself always; third parties are checked apart).
BASE = {"dtypes", "grad_mode", "tensor", "engine", "backend", "random", "version"}
MATH = BASE | {"functional", "creation", "creation_like"}
NETS = MATH | {"nn", "optim"}
MAY_IMPORT = {
    "version": set(),
    "dtypes": set(),
    "grad_mode": set(),
    "random": set(),
    "reference": set(),
    "_kernels": set(),
    "tensor": {"grad_mode", "engine"},
    "engine": {"backend", "grad_mode", "tensor"},
    "backend": {"_kernels", "reference"},
    "functional": BASE,
    "creation": BASE | {"functional"},
    "creation_like": BASE | {"functional", "creation"},
    "operators": MATH,
    "config": {"_kernels", "backend", "version"},
    "autograd": BASE,
    "nn": MATH,
    "optim": BASE | {"creation", "nn"},  # AveragedModel is a Module; nn knows no optimizer
    "io": MATH,
    "data": MATH,
    "datasets": BASE,
    "metrics": MATH,
    "frozen": {"backend", "grad_mode", "tensor", "nn"},
    "models": NETS | {"autograd"},
    "classic": MATH | {"nn"},  # what is pre-trained here goes on as a network there
    "train": NETS | {"data", "io", "metrics"},
    "viz": NETS | {"io"},
    "lab": NETS,
    "sklearn": NETS | {"classic", "config", "data", "models", "train"},
    "demos": NETS
    | {"classic", "config", "data", "datasets", "io", "lab", "metrics", "models", "sklearn"}
    | {"train", "viz"},
    "_image": {"io", "datasets", "creation"},
    "_report": {"io", "metrics", "train"},
    "_recipe": NETS | {"data", "datasets", "io", "metrics", "models", "train", "config"},
    "_vocabulary": set(),
    "_charlm": NETS
    | {"classic", "config", "datasets", "io", "metrics", "models", "train", "_report"},
    "_bench": None,  # with the command line, the top of the house: it may import everything
    "cli": None,
    "__main__": {"cli"},
    "__init__": None,
}
THIRD_PARTY = {
    "numpy": None,  # everywhere
    "safetensors": {"io"},
    "tqdm": {"train"},
    "matplotlib": {"_report", "viz"},
    "PIL": {"_image"},
    "threadpoolctl": {"_bench"},
    "torch": {"_bench"},
    "jax": {"_bench"},
    "tensorflow": {"_bench"},
    "onnxruntime": {"_bench"},
    "openvino": {"_bench"},
    "sklearn": {"_bench", "demos", "sklearn"},
    "joblib": {"sklearn"},
}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """(top-level name, room inside fastnn or None) of every import in a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names = alias.name.split(".")
                yield names[0], names[1] if names[0] == "fastnn" and names[1:] else None
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            full = [*base, *(node.module or "").split(".")]
            full = [name for name in full if name]
            if full[0] != "fastnn":
                yield full[0], None
            elif len(full) > 1:
                yield "fastnn", full[1]
            else:
                for alias in node.names:
                    here = (PACKAGE / alias.name).is_dir() or (
                        PACKAGE / f"{alias.name}.py"
                    ).exists()
                    yield "fastnn", alias.name if here else None


FILES = sorted(p for p in PACKAGE.rglob("*.py") if "build" not in p.parts)


@pytest.mark.smoke
@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_run_downwards(path):
    mine = room(path)
    assert mine in MAY_IMPORT, f"{mine} is a new room: give it its arrows here"
    allowed = MAY_IMPORT[mine]
    for top, inner in imports(path):
        if top == "fastnn" and inner is not None and inner != mine and allowed is not None:
            assert inner in allowed, f"{path.name} imports {inner}"
        if top in THIRD_PARTY and THIRD_PARTY[top] is not None:
            assert mine in THIRD_PARTY[top], f"{path.name} imports {top}"


def test_kernels_import_only_csrc_and_numpy():
    for path in sorted((PACKAGE / "_kernels").glob("*.p[yx][xd]")):
        for line in path.read_text().splitlines():
            match = re.match(r"\s*from (\S+) c?import|\s*c?import (\S+)", line)
            if match:
                name = (match[1] or match[2]).rstrip(",")
                top = name.split(".")[0]
                fine = name.startswith(".") and not name.startswith("..")
                known = ("numpy", "cython", "libc", "cpython", "os", "openmp", "math")
                assert fine or top in known, (path.name, line)


def test_csrc_knows_neither_python_nor_threads():
    for path in sorted((ROOT / "csrc").rglob("*.[ch]")):
        text = path.read_text()
        for word in ("Python.h", "numpy", "omp.h", "pthread", "malloc("):
            assert word not in text, (path, word)
        if path.parent.name not in ("simd", "level"):
            assert "__AVX" not in text, path


@pytest.mark.parametrize("folder", ["fastnn", "csrc", "tests", "bench"])
def test_files_are_of_a_readable_size(folder):
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in (".py", ".pyx", ".pxd", ".c", ".h") and "build" not in path.parts:
            n = len(path.read_text().splitlines())
            assert n <= 450, f"{path.relative_to(ROOT)} has {n} lines; split it by family"


def test_folders_say_what_they_are():
    folders = [p.parent for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE]
    for folder in [*folders, ROOT / "csrc", ROOT / "tests", ROOT / "bench"]:
        text = (folder / "README.md").read_text().splitlines()
        assert 0 < len(text) <= 40, folder


def test_kernels_and_reference_have_the_same_names():
    from fastnn import _kernels, reference

    own = {"_csrc", "_threads", "cache_info", "empty_cache"}
    assert set(_kernels.__all__) - own == set(reference.__all__)


def test_only_the_known_environment_variables_are_read():
    known = {"FASTNN_ISA", "FASTNN_BACKEND", "FASTNN_NUM_THREADS", "FASTNN_DATA", "FASTNN_DEBUG"}
    found = set()
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), ROOT / "setup.py"]:
        found |= set(re.findall(r"FASTNN_[A-Z_]+", path.read_text()))
    assert found <= known


def test_import_is_silent_and_light():
    code = (
        "import sys, fastnn; "
        "heavy = {'matplotlib', 'sklearn', 'torch', 'PIL', 'scipy', 'tqdm', 'argparse'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = run_python("-c", code)
    assert done.stdout.strip() == "[]" and done.stderr == ""


def test_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "fastnn-cpu"
    assert {re.split(r"\W", d)[0] for d in project["dependencies"]} == {
        "numpy",
        "safetensors",
        "tqdm",
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", fastnn.__version__)
    readme = (ROOT / "README.md").read_text()
    assert readme.index("fastnn train lenet5") < readme.index("pytest") < 1500


def test_public_names_exist_and_are_documented():
    for module in (fastnn, fastnn.nn, fastnn.functional, fastnn.optim, fastnn.data, fastnn.train):
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value):
                assert (value.__doc__ or "").strip(), f"{module.__name__}.{name} has no docstring"
