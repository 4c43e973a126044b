"""Layers that run as one on lanes, without the arrays in between; see reference/fused.py."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, Plans, wrap
from byhand.kernels.lanes.conv import LanesConvCache, conv2d_backward, empty_gradients, plan_of
from byhand.kernels.lanes.linear import LanesLinearCache, linear_backward
from byhand.kernels.lanes.linear import forward as linear_forward
from byhand.kernels.operation import implements
from byhand.kernels.reference import fused as reference
from byhand.kernels.reference.geometry import Padding, Size

Array = NDArray[Any]


class LanesConvReluCache(NamedTuple):
    """The convolution's cache, and y, which is above 0 where the ReLU let through."""

    conv: LanesConvCache
    y: Lanes

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.y.shape


class LanesConvReluPoolCache(NamedTuple):
    """The convolution's cache, and where in its window each maximum above 0 was."""

    conv: LanesConvCache
    place: Any  # the core's memory, a byte a value of y

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        n, f, oh, ow = self.conv.shape
        return (n, f, oh // 2, ow // 2)


class LanesLinearReluCache(NamedTuple):
    """The linear layer's cache, and y, which is above 0 where the ReLU let through."""

    linear: LanesLinearCache
    y: Lanes

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return self.y.shape


@implements(reference.conv2d_relu, Lanes)
def conv2d_relu(
    x: Lanes, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Lanes, LanesConvReluCache]:
    """y (N, F, OH, OW)."""
    plan = plan_of(x.shape, weight, bias, stride, padding)
    memory = core.conv_forward(plan.sizes, x.blocks, x.memory, weight, bias, True)
    y = wrap(memory, x.n, plan.output)
    return y, LanesConvReluCache(LanesConvCache(x, weight, plan), y)


@implements(reference.conv2d_relu_backward, Lanes)
def conv2d_relu_backward(
    dy: Lanes, cache: LanesConvReluCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    conv, y = cache
    masked = wrap(core.relu_backward(y.memory, dy.memory), dy.n, dy.features)
    return conv2d_backward(masked, conv, need_dx)


def _pool_sizes(channels: int, oh: int, ow: int) -> Any:
    """The core's 2 x 2 pooling of a convolution's output."""
    return core.Pool(channels, oh, ow, 2, 2, 2, 2, 0, 0, oh // 2, ow // 2)


_pools = Plans(_pool_sizes)


@implements(reference.conv2d_relu_pool2d, Lanes)
def conv2d_relu_pool2d(
    x: Lanes, weight: Array, bias: Array | None, stride: Size = 1, padding: Padding = 0
) -> tuple[Lanes, LanesConvReluPoolCache]:
    """y (N, F, OH / 2, OW / 2)."""
    plan = plan_of(x.shape, weight, bias, stride, padding)
    f, oh, ow = plan.output
    reference.check_pool2d(oh, ow)
    memory, place = core.conv_pool(plan.sizes, x.blocks, x.memory, weight, bias)
    y = wrap(memory, x.n, (f, oh // 2, ow // 2))
    return y, LanesConvReluPoolCache(LanesConvCache(x, weight, plan), place)


@implements(reference.conv2d_relu_pool2d_backward, Lanes)
def conv2d_relu_pool2d_backward(
    dy: Lanes, cache: LanesConvReluPoolCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    conv, place = cache
    x, weight, plan = conv
    if not need_dx:
        dweight, dbias = empty_gradients(weight)
        core.conv_pool_weight_gradient(
            plan.sizes, x.blocks, x.memory, dy.memory, place, dweight, dbias
        )
        return None, dweight, dbias
    # Both gradients read it: it is made once.
    spread = core.max_pool_backward(_pools(*plan.output), dy.blocks, dy.memory, place)
    return conv2d_backward(wrap(spread, dy.n, plan.output), conv)


@implements(reference.linear_relu, Lanes)
def linear_relu(x: Lanes, weight: Array, bias: Array | None) -> tuple[Lanes, LanesLinearReluCache]:
    """y (N, O)."""
    y = linear_forward(x, weight, bias, True)
    return y, LanesLinearReluCache(LanesLinearCache(x, weight), y)


@implements(reference.linear_relu_backward, Lanes)
def linear_relu_backward(
    dy: Lanes, cache: LanesLinearReluCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    linear, y = cache
    masked = wrap(core.relu_backward(y.memory, dy.memory), dy.n, dy.features)
    return linear_backward(masked, linear, need_dx)
