"""Batches: which pictures come together, in which order, and as what arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from byhand import checks, kernels
from byhand.data.augment import Augmentation
from byhand.data.dataset import Dataset
from byhand.data.standardise import Standardisation
from byhand.errors import InputError, ShapeError
from byhand.kernels import Key

MOST_DRAWN = 2**16  # pictures in a batch with replacement, where the set has fewer
SAMPLINGS = ("shuffle", "in_order", "with_replacement")


class Batch(NamedTuple):
    """Pictures that are learned from together.

    `images` is (N, C, H, W) float32, standardised, in the layout asked for; `labels` (N,) int64;
    `indices` (N,) int64, the pictures' places in the set. Where only a shard of the batch was asked
    for, images and labels are the shard's, and indices are still the whole batch's.
    """

    images: Any
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]


def batch_indices(
    n: int, batch_size: int, rng: np.random.Generator, sampling: str = "shuffle"
) -> Iterator[NDArray[np.int64]]:
    """The places in the set of each batch of one epoch over `n` pictures.

    Args:
        n: pictures in the set.
        batch_size: pictures in a batch; what is left at the end is a smaller batch.
        rng: draws the order. Nothing is drawn before the first batch is asked for.
        sampling: "shuffle", every picture once, in an order drawn anew (one permutation);
            "in_order", every picture once, as they stand, nothing drawn; "with_replacement",
            ceil(n / batch_size) full batches, each of pictures drawn singly (one call of
            `rng.integers` a batch), so that some come twice and some not at all.

    Raises:
        InputError: the batch size or the name of the sampling is none, or so many cannot be drawn
            (at the call).
    """
    checks.one_of("sampling", sampling, SAMPLINGS)
    size, n = checks.whole("batch_size", batch_size, 1), checks.whole("the number of pictures", n)
    if sampling == "with_replacement" and size > max(n, MOST_DRAWN):
        raise InputError(
            f"batch_size is {size:,}, but with replacement {max(n, MOST_DRAWN):,} of the {n:,} "
            "pictures can be drawn at most; give a smaller one"
        )
    return _indices(n, size, rng, sampling)


def _indices(
    n: int, batch_size: int, rng: np.random.Generator, sampling: str
) -> Iterator[NDArray[np.int64]]:
    if sampling == "with_replacement":
        for _ in range(0, n, batch_size):
            yield rng.integers(n, size=batch_size, dtype=np.int64)
        return
    order = np.arange(n, dtype=np.int64)
    if sampling == "shuffle":
        order = rng.permutation(order)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def batches(
    dataset: Dataset,
    batch_size: int,
    rng: np.random.Generator,
    *,
    sampling: str = "shuffle",
    standardisation: Standardisation | None = None,
    skip: int = 0,
    layout: str = "auto",
    augment: Augmentation | None = None,
    key: Key | None = None,
    part: Callable[[int], slice] | None = None,
) -> Iterator[Batch]:
    """The batches of one epoch.

    Args:
        dataset: what to draw from.
        batch_size: as for `batch_indices`.
        rng: as for `batch_indices`.
        sampling: as for `batch_indices`.
        standardisation: what the pictures go through; None only divides by 255.
        skip: batches of this epoch that were done already, as when a run resumes in the middle of
            an epoch: they are drawn, so that `rng` ends where it would have, and left out.
        layout: as for `byhand.kernels.as_layout`.
        augment: how the pictures are moved, if at all.
        key: what that is drawn from: the key of the epoch's first batch, the step of which counts
            up from batch to batch.
        part: which pictures of a batch of n to give: a shard, which may be empty. None is all.

    Raises:
        InputError: a value is none of its kind, or augmentation has no key (at the call).
    """
    if augment is not None and key is None:
        raise InputError("augmentation needs randomness: pass key=nn.Key(seed, step)")
    skip = checks.whole("skip", skip)
    indices = batch_indices(len(dataset), batch_size, rng, sampling)
    return _assembled(
        dataset, indices, standardisation or Standardisation.unit(dataset.image_shape[0]), skip,
        layout, augment, key, part,
    )  # fmt: skip


def _assembled(
    dataset: Dataset,
    indices: Iterator[NDArray[np.int64]],
    standardisation: Standardisation,
    skip: int,
    layout: str,
    augment: Augmentation | None,
    key: Key | None,
    part: Callable[[int], slice] | None,
) -> Iterator[Batch]:
    for number, where in enumerate(indices):
        if number >= skip:
            shard = slice(0, len(where)) if part is None else part(len(where))
            source, index = dataset.images, where[shard]
            labels = dataset.labels[index]
            if augment is not None and key is not None and len(index):
                place = key._replace(step=key.step + number).shard(shard.start)
                source = augment.apply(source[index], place)
                index = np.arange(len(index))
            images = standardised(source, index, standardisation, layout)
            yield Batch(images, labels, where)


def standardised(
    images: NDArray[Any],
    index: NDArray[np.int64],
    by: Standardisation,
    layout: str = "auto",
    train: bool = True,
) -> Any:
    """The pictures at `index` of a set (N, C, H, W), standardised, in the layout asked for.

    The compiled core takes many out of a set of bytes in one pass. `train` is as for
    `byhand.kernels.as_layout`.
    """
    many = train or len(index) > kernels.FEW_IMAGES
    if many and kernels.resolve_layout(layout) == "lanes" and images.dtype == np.uint8:
        return kernels.gather(images, index, *by.scale_and_shift, layout)
    return kernels.as_layout(by.apply(images[index]), layout, train)


def one_hot(labels: ArrayLike, classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Labels as rows with a one at the label's place: (N,) integers -> (N, classes).

    Raises:
        ShapeError: the labels are no integers on one axis.
        InputError: a label is outside 0 .. classes - 1.
    """
    values = np.asarray(labels)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise ShapeError(
            f"labels of shape {values.shape} and type {values.dtype} have no one-hot form: "
            "give integers of shape (N,)"
        )
    rows = np.zeros((len(values), classes), dtype)
    if values.size == 0:
        return rows
    if values.min() < 0 or values.max() >= classes:
        raise InputError(
            f"labels from {values.min()} to {values.max()} do not fit {classes} classes: "
            f"give labels from 0 to {classes - 1}"
        )
    rows[np.arange(len(values)), values] = 1
    return rows
