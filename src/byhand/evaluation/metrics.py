"""How good predictions are: a function a figure, from arrays to plain values.

Symbols: N pictures, K classes; labels and predictions are integers (N,), probabilities (N, K).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.errors import DataError, InputError, ShapeError

Labels = NDArray[np.integer[Any]]
BINS = 15  # as in Guo et al.


@dataclass(frozen=True)
class ClassFigures:
    """One class: precision = hits / predicted, recall = hits / support, F1 their harmonic mean.

    `support` is how many pictures have the class; a figure that divides by 0 is 0.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values; the name is under "class"."""
        values = asdict(self)
        return {"class": values.pop("name"), **values}


@dataclass(frozen=True)
class Confusion:
    """One kind of mistake: `count` pictures of class `label` read as `prediction`.

    `share` is count / pictures of class `label`.
    """

    label: str
    prediction: str
    count: int
    share: float


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, by bins of equal width; bin m is (edges[m], edges[m+1]].

    Args:
        edges: bins + 1 values from 0 to 1.
        counts: predictions in each bin.
        confidence: their mean confidence; NaN where there are none.
        accuracy: the share of them that are right; NaN where there are none.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def ece(self) -> float:
        """Expected calibration error: the sum over bins of counts/N * |accuracy - confidence|."""
        n = sum(self.counts)
        rows = zip(self.counts, self.confidence, self.accuracy, strict=True)
        return sum(k / n * abs(right - sure) for k, sure, right in rows if k)

    def as_dict(self) -> dict[str, Any]:
        """The bins as plain values, for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Reliability:
        """The bins from what `as_dict` gave, once through JSON (which has null for NaN)."""
        return Reliability(
            tuple(values["edges"]),
            tuple(values["counts"]),
            tuple(math.nan if v is None else v for v in values["confidence"]),
            tuple(math.nan if v is None else v for v in values["accuracy"]),
        )


def accuracy(labels: Labels, predictions: Labels) -> float:
    """The share of predictions that are right.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none.
    """
    labels, predictions = _pair(labels, predictions)
    return float((labels == predictions).mean())


