"""Activations, each with its derivative: y = f(x), dx = dy * f'(x), and softmax over classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.operation import operation

Array = NDArray[Any]


@operation
def relu(x: Array) -> tuple[Array, Array]:
    """y = max(x, 0). Keeps the mask x > 0; the derivative at 0 is taken as 0."""
    return np.maximum(x, 0), x > 0


@operation
def relu_backward(dy: Array, cache: Array) -> Array:
    """dx = dy where x was positive, else 0."""
    return dy * cache


@operation
def leaky_relu(x: Array, slope: float = 0.01) -> tuple[Array, tuple[Array, float]]:
    """y = x where x > 0, else slope * x (Maas, Hannun and Ng, 2013). Keeps the mask."""
    positive = x > 0
    return np.where(positive, x, x * np.asarray(slope, x.dtype)), (positive, slope)


@operation
def leaky_relu_backward(dy: Array, cache: tuple[Array, float]) -> Array:
    """dx = dy where x was positive, else slope * dy."""
    positive, slope = cache
    return np.where(positive, dy, dy * np.asarray(slope, dy.dtype))


@operation
def sigmoid(x: Array) -> tuple[Array, Array]:
    """y = 1 / (1 + exp(-x)), by way of tanh, which does not overflow. Keeps y."""
    half = np.asarray(0.5, x.dtype)
    y = half * (1 + np.tanh(half * x))
    return y, y


@operation
def sigmoid_backward(dy: Array, cache: Array) -> Array:
    """dx = dy * y * (1 - y)."""
    return dy * cache * (1 - cache)


@operation
def tanh(x: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent. Keeps y."""
    y = np.tanh(x)
    return y, y


@operation
def tanh_backward(dy: Array, cache: Array) -> Array:
    """dx = dy * (1 - y^2)."""
    return dy * (1 - cache * cache)


@operation
def gelu(x: Array) -> tuple[Array, tuple[Array, Array]]:
    """y = x * P(x), P the normal distribution function (Hendrycks and Gimpel, 2016). Keeps x, P."""
    from scipy.special import ndtr

    p = ndtr(x)
    return x * p, (x, p)


@operation
def gelu_backward(dy: Array, cache: tuple[Array, Array]) -> Array:
    """dx = dy * (P(x) + x * p(x)), p the normal density."""
    x, p = cache
    density = np.exp(-x * x / 2) * np.asarray(1 / math.sqrt(2 * math.pi), x.dtype)
    return dy * (p + x * density)


@operation
def softmax(x: Array) -> tuple[Array, Array]:
    """y = exp(x) / sum of exp(x) over axis 1; the maximum is taken off first, against overflow.

    Keeps y.
    """
    e = np.exp(x - x.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    return y, y


@operation
def softmax_backward(dy: Array, cache: Array) -> Array:
    """dx = y * (dy - sum of dy*y over axis 1)."""
    y = cache
    return y * (dy - (dy * y).sum(axis=1, keepdims=True))


@operation
def log_softmax(x: Array) -> tuple[Array, Array]:
    """y = x - log(sum of exp(x)), over axis 1. Keeps y."""
    shifted = x - x.max(axis=1, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return y, y


@operation
def log_softmax_backward(dy: Array, cache: Array) -> Array:
    """dx = dy - exp(y) * sum of dy over axis 1."""
    return dy - np.exp(cache) * dy.sum(axis=1, keepdims=True)
