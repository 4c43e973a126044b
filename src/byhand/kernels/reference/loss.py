"""Losses by image: outputs and targets in, one number an image out.

Forward gives the N losses and a cache; backward takes their N upstream gradients (1/N each, for a
mean over the batch) and gives the gradient of the outputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.kernels.operation import operation
from byhand.kernels.reference.activation import log_softmax

Array = NDArray[Any]


@operation
def mean_loss(losses: Array, n: int | None = None) -> tuple[float, Array]:
    """The sum of the images' losses (N) divided by n, and each one's share 1/n in that, (N).

    n is N unless given: for a shard of a batch it is the whole batch's size. Summed in float64.
    """
    count = check_count(losses.shape[0] if n is None else n)
    return float(losses.sum(dtype=np.float64) / count), np.full_like(losses, 1 / count)


class CrossEntropyCache(NamedTuple):
    """The probabilities and the (smoothed) labels."""

    probabilities: Array  # (N, K)
    targets: Array  # (N, K)


class DifferenceCache(NamedTuple):
    """The derivative of each image's loss by its outputs."""

    derivative: Array  # as the outputs


def _spread(dlosses: Array, like: Array) -> Array:
    """(N) to (N, 1, ...), so that it multiplies each image's values."""
    return dlosses.reshape(-1, *(1,) * (like.ndim - 1))


def distributions(shape: tuple[int, ...], dtype: Any, labels: Array, smoothing: float) -> Array:
    """Integer labels (N) or one-hot labels (N, K) as a distribution over classes (N, K).

    Raises:
        InputError: a label has no output.
        ShapeError: the labels are neither integers (N) nor one-hot (N, K).
    """
    n, k = shape
    labels = np.asarray(labels)
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
    logits: Array, labels: Array, label_smoothing: float = 0.0
) -> tuple[Array, CrossEntropyCache]:
    """Softmax and cross-entropy in one: loss[n] = -sum over k of t[n,k] * log softmax(z)[n,k].

    logits (N, K); labels integers (N) or one-hot (N, K). Label smoothing e turns the labels t into
    (1-e)*t + e/K (Szegedy et al., "Rethinking the Inception architecture", 2016).
    """
    check_logits(logits.shape)
    targets = distributions(logits.shape, logits.dtype, labels, label_smoothing)
    log_probabilities, _ = log_softmax(logits)
    losses = -(targets * log_probabilities).sum(axis=1)
    return losses, CrossEntropyCache(np.exp(log_probabilities), targets)


@operation
def cross_entropy_backward(dlosses: Array, cache: CrossEntropyCache) -> Array:
    """dlogits = dloss * (probabilities * sum(t) - t); the sum is 1 for a distribution."""
    probabilities, targets = cache
    dlogits = probabilities * targets.sum(axis=1, keepdims=True) - targets
    return dlogits * _spread(dlosses, dlogits)


@operation
def mean_squared_error(outputs: Array, targets: Array) -> tuple[Array, DifferenceCache]:
    """loss[n] = mean over the image's M outputs of (y - t)^2. Outputs and targets (N, ...)."""
    difference = outputs - same_shape(outputs.shape, outputs.dtype, targets)
    m = int(np.prod(outputs.shape[1:]))
    losses = (difference * difference).reshape(-1, m).mean(axis=1)
    return losses, DifferenceCache(difference * np.asarray(2 / m, outputs.dtype))


@operation
def mean_squared_error_backward(dlosses: Array, cache: DifferenceCache) -> Array:
    """dy = dloss * 2 * (y - t) / M."""
    return cache.derivative * _spread(dlosses, cache.derivative)


@operation
def binary_cross_entropy(logits: Array, targets: Array) -> tuple[Array, DifferenceCache]:
    """Sigmoid and binary cross-entropy in one, the mean over the image's M outputs.

    loss = max(z, 0) - z*t + log(1 + exp(-|z|)), which is -t*log(s) - (1-t)*log(1-s), s the sigmoid
    of z, without overflow. Logits and targets (N, ...), targets within 0..1.
    """
    targets = same_shape(logits.shape, logits.dtype, targets)
    m = int(np.prod(logits.shape[1:]))
    losses = np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))
    half = np.asarray(0.5, logits.dtype)
    probabilities = half * (1 + np.tanh(half * logits))
    derivative = (probabilities - targets) * np.asarray(1 / m, logits.dtype)
    return losses.reshape(-1, m).mean(axis=1), DifferenceCache(derivative)


@operation
def binary_cross_entropy_backward(dlosses: Array, cache: DifferenceCache) -> Array:
    """dz = dloss * (sigmoid(z) - t) / M."""
    return cache.derivative * _spread(dlosses, cache.derivative)


def same_shape(shape: tuple[int, ...], dtype: Any, targets: Array) -> Array:
    """The targets in the outputs' type.

    Raises:
        ShapeError: they are not of the outputs' shape.
    """
    targets = np.asarray(targets, dtype)
    if targets.shape != shape:
        raise ShapeError(f"targets are {targets.shape}, but the outputs are {shape}")
    return targets


def check_count(count: int) -> int:
    """The number of images that a mean is over.

    Raises:
        InputError: there are none.
    """
    if count < 1:
        raise InputError("a loss over no images has no mean; give at least one image")
    return count


def check_logits(shape: tuple[int, ...]) -> None:
    """See that there is one row of outputs an image.

    Raises:
        ShapeError: it is not so.
    """
    if len(shape) != 2:
        raise ShapeError(f"cross_entropy got logits {shape}, but they must be (N, K)")


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
