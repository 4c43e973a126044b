"""Backward held against finite differences: do the gradients agree, and if not, where?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from byhand.kernels import Key
from byhand.nn.layer import Array, Layer


@dataclass(frozen=True)
class Comparison:
    """One gradient beside its finite differences: the worst place."""

    name: str  # "x", or a parameter's name
    checked: int
    worst_difference: float
    worst_relative: float  # there: |a - b| / max(|a|, |b|)
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
        return all(c.worst_difference <= self.tolerance for c in self.comparisons)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return "\n".join(
            f"{'ok ' if c.worst_difference <= self.tolerance else 'BAD'} d{c.name}: "
            f"{c.checked} places, worst at {c.where}: "
            f"backward {c.backward:.8g}, finite differences {c.numeric:.8g}, "
            f"difference {c.worst_difference:.2g}"
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
    most `places` entries of each array are checked, drawn by `rng`. A difference is |a - b| divided
    by the largest gradient of the array or 1, whichever is more. Layers with a kink (ReLU, max
    pooling) are only differentiable where no value lies within `eps` of it.
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

    comparisons = []
    arrays: list[tuple[str, Array, Any]] = [("x", x, dx)]
    arrays += [(name, view, grads[name]) for name, view in model.parameters().items()]
    for name, values, gradient in arrays:
        chosen = rng.permutation(values.size)[:places]
        finite = np.abs(gradient[np.isfinite(gradient)])
        scale = max(1.0, float(finite.max(initial=0)))
        worst = Comparison(name, len(chosen), 0.0, 0.0, (), 0.0, 0.0)
        for flat_index in chosen:
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
            difference = difference if math.isfinite(difference) else math.inf
            if difference > worst.worst_difference or worst.where == ():
                relative = abs(ours - numeric) / max(abs(ours), abs(numeric), 1e-12)
                worst = Comparison(
                    name, len(chosen), difference, relative, where, ours, float(numeric)
                )
        comparisons.append(worst)
    return GradcheckReport(tuple(comparisons), tolerance)
