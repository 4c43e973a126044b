"""Activations, each with its derivative: y = f(x), dx = dy * f'(x), and softmax over classes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.checks import number
from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]
Shape = tuple[int, ...]


class LeakyReluCache(NamedTuple):
    """Where x was positive, and the slope elsewhere."""

    mask: Array  # as x, bool
    slope: float

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.mask.shape


class GeluCache(NamedTuple):
    """x and P(x)."""

    x: Array
    p: Array  # as x

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.x.shape


@operation
def relu(x: Array) -> tuple[Array, Array]:
    """y = max(x, 0), of any shape. Keeps the mask x > 0; the derivative at 0 is taken as 0."""
    return np.maximum(x, 0), x > 0


@operation
def relu_backward(dy: Array, cache: Array) -> Array:
    """dx = dy where x was positive, else 0."""
    return dy * cache


@operation
def leaky_relu(x: Array, slope: float = 0.01) -> tuple[Array, LeakyReluCache]:
    """y = x where x > 0, else slope * x (Maas, Hannun and Ng, 2013). Keeps the mask.

    Raises:
        InputError: slope is no number.
    """
    slope = number("slope", slope)
    positive = x > 0
    y = np.where(positive, x, x * np.asarray(slope, x.dtype))
    return y, LeakyReluCache(positive, slope)


@operation
def leaky_relu_backward(dy: Array, cache: LeakyReluCache) -> Array:
    """dx = dy where x was positive, else slope * dy."""
    positive, slope = cache
    return np.where(positive, dy, dy * np.asarray(slope, dy.dtype))


@operation
def sigmoid(x: Array) -> tuple[Array, Array]:
    """y = 1 / (1 + exp(-x)), of any shape, by way of tanh, which does not overflow. Keeps y."""
    half = np.asarray(0.5, x.dtype)
    y = half * (1 + np.tanh(half * x))
    return y, y


@operation
def sigmoid_backward(dy: Array, cache: Array) -> Array:
    """dx = dy * y * (1 - y)."""
    return dy * cache * (1 - cache)


@operation
def tanh(x: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent, of any shape. Keeps y."""
    y = np.tanh(x)
    return y, y


@operation
def tanh_backward(dy: Array, cache: Array) -> Array:
    """dx = dy * (1 - y^2)."""
    return dy * (1 - cache * cache)


@operation
def gelu(x: Array) -> tuple[Array, GeluCache]:
    """y = x * P(x), P the normal distribution function (Hendrycks and Gimpel, 2016). Keeps x, P.

    P is worked out in float32 or float64, the types that SciPy has it in.
    """
    from scipy.special import ndtr

    p = ndtr(x.astype(np.float32 if x.dtype.itemsize <= 4 else np.float64, copy=False))
    return (x * p).astype(x.dtype, copy=False), GeluCache(x, p)


@operation
def gelu_backward(dy: Array, cache: GeluCache) -> Array:
    """dx = dy * (P(x) + x * p(x)), p the normal density."""
    x, p = cache
    x = x.astype(np.promote_types(x.dtype, p.dtype), copy=False)
    density = np.exp(-x * x / 2) * np.asarray(1 / math.sqrt(2 * math.pi), x.dtype)
    return (dy * (p + x * density)).astype(dy.dtype, copy=False)


@operation
def softmax(x: Array) -> tuple[Array, Array]:
    """y = exp(x) / sum of exp(x) over axis 1, as x; the maximum is taken off first: no overflow.

    Keeps y.
    """
    check_classes("softmax", x.shape)
    if not x.size:
        return (y := x.copy()), y
    e = np.exp(_below_largest(x))
    y = e / e.sum(axis=1, keepdims=True)
    return y, y


@operation
def softmax_backward(dy: Array, cache: Array) -> Array:
    """dx = y * (dy - sum of dy*y over axis 1)."""
    y = cache
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@operation
def log_softmax(x: Array) -> tuple[Array, Array]:
    """y = x - log(sum of exp(x)), over axis 1, as x. Keeps y."""
    check_classes("log_softmax", x.shape)
    if not x.size:
        return (y := x.copy()), y
    shifted = _below_largest(x)
    y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return y, y


@operation
def log_softmax_backward(dy: Array, cache: Array) -> Array:
    """dx = dy - exp(y) * sum of dy over axis 1."""
    return dy - np.exp(cache) * dy.sum(axis=1, keepdims=True)


def check_classes(name: str, shape: Shape) -> None:
    """See that there is an axis of classes.

    Raises:
        ShapeError: there is none.
    """
    if len(shape) < 2:
        raise ShapeError(f"{name} got an array of shape {shape}, but it must be (N, K, ...)")


def _below_largest(x: Array) -> Array:
    """x less the largest of its classes; minus infinity where the difference is beyond all."""
    with np.errstate(over="ignore"):
        return x - x.max(axis=1, keepdims=True)
