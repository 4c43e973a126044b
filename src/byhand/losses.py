"""Losses: how wrong the outputs are, as one number, and its gradient by the outputs.

    value, cache = loss.forward(outputs, targets)
    doutputs = loss.backward(cache)

The value is a mean over images. For a shard of a batch, `n` is the size of the whole batch, so that
values and gradients of the shards add up to the batch's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.checks import fields, number
from byhand.data import one_hot

Array = NDArray[Any]


class LossCache(NamedTuple):
    """What backward needs: the kernel's cache, and each image's share of the mean."""

    inner: Any
    share: Array  # (N), all 1/n


class Loss:
    """The base of losses. One of one's own in plain NumPy leaves `arrays` as it is.

    `arrays` are the array types that it can work on; `fit` unpacks other outputs for it, and packs
    their gradient again.
    """

    arrays: ClassVar[tuple[type, ...]] = (np.ndarray,)

    def forward(self, outputs: Array, targets: Array, n: int | None = None) -> tuple[float, Any]:
        """The mean loss of outputs (N, ...) against targets, and what backward needs."""
        losses, inner = self._losses(outputs, targets)
        value, share = kernels.mean_loss(losses, n)
        return value, LossCache(inner, share)

    def backward(self, cache: Any) -> Array:
        """dloss/doutputs, shaped as the outputs."""
        raise NotImplementedError

    def targets(self, labels: Array, classes: int) -> Array:
        """Integer labels (N) as this loss takes them: one-hot (N, classes) unless it says else."""
        return one_hot(labels, classes)

    def _losses(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Softmax and cross-entropy of logits (N, K) against integer (N) or one-hot (N, K) labels.

        loss = -mean over n of sum over k of t[n,k] * log softmax(z)[n,k]
        dz = (softmax(z) - t) / N

    With label smoothing e, t becomes (1-e)*t + e/K (Szegedy et al., 2016).
    """

    arrays = kernels.ARRAYS

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        fields(self, number, "label_smoothing", least=0, below=1)

    def targets(self, labels: Array, classes: int) -> Array:
        """As they are."""
        return labels

    def _losses(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        return kernels.cross_entropy(outputs, targets, self.label_smoothing)

    def backward(self, cache: Any) -> Array:
        """(softmax(z) - t) / N."""
        return kernels.cross_entropy_backward(cache.share, cache.inner)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Mean over images and outputs of (y - t)^2; dy = 2 * (y - t) / (N * M)."""

    arrays = kernels.ARRAYS

    def _losses(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        return kernels.mean_squared_error(outputs, targets)

    def backward(self, cache: Any) -> Array:
        """2 * (y - t) / (N * M)."""
        return kernels.mean_squared_error_backward(cache.share, cache.inner)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Sigmoid and binary cross-entropy of logits (N, ...) against targets in 0..1, the mean.

    loss = -mean of t*log(s) + (1-t)*log(1-s), s = sigmoid(z),   dz = (s - t) / (N * M)
    """

    arrays = kernels.ARRAYS

    def _losses(self, outputs: Array, targets: Array) -> tuple[Array, Any]:
        return kernels.binary_cross_entropy(outputs, targets)

    def backward(self, cache: Any) -> Array:
        """(sigmoid(z) - t) / (N * M)."""
        return kernels.binary_cross_entropy_backward(cache.share, cache.inner)


def loss_forward(
    loss: Loss, outputs: Any, targets: Array, n: int | None = None
) -> tuple[float, Any]:
    """The loss of outputs (N, K) of any layout; `n` as in `Loss.forward`."""
    outputs = outputs if type(outputs) in loss.arrays else kernels.as_numpy(outputs)
    # One of one's own may do without n where nothing is cut into shards.
    return loss.forward(outputs, targets) if n is None else loss.forward(outputs, targets, n)


def loss_backward(loss: Loss, cache: Any, outputs: Any) -> Any:
    """Its gradient by the outputs, in their layout."""
    gradient = loss.backward(cache)
    return gradient if type(outputs) in loss.arrays else kernels.as_layout(gradient, "lanes")


LOSSES: dict[str, type[Loss]] = {
    cls.__name__: cls for cls in (CrossEntropy, MeanSquaredError, BinaryCrossEntropy)
}
