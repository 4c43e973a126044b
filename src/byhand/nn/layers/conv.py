"""Convolution layers: the same small weights at every place of the picture."""

from __future__ import annotations

import math
from typing import Any, Literal

from byhand import kernels
from byhand.checks import flag, whole
from byhand.errors import ShapeError
from byhand.kernels import Key, Padding, Size
from byhand.nn.initialisers import He, Initialiser, Zeros, start
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import NamedVector, Param
from byhand.nn.registry import register


@register
class Conv2d(Layer):
    """Convolution of pictures: x (N, C, H, W) to y (N, F, OH, OW).

        y[n,f,i,j] = bias[f] + sum over c,u,v of weight[f,c,u,v] * x[n,c,i*stride+u,j*stride+v]

    `weight` is (F, C, KH, KW), `bias` (F). A backward step is three such sums, which
    kernels/reference/conv.py derives. Cost: 2*F*C*KH*KW*OH*OW operations an image; the cache holds
    x. LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.

    Arguments: channels in and out; kernel size, stride and padding as an integer or a pair (rows,
    columns); padding "same" keeps the size (stride 1).

    Raises:
        InputError: an argument is none of its kind, or "same" has no such padding.
    """

    arrays = kernels.ARRAYS

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        use_bias: bool = True,
        weight_init: Initialiser = He(),  # noqa: B008 - frozen
        bias_init: Initialiser = Zeros(),  # noqa: B008
    ) -> None:
        self.in_channels = whole("in_channels", in_channels, 1)
        self.out_channels = whole("out_channels", out_channels, 1)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.use_bias = flag("use_bias", use_bias)
        self.weight_init = start("weight_init", weight_init)
        self.bias_init = start("bias_init", bias_init)
        self._window = kernels.window(kernel_size, stride, padding)
        self.weight = Param(
            (self.out_channels, self.in_channels, *self._window.kernel), self.weight_init
        )
        self.bias = Param((self.out_channels,), bias_init) if self.use_bias else None

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, F, OH, OW)."""
        bias = None if self.bias is None else self.bias.value
        return kernels.conv2d(x, self.weight.value, bias, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, H, W); adds to grads "weight" and "bias"."""
        dx, dweight, dbias = kernels.conv2d_backward(dy, cache, need_dx)
        grads["weight"] += dweight
        if self.bias is not None:
            grads["bias"] += dbias
        return dx

    def output_shape(self, shape: Shape) -> Shape:
        """(C, H, W) to (F, OH, OW)."""
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise ShapeError(
                f"it takes pictures ({self.in_channels}, H, W), but gets {tuple(shape)}"
            )
        return (self.out_channels, *self._window.output_size(shape[1], shape[2]))

    def workspace(self, shape: Shape) -> int:
        """The picture padded, and unfolded."""
        c, h, w = shape
        places = math.prod(self.output_shape(shape)[1:])
        unfolded = math.prod(self.weight.shape[1:]) * places
        return c * math.prod(self._window.padded_size(h, w)) + unfolded

    def operations(self, shape: Shape) -> int:
        """2*F*C*KH*KW*OH*OW."""
        return 2 * self.weight.size * math.prod(self.output_shape(shape)[1:])


@register
class Conv1d(Layer):
    """Convolution of sequences: x (N, C, L) to y (N, F, OL); weight (F, C, K), bias (F).

    A convolution of pictures of one row; see Conv2d.

    Raises:
        InputError: as Conv2d.
    """

    arrays = kernels.ARRAYS

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | Literal["same"] = 0,
        use_bias: bool = True,
        weight_init: Initialiser = He(),  # noqa: B008 - frozen
        bias_init: Initialiser = Zeros(),  # noqa: B008
    ) -> None:
        self.in_channels = whole("in_channels", in_channels, 1)
        self.out_channels = whole("out_channels", out_channels, 1)
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding: int | Literal["same"] = padding
        self.use_bias = flag("use_bias", use_bias)
        self.weight_init = start("weight_init", weight_init)
        self.bias_init = start("bias_init", bias_init)
        self._window = kernels.window(*kernels.line(kernel_size, stride, padding))
        self.weight = Param(
            (self.out_channels, self.in_channels, self._window.kernel[1]), weight_init
        )
        self.bias = Param((self.out_channels,), bias_init) if self.use_bias else None

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y (N, F, OL)."""
        bias = None if self.bias is None else self.bias.value
        return kernels.conv1d(x, self.weight.value, bias, self.stride, self.padding)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx (N, C, L); adds to grads "weight" and "bias"."""
        dx, dweight, dbias = kernels.conv1d_backward(dy, cache, need_dx)
        grads["weight"] += dweight
        if self.bias is not None:
            grads["bias"] += dbias
        return dx

    def output_shape(self, shape: Shape) -> Shape:
        """(C, L) to (F, OL)."""
        if len(shape) != 2 or shape[0] != self.in_channels:
            raise ShapeError(f"it takes sequences ({self.in_channels}, L), but gets {tuple(shape)}")
        return (self.out_channels, self._window.output_size(1, shape[1])[1])

    def workspace(self, shape: Shape) -> int:
        """The sequence padded, and unfolded."""
        c, length = shape
        unfolded = math.prod(self.weight.shape[1:]) * self.output_shape(shape)[1]
        return c * math.prod(self._window.padded_size(1, length)) + unfolded

    def operations(self, shape: Shape) -> int:
        """2*F*C*K*OL."""
        return 2 * self.weight.size * self.output_shape(shape)[1]
