"""Losses by image: outputs and targets in, one number an image out.

Forward gives the N losses and a cache; backward takes their N upstream gradients (1/N each, for a
mean over the batch) and gives the gradient of the outputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand.checks import number, whole
from byhand.errors import InputError, ShapeError
from byhand.kernels.operation import numbers, operation
from byhand.kernels.reference.activation import log_softmax

Array = NDArray[Any]


@operation
def mean_loss(losses: Array, n: int | None = None) -> tuple[float, Array]:
    """The sum of the images' losses (N) divided by n, and each one's share 1/n in that, (N).

    n is N unless given: for a shard of a batch it is the whole batch's size. Summed in float64.
    """
    count = check_count(losses.shape, n)
    return float(losses.sum(dtype=np.float64) / count), np.full_like(losses, 1 / count)


class CrossEntropyCache(NamedTuple):
    """The probabilities and the (smoothed) labels."""

    probabilities: Array  # (N, K)
    targets: Array  # (N, K)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the losses."""
        return self.targets.shape[:1]


class DifferenceCache(NamedTuple):
    """The derivative of each image's loss by its outputs."""

    derivative: Array  # as the outputs

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the losses."""
        return self.derivative.shape[:1]


def _spread(dlosses: Array, like: Array) -> Array:
    """(N) to (N, 1, ...), so that it multiplies each image's values."""
    return dlosses.reshape(-1, *(1,) * (like.ndim - 1))


def distributions(shape: tuple[int, ...], dtype: Any, labels: ArrayLike, smoothing: float) -> Array:
    """Integer labels (N) or one-hot labels (N, K) as a distribution over classes (N, K).

    Raises:
        InputError: a label has no output.
        ShapeError: the labels are neither integers (N) nor one-hot (N, K).
    """
    n, k = shape
    labels = numbers("cross_entropy got as labels", labels)
    if labels.shape == (n, k):
        targets = labels.astype(dtype)
    elif labels.shape == (n,) and labels.dtype.kind in "iu":
        check_labels(labels, k)
        targets = np.zeros((n, k), dtype)
        targets[np.arange(n), labels] = 1
    else:
        raise ShapeError(
            f"labels are {labels.dtype} of shape {labels.shape}, but for outputs {shape} "
            f"they must be integers ({n},) or one-hot {shape}"
        )
    if smoothing:
        targets = targets * (1 - smoothing) + targets.sum(axis=1, keepdims=True) * (smoothing / k)
    return targets


@operation
def cross_entropy(
    logits: Array, labels: ArrayLike, label_smoothing: float = 0.0
) -> tuple[Array, CrossEntropyCache]:
    """Softmax and cross-entropy in one: loss[n] = -sum over k of t[n,k] * log softmax(z)[n,k].

    logits (N, K); labels integers (N) or one-hot (N, K). Label smoothing e turns the labels t into
    (1-e)*t + e/K (Szegedy et al., "Rethinking the Inception architecture", 2016).
    """
    label_smoothing = check_cross_entropy(logits.shape, label_smoothing)
    targets = distributions(logits.shape, logits.dtype, labels, label_smoothing)
    log_probabilities, _ = log_softmax(logits)
    # A class that is no target costs nothing, also where its logit is minus infinity.
    losses = -(targets * np.where(targets == 0, 0, log_probabilities)).sum(axis=1)
    return losses, CrossEntropyCache(np.exp(log_probabilities), targets)


@operation
def cross_entropy_backward(dlosses: Array, cache: CrossEntropyCache) -> Array:
    """dlogits = dloss * (probabilities * sum(t) - t); the sum is 1 for a distribution."""
    probabilities, targets = cache
    dlogits = probabilities * targets.sum(axis=1, keepdims=True) - targets
    return dlogits * _spread(dlosses, dlogits)


@operation
def mean_squared_error(outputs: Array, targets: ArrayLike) -> tuple[Array, DifferenceCache]:
    """loss[n] = mean over the image's M outputs of (y - t)^2. Outputs and targets (N, ...)."""
    difference = outputs - same_shape(outputs.shape, outputs.dtype, targets)
    n, m = len(outputs), int(np.prod(outputs.shape[1:]))
    losses = (difference * difference).reshape(n, m).mean(axis=1)
    return losses, DifferenceCache(difference * np.asarray(2 / m, outputs.dtype))


