"""Losses of outputs in lanes: one number an image, as lanes too; see reference/loss.py."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.errors import ShapeError
from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import LANES, Lanes, blocks_of, wrap
from byhand.kernels.operation import implements, numbers
from byhand.kernels.reference import loss as reference

Array = NDArray[Any]


class LanesCrossEntropyCache(NamedTuple):
    """The probabilities, and the labels: integers as they are, or distributions."""

    probabilities: Any  # the core's memory, (N, K) in lanes
    labels: Array | None  # (N) int64
    smoothing: float
    targets: Array | None  # (N, K), smoothed
    outputs: tuple[int, int]  # N, K

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the losses."""
        return self.outputs[:1]


class LanesDifferenceCache(NamedTuple):
    """The derivative of each image's loss by its outputs."""

    derivative: Lanes  # as the outputs

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the losses."""
        return (self.derivative.n,)


@implements(reference.mean_loss, Lanes)
def mean_loss(losses: Lanes, n: int | None = None) -> tuple[float, Lanes]:
    """The mean of the losses (N), and each one's share 1/n in it."""
    count = reference.check_count(losses.shape, n)
    share = np.zeros((blocks_of(losses.n), LANES), np.float32)
    share.reshape(-1)[: losses.n] = 1 / count
    return core.sum(losses.memory, losses.n) / count, Lanes(share, losses.n)


@implements(reference.cross_entropy, Lanes)
def cross_entropy(
    logits: Lanes, labels: ArrayLike, label_smoothing: float = 0.0
) -> tuple[Lanes, LanesCrossEntropyCache]:
    """The N losses, and what backward needs."""
    label_smoothing = reference.check_cross_entropy(logits.shape, label_smoothing)
    n, k = logits.shape
    labels = numbers("cross_entropy got as labels", labels)
    integers, targets = None, None
    if labels.shape == (n,) and labels.dtype.kind in "iu":
        integers = labels.astype(np.int64, copy=False)
        try:
            losses, p = core.cross_entropy_labels(n, k, logits.memory, integers, label_smoothing)
        except ShapeError:
            reference.check_labels(labels, k)  # says which
            raise
    else:
        targets = reference.distributions((n, k), np.float32, labels, label_smoothing)
        losses, p = core.cross_entropy(n, k, logits.memory, targets)
    cache = LanesCrossEntropyCache(p, integers, label_smoothing, targets, (n, k))
    return wrap(losses, n, ()), cache


@implements(reference.cross_entropy_backward, Lanes)
def cross_entropy_backward(dlosses: Lanes, cache: LanesCrossEntropyCache) -> Lanes:
    """dlogits (N, K)."""
    p, labels, smoothing, targets, (n, k) = cache
    if labels is None:
        dlogits = core.cross_entropy_backward(n, k, dlosses.memory, p, targets)
    else:
        dlogits = core.cross_entropy_labels_backward(n, k, dlosses.memory, p, labels, smoothing)
    return wrap(dlogits, n, (k,))


@implements(reference.mean_squared_error, Lanes)
def mean_squared_error(outputs: Lanes, targets: ArrayLike) -> tuple[Lanes, LanesDifferenceCache]:
    """The N losses, and what backward needs."""
    targets = reference.same_shape(outputs.shape, np.float32, targets)
    return _difference(core.mean_squared_error, outputs, targets)


@implements(reference.mean_squared_error_backward, Lanes)
def mean_squared_error_backward(dlosses: Lanes, cache: LanesDifferenceCache) -> Lanes:
    """dy as the outputs."""
    return _scaled(dlosses, cache)


@implements(reference.binary_cross_entropy, Lanes)
def binary_cross_entropy(logits: Lanes, targets: ArrayLike) -> tuple[Lanes, LanesDifferenceCache]:
    """The N losses, and what backward needs."""
    shares = reference.check_shares(reference.same_shape(logits.shape, np.float32, targets))
    return _difference(core.binary_cross_entropy, logits, shares)


@implements(reference.binary_cross_entropy_backward, Lanes)
def binary_cross_entropy_backward(dlosses: Lanes, cache: LanesDifferenceCache) -> Lanes:
    """dz as the logits."""
    return _scaled(dlosses, cache)


def _difference(loss: Any, outputs: Lanes, targets: Array) -> tuple[Lanes, LanesDifferenceCache]:
    losses, d = loss(outputs.n, math.prod(outputs.features), outputs.memory, targets)
    derivative = wrap(d, outputs.n, outputs.features)
    return wrap(losses, outputs.n, ()), LanesDifferenceCache(derivative)


def _scaled(dlosses: Lanes, cache: LanesDifferenceCache) -> Lanes:
    (d,) = cache
    dx = core.scale_images(d.n, math.prod(d.features), d.memory, dlosses.memory)
    return wrap(dx, d.n, d.features)
