"""Activation layers: one function on each value, or softmax over the classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from byhand import kernels
from byhand.checks import LARGE, number
from byhand.kernels import Key
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector
from byhand.nn.registry import register


class Activation(Layer):
    """What activations share: a function of `kernels` on each value, forward and backward.

    The shape stays, and a value costs about one operation.
    """

    arrays = kernels.ARRAYS
    function: ClassVar[tuple[Callable[..., Any], Callable[..., Any]]]

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return self.function[0](x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return self.function[1](dy, cache)

    def output_shape(self, shape: Shape) -> Shape:
        """As it came."""
        return shape

    def operations(self, shape: Shape) -> int:
        """One a value."""
        return math.prod(shape)


@register
class ReLU(Activation):
    """y = max(x, 0); dx = dy where x > 0. Keeps that mask."""

    function = kernels.relu, kernels.relu_backward


@register
class LeakyReLU(Activation):
    """y = x where x > 0, else slope * x: no unit dies.

    Raises:
        InputError: slope is no number.
    """

    arrays = kernels.ARRAYS
    function = kernels.leaky_relu, kernels.leaky_relu_backward

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope", slope, -LARGE, LARGE)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        return kernels.leaky_relu(x, self.slope)


@register
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)); dx = dy * y * (1 - y)."""

    function = kernels.sigmoid, kernels.sigmoid_backward


@register
class Tanh(Activation):
    """y = tanh(x); dx = dy * (1 - y^2)."""

    function = kernels.tanh, kernels.tanh_backward


@register
class GELU(Activation):
    """y = x * P(x), P the normal distribution function. Hendrycks and Gimpel, 2016."""

    function = kernels.gelu, kernels.gelu_backward


@register
class Softmax(Activation):
    """y = exp(x) / sum of exp(x) over axis 1: probabilities.

    Networks here end in logits, and losses.CrossEntropy takes those: put no Softmax before it.
    """

    function = kernels.softmax, kernels.softmax_backward


@register
class LogSoftmax(Activation):
    """y = x - log(sum of exp(x)) over axis 1."""

    function = kernels.log_softmax, kernels.log_softmax_backward
