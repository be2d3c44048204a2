"""Training steps: T1-T3 against PyTorch (eager and tuned) and scikit-learn, T1 and T3-T12 against
PyTorch, JAX and TensorFlow."""

import pytest
from conftest import PEERS

from fastnn._bench import train_cases
from fastnn._bench.workloads import TRAIN, flops, training

pytestmark = pytest.mark.filterwarnings("default")  # peers warn of their own ways


@pytest.mark.parametrize("case", TRAIN)
def test_train(race, threads, case):
    race(case, threads, training(case, PEERS), flops(case))


# To the best peer, with one thread and with more; of dense networks to PyTorch's best and to JAX.
DENSE = {"torch": 1.25, "jax": 1.05}
BARS = {
    **{case: (DENSE, DENSE) for case in ("T1", "T10", "T12")},
    **{"T3": (2.5, 2.5), "T4": (1.15, 1.15), "T5": (1.15, 1.15), "T6": (1.0, 1.0)},
    **{"T7": (1.2, 1.8), "T8": (1.8, 2.5), "T9": (1.1, 1.1), "T11": (1.1, 1.1)},
}


@pytest.mark.parametrize("case", train_cases.TRAIN)
def test_train_net(race, threads, peers, case):
    race(
        case,
        threads,
        lambda: train_cases.training(case, peers, threads),
        train_cases.flops(case),
        bar=BARS[case.split()[0]][threads > 1],
    )
