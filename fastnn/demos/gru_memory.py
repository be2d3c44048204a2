"""Row 91: a GRU remembers as long as an LSTM, with three quarters of the parameters."""

from __future__ import annotations

from typing import Any

from .. import manual_seed, nn
from . import _recall
from ._registry import Result, at_least, demo, exactly, told
from ._steps import count_parameters


def _draw(figure: Any, *, runs: dict, parameters: dict) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    _recall.draw(left, runs)
    bars = right.bar(list(parameters), list(parameters.values()), color=["C0", "C1"])
    right.bar_label(bars)
    right.set_title("parameters of the recurrent layer", fontsize=10)


@demo(
    91,
    name="gru-memory",
    title="A GRU remembers as long, for three quarters of the parameters",
    bar="first of 8 symbols after 100 distractors: GRU at least 0.99; its layer has 0.75 of the "
    "LSTM's parameters",
    draw=_draw,
    size=(11, 4.5),
    seconds=(8, 6),
    source="Cho et al. 2014, arXiv:1406.1078; Tallec and Ollivier 2018, arXiv:1804.11188",
)
def gru_memory(quick: bool, seed: int) -> Result:
    """A GRU, a recurrent network with two gates where the LSTM has three, remembers a symbol for a
    hundred steps just as well. It needs only three quarters of the LSTM's parameters.

    A gated recurrent unit has a reset gate, an update gate and a candidate where the LSTM has three
    gates and a candidate, and no cell beside its state: three products a step, not four. Its update
    gate is the LSTM's forget gate by another name, so the same chrono initialisation makes it hold
    a symbol for a hundred steps. That it is faster is told, not judged; some libraries make it
    slower than the LSTM.
    """
    runs, parameters = {}, {}
    lstm = "LSTM, 100 steps for its time" if quick else "LSTM"
    for name, make in (("GRU", nn.GRU), ("LSTM", nn.LSTM)):
        manual_seed(seed)
        layer = make(_recall.SYMBOLS, _recall.WIDTH, batch_first=True)
        parameters[name] = count_parameters(layer)
        nn.init.chrono_(layer, _recall.T_MAX)
        n_steps = 100 if quick and name == "LSTM" else 1000
        run = _recall.learn(_recall.LastState(layer), n_steps, seed)
        runs[lstm if name == "LSTM" else name] = run
    return Result(
        (
            at_least("GRU: recalled", runs["GRU"].accuracy[-1], 0.99),
            exactly("parameters, GRU / LSTM", parameters["GRU"] / parameters["LSTM"], 0.75),
            told("steps that the GRU took", runs["GRU"].steps[-1]),
            told("milliseconds a step, GRU", runs["GRU"].milliseconds),
            told("milliseconds a step, LSTM", runs[lstm].milliseconds),
        ),
        {"runs": runs, "parameters": parameters},
    )
