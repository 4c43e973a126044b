"""Batch normalisation on lanes; reference/norm.py says what it is."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import norm as reference

Array = NDArray[Any]


class LanesBatchNormCache(NamedTuple):
    """As the reference's: the normalised x and 1 / deviation, and the batch's statistics."""

    xhat: Lanes  # as x
    inverse_std: Array  # (C)
    weight: Array  # (C)
    train: bool
    batch_mean: Array  # (C)
    batch_var: Array  # (C), unbiased: divided by m-1

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.xhat.shape


@implements(reference.batch_norm, Lanes)
def batch_norm(
    x: Lanes,
    weight: Array,
    bias: Array,
    running_mean: Array,
    running_var: Array,
    train: bool,
    eps: float = 1e-5,
    total: reference.Total | None = None,
) -> tuple[Lanes, LanesBatchNormCache]:
    """y as x; the statistics are over the real images only."""
    arrays = (weight, bias, running_mean, running_var)
    eps = reference.check_batch_norm(x.shape, arrays, train, eps, total)
    c, *rest = x.features
    places = math.prod(rest)
    if train:
        mean, var = np.empty(c, np.float32), np.empty(c, np.float32)
        core.batch_norm_statistics(x.n, c, places, x.memory, mean, var)
        m = x.n * places
        if total is not None:
            m, mean, var = reference.whole_statistics(x.shape, mean, var, total)
        batch_mean, batch_var = mean, var * np.float32(m / (m - 1))
    else:
        mean, var = running_mean, running_var
        batch_mean, batch_var = running_mean, running_var
    inverse_std = 1 / np.sqrt(var + np.float32(eps))
    y, xhat = core.batch_norm(x.blocks, c, places, x.memory, mean, inverse_std, weight, bias)
    kept = wrap(xhat, x.n, x.features)
    cache = LanesBatchNormCache(kept, inverse_std, weight, train, batch_mean, batch_var)
    return wrap(y, x.n, x.features), cache


@implements(reference.batch_norm_backward, Lanes)
def batch_norm_backward(
    dy: Lanes,
    cache: LanesBatchNormCache,
    need_dx: bool = True,
    total: reference.Total | None = None,
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    xhat, inverse_std, weight, train = cache[:4]
    c, *rest = dy.features
    places = math.prod(rest)
    dweight, dbias = np.empty(c, np.float32), np.empty(c, np.float32)
    core.batch_norm_weight_gradient(dy.blocks, c, places, xhat.memory, dy.memory, dweight, dbias)
    if not need_dx:
        return None, dweight, dbias
    sums: tuple[Array | None, Array | None] = (dweight, dbias) if train else (None, None)
    if train and total is not None:
        # The core divides the sums by the number of values in this shard.
        of_dy, of_products = reference.means(dy.shape, dbias, dweight, total)
        m = np.float32(dy.n * places)
        sums = (of_products * m, of_dy * m)
    scale = weight * inverse_std
    dx = core.batch_norm_input_gradient(dy.n, c, places, xhat.memory, dy.memory, scale, *sums)
    return wrap(dx, dy.n, dy.features), dweight, dbias
