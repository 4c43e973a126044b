"""A convolution as a product of two matrices, forward and backward, in two ways.

    the picture unfolded    Y = W @ cols      W (F, C*KH*KW), cols (C*KH*KW, N*OH*OW): im2col
    the kernel unfolded     Y = T @ X         T (F*OH*OW, C*H*W) sparse, X (C*H*W, N)

`T` holds every weight once for each place of the window, in the column of the pixel it meets there.
The chain rule on a product gives the gradients by the transposes: of W and cols dW = dY @ cols.T
and dcols = W.T @ dY, which col2im adds up; of T and X dX = T.T @ dY and dT = dY @ X.T, of which a
weight's gradient is the sum over the places where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.kernels import Size

Array = NDArray[Any]
Shape3 = tuple[int, int, int]
Calls = dict[str, Callable[[], Any]]

PICTURE, KERNEL, BUILT = "picture unfolded", "kernel unfolded", "kernel unfolded anew"
NUMPY, CORE = "NumPy kernel", "compiled core"
DENSE_LIMIT = 2**27  # bytes: the gradient of a dense unfolded kernel that is larger is not built


def by_picture(x: Array, weight: Array, stride: Size = 1, padding: Size = 0) -> Array:
    """x (N, C, H, W) with weight (F, C, KH, KW): y (N, F, OH, OW), one product for all pictures."""
    f, _, *kernel = weight.shape
    cols = kernels.im2col(x, (kernel[0], kernel[1]), stride, padding)
    oh, ow = output_size(x.shape[1:], weight, stride, padding)
    return (weight.reshape(f, -1) @ cols).reshape(f, len(x), oh, ow).transpose(1, 0, 2, 3)


def by_picture_backward(
    dy: Array, x: Array, weight: Array, stride: Size = 1, padding: Size = 0
) -> tuple[Array, Array]:
    """From dy (N, F, OH, OW): dx and dweight."""
    f, _, *kernel = weight.shape
    size = (kernel[0], kernel[1])
    rows = dy.transpose(1, 0, 2, 3).reshape(f, -1)  # (F, N*OH*OW)
    dweight = rows @ kernels.im2col(x, size, stride, padding).T
    n, c, h, w = x.shape
    dx = kernels.col2im(weight.reshape(f, -1).T @ rows, (n, c, h, w), size, stride, padding)
    return dx, dweight.reshape(weight.shape)


def met(picture: Shape3, weight: Array, stride: Size = 1, padding: Size = 0) -> NDArray[np.int64]:
    """Which pixel each weight meets at each place: (C*KH*KW, OH*OW), -1 where it meets padding.

    Pixels are numbered as they lie in a picture (C, H, W): unfolding the numbers says it.
    """
    numbers = np.arange(1.0, 1 + math.prod(picture)).reshape(1, *picture)
    kernel = (weight.shape[2], weight.shape[3])
    return kernels.im2col(numbers, kernel, stride, padding).astype(np.int64) - 1


def kernel_matrix(weight: Array, picture: Shape3, stride: Size = 1, padding: Size = 0) -> Any:
    """T as a SciPy sparse matrix (F*OH*OW, C*H*W) of the weight's type."""
    from scipy.sparse import csr_array

    f = len(weight)
    pixel = met(picture, weight, stride, padding)
    inside = pixel >= 0
    places = pixel.shape[1]
    row = places * np.arange(f)[:, None, None] + np.arange(places)  # (F, 1, OH*OW)
    shape = (f, *pixel.shape)
    values = np.broadcast_to(weight.reshape(f, -1, 1), shape)[:, inside]
    rows = np.broadcast_to(row.astype(np.int32), shape)[:, inside]
    columns = np.broadcast_to(pixel.astype(np.int32), shape)[:, inside]
    return csr_array(
        (values.ravel(), (rows.ravel(), columns.ravel())),
        shape=matrix_shape(picture, weight, stride, padding),
    )


