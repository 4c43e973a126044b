"""What every layer is: a forward and a backward, parameters by name, and nothing of a run."""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.errors import ByhandError, InputError, ShapeError
from byhand.kernels import Key, Total
from byhand.nn.card import ModelCard
from byhand.nn.param import Buffer, NamedVector, Param

Array = NDArray[Any]
Shape = tuple[int, ...]


class Layer:
    """The base of all layers. A layer of one's own writes `forward` and `backward`:

        y, cache = layer.forward(x, train=False, key=None)
        dx = layer.backward(dy, cache, grads, need_dx=True)   # adds to grads["weight"], ...

    `cache` is the least that backward needs. `arrays` are the array types that it can work on: who
    writes in plain NumPy leaves it, and containers unpack other arrays for the layer and pack again
    behind it. Attributes of type `Param` and `Buffer` are found by themselves; constructor
    arguments are kept under their own names, so that the layer can be written to a file
    (`nn.register`). A layer keeps nothing of a run: it may be used by several threads at once, and
    forward twice before backward.
    """

    arrays: tuple[type, ...] = (np.ndarray,)
    card: ModelCard = ModelCard()
    _vector: NamedVector | None = None
    _buffer_vector: NamedVector | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {"forward", "backward", "commit"} & vars(cls).keys()
        if own and "arrays" not in vars(cls):
            cls.arrays = (np.ndarray,)  # what one writes oneself is not what the parent's was

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """The output for x (N, ...), and what backward needs."""
        raise NotImplementedError

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """The chain rule: from dloss/dy to dloss/dx, and dloss/dparameters added to `grads`.

        Where `need_dx` is false nobody reads dx, and None may be returned.
        """
        raise NotImplementedError

    def commit(self, cache: Any) -> None:
        """Update running statistics from a training forward's cache; most layers have none."""

    def children(self) -> dict[str, Layer]:
        """The layers inside this one, by name: those that are its attributes."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Layer)}

    def across(self, total: Total) -> Self:
        """The same layer (its parameters too) for one shard of a batch, of which none is empty.

        What it computes over the images of a batch is then over those of all shards: `total` sums
        an array over the shards. Most layers see each image by itself, and stay as they are.

        Raises:
            ByhandError: it holds layers that do not, in a way of its own.
        """
        kept = self.children()
        children = {name: child.across(total) for name, child in kept.items()}
        if all(children[name] is child for name, child in kept.items()):
            return self
        return self._with_children(children)

    def _with_children(self, children: dict[str, Layer]) -> Self:
        """A copy with other children: those that are attributes."""
        if not children.keys() <= vars(self).keys():
            raise ByhandError(
                f"{type(self).__name__} keeps its layers in a way of its own; write its "
                "_with_children(children), which gives a copy with other layers"
            )
        other = copy.copy(self)
        vars(other).update(children)
        return other

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the output of one image, from that of its input, both without N."""
        dtype = next((p.value.dtype for _, p in self.named_params()), np.dtype(np.float32))
        return self.forward(np.zeros((1, *shape), dtype))[0].shape[1:]

    def operations(self, shape: Shape) -> int:
        """Floating-point operations of one image's forward (a multiply-add is two)."""
        return 0

    # Parameters ---------------------------------------------------------------------------------

    def named_params(self, prefix: str = "") -> Iterator[tuple[str, Param]]:
        """Each parameter with its dotted name, own ones first, then the children's."""
        for name, kind, param in self._walk(prefix):
            if kind is Param:
                yield name, param

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Param]]:
        """Each buffer with its dotted name."""
        for name, kind, param in self._walk(prefix):
            if kind is Buffer:
                yield name, param

    def _walk(self, prefix: str) -> Iterator[tuple[str, type, Param]]:
        for kind in (Param, Buffer):  # PyTorch's order: parameters, buffers, then the children
            for name, value in vars(self).items():
                if type(value) is kind:
                    yield prefix + name, kind, value
        for name, child in self.children().items():
            yield from child._walk(f"{prefix}{name}.")

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Self:
        """Make the flat vectors and draw the starting values, in the order of the names.

        Call it on the outermost container. Returns self.
        """
        self.allocate(dtype)
        drawn: set[int] = set()
        for _, _, param in self._walk(""):
            if id(param) not in drawn:
                param.value[...] = param.initialiser.draw(param.shape, rng)
                drawn.add(id(param))
        return self

    def allocate(self, dtype: Any = np.float32) -> None:
        """Make the flat vectors, all zeros, and let every parameter live in them."""
        self._vector = NamedVector(self.named_params(), dtype)
        self._buffer_vector = NamedVector(self.named_buffers(), dtype)
        for named, vector in (
            (self.named_params(), self._vector),
            (self.named_buffers(), self._buffer_vector),
        ):
            for name, param in named:
                param.place(vector[name])

    @property
    def flat(self) -> Array:
        """All parameters as one vector; changing it changes the model."""
        return self._need(self._vector).flat

    @property
    def flat_buffers(self) -> Array:
        """All buffers (running statistics) as one vector."""
        return self._need(self._buffer_vector).flat

    def parameters(self) -> NamedVector:
        """The parameters by dotted name: views into `flat`."""
        return self._need(self._vector)

    def buffers(self) -> NamedVector:
        """The buffers by dotted name: views into `flat_buffers`."""
        return self._need(self._buffer_vector)

    def new_grads(self) -> NamedVector:
        """A zero gradient: a flat vector like `flat`, with a view by each parameter's name."""
        return NamedVector(self.named_params(), self.flat.dtype)

    def state_dict(self) -> dict[str, Array]:
        """Parameters and buffers by name, in PyTorch's order: views, not copies."""
        self._need(self._vector)
        return {name: param.value for name, _, param in self._walk("")}

    def load_state_dict(self, values: Mapping[str, Array]) -> None:
        """Copy values in by name.

        Raises:
            ShapeError: a name is missing or unknown, or a shape differs; nothing is changed then.
        """
        own = self.state_dict()
        check_state(own, values)
        for name, view in own.items():
            view[...] = values[name]

    def copy(self, dtype: Any = None) -> Self:
        """The same model with vectors of its own, in another float type if given."""
        clone = copy.deepcopy(self)
        params = [param for _, _, param in self._walk("")]
        if all(param.placed for param in params):
            kept = next((p.value.dtype for p in params), np.dtype(np.float32))
            clone._move_to_own_vectors(kept if dtype is None else dtype)
        return clone

    def __copy__(self) -> Self:
        # A shallow copy shares the parameters; `__setstate__` would give it its own.
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copying and unpickling make arrays of their own of all views: join them up again.
        self.__dict__.update(state)
        if self._vector is not None:
            self._move_to_own_vectors(self._vector.flat.dtype)

    def _move_to_own_vectors(self, dtype: Any) -> None:
        """Make new vectors and put the values into them, wherever they have been."""
        values = {name: param.value for name, _, param in self._walk("")}
        self.allocate(dtype)
        for name, _, param in self._walk(""):
            param.value[...] = values[name]

    def _need(self, vector: NamedVector | None) -> NamedVector:
        if vector is None:
            raise ByhandError(
                f"this {type(self).__name__} has no vector of parameters of its own; call "
                "init(numpy.random.default_rng(seed)) on it, or ask the container it is in"
            )
        return vector

    def __repr__(self) -> str:
        from byhand.nn.registry import parameters_of

        kept = [k for k in parameters_of(type(self)) if hasattr(self, k)]
        said = ", ".join(f"{k}={getattr(self, k)!r}" for k in kept)
        return f"{type(self).__name__}({said})"


