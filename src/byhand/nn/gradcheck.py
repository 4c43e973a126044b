"""Backward held against finite differences: do the gradients agree, and if not, where?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from byhand.checks import number, quoted, whole
from byhand.errors import InputError, ShapeError
from byhand.kernels import Key
from byhand.nn.layer import Array, Layer, backward, forward
from byhand.nn.param import real_numbers

ROUNDING = 16 * np.finfo(np.float64).eps  # what a forward's arithmetic may lose of an output
NEARBY = 1e-3  # how far from a kink the next point is, as a part of the values


@dataclass(frozen=True)
class Comparison:
    """One gradient beside its finite differences: the worst place.

    `difference` is |backward - numeric| there, less what rounding explains, divided by the array's
    largest gradient or 1, whichever is more. A NaN or an infinity makes it infinite.
    """

    name: str  # "x", or a parameter's name
    checked: int
    kinks: int  # places left out, because the function is not differentiable there
    difference: float
    where: tuple[int, ...]
    backward: float
    numeric: float
    nearby: int = 0  # of those checked, at a point nearby: here the function has a kink

    def verdict(self, tolerance: float) -> str:
        """One of "ok", "BAD", and "not checked" where no place could be."""
        if not self.checked:
            return "not checked"
        return "ok" if self.difference <= tolerance else "BAD"


@dataclass(frozen=True)
class GradcheckReport:
    """All comparisons, and whether every one was made and is within the tolerance.

    `problem` says in a sentence why nothing could be compared, where that is so.
    """

    comparisons: tuple[Comparison, ...]
    tolerance: float
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether all gradients were checked and agree."""
        verdicts = [c.verdict(self.tolerance) for c in self.comparisons]
        return not self.problem and bool(verdicts) and set(verdicts) == {"ok"}

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.problem or "\n".join(self._line(c) for c in self.comparisons)

    def _line(self, c: Comparison) -> str:
        verdict = c.verdict(self.tolerance)
        if verdict == "not checked":
            why = "all on a kink; give another x" if c.kinks else "there is nothing to check"
            return f"{verdict} d{c.name}: {c.kinks} places, {why}"
        return (
            f"{verdict:3} d{c.name}: {c.checked} places, "
            + (f"{c.nearby} of them nearby, off a kink, " if c.nearby else "")
            + (f"{c.kinks} more on a kink and left out, " if c.kinks else "")
            + f"worst at {c.where}: "
            f"backward {c.backward:.8g}, finite differences {c.numeric:.8g}, "
            f"difference {c.difference:.2g}"
        )


class Place(NamedTuple):
    """The gradient at one place, by backward and by finite differences."""

    where: tuple[int, ...]
    backward: float
    numeric: float
    difference: float  # as in Comparison
    kink: bool


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
    most `places` entries of each array are checked, drawn by `rng`; `eps` is the step, in units of
    the value where that is more than 1.

    Where backward and the differences part, a step of a tenth decides. On a kink (ReLU at 0, equal
    values in max pooling) the slopes to the left and to the right differ as before: there is no
    derivative to compare with, and the place is checked at a point nearby, x and parameters moved
    a little. Of a mere curvature a tenth is left, and the gradient is wrong.

    Raises:
        InputError: an argument is none that can be.
        ShapeError: the layer's own passes give no y, cache or dx, or write into x or dy.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"rng is {quoted(rng)}, but it must be numpy.random.default_rng(seed)")
    eps = number("eps", eps, above=0, most=0.1)
    tolerance = number("tolerance", tolerance, above=0)
    places = whole("places", places, 1)
    model = layer.copy(np.float64)
    x = np.array(real_numbers("x", x), np.float64)

    def run() -> Array:
        return np.array(forward(model, x, train, key)[0])  # no view of x, which is to change

    kept = x.copy()
    y = run()
    problem = _problem(type(layer).__name__, y, run(), np.array_equal(x, kept, equal_nan=True))
    if problem:
        return GradcheckReport((), tolerance, problem)
    upstream = rng.standard_normal(y.shape)

    def gradients() -> dict[str, tuple[Array, Array]]:
        """Each array with the gradient of it, as the optimiser finds it."""
        _, cache = forward(model, x, train, key)
        grads = model.new_grads()
        dx = backward(model, upstream, cache, grads)
        if dx is None or dx.shape != x.shape:
            raise ShapeError(f"the backward of {type(layer).__name__} gives no dx of x's shape")
        named = {name: (view, grads[name]) for name, view in model.parameters().items()}
        return {"x": (x, dx), **named}

    def compared(drawn: dict[str, Array]) -> dict[str, list[Place]]:
        return {
            name: list(_places(*arrays, drawn[name], run, upstream, eps, tolerance))
            for name, arrays in gradients().items()
        }

    here = compared(
        {name: rng.permutation(v.size)[:places] for name, (v, _) in gradients().items()}
    )
    kinks = {
        name: np.array([_flat(p.where, v) for p in here[name] if p.kink], np.int64)
        for name, (v, _) in gradients().items()
    }
    there: dict[str, list[Place]] = {name: [] for name in here}
    if any(len(index) for index in kinks.values()):
        for values in (x, model.flat):
            values += NEARBY * np.maximum(1, abs(values)) * rng.uniform(-1, 1, values.shape)
        there = compared(kinks)
    return GradcheckReport(
        tuple(_comparison(name, here[name], there[name]) for name in here), tolerance
    )


