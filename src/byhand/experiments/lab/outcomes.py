"""How runs over seeds come out: which diverged or never left chance, and which are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from byhand.experiments.lab.statistics import CONFIDENCE, deviation, mean
from byhand.experiments.lab.train import Trained

GUESSES = 2  # what reads more than so many times what guessing gives has left chance
CHANCE = GUESSES / 10  # among ten digits
SMALL = 0.1  # a deviation up to this share of the mean is called "about the same"


def left_chance(accuracy: ArrayLike, classes: int = 10) -> list[bool]:
    """Whether each run reads more than `GUESSES` guesses; a run that broke off (NaN) does not."""
    return [bool(value > GUESSES / classes) for value in np.asarray(accuracy, np.float64).ravel()]


def accuracies(
    runs: Sequence[Trained],
    classes: int,
    of: Literal["test_accuracy", "validation_accuracy"] = "test_accuracy",
) -> list[float]:
    """What each run reads; one that diverged reads no better than a guess among `classes`."""
    return [1 / classes if run.diverged else getattr(run, of) for run in runs]


def is_like(values: ArrayLike, other: float) -> bool | None:
    """Whether one more run, `other`, may be of the same kind as the runs that gave `values`.

    It may where it is within the 95 % interval for a single further run, mean ± t·s·√(1 + 1/n);
    None of fewer than two.
    """
    low, high = one_more(values)
    return low <= other <= high if math.isfinite(low + high) else None


def one_more(values: ArrayLike) -> tuple[float, float]:
    """The ends of the 95 % interval for a single further run; infinite of fewer than two."""
    from scipy.stats import t

    array = np.asarray(values, np.float64).ravel()
    n = int(np.isfinite(array).sum())
    if n < 2:
        return -math.inf, math.inf
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation(array) * math.sqrt(1 + 1 / n)
    return mean(array) - half, mean(array) + half


def about_the_same(values: ArrayLike) -> bool | None:
    """Whether the deviation is at most a tenth of the mean; None of fewer than two."""
    spread = deviation(values)
    return spread <= SMALL * abs(mean(values)) if math.isfinite(spread) else None
