"""What every source of pictures ends in: a set with labels, to learn from and to test on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.errors import DataError, ShapeError

DIGITS = tuple("0123456789")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures.

    Args:
        images: (N, C, H, W) uint8, 0 to 255, white ink on black.
        labels: (N,) int64; label k means `classes[k]`.
        classes: the names of the classes.

    Raises:
        ShapeError: an array has another type or number of axes than these.
        DataError: the counts differ, or a label is outside the classes.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] = field(default=DIGITS)

    def __post_init__(self) -> None:
        images, labels = np.asarray(self.images), np.asarray(self.labels)
        if images.dtype != np.uint8 or images.ndim != 4:
            raise ShapeError(
                f"pictures of shape {images.shape} and type {images.dtype} are no data set: "
                "give them as uint8 of shape (N, C, H, W)"
            )
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise ShapeError(
                f"labels of shape {labels.shape} and type {labels.dtype} are no data set's: "
                "give one integer for each picture, as an array of shape (N,)"
            )
        if len(images) != len(labels):
            raise DataError(
                f"there are {len(images)} pictures and {len(labels)} labels: "
                "give one label for each picture"
            )
        classes = tuple(str(name) for name in self.classes)
        check_labels(labels, len(classes), "the labels")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))
        object.__setattr__(self, "classes", classes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every picture."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def take(self, indices: ArrayLike) -> Dataset:
        """The pictures at `indices` (integers, or a mask of N booleans), copied, in that order."""
        where = np.asarray(indices)
        if where.size == 0:
            where = where.astype(np.int64)
        return Dataset(self.images[where], self.labels[where], self.classes)

    def first(self, n: int) -> Dataset:
        """The first `n` pictures, or all where there are fewer; a view, nothing is copied."""
        if n < 0:
            raise DataError(f"cannot take the first {n} pictures: give 0 or more")
        return Dataset(self.images[:n], self.labels[:n], self.classes)


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set as it was found.

    Args:
        name: "mnist" where the pictures are MNIST's, bit for bit, in whatever form they came;
            "digits" for scikit-learn's; "mnist-like" and "folder" for others.
        train: what to learn from.
        test: what to read once, at the end.
        validation: what to choose by, where the source brings such a part of its own.
        source: where it came from, for people.
        sha256: of the contents; `byhand.data.fingerprint` says over which bytes.
        notes: what a reader of the results should know, a sentence each.

    Raises:
        DataError: the parts differ in picture size or in classes.
    """

    name: str
    train: Dataset
    test: Dataset
    validation: Dataset | None
    source: str
    sha256: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, other in (("test", self.test), ("validation", self.validation)):
            if other is None:
                continue
            if other.image_shape != self.train.image_shape:
                raise DataError(
                    f"{self.source} has training pictures of shape {self.train.image_shape} and "
                    f"{part} pictures of shape {other.image_shape}: give both in one size"
                )
            if other.classes != self.train.classes:
                raise DataError(
                    f"{self.source} has {len(self.train.classes)} classes for training and "
                    f"{len(other.classes)} for {part}: give both the same classes"
                )


def check_labels(labels: NDArray[np.integer], classes: int, what: str) -> None:
    """Raise a DataError that names `what` and the first label outside 0 .. classes - 1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        where = int(np.argmax(outside))
        raise DataError(
            f"{what}: label {labels[where]} at position {where} is none of the {classes} classes; "
            f"labels go from 0 to {classes - 1}"
        )
