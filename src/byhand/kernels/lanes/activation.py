"""Activations on lanes; reference/activation.py says what they are."""

from __future__ import annotations

import math
from typing import Any

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, same_images, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import activation as reference


@implements(reference.relu, Lanes)
def relu(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y, which is above 0 where x is."""
    y = wrap(core.relu(x.memory), x.n, x.features)
    return y, y


@implements(reference.relu_backward, Lanes)
def relu_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("relu_backward", dy, cache.n)
    return wrap(core.relu_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.leaky_relu, Lanes)
def leaky_relu(x: Lanes, slope: float = 0.01) -> tuple[Lanes, tuple[Lanes, float]]:
    """Keeps x."""
    return wrap(core.leaky_relu(x.memory, slope), x.n, x.features), (x, slope)


@implements(reference.leaky_relu_backward, Lanes)
def leaky_relu_backward(dy: Lanes, cache: tuple[Lanes, float]) -> Lanes:
    """dx as dy."""
    x, slope = cache
    same_images("leaky_relu_backward", dy, x.n)
    return wrap(core.leaky_relu_backward(x.memory, dy.memory, slope), dy.n, dy.features)


@implements(reference.sigmoid, Lanes)
def sigmoid(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y."""
    y = wrap(core.sigmoid(x.memory), x.n, x.features)
    return y, y


@implements(reference.sigmoid_backward, Lanes)
def sigmoid_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("sigmoid_backward", dy, cache.n)
    return wrap(core.sigmoid_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.tanh, Lanes)
def tanh(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y."""
    y = wrap(core.tanh(x.memory), x.n, x.features)
    return y, y


@implements(reference.tanh_backward, Lanes)
def tanh_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("tanh_backward", dy, cache.n)
    return wrap(core.tanh_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.gelu, Lanes)
def gelu(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps x."""
    return wrap(core.gelu(x.memory), x.n, x.features), x


@implements(reference.gelu_backward, Lanes)
def gelu_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("gelu_backward", dy, cache.n)
    return wrap(core.gelu_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.softmax, Lanes)
def softmax(x: Lanes) -> tuple[Lanes, Lanes]:
    """Over axis 1. Keeps y."""
    y = wrap(core.softmax(*_channels(x), x.memory), x.n, x.features)
    return y, y


@implements(reference.softmax_backward, Lanes)
def softmax_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("softmax_backward", dy, cache.n)
    dx = core.softmax_backward(*_channels(dy), cache.memory, dy.memory)
    return wrap(dx, dy.n, dy.features)


@implements(reference.log_softmax, Lanes)
def log_softmax(x: Lanes) -> tuple[Lanes, Lanes]:
    """Over axis 1. Keeps y."""
    y = wrap(core.log_softmax(*_channels(x), x.memory), x.n, x.features)
    return y, y


@implements(reference.log_softmax_backward, Lanes)
def log_softmax_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    same_images("log_softmax_backward", dy, cache.n)
    dx = core.log_softmax_backward(*_channels(dy), cache.memory, dy.memory)
    return wrap(dx, dy.n, dy.features)


def _channels(x: Lanes) -> tuple[Any, int, int]:
    return x.blocks, x.features[0], math.prod(x.features[1:])