def by_kernel(x: Array, matrix: Any, weight: Array, stride: Size = 1, padding: Size = 0) -> Array:
    """x (N, C, H, W) with `matrix`, which is `kernel_matrix` of the weight: y (N, F, OH, OW)."""
    oh, ow = output_size(x.shape[1:], weight, stride, padding)
    y = matrix @ x.reshape(len(x), -1).T  # (F*OH*OW, N)
    return np.asarray(y).T.reshape(len(x), len(weight), oh, ow)


def by_kernel_backward(
    dy: Array, x: Array, matrix: Any, weight: Array, stride: Size = 1, padding: Size = 0
) -> tuple[Array, Array]:
    """From dy (N, F, OH, OW): dx and dweight. Builds the gradient of the whole dense matrix."""
    n, f = dy.shape[:2]
    rows = dy.reshape(n, -1).T  # (F*OH*OW, N)
    dx = np.asarray(matrix.T @ rows).T.reshape(x.shape)
    dmatrix = (rows @ x.reshape(n, -1)).reshape(f, -1, math.prod(x.shape[1:]))  # (F, OH*OW, C*H*W)
    pixel = met((x.shape[1], x.shape[2], x.shape[3]), weight, stride, padding)
    place = np.arange(pixel.shape[1])
    at_weights = dmatrix[:, place, np.maximum(pixel, 0)] * (pixel >= 0)  # (F, C*KH*KW, OH*OW)
    return dx, at_weights.sum(axis=2).reshape(weight.shape)


def matrix_shape(
    picture: Shape3, weight: Array, stride: Size = 1, padding: Size = 0
) -> tuple[int, int]:
    """(F*OH*OW, C*H*W)."""
    oh, ow = output_size(picture, weight, stride, padding)
    return len(weight) * oh * ow, math.prod(picture)


def output_size(
    picture: tuple[int, ...], weight: Array, stride: Size = 1, padding: Size = 0
) -> tuple[int, int]:
    """(OH, OW)."""
    window = kernels.window((weight.shape[2], weight.shape[3]), stride, padding)
    return window.output_size(picture[1], picture[2])


def methods(
    x: Array, weight: Array, dy: Array, stride: Size = 1, padding: Size = 0
) -> tuple[Calls, Calls]:
    """Every method there is of this convolution, as functions: forward y, and backward dx, dweight.

    The compiled core is among them for float32, where it is there.
    """
    picture = (x.shape[1], x.shape[2], x.shape[3])
    matrix = kernel_matrix(weight, picture, stride, padding)
    _, cache = kernels.conv2d(x, weight, None, stride, padding)

    def built() -> Array:
        anew = kernel_matrix(weight, picture, stride, padding)
        return by_kernel(x, anew, weight, stride, padding)

    forward: Calls = {
        PICTURE: lambda: by_picture(x, weight, stride, padding),
        BUILT: built,
        KERNEL: lambda: by_kernel(x, matrix, weight, stride, padding),
        NUMPY: lambda: kernels.conv2d(x, weight, None, stride, padding)[0],
    }
    backward: Calls = {PICTURE: lambda: by_picture_backward(dy, x, weight, stride, padding)}
    if weight.itemsize * math.prod(matrix.shape) <= DENSE_LIMIT:
        backward[KERNEL] = lambda: by_kernel_backward(dy, x, matrix, weight, stride, padding)
    backward[NUMPY] = lambda: kernels.conv2d_backward(dy, cache)[:2]
    packed: Any = kernels.as_layout(x)
    packed_dy: Any = kernels.as_layout(dy)
    if packed is not x:
        _, kept = kernels.conv2d(packed, weight, None, stride, padding)
        forward[CORE] = lambda: kernels.conv2d(packed, weight, None, stride, padding)[0]
        backward[CORE] = lambda: kernels.conv2d_backward(packed_dy, kept)[:2]
    return forward, backward
