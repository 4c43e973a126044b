"""What a model would take in memory, worked out from shapes alone before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from byhand.errors import InputError
from byhand.kernels import Key
from byhand.nn.containers import StandIn, map_innermost
from byhand.nn.layer import Array, Layer, Shape

GIB = 2**30


@dataclass(frozen=True)
class Memory:
    """Bytes for one picture: a batch of n pictures takes n times `outputs`.

    Args:
        parameters: the parameters and buffers, once.
        outputs: what comes in and what each layer gives, all kept at the same time.
        workspace: what the neediest layer takes for a while beside them (unfolded or padded
            pictures).
    """

    parameters: int
    outputs: int
    workspace: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.parameters + self.outputs + self.workspace


def memory(model: Layer, image_shape: Shape, limit: int | None = None) -> Memory:
    """What `model` takes for one picture of `image_shape` (C, H, W), without running it.

    A layer of the user's own that writes no `output_shape` is run on one picture of zeros, after
    what comes before it has passed.

    Args:
        model: any layer.
        image_shape: of one picture.
        limit: bytes; None is no limit.

    Raises:
        InputError: it takes more than `limit`; names the layer at which it does.
        ShapeError: such pictures do not fit the model; names the layer.
    """
    params = {id(p): p for _, p in (*model.named_params(), *model.named_buffers())}
    each = max((p.value.itemsize for p in params.values() if p.placed), default=4)
    parameters = each * sum(p.size for p in params.values())
    taken = Memory(parameters, each * math.prod(image_shape), 0)

    def see(name: str, layer: Layer, shape: Shape, output: Shape) -> None:
        nonlocal taken
        taken = Memory(
            parameters,
            taken.outputs + each * math.prod(output),
            max(taken.workspace, each * layer.workspace(shape)),
        )
        if limit is not None and taken.total > limit:
            raise InputError(
                f"layer {name} ({type(layer).__name__}) would bring the memory for one picture to "
                f"{taken.total / GIB:.3g} GiB, more than the limit of {limit / GIB:.3g} GiB; "
                "if the model may take so much, raise it: --memory-limit, or "
                "byhand.load(path, limit=bytes)"
            )

    shapes(model, image_shape, see)
    return taken


def shapes(
    model: Layer, image_shape: Shape, see: Callable[[str, Layer, Shape, Shape], None]
) -> Shape:
    """Call `see(name, layer, input shape, output shape)` for every innermost layer, in order.

    Gives the shape of the model's output. Shapes are of one image, without N.

    Raises:
        ShapeError: images of `image_shape` do not fit the model; names the layer.
    """
    shaped = map_innermost(model, lambda name, layer: _Shaped(name, layer, see))
    return shaped.output_shape(image_shape)


class _Shaped(StandIn):
    """A layer that tells the shapes that it takes and gives."""

    def __init__(
        self, name: str, layer: Layer, see: Callable[[str, Layer, Shape, Shape], None]
    ) -> None:
        super().__init__(name, layer)
        self._see = see

    def output_shape(self, shape: Shape) -> Shape:
        """The layer's own, told."""
        output = self._layer.output_shape(shape)
        self._see(self._name, self._layer, shape, output)
        return output

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """Zeros of the layer's output, for a container of the user's own that runs it."""
        output = self.output_shape(x.shape[1:])
        return np.zeros((len(x), *output), x.dtype), None
