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
    for other in rest:
        if (other.shape[0], *other.shape[2:]) != (first.shape[0], *first.shape[2:]):
            shapes = ", ".join(str(a.shape) for a in arrays)
            raise ShapeError(f"concat got {shapes}, but all axes except the channels' must agree")
    return np.concatenate(arrays, axis=1), tuple(a.shape[1] for a in arrays)


@operation
def concat_backward(dy: Array, cache: tuple[int, ...]) -> tuple[Array, ...]:
    """Each array gets back its own channels' gradient."""
    return tuple(np.split(dy, np.cumsum(cache)[:-1], axis=1))
