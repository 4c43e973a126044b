"""Batch normalisation: each channel brought to mean 0 and deviation 1, then scaled and shifted.

Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal
covariate shift", 2015. Over all axes of x (N, C) or (N, C, ...) but the channels', m values each:

    mean = sum(x)/m    var = sum((x-mean)^2)/m
    xhat = (x-mean)/sqrt(var+eps)    y = weight*xhat + bias

Mean and var depend on x too, so the gradient has three terms:

    dx = weight/sqrt(var+eps) * (dy - mean(dy) - xhat*mean(dy*xhat))
    dweight = sum(dy*xhat)    dbias = sum(dy)

With running statistics (evaluation) mean and var are constants, and only the first term is left.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]


class BatchNormCache(NamedTuple):
    """The normalised x and 1 / deviation; the batch's statistics are for the running ones."""

    xhat: Array  # as x
    inverse_std: Array  # (C)
    weight: Array  # (C)
    train: bool
    batch_mean: Array  # (C)
    batch_var: Array  # (C), unbiased: divided by m-1


@operation
def batch_norm(
    x: Array,
    weight: Array,
    bias: Array,
    running_mean: Array,
    running_var: Array,
    train: bool,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache]:
    """Normalise x (N, C, ...) by channel: with the batch's statistics in training, else running.

    Writes nothing: the batch's mean and unbiased variance are in the cache for who keeps the
    running ones.

    Raises:
        ShapeError: the channels do not fit, or training sees one value a channel (no deviation).
    """
    check_batch_norm(x.shape, weight.shape[0], train)
    axes = (0, *range(2, x.ndim))
    spread = (-1, *(1,) * (x.ndim - 2))  # the shape that puts (C) beside (N, C, ...)
    if train:
        m = x.shape[0] * math.prod(x.shape[2:])
        mean = x.mean(axis=axes)
        centred = x - mean.reshape(spread)
        var = np.mean(centred * centred, axis=axes)
        batch_mean, batch_var = mean, var * (m / (m - 1))
    else:
        centred = x - running_mean.reshape(spread)
        var = running_var
        batch_mean, batch_var = running_mean, running_var
    inverse_std = 1 / np.sqrt(var + np.asarray(eps, x.dtype))
    xhat = centred * inverse_std.reshape(spread)
    y = xhat * weight.reshape(spread) + bias.reshape(spread)
    return y, BatchNormCache(xhat, inverse_std, weight, train, batch_mean, batch_var)


@operation
def batch_norm_backward(
    dy: Array, cache: BatchNormCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """From dy (N, C, ...): dx or None, dweight (C), dbias (C)."""
    xhat, inverse_std, weight, train = cache[:4]
    axes = (0, *range(2, dy.ndim))
    spread = (-1, *(1,) * (dy.ndim - 2))
    dbias = dy.sum(axis=axes)
    dweight = (dy * xhat).sum(axis=axes)
    if not need_dx:
        return None, dweight, dbias
    dx = dy
    if train:
        m = dy.shape[0] * math.prod(dy.shape[2:])
        dx = dy - (dbias / m).reshape(spread) - xhat * (dweight / m).reshape(spread)
    return dx * (weight * inverse_std).reshape(spread), dweight, dbias


def check_batch_norm(shape: tuple[int, ...], channels: int, train: bool) -> None:
    """See that x has these channels, and in training values enough.

    Raises:
        ShapeError: it has not.
    """
    if len(shape) < 2 or shape[1] != channels:
        raise ShapeError(
            f"batch_norm got x {shape} and {channels} channels of weight, "
            "but the second axis of x must have as many"
        )
    if train and shape[0] * math.prod(shape[2:]) < 2:
        raise ShapeError(
            f"batch_norm got x {shape} in training, which is one value a channel and has "
            "no deviation; use a batch of at least two images"
        )
