"""Joining branches: arrays side by side on the channels, or added up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]


@operation
def concat(first: Array, *rest: Array) -> tuple[Array, tuple[int, ...]]:
    """Arrays (N, C_i, ...) joined on the channels. Keeps how many channels each has."""
    arrays = (first, *rest)
    channels = check_concat([a.shape for a in arrays])
    return np.concatenate(arrays, axis=1), channels


@operation
def concat_backward(dy: Array, cache: tuple[int, ...]) -> tuple[Array, ...]:
    """Each array gets back its own channels' gradient."""
    return tuple(np.split(dy, np.cumsum(cache)[:-1], axis=1))


@operation
def add(a: Array, b: Array) -> Array:
    """a + b, of one shape. The gradient of both is that of the sum."""
    check_add(a.shape, b.shape)
    return a + b


def check_concat(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The channels of each, if these shapes can be joined.

    Raises:
        ShapeError: they cannot.
    """
    if len({(n, *rest) for n, _, *rest in shapes}) != 1:
        said = ", ".join(map(str, shapes))
        raise ShapeError(f"concat got {said}, but all axes except the channels' must agree")
    return tuple(shape[1] for shape in shapes)


def check_add(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    """See that the shapes are the same.

    Raises:
        ShapeError: they are not.
    """
    if a != b:
        raise ShapeError(f"add got {a} and {b}, which do not add up")
