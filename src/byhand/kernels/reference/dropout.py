"""Dropout: in training each value is set to zero with a given probability.

Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
neural networks from overfitting", 2014; inverted, so that evaluation needs no scaling.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.checks import number, quoted
from byhand.errors import InputError
from byhand.kernels.operation import operation
from byhand.kernels.random import Key

Array = NDArray[Any]


class DropoutCache(NamedTuple):
    """Which values were kept, and by how much they were enlarged."""

    kept: Array  # as x, bool
    scale: float

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.kept.shape


@operation
def dropout(x: Array, rate: float, key: Key) -> tuple[Array, DropoutCache]:
    """Keep each value of x (N, ...) with probability 1 - rate, enlarged by 1 / (1 - rate).

    A value is kept where its random word is at least rate * 2^32; the word depends on the key, the
    image's place in the batch and the value's place in the image.
    """
    rate = check_dropout(rate, key)
    n = x.shape[0]
    features = int(np.prod(x.shape[1:]))
    threshold = round(rate * 2**32)
    kept = (key.bits(n, features).astype(np.uint64) >= threshold).reshape(x.shape)
    scale = 1 / (1 - rate)
    return x * kept * np.asarray(scale, x.dtype), DropoutCache(kept, scale)


@operation
def dropout_backward(dy: Array, cache: DropoutCache) -> Array:
    """The same mask and the same scale: dx = dy * kept / (1 - rate)."""
    kept, scale = cache
    return dy * kept * np.asarray(scale, dy.dtype)


def check_dropout(rate: float, key: Key) -> float:
    """The rate; all values of an array cannot be dropped, since nothing would be left to enlarge.

    Raises:
        InputError: it is not from 0 to below 1, or there is no key.
    """
    if not isinstance(key, Key):
        raise InputError(
            f"dropout got {quoted(key)} as key, but it must be a kernels.Key(seed, step, path)"
        )
    return number("the rate of dropout", rate, least=0, below=1)
