"""Trees of states in one safetensors file: arrays as tensors, all else as JSON. No pickle.

Layout: tensors "0", "1", ... in the order of the tree, and "tree", the JSON text as uint8 (N,), in
which an array stands as {"!": "array", "at": "0"} - so whatever protects tensors from damage
protects the text, too.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

import numpy as np

from .. import io
from ..creation import from_numpy
from ..tensor import Tensor, contiguous

FORMAT = "fastnn-checkpoint-1"


def save_tree(path: str | os.PathLike[str], tree: Any) -> None:
    """Write dicts, lists, tuples, str, int, float, bool, None, Tensors and ndarrays, atomically.

    Dict keys may be str or int. Raises TypeError for anything else; OSError, the old file then is
    whole.
    """
    arrays: dict[str, Any] = {}
    text = json.dumps(_encode(tree, arrays))
    arrays["tree"] = from_numpy(np.frombuffer(bytearray(text.encode()), np.uint8))
    io.save(arrays, path, metadata={"format": FORMAT})


def load_tree(path: str | os.PathLike[str]) -> Any:
    """Read what `save_tree` wrote. Raises OSError; ValueError for a damaged or another kind of
    file."""
    arrays = io.load(path)
    if "tree" not in arrays:
        raise ValueError(f"{os.fspath(path)}: not a checkpoint: it holds no entry 'tree'")
    try:
        return _decode(json.loads(arrays["tree"].numpy().tobytes()), arrays)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{os.fspath(path)}: not a checkpoint: {error!r}") from error


def copy_tree(node: Any) -> Any:
    """The same tree with its own arrays and containers."""
    if isinstance(node, Tensor):
        return from_numpy(np.array(node.detach().numpy()))
    if isinstance(node, np.ndarray):
        return node.copy()
    if isinstance(node, dict):
        return {key: copy_tree(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return type(node)(map(copy_tree, node))
    return node


def weights_sha256(model: Any) -> str:
    """SHA-256, 64 hex digits, of names, dtypes, shapes and little-endian bytes of a state_dict."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        array = tensor.detach().numpy()
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _encode(node: Any, arrays: dict[str, Any]) -> Any:
    if node is None or isinstance(node, (str, bool, int, float)):
        return node
    if isinstance(node, np.generic):
        return node.item()
    if isinstance(node, (Tensor, np.ndarray)):
        name = str(len(arrays))
        is_tensor = isinstance(node, Tensor)
        plain: Any = node
        # safetensors has no strides: what is not contiguous is copied.
        array = plain.detach().numpy() if is_tensor else plain
        arrays[name] = from_numpy(contiguous(array))
        return {"!": "tensor" if is_tensor else "array", "at": name}
    if isinstance(node, dict):
        if any(type(key) not in (str, int) for key in node):
            raise TypeError(f"checkpoint: keys {list(node)}, expected str or int")
        return {"!": "dict", "items": [[k, _encode(v, arrays)] for k, v in node.items()]}
    if isinstance(node, (list, tuple)):
        kind = "tuple" if isinstance(node, tuple) else "list"
        return {"!": kind, "items": [_encode(v, arrays) for v in node]}
    raise TypeError(f"checkpoint: cannot store {type(node).__name__}")


def _decode(node: Any, arrays: Any) -> Any:
    if not isinstance(node, dict):
        return node
    kind = node["!"]
    if kind in ("tensor", "array"):
        tensor = arrays[node["at"]]
        return tensor if kind == "tensor" else tensor.numpy()
    if kind == "dict":
        return {key: _decode(value, arrays) for key, value in node["items"]}
    values = [_decode(value, arrays) for value in node["items"]]
    return tuple(values) if kind == "tuple" else values


def refuse_other_options(settings: dict[str, Any], found: dict[str, Any]) -> None:
    """ValueError that names the options in which a checkpoint differs from `settings`."""
    different = [k for k, v in settings.items() if found.get(k) != v]
    if different:
        options = " ".join(f"--{k.replace('_', '-')} {found.get(k)}" for k in different)
        raise ValueError(f"the checkpoint is of a run with {options}")