@operation
def mean_squared_error_backward(dlosses: Array, cache: DifferenceCache) -> Array:
    """dy = dloss * 2 * (y - t) / M."""
    return cache.derivative * _spread(dlosses, cache.derivative)


@operation
def binary_cross_entropy(logits: Array, targets: ArrayLike) -> tuple[Array, DifferenceCache]:
    """Sigmoid and binary cross-entropy in one, the mean over the image's M outputs.

    loss = |z|*(1-t if z > 0 else t) + log(1 + exp(-|z|)), which is -t*log(s) - (1-t)*log(1-s), s
    the sigmoid of z, without overflow. Logits and targets (N, ...), targets within 0..1.
    """
    targets = check_shares(same_shape(logits.shape, logits.dtype, targets))
    n, m = len(logits), int(np.prod(logits.shape[1:]))
    # Of a logit on the right side nothing counts but the logarithm, also where it is infinite.
    far, against = np.abs(logits), np.where(logits > 0, 1 - targets, targets)
    losses = np.where(against == 0, 0, far) * against + np.log1p(np.exp(-far))
    half = np.asarray(0.5, logits.dtype)
    probabilities = half * (1 + np.tanh(half * logits))
    derivative = (probabilities - targets) * np.asarray(1 / m, logits.dtype)
    return losses.reshape(n, m).mean(axis=1), DifferenceCache(derivative)


@operation
def binary_cross_entropy_backward(dlosses: Array, cache: DifferenceCache) -> Array:
    """dz = dloss * (sigmoid(z) - t) / M."""
    return cache.derivative * _spread(dlosses, cache.derivative)


def same_shape(shape: tuple[int, ...], dtype: Any, targets: ArrayLike) -> Array:
    """The targets in the outputs' type.

    Raises:
        ShapeError: they are not of the outputs' shape, or an image has no outputs.
    """
    targets = numbers("a loss got as targets", targets).astype(dtype, copy=False)
    if targets.shape != shape:
        raise ShapeError(f"targets are {targets.shape}, but the outputs are {shape}")
    if 0 in shape[1:]:
        raise ShapeError(f"outputs of shape {shape} hold nothing that a loss could be of")
    return targets


def check_shares(targets: Array) -> Array:
    """Targets that are probabilities.

    Raises:
        InputError: one is not within 0..1.
    """
    if targets.size and not (targets.min() >= 0 and targets.max() <= 1):
        raise InputError(
            f"targets run from {targets.min():g} to {targets.max():g}, "
            "but binary cross-entropy takes probabilities, 0 to 1"
        )
    return targets


def check_count(shape: tuple[int, ...], n: int | None) -> int:
    """The number of images that a mean of losses of this shape is over.

    Raises:
        ShapeError: the losses are no vector.
        InputError: there are none.
    """
    if len(shape) != 1:
        raise ShapeError(f"mean_loss got losses {shape}, but they must be (N,)")
    count = shape[0] if n is None else whole("the number of images n", n)
    if count < 1:
        raise InputError("a loss over no images has no mean; give at least one image")
    return count


def check_cross_entropy(shape: tuple[int, ...], label_smoothing: float) -> float:
    """See that there is one row of outputs an image; gives the label smoothing.

    Raises:
        ShapeError: it is not so, or the row is empty.
        InputError: the label smoothing is not within 0..1.
    """
    if len(shape) != 2 or shape[1] == 0:
        raise ShapeError(f"cross_entropy got logits {shape}, but they must be (N, K)")
    return number("label smoothing", label_smoothing, least=0, most=1)


def check_labels(labels: Array, k: int) -> None:
    """See that integer labels (N) are 0 to k - 1.

    Raises:
        InputError: one is not.
    """
    if labels.size and (labels.min() < 0 or labels.max() >= k):
        raise InputError(
            f"labels run from {labels.min()} to {labels.max()}, "
            f"but the network has {k} outputs, for labels 0 to {k - 1}"
        )
