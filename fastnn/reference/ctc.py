"""Connectionist temporal classification: the recursions of the paper, state by state."""

import numpy as np

from ._check import expect_rank, expect_same_dtype, expect_shape

__all__ = ["ctc_backward", "ctc_forward"]


def _check(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
) -> None:
    expect_same_dtype(log_probs=log_probs)
    expect_rank(3, log_probs=log_probs)
    expect_rank(2, targets=targets)
    steps, batch, classes = log_probs.shape
    expect_shape((batch, targets.shape[1]), targets=targets)
    lengths = {"input_lengths": input_lengths, "target_lengths": target_lengths}
    expect_shape((batch,), **lengths)
    if not 0 <= blank < classes:
        raise ValueError(f"blank is {blank}, expected 0 <= blank < {classes}")
    for (name, given), most in zip(lengths.items(), (steps, targets.shape[1]), strict=True):
        for n in np.flatnonzero((given < 0) | (given > most))[:1]:
            raise ValueError(f"{name}[{n}] is {given[n]}, expected 0 to {most}")
    used = np.arange(targets.shape[1]) < target_lengths[:, None]
    for n, i in np.argwhere(used & ((targets < 0) | (targets >= classes)))[:1]:
        raise IndexError(f"targets[{n}, {i}] is {targets[n, i]}, expected 0 <= class < {classes}")


def _states(labels: np.ndarray, blank: int) -> np.ndarray:
    """The labels with blanks between and around them."""
    states = np.full(2 * labels.size + 1, blank)
    states[1::2] = labels
    return states


def _into(states: np.ndarray, s: int) -> list[int]:
    """States from which one step leads to s: itself, the one before, and the label before that if
    it is another one."""
    found = [s, s - 1] if s >= 1 else [s]
    if s >= 2 and s % 2 and states[s] != states[s - 2]:
        found.append(s - 2)
    return found


@np.errstate(all="ignore")
def ctc_forward(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
) -> tuple[np.ndarray, np.ndarray]:
    """-ln of the probability of all paths that read as the targets once repetitions and then
    blanks are taken out (Graves et al. 2006, doi:10.1145/1143844.1143891, equations 6 to 8).

    log_probs (T, N, C), targets (N, L) int64, lengths (N,) int64 -> loss (N,) and alpha
    (N, T, 2 L + 1), ln of the probability of being in a state after t steps, float64.
    """
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    steps, batch, _ = log_probs.shape
    alpha = np.full((batch, steps, 2 * targets.shape[1] + 1), -np.inf)
    loss = np.empty(batch, log_probs.dtype)
    for n in range(batch):
        states = _states(targets[n, : target_lengths[n]], blank)
        if input_lengths[n] == 0:
            loss[n] = 0 if states.size == 1 else np.inf
            continue
        alpha[n, 0, : states.size][:2] = log_probs[0, n, states[:2]]
        for t in range(1, input_lengths[n]):
            for s in range(states.size):
                before = np.logaddexp.reduce(alpha[n, t - 1, _into(states, s)])
                alpha[n, t, s] = before + log_probs[t, n, states[s]]
        last = alpha[n, input_lengths[n] - 1, : states.size]
        loss[n] = -np.logaddexp.reduce(last[-2:])
    return loss, alpha


@np.errstate(all="ignore")
def ctc_backward(
    dloss: np.ndarray,
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    loss: np.ndarray,
    alpha: np.ndarray,
    blank: int,
    zero_infinity: bool,
) -> np.ndarray:
    """dx_tnc = dloss_n (e^x_tnc - the share of the paths that are at class c after t steps).

    That is PyTorch's: the gradient of the logits if x is their log-softmax, whose backward leaves
    it as it is.  0 beyond the sequence's length and, with zero_infinity, if there is no path
    (NaN otherwise).
    """
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    expect_shape((log_probs.shape[1],), dloss=dloss, loss=loss)
    dx = np.zeros_like(log_probs)
    for n in range(log_probs.shape[1]):
        states, end = _states(targets[n, : target_lengths[n]], blank), input_lengths[n]
        if loss[n] == np.inf:
            dx[:end, n] = 0 if zero_infinity else np.nan
            continue
        beta = np.full((end + 1, states.size), -np.inf)  # ln P(what comes after t | state at t)
        if end:
            beta[end - 1, -2:] = 0
        for t in range(end - 2, -1, -1):
            for s in range(states.size):
                for r in _into(states, s):
                    through = beta[t + 1, s] + log_probs[t + 1, n, states[s]]
                    beta[t, r] = np.logaddexp(beta[t, r], through)
        for t in range(end):
            paths = alpha[n, t, : states.size] + beta[t]
            share = np.exp(paths - np.logaddexp.reduce(paths))
            dx[t, n] = np.exp(log_probs[t, n])
            np.subtract.at(dx[t, n], states, share.astype(dx.dtype))
        dx[:, n] *= dloss[n]
    return dx
