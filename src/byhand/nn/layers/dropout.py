"""Dropout, the one layer that is given randomness."""

from __future__ import annotations

from typing import Any

from byhand import kernels
from byhand.checks import number
from byhand.errors import InputError
from byhand.kernels import Key
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector
from byhand.nn.registry import register


@register
class Dropout(Layer):
    """In training, set each value to 0 with probability `rate` and enlarge the rest by 1/(1-rate).

    Otherwise x goes through unchanged. The mask depends on the key (seed, step, layer) and on the
    image's place in the batch. Srivastava et al., 2014.

    Raises:
        InputError: rate is no number from 0 to below 1.
    """

    arrays = kernels.ARRAYS

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number("dropout's rate", rate, 0, below=1)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x; keeps the mask.

        Raises:
            InputError: it trains without a key.
        """
        if not train or self.rate == 0:
            return x, None
        if key is None:
            raise InputError("dropout in training needs randomness: pass key=nn.Key(seed, step)")
        return kernels.dropout(x, self.rate, key)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return dy if cache is None else kernels.dropout_backward(dy, cache)

    def output_shape(self, shape: Shape) -> Shape:
        """As it came."""
        return shape
