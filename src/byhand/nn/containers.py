"""Layers made of layers: one after another, side by side, and around a shortcut."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

from byhand import kernels
from byhand.checks import quoted
from byhand.errors import InputError, ShapeError
from byhand.kernels import Key
from byhand.nn.fusion import Step, Steps, steps
from byhand.nn.layer import Array, Layer, Shape, backward, commit, forward
from byhand.nn.param import NamedVector, Param
from byhand.nn.registry import register


class Container(Layer):
    """A layer that holds others. Children get the key's child of their own number.

    Arrays of any layout go through; for a layer that cannot work on one it is unpacked.
    """

    arrays = kernels.ARRAYS

    def map(self, change: Callable[[str, Layer], Layer], prefix: str = "") -> Self:
        """A copy in which each innermost layer is replaced by `change(dotted name, layer)`.

        The layers themselves are not copied: a layer that `change` returns as it is stays shared.
        """
        children = {
            name: (
                child.map(change, f"{prefix}{name}.")
                if isinstance(child, Container)
                else change(prefix + name, child)
            )
            for name, child in self.children().items()
        }
        return self._with_children(children)


def map_innermost(model: Layer, change: Callable[[str, Layer], Layer]) -> Layer:
    """`Container.map` of any layer: one that holds no others is the innermost, without a name."""
    return model.map(change) if isinstance(model, Container) else change("", model)


class StandIn(Layer):
    """A layer that stands for another in a model, to tell of what that one does."""

    def __init__(self, name: str, layer: Layer) -> None:
        self._name, self._layer = name, layer
        self.arrays = layer.arrays

    @property
    def _class_name(self) -> str:
        return self._layer._class_name

    def children(self) -> dict[str, Layer]:
        """None: it stands for the layer inside."""
        return {}

    def named_params(self, prefix: str = "") -> Iterator[tuple[str, Param]]:
        """The layer's own."""
        return self._layer.named_params(prefix)

    def output_shape(self, shape: Shape) -> Shape:
        """The layer's own."""
        return self._layer.output_shape(shape)


class LayerSequence(Container):
    """A container whose children are a sequence, named by their numbers."""

    arrays = kernels.ARRAYS

    def __init__(self, *layers: Layer) -> None:
        self.layers = tuple(_layer(layer) for layer in layers)

    def children(self) -> dict[str, Layer]:
        """The layers by number: "0", "1", ..."""
        return {str(i): layer for i, layer in enumerate(self.layers)}

    def commit(self, cache: Any) -> None:
        """Update the running statistics of all layers from a training forward's cache."""
        for layer, own in zip(self.layers, cache[0], strict=True):
            commit(layer, own)

    def _with_children(self, children: dict[str, Layer]) -> Self:
        other = copy.copy(self)
        other.layers = tuple(children.values())
        return other

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, index: int) -> Layer:
        return self.layers[index]

    def __repr__(self) -> str:
        inner = ",\n".join(f"  {layer!r}".replace("\n", "\n  ") for layer in self.layers)
        return f"{type(self).__name__}(\n{inner},\n)"


