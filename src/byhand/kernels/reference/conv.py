"""Convolution: unfold the picture, then one matrix product.

Symbols, here and in every kernel: N images, C channels, H W size, F filters, KH KW kernel,
OH OW output. x is (N, C, H, W), weight (F, C, KH, KW), bias (F), y (N, F, OH, OW).

    y[n,f,i,j] = bias[f] + sum over c,u,v of weight[f,c,u,v] * x[n, c, i*SH+u-top, j*SW+v-left]

With each window of x as a column of `cols` (C*KH*KW, N*OH*OW) and weight as a matrix W of F rows,
that sum is Y = W @ cols. The chain rule on a matrix product gives all three gradients:

    dW = dY @ cols.T        dbias = row sums of dY        dcols = W.T @ dY

and dx adds each column of dcols back to where its window was (col2im). At stride 1 that comes to a
convolution of dy with the kernels turned by 180°, which is quicker. Unfolding followed by a product
is due to Chellapilla, Puri and Simard, "High performance convolutional neural networks for document
processing", 2006.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from byhand.checks import quoted, whole
from byhand.errors import ShapeError
from byhand.kernels.operation import operation
from byhand.kernels.reference.geometry import Padding, Size, Window, line, window

Array = NDArray[Any]
Shape = tuple[int, ...]


# Unfolded pictures are KH*KW times as large as pictures. So many numbers at a time stay in the
# processor's cache (4 MB of float32), and no large array is made afresh at each step.
GROUP = 2**20


class ConvCache(NamedTuple):
    """What backward needs: the input (unfolded again there), the weight, where the windows were."""

    x: Array  # (N, C, H, W)
    weight: Array  # (F, C, KH, KW)
    window: Window

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (len(self.x), len(self.weight), *self.window.output_size(*self.x.shape[2:]))


class LineCache(NamedTuple):
    """What backward needs of a sequence, kept as that of a picture of one row."""

    picture: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (*self.picture.shape[:2], self.picture.shape[3])


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


@operation
def im2col(x: Array, kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Array:
    """Unfold x (N, C, H, W) into the matrix (C*KH*KW, N*OH*OW) whose columns are the windows.

    Raises:
        ShapeError: no window fits into the padded picture.
    """
    _check_pictures("im2col", x.shape)
    return unfold(x, window(kernel_size, stride, padding))


@operation
def col2im(
    cols: Array,
    x_shape: tuple[int, int, int, int],
    kernel_size: Size,
    stride: Size = 1,
    padding: Padding = 0,
) -> Array:
    """Add the columns (C*KH*KW, N*OH*OW) of an unfolded picture up into x_shape (N, C, H, W).

    A pixel that lies in several windows gets the sum: this is im2col's transpose, not its inverse.

    Raises:
        InputError: stride or padding is none, or (ShapeError) the columns are not such a picture's.
    """
    where = window(kernel_size, stride, padding)
    if not isinstance(x_shape, tuple | list) or len(x_shape) != 4:
        raise ShapeError(f"col2im got x_shape {quoted(x_shape)}, but it must be (N, C, H, W)")
    n, c, h, w = (whole("a size of x_shape", size) for size in x_shape)
    oh, ow = where.output_size(h, w)
    expected = (c * where.kernel[0] * where.kernel[1], n * oh * ow)
    if cols.shape != expected:
        raise ShapeError(f"col2im got columns {cols.shape}, but x_shape {x_shape} needs {expected}")
    return fold(cols, (n, c, h, w), where)


@operation
def conv2d(
    x: Array, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Array, ConvCache]:
    """Convolve x (N, C, H, W) with weight (F, C, KH, KW), add bias (F): y (N, F, OH, OW), a cache.

    Cost: 2*N*F*C*KH*KW*OH*OW operations.

    Raises:
        ShapeError: the shapes do not fit each other, or the kernel not the padded picture.
    """
    check_conv2d(x.shape, weight.shape, None if bias is None else bias.shape)
    where = window(weight.shape[2:], stride, padding)
    y = convolve(x, weight, where)
    if bias is not None:
        y += bias[:, None, None]
    return y, ConvCache(x, weight, where)


@operation
def conv2d_backward(
    dy: Array, cache: ConvCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """From dy (N, F, OH, OW): dx (or None when not needed), dweight and dbias."""
    x, weight, where = cache
    f, c, kh, kw = weight.shape
    dweight = np.zeros((f, c * kh * kw), weight.dtype)
    for part in groups(x.shape, where):
        dweight += _rows(dy[part]) @ unfold(x[part], where).T  # (F, n*OH*OW) @ (n*OH*OW, C*KH*KW)
    dbias = dy.sum(axis=(0, 2, 3))
    dx = _input_gradient(dy, cache) if need_dx else None
    return dx, dweight.reshape(weight.shape), dbias


def convolve(x: Array, weight: Array, where: Window) -> Array:
    """x (N, C, H, W) with weight (F, C, KH, KW) and no bias: y (N, F, OH, OW)."""
    f = weight.shape[0]
    oh, ow = where.output_size(x.shape[2], x.shape[3])
    w = weight.reshape(f, math.prod(weight.shape[1:]))
    parts = [w @ unfold(x[part], where) for part in groups(x.shape, where)]  # each (F, n*OH*OW)
    y = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    # Left as a view: in memory channels stay outermost, which the next unfolding reads faster.
    return y.reshape(f, x.shape[0], oh, ow).transpose(1, 0, 2, 3)


def _input_gradient(dy: Array, cache: ConvCache) -> Array:
    """dx (N, C, H, W): every dy goes back to the pixels of its window, times their weights."""
    x, weight, where = cache
    (top, bottom), (left, right) = where.padding
    kh, kw = where.kernel
    full = ((kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right))
    turned = Window(where.kernel, (1, 1), full)
    close = min(*full[0], *full[1]) >= 0 and not turned.is_far(dy.shape[2], dy.shape[3])
    if where.stride == (1, 1) and close and x.size:
        # Pixel p lies in the windows that start at p-KH+1 .. p: a convolution of dy, turned round.
        return convolve(dy, weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3), turned)
    w = weight.reshape(weight.shape[0], math.prod(weight.shape[1:]))
    dx = np.empty_like(x)
    for part in groups(x.shape, where):
        dx[part] = fold(w.T @ _rows(dy[part]), x[part].shape, where)
    return dx


def groups(shape: tuple[int, ...], where: Window) -> list[slice]:
    """Slices of images such that those of one slice, unfolded, are about GROUP numbers."""
    n, c, h, w = shape
    each = c * math.prod(where.kernel) * math.prod(where.output_size(h, w))
    size = max(1, GROUP // max(each, 1))
    return [slice(i, i + size) for i in range(0, max(n, 1), size)]


def _rows(y: Array) -> Array:
    """(N, F, OH, OW) to (F, N*OH*OW)."""
    n, f, oh, ow = y.shape
    return y.transpose(1, 0, 2, 3).reshape(f, n * oh * ow)


@operation
def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: int = 1,
    padding: int | Literal["same"] = 0,
) -> tuple[Array, LineCache]:
    """Convolve x (N, C, L) with weight (F, C, K), add bias (F): y (N, F, OL), as of one row."""
    check_conv1d(x.shape, weight.shape)
    _, steps, padded = line(weight.shape[2], stride, padding)
    y, cache = conv2d(x[:, :, None, :], weight[:, :, None, :], bias, steps, padded)
    return y[:, :, 0, :], LineCache(cache)


@operation
def conv1d_backward(
    dy: Array, cache: LineCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """From dy (N, F, OL): dx (N, C, L) or None, dweight (F, C, K), dbias (F)."""
    dx, dweight, dbias = conv2d_backward(dy[:, :, None, :], cache.picture, need_dx)
    return (None if dx is None else dx[:, :, 0, :]), dweight[:, :, 0, :], dbias


def check_conv2d(x: Shape, weight: Shape, bias: Shape | None) -> None:
    """See that these shapes go together.

    Raises:
        ShapeError: they do not.
    """
    _check_pictures("conv2d", x)
    if len(weight) != 4 or weight[1] != x[1]:
        raise ShapeError(
            f"conv2d got x {x} and weight {weight}, "
            "but weight must be (F, C, KH, KW) with the C of x (N, C, H, W)"
        )
    if bias is not None and bias != weight[:1]:
        raise ShapeError(f"conv2d got weight {weight} and bias {bias}, not (F,)")


def check_conv1d(x: Shape, weight: Shape) -> None:
    """See that these shapes go together.

    Raises:
        ShapeError: they do not.
    """
    if len(x) != 3 or len(weight) != 3:
        raise ShapeError(
            f"conv1d got x {x} and weight {weight}, but they must be (N, C, L) and (F, C, K)"
        )


def _check_pictures(name: str, shape: Shape) -> None:
    if len(shape) != 4:
        raise ShapeError(f"{name} got an array of shape {shape}, but it must be (N, C, H, W)")
