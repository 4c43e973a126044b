"""The fully connected layer, and Flatten, which leads to it."""

from __future__ import annotations

import math
from typing import Any

from byhand import kernels
from byhand.checks import flag, whole
from byhand.errors import ShapeError
from byhand.kernels import Key
from byhand.nn.initialisers import He, Initialiser, Zeros, start
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector, Param
from byhand.nn.registry import register


@register
class Linear(Layer):
    """y = x @ weight.T + bias: x (N, I) to y (N, O), weight (O, I), bias (O).

    dx = dy @ weight, dweight = dy.T @ x, dbias = sum of dy. Cost: 2*I*O operations an image.

    Raises:
        InputError: a number of features is none, or bias neither True nor False.
    """

    arrays = kernels.ARRAYS

    def __init__(
        self,
        in_features: int,
        out_features: int,
        use_bias: bool = True,
        weight_init: Initialiser = He(),  # noqa: B008 - frozen
        bias_init: Initialiser = Zeros(),  # noqa: B008
    ) -> None:
        self.in_features = whole("in_features", in_features, 1)
        self.out_features = whole("out_features", out_features, 1)
        self.use_bias = flag("use_bias", use_bias)
        self.weight_init = start("weight_init", weight_init)
        self.bias_init = start("bias_init", bias_init)
        self.weight = Param((self.out_features, self.in_features), weight_init)
        self.bias = Param((self.out_features,), bias_init) if self.use_bias else None

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, O)."""
        return kernels.linear(x, self.weight.value, None if self.bias is None else self.bias.value)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, I); adds to grads "weight" and "bias"."""
        dx, dweight, dbias = kernels.linear_backward(dy, cache, need_dx)
        grads["weight"] += dweight
        if self.bias is not None:
            grads["bias"] += dbias
        return dx

    def output_shape(self, shape: Shape) -> Shape:
        """(I) to (O)."""
        if shape != (self.in_features,):
            raise ShapeError(f"it takes vectors ({self.in_features},), but gets {tuple(shape)}")
        return (self.out_features,)

    def operations(self, shape: Shape) -> int:
        """2*I*O."""
        return 2 * self.weight.size


@register
class Flatten(Layer):
    """Each image's values in a row: (N, C, H, W) to (N, C*H*W). Its gradient is the way back."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C*H*W); keeps the shape."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return dy.reshape(cache)

    def output_shape(self, shape: Shape) -> Shape:
        """(C, H, W) to (C*H*W)."""
        return (math.prod(shape),)
