"""The fully connected layer: each output is a weighted sum of all inputs."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from byhand.errors import ShapeError
from byhand.kernels.operation import operation

Array = NDArray[Any]
Shape = tuple[int, ...]


class LinearCache(NamedTuple):
    """What backward needs: the input and the weight."""

    x: Array  # (N, I)
    weight: Array  # (O, I)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of y."""
        return (len(self.x), len(self.weight))


@operation
def linear(x: Array, weight: Array, bias: Array | None) -> tuple[Array, LinearCache]:
    """y = x @ weight.T + bias, with x (N, I), weight (O, I), bias (O), y (N, O).

    Cost: 2*N*I*O operations.
    """
    check_linear(x.shape, weight.shape, None if bias is None else bias.shape)
    y = x @ weight.T
    if bias is not None:
        y += bias
    return y, LinearCache(x, weight)


@operation
def linear_backward(
    dy: Array, cache: LinearCache, need_dx: bool = True
) -> tuple[Array | None, Array, Array]:
    """dx = dy @ weight, dweight = dy.T @ x, dbias = the sum of dy over images."""
    x, weight = cache
    dx = dy @ weight if need_dx else None
    return dx, dy.T @ x, dy.sum(axis=0)


def check_linear(x: Shape, weight: Shape, bias: Shape | None) -> None:
    """See that these shapes go together.

    Raises:
        ShapeError: they do not.
    """
    if len(x) != 2 or len(weight) != 2 or x[1] != weight[1]:
        raise ShapeError(
            f"linear got x {x} and weight {weight}, "
            "but they must be (N, I) and (O, I) with the same I"
        )
    if bias is not None and bias != weight[:1]:
        raise ShapeError(f"linear got weight {weight} and bias {bias}, not (O,)")
