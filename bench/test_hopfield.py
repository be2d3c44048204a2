"""Recall by a Hopfield network: 1,000 dirty patterns at 784 units, against plain NumPy."""

import numpy as np
import pytest

from fastnn.classic import Hopfield

UNITS, STORED, ROWS = 784, 50, 1_000


def patterns():
    """What is stored (STORED, UNITS), and ROWS of it with a tenth of the elements flipped."""
    rng = np.random.default_rng(0)
    x = rng.choice(np.array([-1, 1], np.float32), (STORED, UNITS))
    clean = x[np.arange(ROWS) % STORED]
    return x, np.where(rng.random(clean.shape) < 0.1, -clean, clean)


def synchronous(weights, states):
    """All units at once until nothing moves, in float32."""
    while True:
        net = states @ weights
        after = np.where(net == 0, states, np.sign(net))
        if (after == states).all():
            return after
        states = after


def asynchronous(weights, states):
    """Sweeps over the units in random order, one net value at a time for all rows, in float32."""
    rng = np.random.default_rng(1)
    states = states.copy()
    moved = True
    while moved:
        moved = False
        for i in rng.permutation(UNITS):
            net = states @ weights[i]
            after = np.where(net == 0, states[:, i], np.sign(net))
            moved = moved or bool((after != states[:, i]).any())
            states[:, i] = after
    return states


@pytest.mark.parametrize("update", [synchronous, asynchronous], ids=lambda f: f.__name__)
def test_recall(race, threads, update):
    x, dirty = patterns()
    network = Hopfield("hebb", update=update.__name__, random_state=0).fit(x)
    weights = np.array(network.weights_)
    for found in (network.predict(dirty), update(weights, dirty)):  # the same work on both sides
        assert (found == x[np.arange(ROWS) % STORED]).all()
    contenders = {
        "fastnn": lambda: network.predict(dirty),
        "numpy": lambda: update(weights, dirty),
    }
    race(f"Hopfield recall, {update.__name__}", threads, contenders, bar=2.0)
