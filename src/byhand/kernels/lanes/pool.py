"""Pooling on lanes; reference/pool.py says what it is."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from byhand.errors import ShapeError
from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, Plans, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import pool as reference
from byhand.kernels.reference.conv import LineCache
from byhand.kernels.reference.geometry import Padding, Size, exact, line

MOST_PLACES = 255  # of a window, so that a place fits a byte


class PoolPlan(NamedTuple):
    """The sizes of a pooling, checked."""

    sizes: Any  # the core's Pool
    output: tuple[int, int, int]  # C, OH, OW
    input: tuple[int, int, int]  # C, H, W


class LanesMaxPoolCache(NamedTuple):
    """Where in its window each maximum was, and the sizes."""

    place: Any  # the core's memory, a byte a value of y
    plan: PoolPlan
    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (self.n, *self.plan.output)


class LanesAvgPoolCache(NamedTuple):
    """The sizes: the mean keeps no values."""

    plan: PoolPlan
    n: int

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (self.n, *self.plan.output)


def _make_plan(
    name: str, input_: tuple[int, ...], kernel_size: Size, stride: Size | None, padding: Padding
) -> PoolPlan:
    where, (oh, ow) = reference.check_pool(name, (0, *input_), kernel_size, stride, padding)
    c, h, w = input_
    (top, _), (left, _) = where.padding
    sizes = core.Pool(c, h, w, *where.kernel, *where.stride, top, left, oh, ow)
    return PoolPlan(sizes, (c, oh, ow), (c, h, w))


_plans = Plans(_make_plan)


def _plan_of(
    name: str, x: Lanes, kernel_size: Size, stride: Size | None, padding: Padding
) -> PoolPlan:
    kernel_size = exact(kernel_size, "kernel size", 1)
    stride, padding = exact(stride, "stride", 1), exact(padding, "padding", 0)
    try:
        plan: PoolPlan = _plans(name, x.features, kernel_size, stride, padding)
    except ShapeError:
        reference.check_pool(name, x.shape, kernel_size, stride, padding)  # with the images' number
        raise
    return plan


@implements(reference.max_pool2d, Lanes)
def max_pool2d(
    x: Lanes, kernel_size: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Lanes, Any]:
    """y (N, C, OH, OW) and where the maxima were."""
    plan = _plan_of("max_pool2d", x, kernel_size, stride, padding)
    if _places(kernel_size) > MOST_PLACES:
        y, cache = reference.max_pool2d(x.numpy(), kernel_size, stride, padding)
        return Lanes.pack(y), cache
    values, place = core.max_pool(plan.sizes, x.blocks, x.memory)
    return wrap(values, x.n, plan.output), LanesMaxPoolCache(place, plan, x.n)


@implements(reference.max_pool2d_backward, Lanes)
def max_pool2d_backward(dy: Lanes, cache: LanesMaxPoolCache | reference.MaxPoolCache) -> Lanes:
    """dx (N, C, H, W)."""
    if isinstance(cache, reference.MaxPoolCache):
        return Lanes.pack(reference.max_pool2d_backward(dy.numpy(), cache))
    dx = core.max_pool_backward(cache.plan.sizes, dy.blocks, dy.memory, cache.place)
    return wrap(dx, dy.n, cache.plan.input)


@implements(reference.avg_pool2d, Lanes)
def avg_pool2d(
    x: Lanes, kernel_size: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Lanes, LanesAvgPoolCache]:
    """y (N, C, OH, OW)."""
    plan = _plan_of("avg_pool2d", x, kernel_size, stride, padding)
    y = wrap(core.avg_pool(plan.sizes, x.blocks, x.memory), x.n, plan.output)
    return y, LanesAvgPoolCache(plan, x.n)


@implements(reference.avg_pool2d_backward, Lanes)
def avg_pool2d_backward(dy: Lanes, cache: LanesAvgPoolCache) -> Lanes:
    """dx (N, C, H, W)."""
    plan, _ = cache
    return wrap(core.avg_pool_backward(plan.sizes, dy.blocks, dy.memory), dy.n, plan.input)


# By way of the operations, which see what the cache is of.
_max_of_pictures: Any = reference.max_pool2d_backward
_avg_of_pictures: Any = reference.avg_pool2d_backward


@implements(reference.max_pool1d, Lanes)
def max_pool1d(
    x: Lanes, kernel_size: int, stride: int | None = None, padding: int | Literal["same"] = 0
) -> tuple[Lanes, LineCache]:
    """A picture of one row."""
    kernel, steps, padded = line(kernel_size, kernel_size if stride is None else stride, padding)
    y, cache = max_pool2d(_row("max_pool1d", x), kernel, steps, padded)
    return _sequence(y), LineCache(cache)


@implements(reference.max_pool1d_backward, Lanes)
def max_pool1d_backward(dy: Lanes, cache: LineCache) -> Lanes:
    """dx (N, C, L)."""
    return _sequence(_max_of_pictures(_row("max_pool1d_backward", dy), cache.picture))


@implements(reference.avg_pool1d, Lanes)
def avg_pool1d(
    x: Lanes, kernel_size: int, stride: int | None = None, padding: int | Literal["same"] = 0
) -> tuple[Lanes, LineCache]:
    """A picture of one row."""
    kernel, steps, padded = line(kernel_size, kernel_size if stride is None else stride, padding)
    y, cache = avg_pool2d(_row("avg_pool1d", x), kernel, steps, padded)
    return _sequence(y), LineCache(cache)


@implements(reference.avg_pool1d_backward, Lanes)
def avg_pool1d_backward(dy: Lanes, cache: LineCache) -> Lanes:
    """dx (N, C, L)."""
    return _sequence(_avg_of_pictures(_row("avg_pool1d_backward", dy), cache.picture))


@implements(reference.global_avg_pool, Lanes)
def global_avg_pool(x: Lanes) -> tuple[Lanes, reference.GlobalAvgPoolCache]:
    """y (N, C)."""
    reference.check_global_avg_pool(x.shape)
    c, *places = x.features
    y = core.global_avg_pool(x.blocks * c, math.prod(places), x.memory)
    return wrap(y, x.n, (c,)), reference.GlobalAvgPoolCache(x.shape)


@implements(reference.global_avg_pool_backward, Lanes)
def global_avg_pool_backward(dy: Lanes, cache: reference.GlobalAvgPoolCache) -> Lanes:
    """dx (N, C, ...)."""
    n, c, *places = cache.x_shape
    dx = core.global_avg_pool_backward(dy.blocks * c, math.prod(places), dy.memory)
    return wrap(dx, n, cache.x_shape[1:])


def _places(kernel_size: Size) -> int:
    return math.prod(kernel_size) if isinstance(kernel_size, tuple | list) else kernel_size**2


def _row(name: str, x: Lanes) -> Lanes:
    reference.check_sequences(name, x.shape)
    return x.reshape(x.n, x.features[0], 1, x.features[1])


def _sequence(x: Lanes) -> Lanes:
    return x.reshape(x.n, x.features[0], x.features[2])
