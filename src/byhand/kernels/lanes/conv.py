"""Convolution on lanes; reference/conv.py says what it is."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, Plans, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import conv as reference
from byhand.kernels.reference.geometry import Padding, Size, Window, exact, line, window

Array = NDArray[Any]


class ConvPlan(NamedTuple):
    """The sizes of a convolution, checked."""

    sizes: Any  # the core's Conv
    output: tuple[int, int, int]  # F, OH, OW
    input: tuple[int, int, int]  # C, H, W
    window: Window


class LanesConvCache(NamedTuple):
    """What backward needs: the input, the weight, the sizes."""

    x: Lanes
    weight: Array
    plan: ConvPlan

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (self.x.n, *self.plan.output)


def _make_plan(
    input_: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    stride: Size,
    padding: Padding,
) -> ConvPlan:
    reference.check_conv2d((0, *input_), weight, bias)
    c, h, w = input_
    f, _, kh, kw = weight
    where = window((kh, kw), stride, padding)
    oh, ow = where.output_size(h, w)
    (top, _), (left, _) = where.padding
    sizes = core.Conv(c, h, w, f, kh, kw, *where.stride, top, left, oh, ow)
    return ConvPlan(sizes, (f, oh, ow), (c, h, w), where)


_plans = Plans(_make_plan)


def plan_of(
    x: tuple[int, ...], weight: Array, bias: Array | None, stride: Size, padding: Padding
) -> ConvPlan:
    """The sizes of the convolution of an array of shape `x`.

    Raises:
        ShapeError: the shapes do not fit each other, or the kernel not the padded picture.
    """
    shapes = (weight.shape, None if bias is None else bias.shape)
    if type(stride) is not int or type(padding) is not int:
        stride, padding = exact(stride, "stride", 1), exact(padding, "padding", 0)
    try:
        plan: ConvPlan = _plans(x[1:], *shapes, stride, padding)
    except ShapeError:
        reference.check_conv2d(x, *shapes)  # says it with the number of images
        raise
    return plan


@implements(reference.conv2d, Lanes)
def conv2d(
    x: Lanes, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Lanes, LanesConvCache]:
    """y (N, F, OH, OW) and a cache."""
    plan = plan_of(x.shape, weight, bias, stride, padding)
    y = core.conv_forward(plan.sizes, x.blocks, x.memory, weight, bias, False)
    return wrap(y, x.n, plan.output), LanesConvCache(x, weight, plan)


@implements(reference.conv2d_backward, Lanes)
def conv2d_backward(
    dy: Lanes, cache: LanesConvCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    x, weight, plan = cache
    dweight, dbias = empty_gradients(weight)
    core.conv_weight_gradient(plan.sizes, x.blocks, x.memory, dy.memory, dweight, dbias)
    return input_gradient(dy, cache) if need_dx else None, dweight, dbias


def empty_gradients(weight: Array) -> tuple[Array, Array]:
    """Arrays for dweight and dbias."""
    return np.empty(weight.shape, np.float32), np.empty(weight.shape[0], np.float32)


def input_gradient(dy: Lanes, cache: LanesConvCache) -> Lanes:
    """dx (N, C, H, W)."""
    x, weight, plan = cache
    dx = core.conv_input_gradient(plan.sizes, dy.blocks, dy.memory, weight)
    return wrap(dx, x.n, plan.input)


@implements(reference.conv1d, Lanes)
def conv1d(
    x: Lanes,
    weight: Array,
    bias: Array | None,
    stride: int = 1,
    padding: int | Literal["same"] = 0,
) -> tuple[Lanes, reference.LineCache]:
    """A picture of one row."""
    reference.check_conv1d(x.shape, weight.shape)
    _, steps, padded = line(weight.shape[2], stride, padding)
    row = x.reshape(x.n, x.features[0], 1, x.features[1])
    y, cache = conv2d(row, weight[:, :, None, :], bias, steps, padded)
    return y.reshape(y.n, y.features[0], y.features[2]), reference.LineCache(cache)


# By way of the operation, which sees what the cache is of.
_of_pictures: Any = reference.conv2d_backward


@implements(reference.conv1d_backward, Lanes)
def conv1d_backward(
    dy: Lanes, cache: reference.LineCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx (N, C, L) or None, dweight (F, C, K), dbias."""
    row = dy.reshape(dy.n, dy.features[0], 1, dy.features[1])
    dx, dweight, dbias = _of_pictures(row, cache.picture, need_dx)
    if dx is not None:
        dx = dx.reshape(dx.n, dx.features[0], dx.features[2])
    return dx, dweight[:, :, 0, :], dbias


@implements(reference.im2col, Lanes)
def im2col(x: Lanes, kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Array:
    """The matrix of windows has no images' axis: a NumPy array, as the reference gives it."""
    return reference.im2col(x.numpy(), kernel_size, stride, padding)
