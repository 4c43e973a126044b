"""Flat vectors: the optimisers' steps, in place, and the sums of squares of a vector's parts.

w are the parameters, g their gradient, which is left as it is; all vectors of a call are of one
length and one float type. optim/optimisers.py has the formulas with their papers.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.operation import plain_operation

Array = NDArray[Any]


@plain_operation
def sgd(
    w: Array,
    g: Array,
    velocity: Array | None,
    rate: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    first: bool,
) -> None:
    """A step of descent on flat vectors; with a `velocity`, which the `first` sets, of momentum."""
    g = _decayed(g, w, weight_decay)
    if velocity is not None:
        if first:
            velocity[...] = g
        else:
            velocity *= momentum
            velocity += (1 - dampening) * g
        g = g + momentum * velocity if nesterov else velocity
    w -= rate * g


@plain_operation
def adagrad(
    w: Array, g: Array, sum_of_squares: Array, rate: float, eps: float, weight_decay: float
) -> None:
    """A step of AdaGrad on flat vectors."""
    g = _decayed(g, w, weight_decay)
    sum_of_squares += g * g
    w -= rate * (g / (np.sqrt(sum_of_squares) + eps))


@plain_operation
def rmsprop(
    w: Array,
    g: Array,
    mean_square: Array,
    velocity: Array | None,
    rate: float,
    alpha: float,
    eps: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """A step of RMSProp on flat vectors; with a `velocity`, of momentum."""
    g = _decayed(g, w, weight_decay)
    mean_square *= alpha
    mean_square += (1 - alpha) * (g * g)
    update = g / (np.sqrt(mean_square) + eps)
    if velocity is not None:
        velocity *= momentum
        velocity += update
        update = velocity
    w -= rate * update


@plain_operation
def adam(
    w: Array,
    g: Array,
    mean: Array,
    mean_square: Array,
    rate: float,
    root: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    shrink: float,
) -> None:
    """A step of Adam: `rate` is r / (1 - beta1^t) and `root` the square root of 1 - beta2^t.

    The vectors are flat; w is first multiplied by `shrink`, which is 1 but for AdamW.
    """
    g = _decayed(g, w, weight_decay)
    if shrink != 1:
        w *= shrink
    mean *= beta1
    mean += (1 - beta1) * g
    mean_square *= beta2
    mean_square += (1 - beta2) * (g * g)
    w -= rate * (mean / (np.sqrt(mean_square) / root + eps))


@plain_operation
def squares(vector: Array, ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sums of squares (parts) of the parts of a flat vector that end at `ends`, in float64."""
    parts = [vector[first:end] for first, end in pairwise((0, *ends))]
    return np.array([np.square(part, dtype=np.float64).sum() for part in parts])


def _decayed(g: Array, w: Array, weight_decay: float) -> Array:
    """The gradient of loss + weight_decay / 2 * |w|^2."""
    return weight_decay * w + g if weight_decay else g
