"""What every layer is: a forward and a backward, parameters by name, and nothing of a run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Never, Self

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.checks import one_line, quoted
from byhand.errors import ByhandError, InputError, ShapeError
from byhand.kernels import Key, Total
from byhand.nn.arguments import arguments_of
from byhand.nn.card import ModelCard
from byhand.nn.nested import entries, replaced
from byhand.nn.param import Buffer, NamedVector, Param, check_state, copy_in, real_numbers

Array = NDArray[Any]
Shape = tuple[int, ...]


class Layer:
    """The base of all layers. A layer of one's own writes `forward` and `backward`:

        y, cache = layer.forward(x, train=False, key=None)
        dx = layer.backward(dy, cache, grads, need_dx=True)   # adds to grads["weight"], ...

    `cache` is the least that backward needs. `arrays` are the array types that it can work on: who
    writes in plain NumPy leaves it, and containers unpack other arrays for the layer and pack again
    behind it. Attributes of type `Param`, `Buffer` and `Layer` are found by themselves, also in
    lists, tuples and dicts (`self.layers[0].weight` is called "layers.0.weight", and that layer is
    handed `grads.child("layers.0")`); constructor arguments are kept under their own names, so that
    the layer can be written to a file (`nn.register`). A layer keeps nothing of a run: it may be
    used by several threads at once, and forward twice before backward. It does not write into the
    x and dy that it is given, which others still need.
    """

    arrays: tuple[type, ...] = (np.ndarray,)
    card: ModelCard = ModelCard()
    _vector: NamedVector | None = None
    _buffer_vector: NamedVector | None = None
    _own: ClassVar[bool] = False  # whether the user wrote its passes, which are checked then

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {"forward", "backward", "commit"} & vars(cls).keys()
        if own and "arrays" not in vars(cls):
            cls.arrays = (np.ndarray,)  # what one writes oneself is not what the parent's was
        if own:
            cls._own = cls.__module__.partition(".")[0] != __name__.partition(".")[0]

    if not TYPE_CHECKING:  # which knows by itself what a layer has not

        def __getattr__(self, name: str) -> Never:
            raise AttributeError(
                f"the layer {type(self).__name__} has no {name!r}; if its class has an __init__, "
                "does that begin with super().__init__(...) and set all that the layer uses?"
            )

    def forward(self, x: Array, train: bool = False, key: Key | None = None) -> tuple[Array, Any]:
        """The output for x (N, ...), and what backward needs."""
        raise NotImplementedError(f"the layer {type(self).__name__} has no forward; write one")

    def backward(
        self, dy: Array, cache: Any, grads: NamedVector, need_dx: bool = True
    ) -> Array | None:
        """The chain rule: from dloss/dy to dloss/dx, and dloss/dparameters added to `grads`.

        Where `need_dx` is false nobody reads dx, and None may be returned.
        """
        raise NotImplementedError(f"the layer {type(self).__name__} has no backward; write one")

    def commit(self, cache: Any) -> None:
        """Update running statistics from a training forward's cache; most layers have none."""

    def children(self) -> dict[str, Layer]:
        """The layers inside this one, by name: its attributes, and those in lists and dicts."""
        return {name: x for name, x in entries(vars(self)) if isinstance(x, Layer)}

    def synchronised(self, total: Total) -> Self:
        """The same layer (its parameters too) for one shard of a batch, of which none is empty.

        What it computes over the images of a batch is then over those of all shards: `total` sums
        an array over the shards. Most layers see each image by itself, and stay as they are.

        Raises:
            ByhandError: it holds layers that do not, in a way of its own.
        """
        kept = self.children()
        children = {name: child.synchronised(total) for name, child in kept.items()}
        if all(children[name] is child for name, child in kept.items()):
            return self
        return self._with_children(children)

    def _with_children(self, children: dict[str, Layer]) -> Self:
        """A copy with other children: its attributes, and those in lists and dicts."""
        if not children.keys() <= Layer.children(self).keys():
            raise ByhandError(
                f"{type(self).__name__} keeps its layers in a way of its own; write its "
                "_with_children(children), which gives a copy with other layers"
            )
        other = copy.copy(self)
        for name, value in vars(self).items():
            vars(other)[name] = replaced(value, children, name)
        return other

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the output of one image, from that of its input, both without N.

        A layer of one's own may leave it: its forward is tried then. All others know it without.

        Raises:
            ShapeError: such images do not fit.
        """
        dtype = next((p.value.dtype for _, p in self.named_params()), np.dtype(np.float32))
        try:
            with np.errstate(all="ignore"):  # the shape alone is of interest
                return forward(self, np.zeros((1, *shape), dtype), False, None)[0].shape[1:]
        except ByhandError:
            raise
        except Exception as error:
            raise ShapeError(
                f"the forward of {type(self).__name__} fails for an image of shape "
                f"{tuple(shape)}: {type(error).__name__}: {one_line(error)}"
            ) from error

    def workspace(self, shape: Shape) -> int:
        """Numbers that forward needs for one image besides its input and output, for a while."""
        return 0

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
            for name, value in entries(vars(self)):
                if type(value) is kind:
                    yield prefix + name, kind, value
        for name, child in self.children().items():
            yield from child._walk(f"{prefix}{name}.")

    def init(self, rng: np.random.Generator, dtype: Any = np.float32) -> Self:
        """Make the flat vectors and draw the starting values, in the order of the names.

        Call it on the outermost container. Returns self.

        Raises:
            InputError: `rng` is no generator, `dtype` no float type, or the model far too large.
            ShapeError: an initialiser draws another shape.
        """
        if not isinstance(rng, np.random.Generator):
            raise InputError(
                f"init draws from a generator such as numpy.random.default_rng(0), "
                f"but was given {quoted(rng)}"
            )
        self.allocate(dtype)
        drawn: set[int] = set()
        for _, _, param in self._walk(""):
            if id(param) not in drawn:
                param.value = param.initialiser.draw(param.shape, rng)
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
        """All parameters as one vector; changing it, or assigning to it, changes the model."""
        return self._need(self._vector).flat

    @flat.setter
    def flat(self, numbers: Array) -> None:
        self._need(self._vector).flat = numbers

    @property
    def flat_buffers(self) -> Array:
        """All buffers (running statistics) as one vector; likewise."""
        return self._need(self._buffer_vector).flat

    @flat_buffers.setter
    def flat_buffers(self, numbers: Array) -> None:
        self._need(self._buffer_vector).flat = numbers

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
        """Copy values (arrays, or lists of numbers) in by name.

        Raises:
            InputError: `values` gives no values by name.
            ShapeError: a name is missing or unknown, a shape differs, or something is no real
                numbers; nothing is changed then.
        """
        if not isinstance(values, Mapping):
            raise InputError(
                f"weights are given by name, as state_dict() does, not {quoted(values)}"
            )
        own = self.state_dict()
        arrays = {name: real_numbers(str(name), value) for name, value in values.items()}
        check_state(own, arrays)
        for name, view in own.items():
            copy_in(name, view, arrays[name])

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

    @property
    def _class_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        kept = [k for k in arguments_of(type(self)) if hasattr(self, k)]
        arguments = ", ".join(f"{k}={getattr(self, k)!r}" for k in kept)
        return f"{type(self).__name__}({arguments})"


def layout_for(model: Layer, layout: str) -> str:
    """The layout in which `model` is to run, as `kernels.as_layout` takes it.

    With `auto`, a model of another float type than float32 runs on the reference.

    Raises:
        InputError: `lanes`, which are float32, was asked for and the model is not, or the compiled
            core is not there.
    """
    chosen = kernels.resolve_layout(layout)
    vector = model._vector  # one type for all, and no walk to find it
    parameters = (p.value for _, p in model.named_params()) if vector is None else (vector.flat,)
    other = {values.dtype for values in parameters} - {np.dtype(np.float32)}
    if chosen == "lanes" and other:
        if layout == "auto":
            return "reference"
        raise InputError(
            f"layout lanes computes in float32, but the model's parameters are {other.pop()}; "
            "use the layout reference, or model.copy(numpy.float32)"
        )
    return chosen


class UnpackedCache(NamedTuple):
    """The cache of a layer that worked on NumPy arrays among others, or of the user's own."""

    cache: Any
    shape: tuple[int, ...]  # of x
    pack: Any  # makes NumPy arrays what the others are; None where they are that


