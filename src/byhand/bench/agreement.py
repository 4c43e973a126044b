"""Seeing that all contestants compute the same, before anything is timed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.bench.cases import Case
from byhand.bench.contestant import CHECK_RATES, Contestant
from byhand.bench.ours import Definition
from byhand.errors import ByhandError

# Of the largest value of the same array: float32's rounding over sums of batch * 28 * 28 terms.
TOLERANCE = 1e-4
STEPS = 3


class Disagreement(ByhandError):
    """Two contestants do not compute the same, so that their times cannot be compared."""


def check(
    case: Case, kinds: Iterable[type[Contestant]], threads: int
) -> dict[str, dict[str, float | None]]:
    """Compare each contestant with the NumPy arithmetic in double precision, dropout left out.

    Compared are the outputs and the gradient of each parameter, by the largest difference relative
    to the largest value, and the losses of three training steps, which the optimiser's part is seen
    in.

    Returns:
        By contestant: `outputs`, `gradients` and `losses`, the relative differences; the last two
        are None where it does not train.

    Raises:
        Disagreement: a difference is above 1e-4; names the contestant and what differs.
    """
    model = case.model(dropout=False)
    x, labels = clear_pictures(case, model)
    rate = CHECK_RATES[case.optimiser]
    definition = Definition(case, model, threads, rate)
    outputs, gradients = definition.infer(x), definition.gradients(definition.batch(x, labels))
    losses = _losses(definition, x, labels)
    differences_of: dict[str, dict[str, float | None]] = {}
    for kind in kinds:
        contestant = kind(case, model, threads, rate)
        differences: dict[str, float | None] = {
            "outputs": difference(contestant.infer(x), outputs), "gradients": None, "losses": None
        }  # fmt: skip
        worst = "the outputs"
        if kind.trains:
            theirs = contestant.gradients(contestant.batch(x, labels))
            if set(theirs) != set(gradients):
                raise Disagreement(
                    f"{kind.name} has gradients of {', '.join(theirs)} where {case.name} has "
                    f"{', '.join(gradients)}; nothing was timed"
                )
            by_name = {name: difference(theirs[name], value) for name, value in gradients.items()}
            worst = "the gradient of " + max(by_name, key=lambda name: by_name[name])
            differences["gradients"] = max(by_name.values())
            differences["losses"] = difference(_losses(contestant, x, labels), losses)
        for what, value in differences.items():
            # Written so that NaN does not pass.
            if value is not None and not value <= TOLERANCE:
                what = worst if what == "gradients" else f"the {what}"
                raise Disagreement(
                    f"{kind.name} and the definition of {case.name} differ in {what} by "
                    f"{value:.1e} of the largest value, more than {TOLERANCE:g}; nothing was timed"
                )
        differences_of[kind.name] = differences
    return differences_of


def clear_pictures(
    case: Case, model: nn.Sequential
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A batch of pictures and labels on which no choice of the network is nearly a tie.

    Where the two largest values of a pooling window differ by no more than rounding, or a ReLU's
    input is as good as 0, the gradient goes one way or the other, and both are right. So four times
    as many pictures are drawn as are used, and those that keep farthest from ties are taken.
    """
    x, labels = case.data(4 * case.batch)
    chosen = np.sort(np.argsort(-margins(model, x), kind="stable")[: case.batch])
    return x[chosen], labels[chosen]


def margins(model: nn.Sequential, x: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each picture, how far its nearest tie is, relative to the layer's largest value, (N)."""
    least = np.full(len(x), np.inf)
    values: NDArray[Any] = x.astype(np.float64)
    for layer in model.copy(np.float64):
        apart = None
        if isinstance(layer, nn.ReLU):
            apart = np.abs(values)
        elif isinstance(layer, nn.MaxPool2d):
            n, c, h, w = values.shape
            k = layer.kernel_size
            assert isinstance(k, int)
            windows = values[:, :, : h // k * k, : w // k * k].reshape(n, c, h // k, k, w // k, k)
            windows = windows.swapaxes(3, 4).reshape(n, -1, k * k)
            second, first = np.moveaxis(np.partition(windows, -2)[..., -2:], -1, 0)
            # Where no value is above 0, the ReLU before or after lets no gradient through.
            apart = np.where(first > 0, first - second, np.inf)
        if apart is not None:
            nearest = apart.reshape(len(x), -1).min(axis=1)
            least = np.minimum(least, nearest / np.abs(values).max())
        values, _ = layer.forward(values)
    return least


def difference(values: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest difference of two arrays, relative to the largest expected value."""
    if values.shape != expected.shape:
        return math.inf
    largest = float(np.abs(expected).max())
    apart = float(np.abs(values - expected).max())
    return apart / largest if largest else apart


def _losses(contestant: Contestant, x: Any, labels: Any) -> NDArray[np.float64]:
    batch = contestant.batch(x, labels)
    return np.array([contestant.step(batch) for _ in range(STEPS)])
