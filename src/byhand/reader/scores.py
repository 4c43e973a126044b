"""How well a reader reads: a function a figure, from what was read and what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import DataError

# Where the curve of coverage and error has its points; close together where readers are.
THRESHOLDS = (*np.linspace(0, 0.9, 19).tolist(), 0.92, 0.94, 0.96, 0.98, 0.99, 0.995, 0.998, 0.999)


def edit_distance(a: str, b: str) -> int:
    """How many characters to insert, leave out or change to make `b` of `a` (Levenshtein, 1965)."""
    row = list(range(len(b) + 1))  # of the empty beginning of a
    for i, x in enumerate(a, 1):
        above, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y)))
    return row[-1]


def line_errors(read: Sequence[str], written: Sequence[str]) -> int:
    """Wrong, missed and added characters of a page, its lines compared in their order.

    Lines are paired so that the fewest characters differ. One that was missed counts with all its
    characters, and so does one that was added; what is read into the wrong line is wrong twice.
    """
    row = [0]
    for line in written:
        row.append(row[-1] + len(line))
    for line in read:
        above, row = row, [row[0] + len(line)]
        for j, truth in enumerate(written, 1):
            row.append(
                min(
                    above[j] + len(line),
                    row[j - 1] + len(truth),
                    above[j - 1] + edit_distance(line, truth),
                )
            )
    return row[-1]


@dataclass(frozen=True)
class Coverage:
    """What a threshold costs and gains; a point for each of `threshold`, n of them.

    Args:
        threshold: digits of less confidence are rejected.
        coverage: the share of digits that are not.
        error: the share of wrong ones among these; None where all are rejected.
    """

    threshold: tuple[float, ...]
    coverage: tuple[float, ...]
    error: tuple[float | None, ...]

    def as_dict(self) -> dict[str, Any]:
        """The points as plain values, for JSON."""
        return {
            "threshold": list(self.threshold),
            "coverage": list(self.coverage),
            "error": list(self.error),
        }


def coverage(
    confidence: NDArray[np.floating[Any]],
    right: NDArray[np.bool_],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Coverage:
    """Coverage against error, over thresholds.

    El-Yaniv and Wiener, "On the foundations of noise-free selective classification", 2010.

    Args:
        confidence: (N,) how sure the reader was of each digit.
        right: (N,) whether it was right.
        thresholds: where to look.

    Raises:
        DataError: there are no digits.
    """
    if not len(confidence):
        raise DataError("there are no digits to draw a curve of: give at least one")
    shares, errors = [], []
    for threshold in thresholds:
        kept = confidence >= threshold
        shares.append(float(kept.mean()))
        errors.append(float(1 - right[kept].mean()) if kept.any() else None)
    return Coverage(tuple(map(float, thresholds)), tuple(shares), tuple(errors))


def threshold_rejecting(confidence: NDArray[np.floating[Any]], share: float) -> float:
    """The highest threshold below which at most `share` of the confidences (N,) lie.

    Raises:
        DataError: there are none.
    """
    if not len(confidence):
        raise DataError("there are no digits to find a threshold for: give at least one")
    return float(np.sort(confidence)[min(len(confidence) - 1, int(share * len(confidence)))])


__all__ = [
    "THRESHOLDS",
    "Coverage",
    "coverage",
    "edit_distance",
    "line_errors",
    "threshold_rejecting",
]
