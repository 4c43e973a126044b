"""Neighbouring layers that run as one where an array's kernels offer it (kernels/lanes/fused.py).

`Sequential` asks for the steps that its layers come to. A step has a layer's forward and backward,
and the parameters' gradients go where the layer's own would. Nothing else knows of it: tracing
wraps each layer, and what is wrapped does not match.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from byhand import kernels
from byhand.kernels import Key
from byhand.nn.layer import Array, Layer
from byhand.nn.layers.activation import ReLU
from byhand.nn.layers.conv import Conv2d
from byhand.nn.layers.linear import Linear
from byhand.nn.layers.pool import MaxPool2d
from byhand.nn.param import NamedVector


class Step(NamedTuple):
    """A layer, or several fused into one: what runs at once."""

    name: str  # of the layer whose parameters it has
    place: int  # of the first layer, for its key
    layer: Layer
    size: int = 1  # how many layers it is made of
    kernel: str = ""  # that does them at once


class Steps(NamedTuple):
    """How a sequence of layers runs: each for itself, and those that fit together as one."""

    layers: tuple[Layer, ...]
    single: tuple[Step, ...]
    fused: tuple[Step, ...]


class Fused(Layer):
    """A convolution or a linear layer, and what is behind it, by one kernel: "conv2d_relu"."""

    arrays = kernels.ARRAYS

    def __init__(self, layer: Conv2d | Linear, kernel: str) -> None:
        self._layer, self.kernel = layer, kernel
        self._forward: Any = getattr(kernels, kernel)
        self._backward: Any = getattr(kernels, f"{kernel}_backward")

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """What the layers one after the other give."""
        layer = self._layer
        bias = None if layer.bias is None else layer.bias.value
        settings = (layer.stride, layer.padding) if isinstance(layer, Conv2d) else ()
        y, cache = self._forward(x, layer.weight.value, bias, *settings)
        return y, cache

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """As that of the layers one after the other."""
        dx, dweight, dbias = self._backward(dy, cache, need_dx)
        grads["weight"] += dweight
        if self._layer.bias is not None:
            grads["bias"] += dbias
        return dx


def steps(layers: tuple[Layer, ...]) -> Steps:
    """The steps that layers one after another come to."""
    fused = []
    i = 0
    while i < len(layers):
        layer, size = _fuse(layers[i : i + 3])
        kernel = layer.kernel if isinstance(layer, Fused) else ""
        fused.append(Step(str(i), i, layer, size, kernel))
        i += size
    single = tuple(Step(str(i), i, layer) for i, layer in enumerate(layers))
    return Steps(layers, single, tuple(fused))


def _fuse(layers: Sequence[Layer]) -> tuple[Layer, int]:
    """The step that these (at most three) begin with, and how many of them it takes."""
    kinds = [type(layer) for layer in layers]  # a subclass may do something else
    first = layers[0]
    if isinstance(first, Conv2d) and kinds[0] is Conv2d:
        pooled = kinds[1:] in ([ReLU, MaxPool2d], [MaxPool2d, ReLU])
        if pooled and _halves(layers[1 if kinds[1] is MaxPool2d else 2]):
            return Fused(first, "conv2d_relu_pool2d"), 3
        if kinds[1:2] == [ReLU]:
            return Fused(first, "conv2d_relu"), 2
    if isinstance(first, Linear) and kinds[:2] == [Linear, ReLU]:
        return Fused(first, "linear_relu"), 2
    return first, 1


def _halves(pool: Layer) -> bool:
    """Whether a pooling is of windows 2 x 2 side by side."""
    assert isinstance(pool, MaxPool2d)
    two = ((2, 2), (2, 2), ((0, 0), (0, 0)))
    return (pool.window.kernel, pool.window.stride, pool.window.padding) == two
