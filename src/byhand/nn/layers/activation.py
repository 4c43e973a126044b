"""Activation layers: one function on each value, or softmax over the classes."""

from __future__ import annotations

import math
from typing import Any

from byhand import kernels
from byhand.checks import LARGE, number
from byhand.kernels import Key
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector
from byhand.nn.registry import register


class Activation(Layer):
    """What activations share: the shape stays, and a value costs about one operation."""

    def output_shape(self, shape: Shape) -> Shape:
        """As it came."""
        return shape

    def operations(self, shape: Shape) -> int:
        """One a value."""
        return math.prod(shape)


@register
class ReLU(Activation):
    """y = max(x, 0); dx = dy where x > 0. Keeps that mask."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.relu(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.relu_backward(dy, cache)


@register
class LeakyReLU(Activation):
    """y = x where x > 0, else slope * x: no unit dies."""

    arrays = kernels.ARRAYS

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope", slope, -LARGE, LARGE)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.leaky_relu(x, self.slope)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.leaky_relu_backward(dy, cache)


@register
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)); dx = dy * y * (1 - y)."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.sigmoid(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.sigmoid_backward(dy, cache)


@register
class Tanh(Activation):
    """y = tanh(x); dx = dy * (1 - y^2)."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.tanh(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.tanh_backward(dy, cache)


@register
class GELU(Activation):
    """y = x * P(x), P the normal distribution function. Hendrycks and Gimpel, 2016."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.gelu(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.gelu_backward(dy, cache)


@register
class Softmax(Activation):
    """y = exp(x) / sum of exp(x) over axis 1: probabilities.

    Networks here end in logits, and losses.CrossEntropy takes those: put no Softmax before it.
    """

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.softmax(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.softmax_backward(dy, cache)


@register
class LogSoftmax(Activation):
    """y = x - log(sum of exp(x)) over axis 1."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.log_softmax(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.log_softmax_backward(dy, cache)
