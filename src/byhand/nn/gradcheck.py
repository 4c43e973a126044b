"""Backward held against finite differences: do the gradients agree, and if not, where?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from byhand.kernels import Key
from byhand.nn.layer import Array, Layer

# On a kink the slopes to both sides differ by about as much as backward and central differences do;
# elsewhere by eps times the second derivative, far less than this part of a wrong gradient's error.
KINK = 1e-3


@dataclass(frozen=True)
class Comparison:
    """One gradient beside its finite differences: the worst place.

    `difference` is |backward - numeric| there, divided by the array's largest gradient or 1,
    whichever is more.
    """

    name: str  # "x", or a parameter's name
    checked: int
    kinks: int  # places left out, because the function is not differentiable there
    difference: float
    where: tuple[int, ...]
    backward: float
    numeric: float


@dataclass(frozen=True)
class GradcheckReport:
    """All comparisons, and whether every one is within the tolerance."""

    comparisons: tuple[Comparison, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether all gradients agree."""
        return all(c.difference <= self.tolerance for c in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "\n".join(
            f"{'ok ' if c.difference <= self.tolerance else 'BAD'} d{c.name}: "
            f"{c.checked} places, "
            + (f"{c.kinks} more on a kink and left out, " if c.kinks else "")
            + f"worst at {c.where}: "
            f"backward {c.backward:.8g}, finite differences {c.numeric:.8g}, "
            f"difference {c.difference:.2g}"
            for c in self.comparisons
        )


def gradcheck(
    layer: Layer,
    x: Array,
    *,
    train: bool = False,
    key: Key | None = None,
    rng: np.random.Generator | None = None,
    eps: float = 1e-6,
    tolerance: float = 1e-7,
    places: int = 200,
) -> GradcheckReport:
    """Compare backward with central differences of L = sum(y * r), r a random upstream gradient.

    A random r, because with ones the gradients of softmax and of batch norm vanish and swapped
    axes stay hidden. Works on a float64 copy of the layer; `x` (N, ...) is taken as float64. At
    most `places` entries of each array are checked, drawn by `rng`. Where the slopes to the left
    and to the right differ (ReLU at 0, equal values in max pooling) there is no derivative to
    compare with: such places are left out and counted.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    model = layer.copy(np.float64)
    x = np.array(x, np.float64)
    y, cache = model.forward(x, train, key)
    upstream = rng.standard_normal(y.shape)
    grads = model.new_grads()
    dx = model.backward(upstream, cache, grads)

    def loss() -> float:
        return float((model.forward(x, train, key)[0] * upstream).sum())

    middle = loss()
    comparisons = []
    arrays: list[tuple[str, Array, Any]] = [("x", x, dx)]
    arrays += [(name, view, grads[name]) for name, view in model.parameters().items()]
    for name, values, gradient in arrays:
        finite = np.abs(gradient[np.isfinite(gradient)])
        scale = max(1.0, float(finite.max(initial=0)))
        checked = kinks = 0
        worst: tuple[float, tuple[int, ...], float, float] = (-1.0, (), 0.0, 0.0)
        for flat_index in rng.permutation(values.size)[:places]:
            where = tuple(int(i) for i in np.unravel_index(flat_index, values.shape))
            kept = values[where]
            values[where] = kept + eps
            above = loss()
            values[where] = kept - eps
            below = loss()
            values[where] = kept
            numeric = (above - below) / (2 * eps)
            ours = float(gradient[where])
            difference = abs(ours - numeric) / scale
            bend = abs(above - 2 * middle + below) / eps  # slope right minus slope left
            if difference > tolerance and bend > KINK * abs(ours - numeric):
                kinks += 1
                continue
            checked += 1
            if not math.isfinite(difference):
                difference = math.inf
            if difference > worst[0]:
                worst = (difference, where, ours, numeric)
        comparisons.append(Comparison(name, checked, kinks, max(worst[0], 0.0), *worst[1:]))
    return GradcheckReport(tuple(comparisons), tolerance)
