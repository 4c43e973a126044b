"""Batch normalisation layers."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

from byhand import kernels
from byhand.checks import LARGE, SMALL, number, whole
from byhand.errors import ShapeError
from byhand.kernels import Key, Total
from byhand.nn.initialisers import Constant, Zeros
from byhand.nn.layer import Array, Layer, Shape
from byhand.nn.param import Buffer, NamedVector, Param
from byhand.nn.registry import register


class BatchNorm(Layer):
    """Each channel brought to mean 0 and deviation 1, then scaled and shifted.

        y = weight * (x - mean) / sqrt(var + eps) + bias

    In training mean and var are the batch's, and `commit` moves the running ones towards them
    (momentum 0.1, unbiased variance, as PyTorch); otherwise they are the running ones. Put it
    before the activation: after a ReLU it would undo its zeros. Ioffe and Szegedy, 2015; the
    gradient is derived in kernels/reference/norm.py.
    """

    arrays = kernels.ARRAYS

    _axes: tuple[int, ...]  # how many axes x may have
    _total: Total | None = None  # see `synchronised`

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.features = whole("features", features, 1)
        self.eps = number("eps", eps, SMALL, LARGE)
        self.momentum = number("momentum", momentum, 0, 1)
        self.weight = Param((self.features,), Constant(1.0))
        self.bias = Param((self.features,), Zeros())
        self.running_mean = Buffer((self.features,), 0.0)
        self.running_var = Buffer((self.features,), 1.0)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """y as x."""
        self._check(x.shape)
        return kernels.batch_norm(
            x,
            self.weight.value,
            self.bias.value,
            self.running_mean.value,
            self.running_var.value,
            train,
            self.eps,
            self._total,
        )

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dx as x; adds to grads "weight" and "bias"."""
        dx, dweight, dbias = kernels.batch_norm_backward(dy, cache, need_dx, self._total)
        grads["weight"] += dweight
        grads["bias"] += dbias
        return dx

    def commit(self, cache: Any) -> None:
        """Move the running statistics towards the batch's."""
        for running, batch in (
            (self.running_mean.value, cache.batch_mean),
            (self.running_var.value, cache.batch_var),
        ):
            running += self.momentum * (batch - running)

    def synchronised(self, total: Total) -> Self:
        """The same layer for a shard of a batch: mean and var are the whole batch's."""
        other = copy.copy(self)
        other._total = total
        return other

    def output_shape(self, shape: Shape) -> Shape:
        """As it came."""
        self._check((1, *shape))
        return shape

    def operations(self, shape: Shape) -> int:
        """A subtraction, two multiplications and an addition a value."""
        return 4 * math.prod(shape)

    def _check(self, shape: Shape) -> None:
        if len(shape) not in self._axes or shape[1] != self.features:
            forms = {2: "(N, {})", 3: "(N, {}, L)", 4: "(N, {}, H, W)"}
            shapes = " or ".join(forms[n].format(self.features) for n in self._axes)
            raise ShapeError(
                f"{type(self).__name__} takes arrays {shapes}, but gets {tuple(shape)}"
            )


@register
class BatchNorm1d(BatchNorm):
    """Batch normalisation of vectors (N, C) or sequences (N, C, L)."""

    _axes = (2, 3)


@register
class BatchNorm2d(BatchNorm):
    """Batch normalisation of pictures (N, C, H, W): mean and var over N, H and W."""

    _axes = (4,)
