"""Joining branches on lanes; reference/join.py says how."""

from __future__ import annotations

import math

import numpy as np

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import LANES, Lanes, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import join as reference


@implements(reference.concat, Lanes)
def concat(first: Lanes, *rest: Lanes) -> tuple[Lanes, reference.ConcatCache]:
    """Joined on the channels, which are side by side in each block."""
    arrays = (first, *rest)
    cache = reference.check_concat([a.shape for a in arrays])
    joined = _empty(first.n, cache.shape[1:])
    np.concatenate([a.data for a in arrays], axis=1, out=joined.data)
    return joined, cache


@implements(reference.concat_backward, Lanes)
def concat_backward(dy: Lanes, cache: reference.ConcatCache) -> tuple[Lanes, ...]:
    """Each array gets back its own channels' gradient."""
    parts = []
    for part in np.split(dy.data, np.cumsum(cache.channels)[:-1], axis=1):
        own = _empty(dy.n, part.shape[1:-1])
        own.data[...] = part
        parts.append(own)
    return tuple(parts)


@implements(reference.add, Lanes)
def add(a: Lanes, b: Lanes) -> Lanes:
    """a + b."""
    reference.check_add(a.shape, b.shape)
    return wrap(core.add(a.memory, b.memory), a.n, a.features)


def _empty(n: int, features: tuple[int, ...]) -> Lanes:
    return wrap(core.Memory(4 * LANES * -(-n // LANES) * math.prod(features)), n, features)
