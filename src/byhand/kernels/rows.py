"""Few images at low latency: plain NumPy arrays, computed by the compiled core along their rows.

`Lanes` holds eight images side by side, and with one image seven eighths of its work is for
nothing. `Rows` is an ordinary array (N, C, H, W); the core takes eight neighbouring columns of one
picture at a time. Convolution and the fully connected layer have versions of their own here, alone
and with what follows them; for all else, backward included, a `Rows` is the NumPy array that it is,
and the reference runs. `kernels.as_layout(x, train=False)` gives one where that is fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.lanes.conv import plan_of
from byhand.kernels.operation import floats, implements
from byhand.kernels.reference import conv as reference_conv
from byhand.kernels.reference import fused as reference_fused
from byhand.kernels.reference import linear as reference_linear
from byhand.kernels.reference.geometry import Padding, Size

Array = NDArray[Any]

FEW_IMAGES = 3  # so many at most are quicker as rows than as lanes
FLOAT32 = np.dtype(np.float32)


class Rows(np.ndarray[Any, Any]):
    """A NumPy array of few images whose convolutions and products the compiled core computes."""

    __slots__ = ()

    @classmethod
    def of(cls, x: Array) -> Rows:
        """x (N, ...) in float32 and C order: a view where it is that already."""
        return np.ascontiguousarray(floats("Rows.of got", x), np.float32).view(cls)


class RecomputedCache:
    """The cache of layers run as one, worked out by the reference if anybody goes backward."""

    __slots__ = ("arguments", "forward", "shape")

    def __init__(
        self, shape: tuple[int, ...], forward: Callable[..., tuple[Array, Any]], *arguments: Any
    ) -> None:
        self.shape = shape  # of y
        self.forward = forward
        self.arguments = arguments

    def __iter__(self) -> Iterator[Any]:
        x, *others = self.arguments
        _, cache = self.forward(np.asarray(x), *others)
        return iter(cache)


def _reference(forward: Callable[..., tuple[Array, Any]], x: Rows, *others: Any) -> Any:
    """What the reference gives, as rows again: for what is no longer float32."""
    y, cache = forward(np.asarray(x), *others)
    return y.view(Rows), cache


@implements(reference_conv.conv2d, Rows)
def conv2d(
    x: Rows, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Rows, Any]:
    """y (N, F, OH, OW)."""
    if x.dtype is not FLOAT32:
        return _reference(reference_conv.conv2d, x, weight, bias, stride, padding)
    plan = plan_of(x.shape, weight, bias, stride, padding)
    y = Rows((len(x), *plan.output), np.float32)
    core.conv_rows(plan.sizes, len(x), x, weight, bias, y, False, False)
    return y, reference_conv.ConvCache(x, weight, plan.window)


@implements(reference_fused.conv2d_relu, Rows)
def conv2d_relu(
    x: Rows, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Rows, Any]:
    """y (N, F, OH, OW)."""
    if x.dtype is not FLOAT32:
        return _reference(reference_fused.conv2d_relu, x, weight, bias, stride, padding)
    plan = plan_of(x.shape, weight, bias, stride, padding)
    y = Rows((len(x), *plan.output), np.float32)
    core.conv_rows(plan.sizes, len(x), x, weight, bias, y, True, False)
    return y, RecomputedCache(
        y.shape, reference_fused.conv2d_relu, x, weight, bias, stride, padding
    )


@implements(reference_fused.conv2d_relu_pool2d, Rows)
def conv2d_relu_pool2d(
    x: Rows, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Rows, Any]:
    """y (N, F, OH / 2, OW / 2)."""
    if x.dtype is not FLOAT32:
        return _reference(reference_fused.conv2d_relu_pool2d, x, weight, bias, stride, padding)
    plan = plan_of(x.shape, weight, bias, stride, padding)
    f, oh, ow = plan.output
    reference_fused.check_pool2d(oh, ow)
    y = Rows((len(x), f, oh // 2, ow // 2), np.float32)
    core.conv_rows(plan.sizes, len(x), x, weight, bias, y, True, True)
    return y, RecomputedCache(
        y.shape, reference_fused.conv2d_relu_pool2d, x, weight, bias, stride, padding
    )


@implements(reference_linear.linear, Rows)
def linear(x: Rows, weight: Array, bias: Array | None) -> tuple[Rows, Any]:
    """y (N, O)."""
    if x.dtype is not FLOAT32:
        return _reference(reference_linear.linear, x, weight, bias)
    return _product(x, weight, bias, False), reference_linear.LinearCache(x, weight)


@implements(reference_fused.linear_relu, Rows)
def linear_relu(x: Rows, weight: Array, bias: Array | None) -> tuple[Rows, Any]:
    """y (N, O)."""
    if x.dtype is not FLOAT32:
        return _reference(reference_fused.linear_relu, x, weight, bias)
    y = _product(x, weight, bias, True)
    return y, RecomputedCache(y.shape, reference_fused.linear_relu, x, weight, bias)


def _product(x: Rows, weight: Array, bias: Array | None, relu: bool) -> Rows:
    shape, sizes = x.shape, weight.shape
    reference_linear.check_linear(shape, sizes, None if bias is None else bias.shape)
    n, i = shape
    o = sizes[0]
    y = Rows((n, o), np.float32)
    core.linear_rows(n, i, o, x, weight, bias, y, relu)
    return y
