"""Training steps T1-T3 against PyTorch (eager and tuned) and scikit-learn."""

import pytest
from conftest import PEERS

from fastnn._bench.workloads import TRAIN, flops, training


@pytest.mark.parametrize("case", TRAIN)
def test_train(race, threads, case):
    race(case, threads, training(case, PEERS), flops(case))
