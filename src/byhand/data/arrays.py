"""Pictures, labels and class names from whatever arrays and lists they come in, or a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.pixel_range import find_range
from byhand.errors import DataError, InputError, ShapeError

_COLOURS = (1, 3)  # how many channels a last axis may be


def as_images(given: Any) -> NDArray[np.uint8]:
    """Pictures as (N, C, H, W) uint8.

    (N, H, W) becomes (N, 1, H, W), and (N, H, W, 1) or (N, H, W, 3), with more than four rows,
    have their channels put first. Bytes stay as they are; booleans, and numbers from 0 to 1 or
    from 0 to 255, become bytes.

    Raises:
        ShapeError: another shape, or a type that is no number's.
        DataError: numbers of another range, or some that are masked.
    """
    images = plain_array(given, "pictures")
    if images.ndim == 3:
        images = images[:, np.newaxis]  # (N, H, W) -> (N, 1, H, W)
    elif images.ndim == 4 and images.shape[-1] in _COLOURS and images.shape[1] > 4:
        images = np.moveaxis(images, -1, 1)  # (N, H, W, C) -> (N, C, H, W)
    if images.ndim != 4:
        raise ShapeError(
            f"pictures of shape {images.shape} and type {images.dtype} are no data set: "
            "give them as uint8 of shape (N, C, H, W), or (N, H, W)"
        )
    if images.dtype == np.uint8:
        return images
    low, high = 0.0, 0.0
    if images.size and images.dtype.kind in "buif":
        low, high = float(images.min()), float(images.max())
    what = "the pixels of the pictures"
    pixels = find_range(low, high, images.dtype, what)
    if pixels.white > 255:
        raise DataError(
            f"{what} go from {low:g} to {high:g}: scale them to 0 to 255, those for training and "
            "those for testing alike"
        )
    return np.ascontiguousarray(pixels.to_bytes(images))


def as_labels(given: Any, classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Labels as (N,) int64, the places of their classes.

    Integers of any width are taken, floats that are whole, booleans as 0 and 1, a column (N, 1),
    rows with one 1 for each class (N, classes), and the classes' names.

    Raises:
        ShapeError: another shape or type.
        DataError: a label that is none of the classes.
    """
    labels = plain_array(given, "labels")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # (N, 1) -> (N,)
    elif labels.ndim == 2 and labels.shape[1] == len(classes) and labels.dtype.kind in "buif":
        if not (((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(
                f"labels of shape {labels.shape} are not rows with one 1 and else 0: "
                "give one integer for each picture, .argmax(axis=1) of probabilities for one"
            )
        labels = labels.argmax(axis=1)
    if labels.dtype.kind in "OU" and labels.ndim == 1:
        labels = _places(labels, classes)
    if labels.dtype.kind == "b" or not labels.size:
        labels = labels.astype(np.int64)
    if labels.ndim != 1 or labels.dtype.kind not in "iuf":
        raise ShapeError(
            f"labels of shape {labels.shape} and type {labels.dtype} are no data set's: "
            "give one integer for each picture, as an array of shape (N,)"
        )
    if labels.dtype.kind == "f":
        odd = labels != np.rint(labels)  # NaN among them
        if odd.any():
            raise DataError(
                f"label {labels[odd][0]} at position {int(np.argmax(odd))} is no whole number: "
                "give one integer for each picture"
            )
    check_labels(labels, len(classes), "the labels")
    return labels.astype(np.int64, copy=False)


def as_classes(given: Any) -> tuple[str, ...]:
    """The names of classes: at least one, each a text of its own (numbers are written out).

    Raises:
        InputError: they are none; names the first that is wrong.
    """
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InputError(
            f"the classes are {checks.quoted(given)}: give a list of names, one for each label"
        )
    names = tuple(
        str(name) if isinstance(name, int | np.integer) else checks.word("a class's name", name)
        for name in given
    )
    if not names:
        raise InputError("there are no classes: give a name for each label")
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if not name.strip():
            raise InputError(f"class {place} has no name: give every class one")
        if first.setdefault(name, place) != place:
            raise InputError(
                f"classes {first[name]} and {place} are both called {checks.quoted(name)}: "
                "give every class a name of its own"
            )
    return names


def check_labels(labels: NDArray[Any], classes: int, what: str) -> None:
    """Raise a DataError that names `what` and the first label outside 0 .. classes - 1."""
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        where = int(np.argmax(outside))
        raise DataError(
            f"{what}: label {labels[where]} at position {where} is none of the {classes} classes; "
            f"labels go from 0 to {classes - 1}"
        )


def plain_array(given: Any, what: str) -> NDArray[Any]:
    """An array of what was given, of no type of its own.

    Raises:
        ShapeError: it makes none; names `what`, the things in it.
        DataError: some of it is masked.
    """
    if isinstance(given, np.ma.MaskedArray):
        if np.ma.is_masked(given):
            raise DataError(f"some {what} are masked: fill them (.filled(0)) or leave them out")
        return np.asarray(given.data)
    try:
        return np.asarray(given)
    except Exception as error:  # a list of different lengths; an object of anyone's
        raise ShapeError(
            f"{what} given as a {type(given).__name__} make no array: give an array, or a list of "
            "arrays that are all of one shape"
        ) from error


def _places(labels: NDArray[Any], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """Where each name stands among the classes; whole numbers among objects stay."""
    places = {name: place for place, name in enumerate(classes)}
    numbers = np.empty(len(labels), np.int64)
    for position, label in enumerate(labels.tolist()):
        if isinstance(label, int) and not isinstance(label, bool):
            numbers[position] = checks.whole(f"label {position}", label)
        elif not isinstance(label, str) or label not in places:
            raise DataError(
                f"label {checks.quoted(label)} at position {position} is none of the classes: "
                f"{', '.join(classes[:10])}{', …' if len(classes) > 10 else ''}"
            )
        else:
            numbers[position] = places[label]
    return numbers