def forward(layer: Layer, x: Any, train: bool, key: Key | None) -> tuple[Any, Any]:
    """The layer's forward for an array of any layout; the output is in that layout too.

    Raises:
        ShapeError: the user's own forward gives something else than (y, cache), or writes into x.
    """
    pack = None
    if type(x) not in layer.arrays and not isinstance(x, np.ndarray):
        pack, x = type(x).pack, kernels.as_numpy(x)
    if not layer._own:
        result = layer.forward(x, train, key)
        if pack is None:
            return result
    else:
        result = _guarded(layer, "forward", "x", x, train, key)
        if type(result) is not tuple or len(result) != 2 or not hasattr(result[0], "shape"):
            raise ShapeError(
                f"the forward of {type(layer).__name__} must end with return y, cache "
                f"(an array, and what backward needs), but it gave {_told(result)}"
            )
    y, cache = result
    return y if pack is None else pack(y), UnpackedCache(cache, x.shape, pack)


def backward(
    layer: Layer, dy: Any, cache: Any, grads: NamedVector, need_dx: bool = True
) -> Any | None:
    """The layer's backward, as `forward`.

    Raises:
        ShapeError: the user's own backward gives no dx of the shape of x, or writes into dy.
    """
    if type(cache) is not UnpackedCache:
        return layer.backward(dy, cache, grads, need_dx)
    cache, shape, pack = cache
    dy = dy if pack is None else kernels.as_numpy(dy)
    if not layer._own:
        dx = layer.backward(dy, cache, grads, need_dx)
    else:
        dx = _guarded(layer, "backward", "dy", dy, cache, grads, need_dx)
        if need_dx and getattr(dx, "shape", None) != shape:
            raise ShapeError(
                f"the backward of {type(layer).__name__} must return dx, an array of the shape of "
                f"x, {shape}, but it gave {_told(dx)}"
            )
    return dx if pack is None or not need_dx else pack(dx)


def commit(layer: Layer, cache: Any) -> None:
    """The layer's commit, as `forward`."""
    layer.commit(cache.cache if type(cache) is UnpackedCache else cache)


def _guarded(layer: Layer, name: str, given: str, array: Any, *others: Any) -> Any:
    """A pass of the user's own, which cannot write into the array that it is given."""
    kept = array
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    try:
        result = getattr(layer, name)(array, *others)
    except ValueError as error:
        if isinstance(error, ByhandError) or "read-only" not in str(error):
            raise
        raise ShapeError(
            f"the {name} of {type(layer).__name__} writes into {given}, which other layers still "
            f"need; work on {given}.copy()"
        ) from error
    if result is array:
        return kept
    if type(result) is tuple and len(result) == 2 and result[0] is array:
        return kept, result[1]
    return result


def _told(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")
