"""Why a peer that was asked for is left out."""

from __future__ import annotations

from .train_cases import compiles
from .workloads import has

# What a peer needs, where it is more than the package of its name.
NEEDS: dict[str, tuple[str, ...]] = {
    **{"reference": (), "compile": ("torch",)},
    **{name: (name, "torch", "onnx") for name in ("onnxruntime", "openvino")},
}


def lacks(peer: str, asked: list[str]) -> str:
    """What keeps a peer from running, or an empty string; `asked` are all that are asked for."""
    absent = [library for library in NEEDS.get(peer, (peer,)) if not has(library)]
    if absent:
        return f"{' and '.join(absent)} not installed"
    if peer == "compile" and "torch" not in asked:
        return "it runs beside torch, which is not asked for"
    if peer == "compile" and not compiles():
        return "no C++ compiler"
    return ""


def left_out(asked: list[str]) -> list[str]:
    """A line for each peer that is asked for and cannot run."""
    return [f"{peer} is left out: {why}" for peer in asked if (why := lacks(peer, asked))]
