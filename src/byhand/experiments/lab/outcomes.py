"""How runs over seeds come out: which never left chance, and whether another is like them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from byhand.experiments.lab.statistics import CONFIDENCE, deviation, mean

CHANCE = 0.2  # twice what guessing among ten digits gives
SMALL = 0.1  # a deviation up to this share of the mean is called "about the same"


def left_chance(accuracy: ArrayLike) -> list[bool]:
    """Whether each run reads more than `CHANCE`; a run that broke off (NaN) does not."""
    return [bool(value > CHANCE) for value in np.asarray(accuracy, np.float64).ravel()]


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