@register
class Sequential(LayerSequence):
    """Layers one after another: y = last(... second(first(x))).

    Backward is the chain rule from the last layer to the first.
    """

    arrays = kernels.ARRAYS
    _steps: Steps | None = None  # see `steps`

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """x through all layers; the cache is theirs, and the steps that they ran as (fusion.py)."""
        run = self.steps(isinstance(x, kernels.FUSED))
        caches = []
        for step in run:
            x, cache = forward(step.layer, x, train, None if key is None else key.child(step.place))
            caches.append(cache)
        return x, (caches, run)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dy through all layers, from the last to the first."""
        caches, run = cache
        first = 0 if need_dx else self._first_trained()
        dx: Array | None = dy
        for step, own in zip(reversed(run), reversed(caches), strict=True):
            if step.place < first:
                break
            needed = need_dx or step.place > first
            dx = backward(step.layer, dx, own, grads.child(step.name), needed)
        return dx if need_dx else None

    def commit(self, cache: Any) -> None:
        """Update the running statistics of all layers from a training forward's cache."""
        for own, step in zip(*cache, strict=True):
            commit(step.layer, own)

    def steps(self, fused: bool) -> tuple[Step, ...]:
        """What runs one after another: each layer, or neighbours as one; worked out once."""
        if self._steps is None or self._steps.layers is not self.layers:  # others were put in
            self._steps = steps(self.layers)
        return self._steps.fused if fused else self._steps.single

    def _first_trained(self) -> int:
        """The first layer with parameters: nothing before it needs a gradient."""
        for i, layer in enumerate(self.layers):
            if next(layer.named_params(), None) is not None:
                return i
        return len(self.layers)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape after the last layer.

        Raises:
            ShapeError: pictures of this shape do not fit a layer; names it.
        """
        for i, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ShapeError as error:
                raise ShapeError(f"layer {i} ({layer._class_name}): {error}") from error
        return shape


@register
class Concat(LayerSequence):
    """Branches side by side on the same x, their outputs joined on the channels.

    x (N, ...) to (N, C_0 + C_1 + ..., ...). The gradient of x is the sum of the branches'.

    Raises:
        InputError: there is no branch.
    """

    arrays = kernels.ARRAYS

    def __init__(self, *layers: Layer) -> None:
        if not layers:
            raise InputError("Concat has no branch to join; give it at least one layer")
        super().__init__(*layers)

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """x through each branch."""
        outputs, caches = [], []
        for i, layer in enumerate(self.layers):
            y, cache = forward(layer, x, train, None if key is None else key.child(i))
            outputs.append(y)
            caches.append(cache)
        y, joint = kernels.concat(*outputs)
        return y, (caches, joint)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """Each branch gets its own channels of dy."""
        caches, joint = cache
        total: Array | None = None
        for i, part in enumerate(kernels.concat_backward(dy, joint)):
            dx = backward(self.layers[i], part, caches[i], grads.child(str(i)), need_dx)
            if need_dx:
                assert dx is not None
                total = dx if total is None else kernels.add(total, dx)
        return total

    def output_shape(self, shape: Shape) -> Shape:
        """The channels added up; the other axes must agree."""
        shapes = [layer.output_shape(shape) for layer in self.layers]
        if len({s[1:] for s in shapes}) != 1:
            raise ShapeError(f"the branches give {shapes}, which do not join on the channels")
        return (sum(s[0] for s in shapes), *shapes[0][1:])


@register
class Residual(Container):
    """y = body(x) + shortcut(x); without a shortcut, body(x) + x.

    He, Zhang, Ren and Sun, "Deep residual learning for image recognition", 2016.

    Raises:
        InputError: body or shortcut is no layer.
    """

    arrays = kernels.ARRAYS

    def __init__(self, body: Layer, shortcut: Layer | None = None) -> None:
        self.body = _layer(body)
        self.shortcut = None if shortcut is None else _layer(shortcut)

    def children(self) -> dict[str, Layer]:
        """`body`, and `shortcut` where there is one."""
        named: dict[str, Layer] = {"body": self.body}
        if self.shortcut is not None:
            named["shortcut"] = self.shortcut
        return named

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """The sum of both ways.

        Raises:
            ShapeError: they end in different shapes.
        """
        y, body = forward(self.body, x, train, None if key is None else key.child(0))
        if self.shortcut is None:
            straight, short = x, None
        else:
            straight, short = forward(
                self.shortcut, x, train, None if key is None else key.child(1)
            )
        if y.shape != straight.shape:
            raise ShapeError(
                f"the body gives {y.shape} and the shortcut {straight.shape}, which do not add up"
            )
        return kernels.add(y, straight), (body, short)

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """dy goes both ways, and the gradients of x add up."""
        body, short = cache
        dx = backward(self.body, dy, body, grads.child("body"), need_dx)
        straight: Array | None = dy
        if self.shortcut is not None:
            straight = backward(self.shortcut, dy, short, grads.child("shortcut"), need_dx)
        if not need_dx:
            return None
        assert dx is not None and straight is not None  # noqa: PT018
        return kernels.add(dx, straight)

    def commit(self, cache: Any) -> None:
        """Update the running statistics of both ways."""
        for layer, own in zip((self.body, self.shortcut), cache, strict=True):
            if layer is not None:
                commit(layer, own)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape after the body, which must be the shortcut's too."""
        after = self.body.output_shape(shape)
        straight = shape if self.shortcut is None else self.shortcut.output_shape(shape)
        if after != straight:
            raise ShapeError(
                f"the body gives {after} and the shortcut {straight}, which do not add up"
            )
        return after

    def _with_children(self, children: dict[str, Layer]) -> Self:
        other = copy.copy(self)
        other.body = children["body"]
        other.shortcut = children.get("shortcut")
        return other


def _layer(value: Any) -> Layer:
    if isinstance(value, Layer):
        return value
    if isinstance(value, type) and issubclass(value, Layer):
        remedy = f"; write {value.__name__}(...), with brackets"
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        remedy = "; give the layers one by one, with a star before a list of them: (*layers)"
    else:
        remedy = ""
    raise InputError(f"a container holds layers, not {quoted(value)}{remedy}")
