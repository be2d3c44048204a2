"""Trains the LSTM language model of the benchmark's case T6 for some steps and prints the SHA-256
of its weights; run as a program by test_determinism.py, so that the environment variables count."""

import sys

import numpy as np

import fastnn
from fastnn._bench import train_cases
from fastnn.train import weights_sha256

CASE = "T6 lstm lm"  # embedding 128, two layers of 256, T 64, batch 32, Adam, gradients clipped


def train(seed=0, steps=20):
    fastnn.manual_seed(seed)
    model = train_cases.sequence_nets(fastnn.nn)["T6"]()
    step = train_cases.stepper(CASE, fastnn, model, fastnn.from_numpy, {})
    losses = [step().item() for _ in range(steps)]
    assert np.isfinite(losses).all()
    return weights_sha256(model), losses[-1]


if __name__ == "__main__":
    digest, loss = train(*map(int, sys.argv[1:]))
    assert 0 < loss < 10
    print(digest)
