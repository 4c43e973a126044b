"""The most that this processor can compute, measured in the same process as everything else."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

import numpy as np

from byhand import kernels

_SIZE = 768  # rows and columns of the matrix product: three matrices of 2.4 MB


class Peak(NamedTuple):
    """Operations a second, in units of 10^9, of all threads in use; `method` is how it was found.

    "fma": independent fused multiply-adds on registers, by the compiled core, which nothing can be
    faster than. "sgemm": NumPy's matrix product in single precision, which stays some way below.
    """

    gflops: float
    method: str


def fma_peak(seconds: float) -> Peak:
    """Measure for about `seconds`."""
    if kernels.resolve_layout("auto") == "lanes":
        return Peak(kernels.fma_peak(seconds), "fma")
    a, b = _matrices()
    out = np.empty_like(a)
    np.matmul(a, b, out=out)
    least = math.inf  # seconds of one product
    start = now = time.perf_counter()
    while now - start < seconds or math.isinf(least):
        np.matmul(a, b, out=out)
        before, now = now, time.perf_counter()
        least = min(least, now - before)
    return Peak(2e-9 * _SIZE**3 / least, "sgemm")


def _matrices() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return (
        rng.standard_normal((_SIZE, _SIZE), np.float32),
        rng.standard_normal((_SIZE, _SIZE), np.float32),
    )
