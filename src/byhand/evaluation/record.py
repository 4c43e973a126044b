"""The evaluation record: every figure of a model on a labelled set, and its mistakes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data import Dataset
from byhand.errors import DataError, ShapeError
from byhand.evaluation import metrics
from byhand.evaluation.metrics import ClassFigures, Confusion, Reliability
from byhand.evaluation.predict import as_pictures, logits, probabilities_of
from byhand.evaluation.reading import array_of, read_arrays, reading
from byhand.files import atomic_write, write_json
from byhand.nn import Layer

JSON, NPZ = "evaluation.json", "evaluation.npz"
_ARRAYS = ("probabilities", "labels", "mistake_indices", "mistake_images")  # what NPZ holds


@dataclass(frozen=True, eq=False)
class Mistake:
    """A picture that was read wrongly.

    `index` is its place in the data set, `confidence` the probability of `prediction`, `image` is
    (C, H, W) uint8, `probabilities` (K,).
    """

    index: int
    label: int
    prediction: int
    confidence: float
    probabilities: NDArray[np.float32]
    image: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a model reads a labelled set.

    Args:
        classes: K names.
        accuracy_interval: Wilson's, at 95 %.
        loss: mean cross-entropy.
        confusion: (K, K) int64; row is the label, column the prediction.
        ece: expected calibration error over the 15 bins of `reliability`.
        probabilities: (N, K) float32.
        labels: (N,) int64.
        mistake_indices: (M,) int64, rising: where the prediction is not the label.
        mistake_images: (M, C, H, W) uint8.
    """

    classes: tuple[str, ...]
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    per_class: tuple[ClassFigures, ...]
    confusion: NDArray[np.int64]
    ece: float
    reliability: Reliability
    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]
    mistake_indices: NDArray[np.int64]
    mistake_images: NDArray[np.uint8]

    @property
    def n(self) -> int:
        """How many pictures were read."""
        return len(self.labels)

    @property
    def hits(self) -> int:
        """How many were read rightly."""
        return self.n - len(self.mistake_indices)

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """The most probable class of each picture, (N,); the first of equals."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """What was read wrongly, in the order of the data set."""
        return tuple(
            Mistake(
                int(i),
                int(self.labels[i]),
                int(self.predictions[i]),
                float(self.probabilities[i].max()),
                self.probabilities[i],
                image,
            )
            for i, image in zip(self.mistake_indices, self.mistake_images, strict=True)
        )

    def most_confused(self, first: int = 10) -> tuple[Confusion, ...]:
        """The most frequent kinds of mistake."""
        return metrics.most_confused(self.confusion, self.classes, first)

    def report(self, digits: int = 4) -> str:
        """Precision, recall and F1 as scikit-learn prints them."""
        return metrics.classification_report(self.labels, self.predictions, self.classes, digits)

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain values, for JSON; the arrays by picture are not among them."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "loss": self.loss,
            "ece": self.ece,
            "classes": list(self.classes),
            "per_class": [figures.as_dict() for figures in self.per_class],
            "confusion": self.confusion.tolist(),
            "n_mistakes": len(self.mistake_indices),
            "most_confused": [vars(pair) for pair in self.most_confused()],
            "reliability": self.reliability.as_dict(),
        }

    def save(self, folder: str | Path) -> None:
        """Write evaluation.json (the figures) and evaluation.npz (the arrays) into `folder`.

        Raises:
            FileWriteError: it cannot be written.
        """
        with atomic_write(Path(folder) / NPZ) as file:
            np.savez_compressed(file, **{name: getattr(self, name) for name in _ARRAYS})
        write_json(Path(folder) / JSON, self.as_dict())

    @staticmethod
    def load(folder: str | Path) -> Evaluation:
        """Read what `save` wrote.

        Raises:
            DataError: a file is missing, broken, or not such a record.
        """
        path = Path(folder) / JSON
        with reading(path, "an evaluation"):
            figures = _figures(checks.parse_json(path.read_bytes(), "the record"))
        path = Path(folder) / NPZ
        with reading(path, "an evaluation"):
            return Evaluation(**figures, **_arrays(read_arrays(path), len(figures["classes"])))


def evaluate(
    model: Layer, dataset: Dataset, batch_size: int = 500, layout: str = "auto"
) -> Evaluation:
    """Read every picture of `dataset` and compare with its labels.

    Args:
        model: with a card whose image shape and number of classes are the data set's.
        dataset: the pictures and their labels.
        batch_size: pictures at a time.
        layout: the arithmetic, as in `kernels.as_layout`.

    Raises:
        InputError: an argument is none of its kind.
        DataError: the data set is empty.
        ShapeError: its pictures or classes do not fit the model.
        ByhandError: the model's outputs are not finite.
    """
    checks.instance("model", model, Layer, "a model of byhand.nn, as byhand.load gives it")
    checks.instance("dataset", dataset, Dataset, "a data.Dataset(images, labels)")
    if len(dataset) == 0:
        raise DataError("there are no pictures to evaluate: give a data set with at least one")
    check_fits(model, dataset)
    outputs = logits(model, dataset.images, batch_size, layout)
    probabilities = probabilities_of(outputs)
    labels, predictions = dataset.labels, probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predictions != labels)
    calibration = metrics.reliability(probabilities, labels)
    return Evaluation(
        classes=dataset.classes,
        accuracy=metrics.accuracy(labels, predictions),
        accuracy_interval=metrics.wilson_interval(len(labels) - len(wrong), len(labels)),
        loss=metrics.mean_cross_entropy(outputs, labels),
        per_class=metrics.per_class(labels, predictions, dataset.classes),
        confusion=metrics.confusion_matrix(labels, predictions, len(dataset.classes)),
        ece=calibration.ece,
        reliability=calibration,
        probabilities=probabilities,
        labels=labels,
        mistake_indices=wrong,
        mistake_images=dataset.images[wrong],
    )


def check_fits(model: Layer, dataset: Dataset) -> None:
    """See that the model is one for such pictures and classes.

    Raises:
        ShapeError: it is not.
    """
    if dataset.classes != model.card.classes:
        raise ShapeError(
            f"the data set has {len(dataset.classes)} classes ({_some(dataset.classes)}) and the "
            f"model {len(model.card.classes)} ({_some(model.card.classes)}): give the data that "
            "the model was trained for"
        )
    as_pictures(dataset.images, model.card.image_shape)


@dataclass(frozen=True)
class _Bins:
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]


@dataclass(frozen=True)
class _Figures:
    """What is read of evaluation.json."""

    classes: tuple[str, ...]
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float | None
    per_class: tuple[dict[str, Any], ...]
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    reliability: _Bins


def _figures(values: Any) -> dict[str, Any]:
    # The fields of an Evaluation that as_dict wrote.
    parsed = checks.record(_Figures, values, "the record")
    k, bins = len(parsed.classes), parsed.reliability
    confusion = np.array(parsed.confusion, np.int64)
    if confusion.shape != (k, k) or confusion.min() < 0 or len(parsed.per_class) != k:
        raise ValueError(f"its figures are not of {k} classes")
    if {len(bins.counts), len(bins.confidence), len(bins.accuracy)} != {len(bins.edges) - 1}:
        raise ValueError("its bins of confidence do not fit each other")
    return {
        "classes": parsed.classes,
        "accuracy": parsed.accuracy,
        "accuracy_interval": parsed.accuracy_interval,
        "loss": math.nan if parsed.loss is None else parsed.loss,
        "per_class": tuple(
            checks.record(ClassFigures, {**row, "name": row.get("class")}, "a class of it")
            for row in parsed.per_class
        ),
        "confusion": confusion,
        "ece": parsed.ece,
        "reliability": Reliability.from_dict(vars(bins)),
    }


def _arrays(arrays: Mapping[str, NDArray[Any]], k: int) -> dict[str, Any]:
    # The arrays of an Evaluation of k classes that save wrote.
    labels = array_of(arrays, "labels", np.int64, (None,))
    probabilities = array_of(arrays, "probabilities", np.floating, (len(labels), k))
    wrong = array_of(arrays, "mistake_indices", np.int64, (None,))
    images = array_of(arrays, "mistake_images", np.uint8, (len(wrong), None, None, None))
    if not (((labels >= 0) & (labels < k)).all() and np.isfinite(probabilities).all()):
        raise ValueError("its labels or probabilities are none")
    if not np.array_equal(wrong, np.flatnonzero(probabilities.argmax(axis=1) != labels)):
        raise ValueError("its mistakes are not those of its probabilities")
    if 0 in images.shape[1:]:
        raise ValueError("its pictures are empty")
    return dict(zip(_ARRAYS, (probabilities, labels, wrong, images), strict=True))


def _some(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
