"""Splitting off a part for choosing by, with every class in its proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.dataset import Dataset


def stratified_split(
    dataset: Dataset, fraction: float, rng: np.random.Generator
) -> tuple[Dataset, Dataset]:
    """Split a set in two parts that hold the classes in the same proportions.

    The second part gets round(N · fraction) pictures. Class c, with n_c of the N, gives its share
    n_c · round(N · fraction) / N, rounded down, and the classes with the largest remainders one
    more each, the lower label first among equals. Which ones, `rng` says (one permutation). Both
    parts keep the order of the set. Every class keeps one picture in the first part, even where
    the second part then ends smaller.

    Args:
        dataset: what to split.
        fraction: how much of it goes to the second part, at least 0 and below 1; with 0 that part
            is empty.
        rng: draws the pictures.

    Returns:
        (train, validation)

    Raises:
        InputError: the fraction is none.
    """
    fraction = checks.number("the fraction to split off", fraction, 0, below=1)
    order = rng.permutation(len(dataset))
    if fraction == 0:
        return dataset, dataset.take([])
    shares = _shares(np.bincount(dataset.labels, minlength=len(dataset.classes)), fraction)
    chosen = np.zeros(len(dataset), bool)
    labels = dataset.labels[order]
    for label, share in enumerate(shares):
        chosen[order[labels == label][:share]] = True
    return dataset.take(~chosen), dataset.take(chosen)


def _shares(counts: NDArray[np.intp], fraction: float) -> list[int]:
    """How many of each class go to the second part."""
    n = int(counts.sum())
    total = round(n * fraction)
    most = [max(0, int(count) - 1) for count in counts]
    # In whole numbers: count · total = share · n + remainder, so ties are ties.
    shares = [min(int(count) * total // n, cap) for count, cap in zip(counts, most, strict=True)]
    remainders = [int(count) * total % n for count in counts]
    by_remainder = sorted(range(len(shares)), key=lambda label: -remainders[label])
    left = min(total, sum(most)) - sum(shares)
    while left > 0:  # more than once around only where classes are down to their last picture
        for label in by_remainder:
            if left > 0 and shares[label] < most[label]:
                shares[label] += 1
                left -= 1
    return shares