def _problem(name: str, y: Array, again: Array, untouched: bool) -> str:
    if not untouched:
        return f"the forward of {name} writes into x; work on x.copy()"
    if y.dtype != np.float64:
        return f"the forward of {name} gives {y.dtype} for float64; differences would be lost in it"
    if not np.array_equal(y, again, equal_nan=True):
        return (
            f"the forward of {name} gives another output the second time, so that there is no "
            "derivative; let it draw what is random from the key"
        )
    return ""


def _places(
    values: Array,
    gradient: Array,
    drawn: Array,
    run: Callable[[], Array],
    upstream: Array,
    eps: float,
    tolerance: float,
) -> Iterator[Place]:
    """The gradient of each place drawn beside its differences."""
    middle = run()
    scale = max(1.0, float(abs(gradient[np.isfinite(gradient)]).max(initial=0)))
    for index in drawn:
        where = tuple(int(i) for i in np.unravel_index(index, values.shape))
        ours, step = float(gradient[where]), eps * max(1.0, float(abs(values[where])))
        numeric, bend, noise = _slope(values, where, step, run, middle, upstream)
        difference = max(abs(ours - numeric) - noise, 0.0) / scale
        kink = False
        if difference > tolerance:
            finer, bend_left, noise = _slope(values, where, step / 10, run, middle, upstream)
            if abs(ours - finer) - noise <= tolerance * scale:  # a kink beside it, or curvature
                numeric, difference = finer, max(abs(ours - finer) - noise, 0.0) / scale
            else:
                kink = abs(bend_left) > max(0.5 * abs(bend), 10 * noise)
        finite = math.isfinite(ours) and math.isfinite(numeric)
        yield Place(where, ours, numeric, difference if finite else math.inf, kink and finite)


def _slope(
    values: Array,
    where: tuple[int, ...],
    step: float,
    run: Callable[[], Array],
    middle: Array,
    upstream: Array,
) -> tuple[float, float, float]:
    """The slope of L there, by how much it is more to the right, and what of it is rounding."""
    kept = values[where]
    values[where] = kept + step
    up, above = values[where] - kept, run()
    values[where] = kept - step
    down, below = kept - values[where], run()
    values[where] = kept
    # Outputs that do not move are left out: their rounding is the same on both sides.
    slope = float(((above - below) * upstream).sum() / (up + down))
    right = float(((above - middle) * upstream).sum() / up)
    left = float(((middle - below) * upstream).sum() / down)
    moved = (above != middle) | (below != middle)
    noise = ROUNDING * float(np.linalg.norm((middle * upstream)[moved])) / step
    return slope, right - left, noise


def _flat(where: tuple[int, ...], values: Array) -> Any:
    return np.ravel_multi_index(where, values.shape)


def _comparison(name: str, here: list[Place], there: list[Place]) -> Comparison:
    checked = [p for p in (*here, *there) if not p.kink]
    worst = max(checked, key=lambda p: p.difference, default=Place((), 0.0, 0.0, 0.0, False))
    nearby = sum(not p.kink for p in there)
    return Comparison(
        name, len(checked), sum(p.kink for p in there), worst.difference, worst.where,
        worst.backward, worst.numeric, nearby,
    )  # fmt: skip
