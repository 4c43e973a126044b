"""Kernels rounded to −1, 0 and 1, and networks whose kernels stay as they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, nn
from byhand.experiments.parts.first_kernels import LINEAR
from byhand.kernels import Key
from byhand.nn.layer import Array


def ternary(weight: NDArray[Any], threshold: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Each kernel of weight (F, C, KH, KW) rounded to −1, 0, 1, and its scale (F).

    A weight is 0 where its magnitude is at most `threshold` times the mean magnitude of its kernel,
    and its sign elsewhere; the scale is the mean magnitude of those that are not 0. With 0.7, for
    weights that are normal or uniform, this is about the nearest that scale times −1, 0, 1 comes to
    them. Li, Zhang and Liu, "Ternary weight networks", 2016.
    """
    size = np.abs(weight)
    kept = size > threshold * size.mean(axis=(1, 2, 3), keepdims=True)
    codes = np.where(kept, np.sign(weight), 0).astype(weight.dtype)
    scale = (size * kept).sum(axis=(1, 2, 3)) / np.maximum(1, kept.sum(axis=(1, 2, 3)))
    return codes, scale.astype(weight.dtype)


class FixedConv(nn.Layer):
    """A convolution with given kernels that stay: x (N, C, H, W) to (N, F, OH, OW)."""

    arrays = kernels.ARRAYS

    def __init__(self, kernel: Array, offset: Array) -> None:
        self.kernel, self.offset = kernel, offset

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, F, OH, OW)."""
        return kernels.conv2d(x, self.kernel, self.offset)

    def backward(
        self, dy: Array, cache: Any, grads: nn.NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx alone: there is nothing to train."""
        return kernels.conv2d_backward(dy, cache, need_dx)[0]


def with_kernels(model: nn.Layer, weight: Array, bias: Array) -> nn.Sequential:
    """one_conv with these kernels, which stay as they are, and its own last layer."""
    given = model.parameters()
    last = given[f"{LINEAR}.weight"]  # (classes, features)
    net = nn.Sequential(
        FixedConv(weight.copy(), bias.copy()), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(last.shape[1], last.shape[0]),
    ).init(np.random.default_rng(0))  # fmt: skip
    for name, value in net.parameters().items():
        value[...] = given[name]
    net.card = model.card
    return net


def responses(x: Array, weight: Array, bias: Array) -> Array:
    """What kernels (F, C, KH, KW) find in pictures (N, C, H, W), after ReLU: (N, F, OH, OW)."""
    y, _ = kernels.conv2d(x, weight, bias)
    found: Array = np.maximum(y, 0)
    return found


def alike(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The correlation of two sets of maps over all their places; 0 where one is constant."""
    x, y = (v.astype(np.float64).ravel() - v.mean(dtype=np.float64) for v in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0
