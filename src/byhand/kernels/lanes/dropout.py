"""Dropout on lanes, with the bits of the reference (reference/dropout.py)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, wrap
from byhand.kernels.operation import implements
from byhand.kernels.random import Key
from byhand.kernels.reference import dropout as reference


class LanesDropoutCache(NamedTuple):
    """Which values were kept, and by how much they were enlarged."""

    kept: Any  # the core's memory, a byte a value
    scale: float
    shape: tuple[int, ...]  # of y


@implements(reference.dropout, Lanes)
def dropout(x: Lanes, rate: float, key: Key) -> tuple[Lanes, LanesDropoutCache]:
    """y as x."""
    rate = reference.check_dropout(rate, key)
    scale = 1 / (1 - rate)
    threshold = round(rate * 2**32)
    features = math.prod(x.features)
    y, kept = core.dropout(x.blocks, features, x.memory, *key.words(), key.first, threshold, scale)
    return wrap(y, x.n, x.features), LanesDropoutCache(kept, scale, x.shape)


@implements(reference.dropout_backward, Lanes)
def dropout_backward(dy: Lanes, cache: LanesDropoutCache) -> Lanes:
    """dx as dy."""
    return wrap(core.dropout_backward(dy.memory, cache.kept, cache.scale), dy.n, dy.features)
