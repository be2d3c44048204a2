"""Matrix products against NumPy's OpenBLAS and PyTorch."""

import pytest
from conftest import PEERS

from fastnn._bench.workloads import DENSE_SIZES, GEMM_SIZES, gemm


@pytest.mark.parametrize(("m", "n", "k"), GEMM_SIZES)
def test_gemm(race, threads, m, n, k):
    race(f"gemm {m} x {n} x {k}", threads, gemm(m, n, k, PEERS), 2.0 * m * n * k)


@pytest.mark.parametrize(("m", "n", "k"), DENSE_SIZES)
def test_dense(race, threads, m, n, k):
    race(f"dense {m} x {n} x {k}", threads, gemm(m, n, k, PEERS, True), 2.0 * m * n * k)
