"""The same bits for any number of threads, on every CPU level with FMA, in any thread and batch."""

import concurrent.futures
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from determinism_job import train
from programs import run_python

import fastnn
from fastnn import nn
from fastnn.backend import kernels

JOB = Path(__file__).with_name("determinism_job.py")
LSTM_JOB = Path(__file__).with_name("determinism_lstm_job.py")
LEVELS = [isa for isa in kernels._csrc.available_isas() if isa != "generic"]


def digest(*job, **environment):
    """The job's SHA-256 in a process of its own."""
    done = run_python(*(job or [JOB]), **environment)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
    return done.stdout.strip()


@pytest.fixture(scope="module")
def expected():
    return digest(FASTNN_NUM_THREADS="1")


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_do_not_show(expected, threads):
    assert digest(FASTNN_NUM_THREADS=str(threads)) == expected


@pytest.mark.parametrize("isa", LEVELS)
def test_levels_with_fma_do_not_show(expected, isa):
    assert digest(FASTNN_ISA=isa, FASTNN_NUM_THREADS="2") == expected


def test_seed_shows(expected):
    """The digest is not a constant."""
    assert train(steps=4)[0] != expected
    assert train(steps=4) == train(steps=4)


@pytest.fixture(scope="module")
def expected_lstm():
    return digest(LSTM_JOB, FASTNN_NUM_THREADS="1")


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_do_not_show_in_an_lstm(expected_lstm, threads):
    assert digest(LSTM_JOB, FASTNN_NUM_THREADS=str(threads)) == expected_lstm


@pytest.mark.parametrize("isa", LEVELS)
def test_levels_with_fma_do_not_show_in_an_lstm(expected_lstm, isa):
    assert digest(LSTM_JOB, FASTNN_ISA=isa, FASTNN_NUM_THREADS="2") == expected_lstm


def test_seed_and_steps_show_in_an_lstm(expected_lstm):
    """The digest is not a constant, and its weights move."""
    found = {digest(LSTM_JOB, seed, steps) for seed, steps in ((0, 1), (0, 2), (1, 1))}
    assert len(found | {expected_lstm}) == 4


def lenet_output(x):
    fastnn.manual_seed(0)
    model = fastnn.models.LeNet5()
    with fastnn.no_grad():
        return model(fastnn.from_numpy(x)).numpy()


def images(n):
    return np.random.default_rng(0).random((n, 1, 28, 28), dtype=np.float32)


@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_a_row_does_not_depend_on_its_batch(n):
    x = images(64)
    assert np.array_equal(lenet_output(x)[:n], lenet_output(x[:n]))


def test_python_threads_compute_at_once():
    x = images(64)
    fastnn.manual_seed(0)
    model = fastnn.models.LeNet5()

    def run(_):
        local = [p.detach().clone().requires_grad_() for p in model.parameters()]
        copy = fastnn.models.LeNet5()
        copy.load_state_dict(dict(zip(model.state_dict(), local, strict=True)))
        loss = nn.CrossEntropyLoss()(copy(fastnn.from_numpy(x)), fastnn.zeros(64).long())
        loss.backward()
        return [p.grad.numpy().tobytes() for p in copy.parameters()]

    want = run(0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for got in pool.map(run, range(16)):
            assert got == want


def wait_for(child, seconds=60):
    """Exit code of a forked child; -9 if it hangs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -9


def test_a_forked_child_computes():
    fastnn.set_num_threads(2)
    x = images(64)
    want = lenet_output(x)  # the parent has used its threads
    for _ in range(5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if np.array_equal(lenet_output(x), want) else 2
            finally:
                os._exit(code)
        assert wait_for(child) == 0
        assert np.array_equal(lenet_output(x), want)
