"""L-BFGS.

All in NumPy, element by element, and with one tree of sums: it is for small problems, and its bits
do not depend on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..grad_mode import enable_grad
from ..tensor import Tensor
from ._line_search import Point, strong_wolfe
from .optimizer import Optimizer

_LINE_SEARCHES = (None, "strong_wolfe")
_COUNTS = ("func_evals", "n_iter")
_NUMBERS = ("t", "H_diag", "prev_loss")
_ARRAYS = ("d", "prev_flat_grad")
_LISTS = ("old_dirs", "old_stps", "ro")


def _total(x: np.ndarray) -> float:
    """Sum of float64 x (n,), n > 0, which it overwrites: the upper half onto the lower, again and
    again, as np.sum's order differs between CPUs."""
    n = x.size
    while n > 1:
        half = n // 2
        x[:half] += x[n - half : n]
        n -= half
    return float(x[0])


def _dot(a: np.ndarray, b: np.ndarray) -> float:
    return _total(np.multiply(a, b, dtype=np.float64))


def _largest(x: np.ndarray) -> float:
    return float(np.abs(x).max(initial=0.0))


class LBFGS(Optimizer):
    """Limited-memory BFGS: Liu & Nocedal 1989, in PyTorch's form (minFunc).

    d = -H g, H the inverse Hessian of the last history_size pairs (two-loop recursion, Nocedal &
    Wright 2006, algorithm 7.4), p <- p + t d.  t is lr (at the first step min(1, 1/|g|_1) lr), or
    with line_search_fn "strong_wolfe" what that finds from there.  One call of step makes up to
    max_iter iterations and max_eval (None: 1.25 max_iter) calls of the closure, less if the
    largest |g| is at most tolerance_grad, or f or p change by less than tolerance_change.

    l1_decay |p|_1 is added to the loss, its subgradient to g.  For whole data sets: a closure that
    changes from call to call misleads it.  One parameter group, one dtype.  Raises ValueError for
    options out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        l1_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if self.param_groups:
            raise ValueError("LBFGS: takes one parameter group, got a second")
        super().add_param_group(param_group)
        if not self.param_groups[0]["params"]:
            raise ValueError("LBFGS: params is empty")
        if len({p.dtype for p in self.param_groups[0]["params"]}) > 1:
            raise ValueError("LBFGS: params have several dtypes, expected one")

    def check_group(self, group: dict[str, Any]) -> None:
        super().check_group(group)
        for key in ("max_iter", "max_eval", "history_size"):
            value = group[key]
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise TypeError(f"LBFGS: {key} must be an integer, got {value!r}")
            if value < 1:
                raise ValueError(f"LBFGS: {key} is {value}, expected at least 1")
        for key in ("tolerance_grad", "tolerance_change"):
            if not group[key] >= 0:
                raise ValueError(f"LBFGS: {key} is {group[key]}, expected a number >= 0")
        if group["line_search_fn"] not in _LINE_SEARCHES:
            found = group["line_search_fn"]
            raise ValueError(f"LBFGS: line_search_fn is {found!r}, expected None or 'strong_wolfe'")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Some iterations; returns what closure gave at first.

        closure: computes the loss again, with gradients.  Raises TypeError without one.
        """
        if closure is None:
            raise TypeError("LBFGS: step needs a closure that computes the loss and its gradients")
        group, first = self.param_groups[0], self.param_groups[0]["params"][0]
        state = self.state.setdefault(first, {"func_evals": 0, "n_iter": 0})
        if "d" in state and state["d"].dtype != first._data.dtype:
            state |= {"n_iter": 0}  # the parameters were converted: begin anew
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]

        result, f, g = self._evaluate(closure)
        evaluations = 1
        state["func_evals"] += 1
        if _largest(g) <= tolerance_grad:
            return result
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            state |= {"d": d, "prev_flat_grad": g, "prev_loss": f}
            is_first = state["n_iter"] == 1
            t = float(group["lr"])
            if is_first:
                t *= min(1.0, 1.0 / _total(np.abs(g, dtype=np.float64)))
            state["t"] = t
            slope = _dot(g, d)
            if slope > -tolerance_change:
                break
            before, calls = f, 0
            is_last = iteration == group["max_iter"]
            if group["line_search_fn"] is not None:
                f, g, t, calls = self._search(
                    closure, Point(0.0, f, g, slope), t, d, group["max_eval"] - evaluations
                )
                state["t"] = t
            else:
                self._move(self._values(), t, d)
                if not is_last:  # the next step's closure will tell
                    _, f, g = self._evaluate(closure)
                    calls = 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                is_last
                or evaluations >= group["max_eval"]
                or _largest(g) <= tolerance_grad
                or _largest(t * d) <= tolerance_change
                or abs(f - before) < tolerance_change
            ):
                break
        return result

    def _direction(self, state: dict[str, Any], g: np.ndarray, history_size: int) -> np.ndarray:
        """-H g, after a new pair of differences went into the history."""
        if state["n_iter"] == 1:
            state |= {"old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1.0}
            return -g
        ys, ss, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y = g - state["prev_flat_grad"]
        s = state["d"] * np.asarray(state["t"], g.dtype)
        curvature = _dot(y, s)
        if curvature > 1e-10:
            if len(ys) == history_size:
                for history in (ys, ss, ro):
                    history.pop(0)
            ys.append(y)
            ss.append(s)
            ro.append(1.0 / curvature)
            state["H_diag"] = curvature / _dot(y, y)
        q = -g
        alphas = [0.0] * len(ys)
        for i in reversed(range(len(ys))):
            alphas[i] = _dot(ss[i], q) * ro[i]
            q -= np.asarray(alphas[i], g.dtype) * ys[i]
        r: np.ndarray = q * np.asarray(state["H_diag"], g.dtype)
        for i in range(len(ys)):
            beta = _dot(ys[i], r) * ro[i]
            r += np.asarray(alphas[i] - beta, g.dtype) * ss[i]
        return r

    def _search(
        self, closure: Callable[[], Any], start: Point, t: float, d: np.ndarray, max_ls: int
    ) -> tuple[float, np.ndarray, float, int]:
        """Go where the line search ends: value, gradient, t, calls of the closure."""
        values = self._values()

        def evaluate(t: float) -> Point:
            self._move(values, t, d)
            _, f, g = self._evaluate(closure)
            return Point(t, f, g, _dot(g, d))

        found, calls = strong_wolfe(evaluate, start, t, _largest(d), max_ls)
        self._move(values, found.t, d)
        return found.f, found.g, found.t, calls

    def _values(self) -> np.ndarray:
        """All parameters in one new array."""
        return np.concatenate([p._data.ravel() for p in self.param_groups[0]["params"]])

    def _move(self, values: np.ndarray, t: float, d: np.ndarray) -> None:
        """Parameters = values + t d."""
        new, at = values + np.asarray(t, d.dtype) * d, 0
        for p in self.param_groups[0]["params"]:
            n = p._data.size
            p._data[...] = new[at : at + n].reshape(p.shape)
            p._changed()
            at += n

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, np.ndarray]:
        """The closure's result, the objective, and its gradient in one array."""
        with enable_grad():
            result = closure()
        parts = [
            np.zeros(p._data.size, p._data.dtype) if p._grad is None else p._grad._data.ravel()
            for p in self.param_groups[0]["params"]
        ]
        f, g = float(result), np.concatenate(parts)
        l1_decay = self.param_groups[0]["l1_decay"]
        if l1_decay:
            values = self._values()
            f += l1_decay * _total(np.abs(values, dtype=np.float64))
            g += np.asarray(l1_decay, g.dtype) * np.sign(values)
        return result, f, g

    def _state(
        self, number: int, p: Any, values: dict[str, Any], group: dict[str, Any]
    ) -> dict[str, Any]:
        full = {*_COUNTS, *_NUMBERS, *_ARRAYS, *_LISTS}
        found = values.keys() - {"al"}  # PyTorch keeps its scratch
        if found not in (full, set(_COUNTS)):
            raise ValueError(
                f"LBFGS: parameter {number} has a state of {', '.join(sorted(found)) or 'nothing'},"
                f" expected {', '.join(sorted(full))}"
            )
        n = sum(q._data.size for q in self.param_groups[0]["params"])

        def flat(value: Any) -> np.ndarray:
            found = value._data if isinstance(value, Tensor) else np.asarray(value)
            array = found.astype(p.dtype)
            if array.shape != (n,):
                raise ValueError(f"LBFGS: the state has shape {array.shape}, expected {(n,)}")
            return array

        state: dict[str, Any] = {key: int(values[key]) for key in _COUNTS}
        if found == full:
            state |= {key: float(values[key]) for key in _NUMBERS}
            state |= {key: flat(values[key]) for key in _ARRAYS}
            state |= {key: list(map(flat, values[key])) for key in ("old_dirs", "old_stps")}
            state["ro"] = [float(value) for value in values["ro"]]
            if not len(state["ro"]) == len(state["old_dirs"]) == len(state["old_stps"]):
                raise ValueError("LBFGS: the state's old_dirs, old_stps and ro differ in length")
        return state
