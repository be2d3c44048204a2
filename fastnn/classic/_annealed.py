"""Annealed importance sampling of an RBM's partition function."""

from __future__ import annotations

import numpy as np

from .. import backend
from ..random import Generator
from ._binary_states import log_sum_exp, softplus
from ._contrastive import Machine


def annealed_log_partition(
    machine: Machine, n_chains: int, n_betas: int, generator: Generator
) -> float:
    """An estimate of log Z (Salakhutdinov and Murray 2008, doi:10.1145/1390156.1390266).

    The distributions in between have the machine's visible biases b, and W and c times beta:

        f_beta(v) = prior(v) prod_j (1 + exp(beta (W v + c)_j)),

    prior(v) = e^(b v), or e^(-|v - b|^2 / 2) of Gaussian units, which cancels in all ratios.  A
    chain starts with a draw v_1 from f_0, and between ratios makes a Gibbs step that leaves f_beta
    as it is: log w = sum_k log f_(beta_k)(v_k) - log f_(beta_(k-1))(v_k).  Z is Z_0 times the mean
    of w, Z_0 that of independent units.  Sampling is in float32, all sums are in float64.
    """
    k, b = backend.kernels, machine.visible_bias
    n_hidden, n_visible = machine.weight.shape
    chains = Machine(machine.weight, machine.hidden_bias, b, machine.gaussian, generator)
    v = chains.visible(np.zeros((n_chains, n_hidden), np.float32))
    log_w = np.zeros(n_chains)
    betas = np.linspace(0.0, 1.0, n_betas + 1)
    for before, beta in zip(betas[:-1], betas[1:], strict=True):
        net = k.linear_forward(v, machine.weight, machine.hidden_bias, None).astype(np.float64)
        log_w += (softplus(beta * net) - softplus(before * net)).sum(axis=1)
        if beta < 1:
            p = np.exp(-softplus(-beta * net)).astype(np.float32)  # sigmoid, without overflow
            v = chains.visible(chains.draw(p) * np.float32(beta))
    if machine.gaussian:
        log_z0 = 0.5 * n_visible * np.log(2 * np.pi)
    else:
        log_z0 = softplus(b.astype(np.float64)).sum()
    return float(log_z0 + n_hidden * np.log(2) + log_sum_exp(log_w) - np.log(n_chains))
