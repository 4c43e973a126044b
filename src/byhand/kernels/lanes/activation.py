"""Activations on lanes; reference/activation.py says what they are."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from byhand.checks import number
from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import activation as reference


class LanesLeakyReluCache(NamedTuple):
    """x, and the slope where it is not above 0."""

    x: Lanes
    slope: float

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.x.shape


@implements(reference.relu, Lanes)
def relu(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y, which is above 0 where x is."""
    y = wrap(core.relu(x.memory), x.n, x.features)
    return y, y


@implements(reference.relu_backward, Lanes)
def relu_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    return wrap(core.relu_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.leaky_relu, Lanes)
def leaky_relu(x: Lanes, slope: float = 0.01) -> tuple[Lanes, LanesLeakyReluCache]:
    """Keeps x."""
    slope = number("slope", slope)
    y = wrap(core.leaky_relu(x.memory, slope), x.n, x.features)
    return y, LanesLeakyReluCache(x, slope)


@implements(reference.leaky_relu_backward, Lanes)
def leaky_relu_backward(dy: Lanes, cache: LanesLeakyReluCache) -> Lanes:
    """dx as dy."""
    x, slope = cache
    return wrap(core.leaky_relu_backward(x.memory, dy.memory, slope), dy.n, dy.features)


@implements(reference.sigmoid, Lanes)
def sigmoid(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y."""
    y = wrap(core.sigmoid(x.memory), x.n, x.features)
    return y, y


@implements(reference.sigmoid_backward, Lanes)
def sigmoid_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    return wrap(core.sigmoid_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.tanh, Lanes)
def tanh(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps y."""
    y = wrap(core.tanh(x.memory), x.n, x.features)
    return y, y


@implements(reference.tanh_backward, Lanes)
def tanh_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    return wrap(core.tanh_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.gelu, Lanes)
def gelu(x: Lanes) -> tuple[Lanes, Lanes]:
    """Keeps x."""
    return wrap(core.gelu(x.memory), x.n, x.features), x


@implements(reference.gelu_backward, Lanes)
def gelu_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    return wrap(core.gelu_backward(cache.memory, dy.memory), dy.n, dy.features)


@implements(reference.softmax, Lanes)
def softmax(x: Lanes) -> tuple[Lanes, Lanes]:
    """Over axis 1. Keeps y."""
    y = wrap(core.softmax(*_channels("softmax", x), x.memory), x.n, x.features)
    return y, y


@implements(reference.softmax_backward, Lanes)
def softmax_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    dx = core.softmax_backward(*_channels("softmax_backward", dy), cache.memory, dy.memory)
    return wrap(dx, dy.n, dy.features)


@implements(reference.log_softmax, Lanes)
def log_softmax(x: Lanes) -> tuple[Lanes, Lanes]:
    """Over axis 1. Keeps y."""
    y = wrap(core.log_softmax(*_channels("log_softmax", x), x.memory), x.n, x.features)
    return y, y


@implements(reference.log_softmax_backward, Lanes)
def log_softmax_backward(dy: Lanes, cache: Lanes) -> Lanes:
    """dx as dy."""
    dx = core.log_softmax_backward(*_channels("log_softmax_backward", dy), cache.memory, dy.memory)
    return wrap(dx, dy.n, dy.features)


def _channels(name: str, x: Lanes) -> tuple[Any, int, int]:
    reference.check_classes(name, x.shape)
    return x.blocks, x.features[0], math.prod(x.features[1:])
