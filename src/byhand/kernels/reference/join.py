"""Joining branches: arrays side by side on the channels, or added up."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]
Shape = tuple[int, ...]


class ConcatCache(NamedTuple):
    """How many channels each array has, and the shape of them all joined."""

    channels: tuple[int, ...]
    shape: Shape


@operation
def concat(first: Array, *rest: Array) -> tuple[Array, ConcatCache]:
    """Arrays (N, C_i, ...) joined on the channels. Keeps how many channels each has."""
    arrays = (first, *rest)
    cache = check_concat([a.shape for a in arrays])
    return np.concatenate(arrays, axis=1), cache


@operation
def concat_backward(dy: Array, cache: ConcatCache) -> tuple[Array, ...]:
    """Each array gets back its own channels' gradient."""
    return tuple(np.split(dy, np.cumsum(cache.channels)[:-1], axis=1))


@operation
def add(a: Array, b: Array) -> Array:
    """a + b, of one shape. The gradient of both is that of the sum."""
    check_add(a.shape, b.shape)
    return a + b


def check_concat(shapes: list[Shape]) -> ConcatCache:
    """The channels of each and the shape of all, if these shapes can be joined.

    Raises:
        ShapeError: they cannot.
    """
    n, *rest = shapes[0][:1] + shapes[0][2:]
    if any(len(s) < 2 or [*s[:1], *s[2:]] != [n, *rest] for s in shapes):
        listed = ", ".join(map(str, shapes))
        raise ShapeError(f"concat got {listed}, but all axes except the channels' must agree")
    channels = tuple(shape[1] for shape in shapes)
    return ConcatCache(channels, (n, sum(channels), *rest))


def check_add(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """See that the shapes are the same.

    Raises:
        ShapeError: they are not.
    """
    if a != b:
        raise ShapeError(f"add got {a} and {b}, which do not add up")
