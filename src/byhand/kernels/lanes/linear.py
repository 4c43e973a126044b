"""The fully connected layer on lanes; reference/linear.py says what it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from byhand.kernels.compiled import core
from byhand.kernels.lanes.array import Lanes, wrap
from byhand.kernels.operation import implements
from byhand.kernels.reference import linear as reference

Array = NDArray[Any]


class LanesLinearCache(NamedTuple):
    """What backward needs: the input and the weight."""

    x: Lanes  # (N, I)
    weight: Array  # (O, I)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (self.x.n, len(self.weight))


@implements(reference.linear, Lanes)
def linear(x: Lanes, weight: Array, bias: Array | None) -> tuple[Lanes, LanesLinearCache]:
    """y (N, O)."""
    return forward(x, weight, bias, False), LanesLinearCache(x, weight)


def forward(x: Lanes, weight: Array, bias: Array | None, relu: bool) -> Lanes:
    """y (N, O), or max(y, 0)."""
    reference.check_linear(x.shape, weight.shape, None if bias is None else bias.shape)
    o, i = weight.shape
    return wrap(core.linear(x.blocks, i, o, x.memory, weight, bias, relu), x.n, (o,))


@implements(reference.linear_backward, Lanes)
def linear_backward(
    dy: Lanes, cache: LanesLinearCache, need_dx: bool = True
) -> tuple[Lanes | None, Array, Array]:
    """dx or None, dweight, dbias."""
    x, weight = cache
    o, i = weight.shape
    dweight = np.empty((o, i), np.float32)
    dbias = np.empty(o, np.float32)
    core.linear_weight_gradient(dy.blocks, i, o, x.memory, dy.memory, dweight, dbias)
    if not need_dx:
        return None, dweight, dbias
    dx = core.linear_input_gradient(dy.blocks, i, o, dy.memory, weight)
    return wrap(dx, dy.n, (i,)), dweight, dbias
