"""Networks that learn without back-propagation, against scikit-learn's of the same settings."""

import pytest

from fastnn import datasets
from fastnn._bench.workloads import has
from fastnn.classic import RBM

EPOCHS = 2
CASES = {
    "8x8": (datasets.digits8x8, 64, 100),
    "28x28": (datasets.digits, 784, 256),
}


@pytest.mark.parametrize("case", CASES)
def test_rbm(race, threads, case, quick):
    """Persistent chains, mini-batches of 10, as many Gibbs steps; both in float32."""
    load, pixels, hidden = CASES[case]
    data = load()
    x = (data.x_train if case == "28x28" else data.x).reshape(-1, pixels)[: 100 if quick else 1000]

    def contenders():
        ours = RBM(hidden, learning_rate=0.05, batch_size=10, n_epochs=EPOCHS, random_state=0)
        found = {"fastnn": lambda: ours.fit(x)}
        if has("sklearn"):
            from sklearn.neural_network import BernoulliRBM

            theirs = BernoulliRBM(
                hidden, learning_rate=0.05, batch_size=10, n_iter=EPOCHS, random_state=0
            )
            found["sklearn"] = lambda: theirs.fit(x)
        return found

    # Data up; particles down and up; one product of both for the gradient.
    flops = 2.0 * EPOCHS * len(x) * pixels * hidden * 5
    race(f"RBM {pixels}-{hidden}, {EPOCHS} epochs", threads, contenders, flops, bar=3.0)
