"""Row 12: a network with feedback keeps a state when its input is gone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import from_numpy, nn, no_grad, summary
from ._registry import Result, above, at_most, demo, exactly

_PULSE, _T = 5, 60


def _draw(figure: Any, *, signal: np.ndarray, outputs: dict) -> None:
    all_axes = figure.subplots(len(outputs) + 1, 1, sharex=True)
    all_axes[0].fill_between(range(_T), signal, step="mid", color="gray")
    all_axes[0].set_title("the input: a pulse, then nothing", fontsize=10)
    for axes, (name, y) in zip(all_axes[1:], outputs.items(), strict=True):
        for series, style in zip(y.T, ("-", "--"), strict=False):
            axes.plot(series, style)
        axes.set_title(name, fontsize=10)
        axes.set_ylim(-1.1, 1.1)
    for axes in all_axes:
        axes.axvline(_PULSE - 0.5, color="black", ls=":", lw=1)
        axes.set_yticks([-1, 0, 1] if axes is not all_axes[0] else [0, 1])
    all_axes[-1].set_xlabel("step; the dotted line is where the input ends")


def _feedback(weights: np.ndarray) -> nn.RNN:
    """Two tanh units whose outputs go back to both by `weights`; the input reaches the first."""
    net = nn.RNN(1, 2, bias=False)
    net.load_state_dict(
        {
            "weight_ih_l0": from_numpy(np.array([[1.0], [0.0]], np.float32)),
            "weight_hh_l0": from_numpy(weights.astype(np.float32)),
        }
    )
    return net


def _answer(net: nn.Module, signal: np.ndarray) -> np.ndarray:
    """Outputs (T, 2) of `signal` (T), one step after the other."""
    with no_grad():
        y = net(from_numpy(signal[:, None]))
    return (y[0] if isinstance(y, tuple) else y).numpy()


@demo(
    12,
    name="feedback",
    title="Feedback: what goes round stays when the input is gone",
    bar="summary() marks the recurrent layer and no other; after the input ends the feed-forward "
    "net gives 0 at once; one feedback net rests at a point other than 0 (change a step below "
    "1e-5, size above 0.5), the other goes round a cycle of 4 steps (a step 4 later equals it "
    "within 1e-4, a step moves it by more than 0.3)",
    draw=_draw,
    size=(9, 6),
    seconds=(1, 1),
    source="Elman 1990, doi:10.1207/s15516709cog1402_1; Hopfield 1982, doi:10.1073/pnas.79.8.2554",
)
def feedback(quick: bool, seed: int) -> Result:
    """A short pulse is fed to three networks: the one without feedback falls silent when the pulse
    ends, the others, whose state leads back to themselves, do not. One of them settles at a fixed
    value and so remembers the pulse, the other goes round and round and beats time.

    In a feed-forward network the output is a function of the input now: without input, without
    bias, it is 0. With a path back the state feeds itself: weights above 1 hold it at a fixed
    point; if they also turn it, it never rests.
    """
    signal = np.zeros(_T, np.float32)
    signal[:_PULSE] = 1
    forward = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Tanh())
    fixed, cycle = _feedback(1.5 * np.eye(2)), _feedback(1.5 * np.array([[0, -1], [1, 0]]))
    marked = summary(nn.Sequential(nn.Linear(1, 1), nn.RNN(1, 2), nn.Tanh())).layers
    y = {
        "no feedback: over at once": _answer(forward, signal),
        "feedback of weight 1.5: rests at a fixed point, the pulse is remembered":
            _answer(fixed, signal),
        "feedback that turns by a right angle: goes round for ever": _answer(cycle, signal),
    }  # fmt: skip
    plain, rests, turns = y.values()
    return Result(
        (
            exactly("layers marked as recurrent", sum(m.recurrent for m in marked), 1),
            exactly("of which is the RNN",
                    sum(m.recurrent and m.kind == "RNN" for m in marked), 1),
            above("feed-forward: size during the pulse", float(np.abs(plain[:_PULSE]).max()), 0),
            exactly("feed-forward: size after it", float(np.abs(plain[_PULSE:]).max()), 0),
            at_most("fixed point: change in the last step",
                    float(np.abs(rests[-1] - rests[-2]).max()), 1e-5),
            above("fixed point: size at the end", float(np.linalg.norm(rests[-1])), 0.5),
            at_most("cycle: change over the last 4 steps",
                    float(np.abs(turns[-1] - turns[-5]).max()), 1e-4),
            above("cycle: smallest move of the last 4 steps",
                  float(np.linalg.norm(np.diff(turns[-5:], axis=0), axis=1).min()), 0.3),
        ),
        {"signal": signal, "outputs": y},
    )  # fmt: skip
