"""Convolution: unfold the picture, then one matrix product.

Symbols, here and in every kernel: N images, C channels, H W size, F filters, KH KW kernel,
OH OW output. x is (N, C, H, W), weight (F, C, KH, KW), bias (F), y (N, F, OH, OW).

    y[n,f,i,j] = bias[f] + sum over c,u,v of weight[f,c,u,v] * x[n, c, i*SH+u-top, j*SW+v-left]

With each window of x as a column of `cols` (C*KH*KW, N*OH*OW) and weight as a matrix W of F rows,
that sum is Y = W @ cols. The chain rule on a matrix product gives all three gradients:

    dW = dY @ cols.T        dbias = row sums of dY        dcols = W.T @ dY

and dx adds each column of dcols back to where its window was (col2im). Unfolding followed by a
product is due to Chellapilla, Puri and Simard, "High performance convolutional neural networks for
document processing", 2006.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation
from byhand.kernels.reference.geometry import Padding, Size, Window, line, window

Array = NDArray[Any]


class ConvCache(NamedTuple):
    """What backward needs: the unfolded picture, the weight, and where the windows were."""

    cols: Array  # (C*KH*KW, N*OH*OW)
    weight: Array  # (F, C, KH, KW)
    x_shape: tuple[int, int, int, int]
    window: Window


def pad(x: Array, padding: tuple[tuple[int, int], tuple[int, int]], value: float = 0.0) -> Array:
    """Put `value` around the pictures of x (N, C, H, W)."""
    if padding == ((0, 0), (0, 0)):
        return x
    return np.pad(x, ((0, 0), (0, 0), *padding), constant_values=value)


def crop(x: Array, padding: tuple[tuple[int, int], tuple[int, int]]) -> Array:
    """Take off again what `pad` put around."""
    (top, bottom), (left, right) = padding
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def unfold(x: Array, where: Window) -> Array:
    """x (N, C, H, W) to columns (C*KH*KW, N*OH*OW): a column a window, in the order of n, i, j."""
    n, c, h, w = x.shape
    kh, kw = where.kernel
    sh, sw = where.stride
    oh, ow = where.output_size(h, w)
    windows = sliding_window_view(pad(x, where.padding), (kh, kw), axis=(2, 3))
    windows = windows[:, :, ::sh, ::sw]  # (N, C, OH, OW, KH, KW), no copy so far
    return windows.transpose(1, 4, 5, 0, 2, 3).reshape(c * kh * kw, n * oh * ow)


def fold(cols: Array, x_shape: tuple[int, int, int, int], where: Window) -> Array:
    """The transpose of `unfold`: add each column back to where its window was, (N, C, H, W)."""
    n, c, h, w = x_shape
    kh, kw = where.kernel
    sh, sw = where.stride
    (top, bottom), (left, right) = where.padding
    oh, ow = where.output_size(h, w)
    cols = cols.reshape(c, kh, kw, n, oh, ow)
    x = np.zeros((c, n, h + top + bottom, w + left + right), cols.dtype)
    for i in range(kh):
        for j in range(kw):
            # Pixel (i, j) of all windows at once: they lie a stride apart.
            x[:, :, i : i + sh * oh : sh, j : j + sw * ow : sw] += cols[:, i, j]
    return crop(x.transpose(1, 0, 2, 3), where.padding)  # (N, C, H, W)


def im2col(x: Array, kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Array:
    """Unfold x (N, C, H, W) into the matrix (C*KH*KW, N*OH*OW) whose columns are the windows."""
    _check_pictures("im2col", x)
    return unfold(x, window(kernel_size, stride, padding))


def col2im(
    cols: Array,
    x_shape: tuple[int, int, int, int],
    kernel_size: Size,
    stride: Size = 1,
    padding: Padding = 0,
) -> Array:
    """Add the columns (C*KH*KW, N*OH*OW) of an unfolded picture up into x_shape (N, C, H, W).

    A pixel that lies in several windows gets the sum: this is im2col's transpose, not its inverse.
    """
    where = window(kernel_size, stride, padding)
    n, c, h, w = x_shape
    oh, ow = where.output_size(h, w)
    expected = (c * where.kernel[0] * where.kernel[1], n * oh * ow)
    if cols.shape != expected:
        raise ShapeError(f"col2im got columns {cols.shape}, but x_shape {x_shape} needs {expected}")
    return fold(cols, x_shape, where)


@operation
def conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Array, ConvCache]:
    """Convolve x (N, C, H, W) with weight (F, C, KH, KW): y (N, F, OH, OW) and a cache.

    Cost: 2*N*F*C*KH*KW*OH*OW operations; cols takes KH*KW/(SH*SW) times the bytes of x.

    Raises:
        ShapeError: the shapes do not fit each other, or the kernel not the padded picture.
    """
    _check_pictures("conv2d", x)
    if weight.ndim != 4 or weight.shape[1] != x.shape[1]:
        raise ShapeError(
            f"conv2d got x {x.shape} and weight {weight.shape}, "
            "but weight must be (F, C, KH, KW) with the C of x (N, C, H, W)"
        )
    f, _, kh, kw = weight.shape
    n, _, h, w = x.shape
    where = window((kh, kw), stride, padding)
    oh, ow = where.output_size(h, w)
    cols = unfold(x, where)
    y = weight.reshape(f, -1) @ cols  # (F, C*KH*KW) @ (C*KH*KW, N*OH*OW)
    if bias is not None:
        y += bias[:, None]
    # Left as a view: in memory channels stay outermost, which the next unfolding reads faster.
    y = y.reshape(f, n, oh, ow).transpose(1, 0, 2, 3)  # (N, F, OH, OW)
    return y, ConvCache(cols, weight, x.shape, where)


@operation
def conv2d_backward(
    dy: Array, cache: ConvCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """From dy (N, F, OH, OW): dx (or None when not needed), dweight and dbias."""
    cols, weight, x_shape, where = cache
    f = weight.shape[0]
    dy2 = dy.transpose(1, 0, 2, 3).reshape(f, -1)  # (F, N*OH*OW)
    dweight = (dy2 @ cols.T).reshape(weight.shape)
    dbias = dy2.sum(axis=1)
    if not need_dx:
        return None, dweight, dbias
    dcols = weight.reshape(f, -1).T @ dy2  # (C*KH*KW, N*OH*OW)
    return fold(dcols, x_shape, where), dweight, dbias


@operation
def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: int = 1,
    padding: int | Literal["same"] = 0,
) -> tuple[Array, ConvCache]:
    """Convolve x (N, C, L) with weight (F, C, K): y (N, F, OL). A picture of one row."""
    if x.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            f"conv1d got x {x.shape} and weight {weight.shape}, "
            "but they must be (N, C, L) and (F, C, K)"
        )
    _, steps, padded = line(weight.shape[2], stride, padding)
    y, cache = conv2d(x[:, :, None, :], weight[:, :, None, :], bias, steps, padded)
    return y[:, :, 0, :], cache


@operation
def conv1d_backward(
    dy: Array, cache: ConvCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """From dy (N, F, OL): dx (N, C, L) or None, dweight (F, C, K), dbias (F)."""
    dx, dweight, dbias = conv2d_backward(dy[:, :, None, :], cache, need_dx)
    return (None if dx is None else dx[:, :, 0, :]), dweight[:, :, 0, :], dbias


def _check_pictures(name: str, x: Array) -> None:
    if x.ndim != 4:
        raise ShapeError(f"{name} got an array of shape {x.shape}, but it must be (N, C, H, W)")
    if x.dtype.kind != "f":
        raise ShapeError(
            f"{name} got an array of {x.dtype}, but it computes with floats; "
            "standardise the pictures first, or call .astype(numpy.float32)"
        )
