"""Operations that a faster arithmetic may run as one; here they are what they say, one by one.

`nn.Sequential` runs them for arrays that have a version of their own (lanes/fused.py), and then
the array in between is never written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation
from byhand.kernels.reference.activation import relu, relu_backward
from byhand.kernels.reference.conv import ConvCache, conv2d, conv2d_backward
from byhand.kernels.reference.geometry import Padding, Size
from byhand.kernels.reference.linear import LinearCache, linear, linear_backward
from byhand.kernels.reference.pool import MaxPoolCache, max_pool2d, max_pool2d_backward

Array = NDArray[Any]
Shape = tuple[int, ...]


class ConvReluCache(NamedTuple):
    """The convolution's cache, and where the ReLU let through."""

    conv: ConvCache
    mask: Array  # as y, bool

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.mask.shape


class ConvReluPoolCache(NamedTuple):
    """The caches of the convolution with its ReLU, and of the pooling."""

    first: ConvReluCache
    pool: MaxPoolCache

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.pool.shape


class LinearReluCache(NamedTuple):
    """The linear layer's cache, and where the ReLU let through."""

    linear: LinearCache
    mask: Array  # as y, bool

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.mask.shape


@operation
def conv2d_relu(
    x: Array, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Array, Any]:
    """max(conv2d(x), 0): x (N, C, H, W) to y (N, F, OH, OW); weight and bias as in conv2d."""
    z, conv = conv2d(x, weight, bias, stride, padding)
    y, positive = relu(z)
    return y, ConvReluCache(conv, positive)


@operation
def conv2d_relu_backward(
    dy: Array, cache: Any, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx (or None), dweight and dbias."""
    conv, positive = cache
    return conv2d_backward(relu_backward(dy, positive), conv, need_dx)


@operation
def conv2d_relu_pool2d(
    x: Array, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Array, Any]:
    """The largest of each 2×2 window of max(conv2d(x), 0), of x as in conv2d: (N, F, OH/2, OW/2).

    Pooling first and ReLU after give the same.
    """
    z, first = conv2d_relu(x, weight, bias, stride, padding)
    y, pool = max_pool2d(z, 2)
    return y, ConvReluPoolCache(first, pool)


@operation
def conv2d_relu_pool2d_backward(
    dy: Array, cache: Any, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx (or None), dweight and dbias."""
    first, pool = cache
    return conv2d_relu_backward(max_pool2d_backward(dy, pool), first, need_dx)


@operation
def linear_relu(x: Array, weight: Array, bias: Array | None) -> tuple[Array, Any]:
    """max(linear(x), 0): x (N, I) to y (N, O), weight (O, I), bias (O)."""
    z, inner = linear(x, weight, bias)
    y, positive = relu(z)
    return y, LinearReluCache(inner, positive)


@operation
def linear_relu_backward(
    dy: Array, cache: Any, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx (or None), dweight and dbias."""
    inner, positive = cache
    return linear_backward(relu_backward(dy, positive), inner, need_dx)


def check_pool2d(height: int, width: int) -> None:
    """See that windows of 2×2 fit.

    Raises:
        ShapeError: the picture is smaller.
    """
    if height < 2 or width < 2:
        raise ShapeError(
            f"a window of 2×2 does not fit into a picture of {height}×{width} "
            f"(with padding {height}×{width}); "
            "use larger pictures, a smaller window or more padding"
        )
