"""Pooling: a window of the picture becomes one number, its maximum or its mean.

Every kernel here walks over the KH*KW places of the window, and at each place treats that pixel of
all windows at once (they lie a stride apart), so that no window is ever copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError, ShapeError
from byhand.kernels.operation import operation
from byhand.kernels.reference.conv import LineCache, crop, pad
from byhand.kernels.reference.geometry import Padding, Size, Window, line, window

Array = NDArray[Any]
Shape = tuple[int, ...]


class MaxPoolCache(NamedTuple):
    """Where in its window each maximum was (row-major place), and where the windows were."""

    place: Array  # (N, C, OH, OW), 0 .. KH*KW-1
    x_shape: tuple[int, int, int, int]
    window: Window

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.place.shape


class AvgPoolCache(NamedTuple):
    """Where the windows were: the mean keeps no values."""

    x_shape: tuple[int, int, int, int]
    window: Window

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (*self.x_shape[:2], *self.window.output_size(*self.x_shape[2:]))


class GlobalAvgPoolCache(NamedTuple):
    """The shape of x: the mean keeps no values."""

    x_shape: Shape

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.x_shape[:2]


def _places(padded: Array, where: Window, output: tuple[int, int]) -> Iterator[tuple[int, Array]]:
    """For each place of the window, row-major: its number, and that pixel of all windows."""
    (kh, kw), (sh, sw), (oh, ow) = where.kernel, where.stride, output
    for i in range(kh):
        for j in range(kw):
            yield i * kw + j, padded[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw]


def _first_places(where: Window, output: tuple[int, int]) -> Array:
    """The first place of each window that is inside of the picture, (OH, OW)."""
    rows, columns = (
        np.maximum(before - stride * np.arange(size), 0)
        for (before, _), stride, size in zip(where.padding, where.stride, output, strict=True)
    )
    return rows[:, None] * where.kernel[1] + columns


def check_pool(
    name: str, shape: Shape, kernel_size: Size, stride: Size | None, padding: Padding
) -> tuple[Window, tuple[int, int]]:
    """The window of a pooling of pictures of this shape, and the size of its output.

    Raises:
        ShapeError: no pictures, or smaller than the window.
        InputError: a maximum would be taken over padding alone.
    """
    if len(shape) != 4:
        raise ShapeError(f"{name} got an array of shape {shape}, but it must be (N, C, H, W)")
    where = window(kernel_size, kernel_size if stride is None else stride, padding)
    output = where.output_size(shape[2], shape[3])
    if name == "max_pool2d":
        check_max_padding(where)
    return where, output


def check_max_padding(where: Window) -> None:
    """See that every window of a max pooling has something in it.

    Raises:
        InputError: a maximum would be taken over padding alone.
    """
    if any(max(p) > k // 2 for p, k in zip(where.padding, where.kernel, strict=True)):
        (top, _), (left, _) = where.padding
        raise InputError(
            f"max pooling with a window of {where.kernel[0]}×{where.kernel[1]} is padded by "
            f"{top}×{left}; padding of more than half the window would leave windows with nothing "
            "in them"
        )


def _zeros_padded(like: Array, x_shape: tuple[int, int, int, int], where: Window) -> Array:
    n, c, h, w = x_shape
    (top, bottom), (left, right) = where.padding
    return np.zeros((n, c, h + top + bottom, w + left + right), like.dtype)


@operation
def max_pool2d(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Array, MaxPoolCache]:
    """The largest of each window: x (N, C, H, W) to y (N, C, OH, OW).

    The stride is the kernel size unless given; rows and columns that no window reaches are left
    out. Of equal values the first in row-major order counts; a NaN wins over every number. Padding
    is minus infinity, so that it never wins over a number.
    """
    where, output = check_pool("max_pool2d", x.shape, kernel_size, stride, padding)
    padded = pad(x, where.padding, -np.inf)
    places = _places(padded, where, output)
    _, first = next(places)
    y = first.copy()
    place = np.empty_like(y, np.min_scalar_type(where.kernel[0] * where.kernel[1] - 1))
    place[...] = _first_places(where, output)
    for number, value in places:
        better = (value > y) | (value != value)  # strictly: the first of equals stays
        np.maximum(y, value, out=y)  # keeps a NaN
        # Numbers rise, so that the largest of those that were better is the latest.
        np.maximum(place, better * place.dtype.type(number), out=place)
    return y, MaxPoolCache(place, x.shape, where)


@operation
def max_pool2d_backward(dy: Array, cache: MaxPoolCache) -> Array:
    """The gradient goes to where the maximum was, and nowhere else."""
    place, x_shape, where = cache
    dx = _zeros_padded(dy, x_shape, where)
    for number, slot in _places(dx, where, (dy.shape[2], dy.shape[3])):
        slot += dy * (place == number)
    return crop(dx, where.padding)


@operation
def avg_pool2d(
    x: Array, kernel_size: Size, stride: Size | None = None, padding: Padding = 0
) -> tuple[Array, AvgPoolCache]:
    """The mean of each window, zeros of the padding counted: x (N, C, H, W) to (N, C, OH, OW)."""
    where, output = check_pool("avg_pool2d", x.shape, kernel_size, stride, padding)
    padded = pad(x, where.padding)
    y = np.zeros((*x.shape[:2], *output), x.dtype)
    for _, value in _places(padded, where, output):
        y += value
    y /= where.kernel[0] * where.kernel[1]
    return y, AvgPoolCache(x.shape, where)


@operation
def avg_pool2d_backward(dy: Array, cache: AvgPoolCache) -> Array:
    """Each pixel of a window gets an equal share of its gradient."""
    x_shape, where = cache
    share = dy / (where.kernel[0] * where.kernel[1])
    dx = _zeros_padded(dy, x_shape, where)
    for _, slot in _places(dx, where, (dy.shape[2], dy.shape[3])):
        slot += share
    return crop(dx, where.padding)


@operation
def max_pool1d(
    x: Array, kernel_size: int, stride: int | None = None, padding: int | Literal["same"] = 0
) -> tuple[Array, LineCache]:
    """The largest of each window: x (N, C, L) to y (N, C, OL). A picture of one row."""
    kernel, steps, padded = line(kernel_size, kernel_size if stride is None else stride, padding)
    y, cache = max_pool2d(_row("max_pool1d", x), kernel, steps, padded)
    return y[:, :, 0, :], LineCache(cache)


@operation
def max_pool1d_backward(dy: Array, cache: LineCache) -> Array:
    """The gradient goes to where the maximum was."""
    return max_pool2d_backward(dy[:, :, None, :], cache.picture)[:, :, 0, :]


@operation
def avg_pool1d(
    x: Array, kernel_size: int, stride: int | None = None, padding: int | Literal["same"] = 0
) -> tuple[Array, LineCache]:
    """The mean of each window: x (N, C, L) to y (N, C, OL). A picture of one row."""
    kernel, steps, padded = line(kernel_size, kernel_size if stride is None else stride, padding)
    y, cache = avg_pool2d(_row("avg_pool1d", x), kernel, steps, padded)
    return y[:, :, 0, :], LineCache(cache)


@operation
def avg_pool1d_backward(dy: Array, cache: LineCache) -> Array:
    """Each place of a window gets an equal share of its gradient."""
    return avg_pool2d_backward(dy[:, :, None, :], cache.picture)[:, :, 0, :]


@operation
def global_avg_pool(x: Array) -> tuple[Array, GlobalAvgPoolCache]:
    """The mean over all places: x (N, C, ...) to y (N, C). Keeps the shape of x.

    Lin, Chen and Yan, "Network in network", 2013.
    """
    check_global_avg_pool(x.shape)
    return x.mean(axis=tuple(range(2, x.ndim))), GlobalAvgPoolCache(x.shape)


@operation
def global_avg_pool_backward(dy: Array, cache: GlobalAvgPoolCache) -> Array:
    """Each place gets an equal share: dx = dy / (H*W)."""
    (shape,) = cache
    places = int(np.prod(shape[2:]))
    share = (dy / places).reshape(*dy.shape, *(1,) * (len(shape) - 2))
    return np.broadcast_to(share, shape).copy()


def check_global_avg_pool(shape: Shape) -> None:
    """See that there are places to average.

    Raises:
        ShapeError: there are none.
    """
    if len(shape) < 3:
        raise ShapeError(f"global_avg_pool got an array of shape {shape}, but needs (N, C, ...)")


def check_sequences(name: str, shape: Shape) -> None:
    """See that an array is of sequences.

    Raises:
        ShapeError: it is not.
    """
    if len(shape) != 3:
        raise ShapeError(f"{name} got an array of shape {shape}, but it must be (N, C, L)")


def _row(name: str, x: Array) -> Array:
    check_sequences(name, x.shape)
    return x[:, :, None, :]
