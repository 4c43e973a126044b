"""Pooling layers: a window becomes its maximum or its mean."""

from __future__ import annotations

import math
from typing import Any, Literal

from byhand import kernels
from byhand.errors import ShapeError
from byhand.kernels import Key, Padding, Size
from byhand.kernels.reference.pool import check_max_padding
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector
from byhand.nn.registry import register


class Pool2d(Layer):
    """What pooling of pictures shares: the window, whose stride is its size unless given."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Padding = 0) -> None:
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.window = kernels.window(
            kernel_size, kernel_size if stride is None else stride, padding
        )

    def output_shape(self, shape: Shape) -> Shape:
        """(C, H, W) to (C, OH, OW)."""
        if len(shape) != 3:
            raise ShapeError(f"it takes pictures (C, H, W), but gets {tuple(shape)}")
        return (shape[0], *self.window.output_size(shape[1], shape[2]))

    def workspace(self, shape: Shape) -> int:
        """The picture padded."""
        return shape[0] * math.prod(self.window.padded_size(shape[1], shape[2]))

    def operations(self, shape: Shape) -> int:
        """One comparison or addition for each place of each window."""
        return math.prod(self.output_shape(shape)) * math.prod(self.window.kernel)


@register
class MaxPool2d(Pool2d):
    """The largest of each window; its gradient goes to where it was, the first of equals."""

    arrays = kernels.ARRAYS

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Padding = 0) -> None:
        super().__init__(kernel_size, stride, padding)
        check_max_padding(self.window)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C, OH, OW)."""
        return kernels.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, H, W)."""
        return kernels.max_pool2d_backward(dy, cache)


@register
class AvgPool2d(Pool2d):
    """The mean of each window, zeros of the padding counted."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C, OH, OW)."""
        return kernels.avg_pool2d(x, self.kernel_size, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, H, W)."""
        return kernels.avg_pool2d_backward(dy, cache)


class Pool1d(Layer):
    """What pooling of sequences shares."""

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int | Literal["same"] = 0,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding: int | Literal["same"] = padding
        self.window = kernels.window(
            *kernels.line(kernel_size, kernel_size if stride is None else stride, padding)
        )

    def output_shape(self, shape: Shape) -> Shape:
        """(C, L) to (C, OL)."""
        if len(shape) != 2:
            raise ShapeError(f"it takes sequences (C, L), but gets {tuple(shape)}")
        return (shape[0], self.window.output_size(1, shape[1])[1])

    def workspace(self, shape: Shape) -> int:
        """The sequence padded."""
        return shape[0] * math.prod(self.window.padded_size(1, shape[1]))

    def operations(self, shape: Shape) -> int:
        """One comparison or addition for each place of each window."""
        return math.prod(self.output_shape(shape)) * self.kernel_size


@register
class MaxPool1d(Pool1d):
    """The largest of each window of a sequence."""

    arrays = kernels.ARRAYS

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: int | Literal["same"] = 0,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        check_max_padding(self.window)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C, OL)."""
        return kernels.max_pool1d(x, self.kernel_size, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, L)."""
        return kernels.max_pool1d_backward(dy, cache)


@register
class AvgPool1d(Pool1d):
    """The mean of each window of a sequence."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C, OL)."""
        return kernels.avg_pool1d(x, self.kernel_size, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, L)."""
        return kernels.avg_pool1d_backward(dy, cache)


@register
class GlobalAvgPool(Layer):
    """The mean over all places: (N, C, ...) to (N, C). Lin, Chen and Yan, 2013."""

    arrays = kernels.ARRAYS

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, C)."""
        return kernels.global_avg_pool(x)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x."""
        return kernels.global_avg_pool_backward(dy, cache)

    def output_shape(self, shape: Shape) -> Shape:
        """(C, ...) to (C)."""
        if len(shape) < 2:
            raise ShapeError(f"it takes pictures or sequences (C, ...), but gets {tuple(shape)}")
        return shape[:1]

    def operations(self, shape: Shape) -> int:
        """One addition a value."""
        return math.prod(shape)
