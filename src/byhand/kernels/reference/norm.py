"""Batch normalisation: each channel brought to mean 0 and deviation 1, then scaled and shifted.

Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal
covariate shift", 2015. Over all axes of x (N, C) or (N, C, ...) but the channels', m values each:

    mean = sum(x)/m    var = sum((x-mean)^2)/m
    xhat = (x-mean)/sqrt(var+eps)    y = weight*xhat + bias

Mean and var depend on x too, so the gradient has three terms:

    dx = weight/sqrt(var+eps) * (dy - mean(dy) - xhat*mean(dy*xhat))
    dweight = sum(dy*xhat)    dbias = sum(dy)

With running statistics (evaluation) mean and var are constants, and only the first term is left.

Where x is one shard of a batch, `total` adds an array up over all shards, in place, and all of the
above is over the whole batch; each shard has at least one image.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.checks import number
from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]
Total = Callable[[Array], Array]  # the sum over all shards of an array, which it is put into


class BatchNormCache(NamedTuple):
    """The normalised x and 1 / deviation; the batch's statistics are for the running ones."""

    xhat: Array  # as x
    inverse_std: Array  # (C)
    weight: Array  # (C)
    train: bool
    batch_mean: Array  # (C)
    batch_var: Array  # (C), unbiased: divided by m-1

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.xhat.shape


@operation
def batch_norm(
    x: Array,
    weight: Array,
    bias: Array,
    running_mean: Array,
    running_var: Array,
    train: bool,
    eps: float = 1e-5,
    total: Total | None = None,
) -> tuple[Array, BatchNormCache]:
    """Normalise x (N, C, ...) by channel: with the batch's statistics in training, else running.

    Weight, bias and the running statistics are (C).

    Writes nothing: the batch's mean and unbiased variance are in the cache for who keeps the
    running ones.

    Raises:
        ShapeError: the channels do not fit, or training sees one value a channel (no deviation).
    """
    eps = check_batch_norm(x.shape, (weight, bias, running_mean, running_var), train, eps, total)
    axes = (0, *range(2, x.ndim))
    spread = (-1, *(1,) * (x.ndim - 2))  # the shape that puts (C) beside (N, C, ...)
    if train:
        m = x.shape[0] * math.prod(x.shape[2:])
        mean = x.mean(axis=axes)
        centred = x - mean.reshape(spread)
        var = np.mean(centred * centred, axis=axes)
        if total is not None:
            m, mean, var = whole_statistics(x.shape, mean, var, total)
            centred = x - mean.reshape(spread)
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
    dy: Array, cache: BatchNormCache, need_dx: bool = True, total: Total | None = None
) -> tuple[Array | None, Array, Array]:
    """From dy (N, C, ...): dx or None, dweight (C), dbias (C); the last two of this shard alone."""
    xhat, inverse_std, weight, train = cache[:4]
    axes = (0, *range(2, dy.ndim))
    spread = (-1, *(1,) * (dy.ndim - 2))
    dbias = dy.sum(axis=axes)
    dweight = (dy * xhat).sum(axis=axes)
    if not need_dx:
        return None, dweight, dbias
    dx = dy
    if train:
        of_dy, of_products = means(dy.shape, dbias, dweight, total)
        dx = dy - of_dy.reshape(spread) - xhat * of_products.reshape(spread)
    return dx * (weight * inverse_std).reshape(spread), dweight, dbias


def whole_statistics(
    shape: tuple[int, ...], mean: Array, var: Array, total: Total
) -> tuple[int, Array, Array]:
    """Values a channel, mean (C) and variance (C) of a batch, from those of this shard s of it.

        m = sum(m_s)    mean = sum(m_s*mean_s)/m    var = sum(m_s*(var_s + (mean_s-mean)^2))/m

    In float64, where nothing cancels: Chan, Golub and LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", 1979.

    Raises:
        ShapeError: the whole batch is one value a channel.
    """
    own = shape[0] * math.prod(shape[2:])
    sums = total(np.append(own * mean.astype(np.float64), own))
    m = round(float(sums[-1]))
    if m < 2:
        raise one_value(shape)
    whole = sums[:-1] / m
    squares = total(own * (var + np.square(mean - whole)))
    return m, whole.astype(mean.dtype), (squares / m).astype(var.dtype)


def means(
    shape: tuple[int, ...], dbias: Array, dweight: Array, total: Total | None
) -> tuple[Array, Array]:
    """mean(dy) (C) and mean(dy*xhat) (C) of the whole batch, from the sums of this shard."""
    m = shape[0] * math.prod(shape[2:])
    if total is None:
        return dbias / m, dweight / m
    sums = total(np.concatenate([dbias, dweight, [m]]).astype(np.float64))
    of_dy, of_products = np.split(sums[:-1] / sums[-1], 2)
    return of_dy.astype(dbias.dtype), of_products.astype(dweight.dtype)


def check_batch_norm(
    shape: tuple[int, ...], by_channel: tuple[Array, ...], train: bool, eps: float, total: object
) -> float:
    """See that x has these arrays' channels, and in training values enough; gives eps.

    Raises:
        ShapeError: it has not.
        InputError: eps is no number above 0.
    """
    names = ("weight", "bias", "running_mean", "running_var")
    for name, array in zip(names, by_channel, strict=True):
        if len(shape) < 2 or array.shape != shape[1:2]:
            raise ShapeError(
                f"batch_norm got x {shape} and {name} {array.shape}, "
                "but it must be (C,) with the second axis of x"
            )
    values = shape[0] * math.prod(shape[2:])
    if train and values < (2 if total is None else 1):
        raise one_value(shape)
    return number("eps", eps, above=0)


def one_value(shape: tuple[int, ...]) -> ShapeError:
    """The error for a batch that has one value a channel."""
    return ShapeError(
        f"batch_norm got x {shape} in training, which is one value a channel and has "
        "no deviation; use a batch of at least two images"
    )
