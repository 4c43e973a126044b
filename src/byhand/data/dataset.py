"""What every source of pictures ends in: a set with labels, to learn from and to test on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import checks
from byhand.data.arrays import as_classes, as_images, as_labels
from byhand.errors import DataError, InputError

DIGITS = tuple("0123456789")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures.

    Args:
        images: (N, C, H, W) uint8, 0 to 255, white ink on black; or what `arrays.as_images` makes
            so: (N, H, W), channels last, booleans, numbers from 0 to 1 or from 0 to 255.
        labels: (N,) int64; label k means `classes[k]`. Or what `arrays.as_labels` makes so: other
            whole numbers, one-hot rows, the classes' names.
        classes: the names of the classes, each another.

    Raises:
        ShapeError: an array is none of these.
        DataError: the counts differ, a label is outside the classes, or the pixels' range is
            another.
        InputError: the classes are no list of names.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] = field(default=DIGITS)

    def __post_init__(self) -> None:
        classes = as_classes(self.classes)
        images, labels = as_images(self.images), as_labels(self.labels, classes)
        if len(images) != len(labels):
            raise DataError(
                f"there are {len(images)} pictures and {len(labels)} labels: "
                "give one label for each picture"
            )
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "classes", classes)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every picture."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def take(self, indices: ArrayLike) -> Dataset:
        """The pictures at `indices` (n integers, or a mask of shape (N,)), copied, in that order.

        Raises:
            DataError: they are none, or outside.
        """
        where = np.asarray(indices)
        if where.size == 0:
            where = where.astype(np.int64)
        try:
            return Dataset(self.images[where], self.labels[where], self.classes)
        except IndexError as error:
            raise DataError(
                f"indices of shape {where.shape} and type {where.dtype} take no pictures "
                f"({error}): give integers from 0 to {len(self) - 1}, or a boolean for each picture"
            ) from error

    def first(self, n: int) -> Dataset:
        """The first `n` pictures, or all where there are fewer; a view, nothing is copied.

        Raises:
            InputError: n is no whole number.
        """
        n = checks.whole("the number of pictures", n)
        return Dataset(self.images[:n], self.labels[:n], self.classes)


def digits_of(images: Any, labels: Any, what: str) -> Dataset:
    """Pictures (N, H, W) or (N, C, H, W) of digits, and their labels (N,), from a file.

    Raises:
        DataError: they make no data set; names `what`.
    """
    try:
        return Dataset(images, labels, DIGITS)
    except InputError as error:
        raise DataError(f"{what}: {error}") from error


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
        seen = np.unique(self.train.labels)
        sentence = "there is one class to train on"
        if len(seen) == 1 and not any(note.startswith(sentence) for note in self.notes):
            note = f"{sentence}, {self.train.classes[seen[0]]}, so there is nothing to tell apart"
            object.__setattr__(self, "notes", (*self.notes, note))