def wilson_interval(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share of `hits` in `n` independent trials, by Wilson's score.

        centre = (p + z²/2n) / (1 + z²/n)
        half   = z sqrt(p(1 - p)/n + z²/4n²) / (1 + z²/n)        with p = hits/n

    It stays within 0..1, and has a width at 0 and 1 too. E. B. Wilson, "Probable inference, the law
    of succession, and statistical inference", 1927.

    Raises:
        InputError: not 0 <= hits <= n, or n is 0, or not 0 < level < 1.
    """
    if not (n > 0 and 0 <= hits <= n and 0 < level < 1):
        raise InputError(
            f"there is no interval of {hits} hits in {n} at level {level}: "
            "give 0 <= hits <= n, n above 0, and a level between 0 and 1"
        )
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At 0 and n the bound is the share itself; rounding must not say otherwise.
    return (
        0.0 if hits == 0 else max(0.0, centre - half),
        1.0 if hits == n else min(1.0, centre + half),
    )


def mean_cross_entropy(outputs: NDArray[Any], labels: Labels) -> float:
    """Mean of -log softmax(outputs)[label], in float64; outputs are logits (N, K).

    Logarithms of probabilities (N, K) give the same, as they are logits too.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none, or a label is none of the K.
    """
    x = np.asarray(outputs, np.float64)
    labels = _rows(x, labels)
    shifted = x - x.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(x)), labels]).mean())


def confusion_matrix(labels: Labels, predictions: Labels, classes: int) -> NDArray[np.int64]:
    """Counts (K, K): row is the label, column the prediction, as scikit-learn has it.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none.
    """
    from sklearn.metrics import confusion_matrix as counts

    labels, predictions = _pair(labels, predictions)
    matrix = counts(labels, predictions, labels=np.arange(classes))
    return np.asarray(matrix, np.int64)


def per_class(
    labels: Labels, predictions: Labels, classes: Sequence[str]
) -> tuple[ClassFigures, ...]:
    """Precision, recall, F1 and support of each class, by scikit-learn.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none.
    """
    from sklearn.metrics import precision_recall_fscore_support

    labels, predictions = _pair(labels, predictions)
    columns = precision_recall_fscore_support(
        labels, predictions, labels=np.arange(len(classes)), zero_division=0
    )
    return tuple(
        ClassFigures(str(name), float(p), float(r), float(f), int(n))
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    )


def classification_report(
    labels: Labels, predictions: Labels, classes: Sequence[str], digits: int = 4
) -> str:
    """The table of `per_class` with its averages, as scikit-learn prints it.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none.
    """
    from sklearn.metrics import classification_report as report

    labels, predictions = _pair(labels, predictions)
    text = report(
        labels,
        predictions,
        labels=np.arange(len(classes)),
        target_names=[str(name) for name in classes],
        digits=digits,
        zero_division=0,
    )
    return str(text)


def most_confused(
    confusion: NDArray[np.int64], classes: Sequence[str], first: int = 10
) -> tuple[Confusion, ...]:
    """The `first` most frequent kinds of mistake in (K, K); equal counts as the classes go."""
    errors = np.array(confusion)
    np.fill_diagonal(errors, 0)
    support = np.asarray(confusion).sum(axis=1)
    order = np.argsort(-errors, axis=None, kind="stable")[: min(first, np.count_nonzero(errors))]
    pairs = zip(*np.unravel_index(order, errors.shape), strict=True)
    return tuple(
        Confusion(
            str(classes[i]), str(classes[j]), int(errors[i, j]), float(errors[i, j] / support[i])
        )
        for i, j in pairs
    )


def reliability(probabilities: NDArray[Any], labels: Labels, bins: int = BINS) -> Reliability:
    """Does it know when it is wrong: accuracy by bins of confidence, the greatest of (N, K).

    Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.

    Raises:
        ShapeError: the counts differ.
        DataError: there are none, or a label is none of the K.
    """
    p = np.asarray(probabilities, np.float64)
    labels = _rows(p, labels)
    sure = np.minimum(p.max(axis=1), 1.0)  # softmax in float32 may exceed 1 by rounding
    right = p.argmax(axis=1) == labels
    edges = np.linspace(0, 1, bins + 1)
    where = np.digitize(sure, edges[1:-1], right=True)  # (N,) bin of each prediction
    counts = np.bincount(where, minlength=bins)
    total = np.where(counts == 0, np.nan, counts)
    return Reliability(
        tuple(edges.tolist()),
        tuple(counts.tolist()),
        tuple((np.bincount(where, sure, bins) / total).tolist()),
        tuple((np.bincount(where, right, bins) / total).tolist()),
    )


def _pair(labels: Labels, predictions: Labels) -> tuple[Labels, Labels]:
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise ShapeError(
            f"labels of shape {labels.shape} and predictions of shape {predictions.shape} cannot "
            "be compared: give one of each for each picture"
        )
    if not len(labels):
        raise DataError("there are no pictures to evaluate: give at least one")
    return labels, predictions


def _rows(values: NDArray[Any], labels: Labels) -> Labels:
    labels = np.asarray(labels)
    if values.ndim != 2 or labels.shape != values.shape[:1]:
        raise ShapeError(
            f"outputs of shape {values.shape} and labels of shape {labels.shape} cannot be "
            "compared: give (N, classes) and (N,)"
        )
    if not len(labels):
        raise DataError("there are no pictures to evaluate: give at least one")
    if labels.min() < 0 or labels.max() >= values.shape[1]:
        raise DataError(
            f"labels from {labels.min()} to {labels.max()} do not fit {values.shape[1]} classes; "
            f"they must be from 0 to {values.shape[1] - 1}"
        )
    return labels


def mean(values: ArrayLike) -> float:
    """The mean of the values, of any shape, that are numbers; NaN where there is none."""
    known = finite(values)
    return float(known.mean()) if known.size else math.nan


def deviation(values: ArrayLike) -> float:
    """The sample's standard deviation (n - 1), of any shape; NaN of fewer than two numbers."""
    known = finite(values)
    return float(known.std(ddof=1)) if known.size > 1 else math.nan


def finite(values: ArrayLike) -> NDArray[np.float64]:
    """The values of any shape that are numbers, (n,)."""
    array = np.asarray(values, np.float64).ravel()
    return array[np.isfinite(array)]
