"""The convolutions of a network, each direction timed by itself against the peak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from byhand import kernels
from byhand.bench.cases import SEED, Case, Convolution, convolutions
from byhand.kernels import lanes
from byhand.timing import interleaved

DIRECTIONS = ("forward", "input_gradient", "weight_gradient")


def time_convolutions(case: Case, repeats: int, seconds: float) -> list[dict[str, Any]]:
    """A row for each convolution and direction of a case, timed in turn.

    Returns:
        Rows with `network`, `layer`, `direction`, `shape` (in words), `out_channels`, `operations`,
        `us` and `gflops`.
    """
    layers = convolutions(case)
    calls = {
        f"{place} {direction}": call
        for place, convolution in enumerate(layers)
        for direction, call in timers(convolution).items()
    }
    rows = []
    for name, times in interleaved(calls, repeats, seconds).items():
        place, direction = name.split()
        convolution = layers[int(place)]
        rows.append(
            {
                "network": case.name,
                "layer": convolution.layer,
                "direction": direction,
                "shape": _shape(convolution),
                "out_channels": convolution.weight_shape[0],
                "operations": convolution.operations,
                "us": 1e6 * times.median,
                "gflops": 1e-9 * convolution.operations / times.median,
            }
        )
    return rows


def timers(convolution: Convolution) -> dict[str, Callable[[], Any]]:
    """Each direction of a convolution as a function without arguments, in the fastest arithmetic.

    The reference computes both gradients by one operation: without the input gradient that is the
    weight gradient, and the other is left out.
    """
    padding = convolution.padding
    rng = np.random.default_rng(SEED)
    x = kernels.as_layout(rng.standard_normal(convolution.x_shape, np.float32))
    weight = rng.standard_normal(convolution.weight_shape, np.float32)
    bias = np.zeros(len(weight), np.float32)
    dy = kernels.as_layout(rng.standard_normal(convolution.y_shape, np.float32))
    cache: Any = kernels.conv2d(x, weight, bias, 1, padding)[1]
    calls: dict[str, Callable[[], Any]] = {
        "forward": lambda: kernels.conv2d(x, weight, bias, 1, padding),
        "weight_gradient": lambda: kernels.conv2d_backward(dy, cache, need_dx=False),
    }
    if isinstance(x, kernels.Lanes):
        calls["input_gradient"] = lambda: lanes.conv.input_gradient(dy, cache)
    return {direction: calls[direction] for direction in DIRECTIONS if direction in calls}


def shares(rows: list[dict[str, Any]], peak: float) -> dict[str, float]:
    """Add `peak_fraction` to each row; for each network, the fraction of all its rows together.

    The latter is their operations over the time that they take one after another, which is never
    above the mean of the fractions weighted by operations. `peak` is in GFLOP/s.
    """
    shares_of: dict[str, float] = {}
    for row in rows:
        row["peak_fraction"] = row["gflops"] / peak
    for network in dict.fromkeys(row["network"] for row in rows):
        own = [row for row in rows if row["network"] == network]
        operations = sum(row["operations"] for row in own)
        taken = sum(row["operations"] / row["gflops"] for row in own)
        shares_of[network] = operations / taken / peak
    return shares_of


def _shape(convolution: Convolution) -> str:
    f, c, kh, kw = convolution.weight_shape
    h, w = convolution.x_shape[2:]
    return f"{c}→{f}, {kh}×{kw}, {h}×{w}"