def layout_for(model: Layer, layout: str) -> str:
    """The layout in which `model` is to run, as `kernels.as_layout` takes it.

    With `auto`, a model of another float type than float32 runs on the reference.

    Raises:
        InputError: `lanes`, which are float32, was asked for and the model is not, or the compiled
            core is not there.
    """
    chosen = kernels.resolve_layout(layout)
    other = {p.value.dtype for _, p in model.named_params()} - {np.dtype(np.float32)}
    if chosen == "lanes" and other:
        if layout == "auto":
            return "reference"
        raise InputError(
            f"layout lanes computes in float32, but the model's parameters are {other.pop()}; "
            "use the layout reference, or model.copy(numpy.float32)"
        )
    return chosen


class Unpacked(NamedTuple):
    """The cache of a layer that worked on NumPy arrays among others."""

    cache: Any


def forward(layer: Layer, x: Any, train: bool, key: Key | None) -> tuple[Any, Any]:
    """The layer's forward for an array of any layout; the output is in that layout too."""
    if type(x) in layer.arrays or isinstance(x, np.ndarray):
        return layer.forward(x, train, key)
    y, cache = layer.forward(kernels.as_numpy(x), train, key)
    return type(x).pack(y), Unpacked(cache)


def backward(
    layer: Layer, dy: Any, cache: Any, grads: NamedVector, need_dx: bool = True
) -> Any | None:
    """The layer's backward, as `forward`."""
    if type(cache) is not Unpacked:
        return layer.backward(dy, cache, grads, need_dx)
    dx = layer.backward(kernels.as_numpy(dy), cache.cache, grads, need_dx)
    return type(dy).pack(dx) if need_dx else None


def commit(layer: Layer, cache: Any) -> None:
    """The layer's commit, as `forward`."""
    layer.commit(cache.cache if type(cache) is Unpacked else cache)


def positive(name: str, value: int) -> int:
    """See that a size is a whole number from 1 up.

    Raises:
        InputError: it is not; names it.
    """
    if not hasattr(value, "__index__") or operator.index(value) < 1:
        raise InputError(f"{name} is {value!r}, but it must be a whole number from 1 up")
    return operator.index(value)


def check_state(own: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """See that `values` has the names and shapes of `own` (anything that has a shape).

    Raises:
        ShapeError: names what is missing, unknown, or of another shape.
    """
    wrong = [f"{name} is missing" for name in own if name not in values]
    wrong += [f"{name} is not in the model" for name in values if name not in own]
    wrong += [
        f"{name} is {tuple(values[name].shape)} where the model has {tuple(own[name].shape)}"
        for name in own
        if name in values and tuple(values[name].shape) != tuple(own[name].shape)
    ]
    if wrong:
        more = f" (and {len(wrong) - 4} more)" if len(wrong) > 4 else ""
        raise ShapeError(f"the weights do not fit the model: {'; '.join(wrong[:4])}{more}")
