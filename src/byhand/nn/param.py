"""Parameters and buffers as named views into one flat vector."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Never, Self

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.checks import quoted, whole
from byhand.errors import ByhandError, InputError, ShapeError
from byhand.nn.initialisers import Constant, Initialiser, start

Array = NDArray[Any]

# The parameters of a model, 1 GiB in float32. More is a slip of the pen or an evil file.
MOST_NUMBERS = 2**28
FLOATS = ("float16", "float32", "float64", "longdouble")


class Param:
    """A parameter that training changes: its shape, how it starts, and its place in the vector.

    Raises:
        InputError: the shape is none or far too large, or `initialiser` is something else.
    """

    def __init__(self, shape: tuple[int, ...], initialiser: Initialiser) -> None:
        self.shape = _shape(shape)
        self.initialiser = start("a parameter's initialiser", initialiser)
        self._view: Array | None = None

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def value(self) -> Array:
        """The numbers: a view into the outermost container's flat vector. Assigning copies in.

        Raises:
            ByhandError: nobody has called `init` on the model yet.
            ShapeError: what is assigned has another shape, or is no numbers.
        """
        if self._view is None:
            raise ByhandError(
                "this layer has no parameters yet; call model.init(numpy.random.default_rng(seed)) "
                "(init finds a layer's attributes, and lists, tuples and dicts of layers in them)"
            )
        return self._view

    @value.setter
    def value(self, numbers: Array) -> None:
        copy_in("the parameter", self.value, numbers)

    @property
    def placed(self) -> bool:
        """Whether it has numbers yet."""
        return self._view is not None

    def place(self, view: Array) -> None:
        """Let the parameter live in `view`, of its shape, from now on."""
        self._view = view


class Buffer(Param):
    """Numbers that a layer keeps and no optimiser sees: running statistics."""

    def __init__(self, shape: tuple[int, ...], start: float) -> None:
        super().__init__(shape, Constant(start))


class NamedVector(dict[str, Array]):
    """One flat array, and a view into it by each dotted name.

    `vector["0.weight"]` is a view; `vector.child("0")["weight"]` is the same view; `vector.flat` is
    all of them, in order. Assigning to a name, or to `flat`, copies the numbers in. A parameter
    that two names share is stored once.

    Raises:
        InputError: there is no such name, or names were to be taken away or added.
        ShapeError: what is assigned has another shape, or is no numbers.
    """

    def __init__(self, named: Iterable[tuple[str, Param]], dtype: Any) -> None:
        named = list(named)
        places: dict[int, int] = {}
        end = 0
        for _, param in named:
            if id(param) not in places:
                places[id(param)] = end
                end += param.size
        if end > MOST_NUMBERS:
            raise InputError(
                f"the model has {end:,} parameters, but at most {MOST_NUMBERS:,} fit; "
                "make its layers smaller"
            )
        try:
            flat = np.zeros(end, float_type(dtype))
        except MemoryError as error:
            raise InputError(f"there is no memory for {end:,} parameters") from error
        # Where each name's numbers end, if they lie one after another: no name shares another's.
        ends = [places[id(param)] + param.size for _, param in named]
        one_by_one = len(places) == len(named)
        self._lay_out(
            flat,
            {name: (places[id(param)], param.shape) for name, param in named},
            np.array(ends, np.int64) if one_by_one else None,
        )

    def _lay_out(
        self, flat: Array, places: dict[str, tuple[int, tuple[int, ...]]], ends: Array | None
    ) -> None:
        """Make the views: where each name's numbers begin, and their shape."""
        self._flat, self._places, self._ends = flat, places, ends
        self._children: dict[str, NamedVector] = {}
        for name, (first, shape) in places.items():
            view = flat[first : first + math.prod(shape)].reshape(shape)
            super().__setitem__(name, view)

    @classmethod
    def _of(cls, *layout: Any) -> Self:
        vector = cls.__new__(cls)
        vector._lay_out(*layout)
        return vector

    def __reduce__(self) -> tuple[Any, ...]:
        return self._of, (self._flat, self._places, self._ends)

    @property
    def flat(self) -> Array:
        """All numbers, in the order of the names. Assigning copies in."""
        return self._flat

    @flat.setter
    def flat(self, numbers: Array) -> None:
        copy_in("the flat vector", self._flat, numbers)

    def __setitem__(self, name: str, numbers: Array) -> None:
        copy_in(name, self[name], numbers)

    def __missing__(self, name: str) -> Never:
        inner = sorted({key.rpartition(".")[0] for key in self if key.endswith(f".{name}")})
        raise InputError(
            f"there is no parameter {quoted(name)} here; there are: {', '.join(self) or 'none'}"
            + (f"; a layer inside is handed grads.child({inner[0]!r})" if inner else "")
        )

    def update(self, *others: Any, **named: Any) -> None:
        """Copy numbers in by name."""
        for name, numbers in dict(*others, **named).items():
            self[name] = numbers

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]
        self.update(other)
        return self

    def setdefault(self, name: str, default: Any = None) -> Array:
        """The view of that name: all names are there."""
        return self[name]

    def _refuse(self, *_: Any) -> Never:
        """Not here: a model's names stay.

        Raises:
            InputError: always.
        """
        raise InputError(
            "a model's parameters keep their names; assign numbers to them, or change the layers"
        )

    pop = popitem = clear = __delitem__ = _refuse

    def squares(self) -> dict[str, float]:
        """The sum of the squares of each name's numbers, in float64."""
        if self._ends is None:
            return {name: float(np.square(v, dtype=np.float64).sum()) for name, v in self.items()}
        return dict(zip(self, kernels.squares(self._flat, self._ends).tolist(), strict=True))

    def child(self, name: str) -> NamedVector:
        """The part of the vector whose names begin with `name` and a dot, without them."""
        if name not in self._children:
            prefix = name + "."
            places = {
                k[len(prefix) :]: place for k, place in self._places.items() if k.startswith(prefix)
            }
            # Its names are not all that there is, so that they have no ends.
            self._children[name] = NamedVector._of(self._flat, places, None)
        return self._children[name]


def copy_in(name: str, view: Array, numbers: Any) -> None:
    """Write numbers of the same shape into `view`.

    Raises:
        ShapeError: they are of another shape, or no numbers; names `name`.
    """
    if numbers is view:  # what `vector[name] += more` assigns
        return
    numbers = real_numbers(name, numbers)
    if numbers.shape != view.shape:
        raise ShapeError(
            f"{name} takes numbers of shape {view.shape}, but was given {numbers.shape}"
        )
    view[...] = numbers


def real_numbers(name: str, value: Any) -> Array:
    """An array, a list or a number as an array of real numbers.

    Raises:
        ShapeError: it is something else; names `name`.
    """
    try:
        array = kernels.as_numpy(value)
    except (TypeError, ValueError):  # lists of unequal length
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        raise ShapeError(f"{name} is {quoted(value)}, but it must be an array of real numbers")
    return array


def float_type(dtype: Any) -> np.dtype[Any]:
    """The type of a model's numbers.

    Raises:
        InputError: it is no float type.
    """
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind not in [np.dtype(name) for name in FLOATS] or dtype is None:
        raise InputError(
            f"a model's numbers are of type {' or '.join(FLOATS)}, but not {quoted(dtype)}"
        )
    return kind


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    checked = tuple(whole("a size of a parameter's shape", size) for size in sizes)
    if math.prod(checked) > MOST_NUMBERS:
        raise InputError(
            f"a parameter of shape {checked} has {math.prod(checked):,} numbers, but at most "
            f"{MOST_NUMBERS:,} fit; make the layer smaller"
        )
    return checked


def check_state(own: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """See that `values` has the names and shapes of `own` (anything that has a shape).

    Raises:
        ShapeError: names what is missing, unknown, or of another shape.
    """
    wrong = [f"{name} is missing" for name in own if name not in values]
    wrong += [f"{quoted(name)[1:-1]} is not in the model" for name in values if name not in own]
    wrong += [
        f"{name} is {tuple(values[name].shape)} where the model has {tuple(own[name].shape)}"
        for name in own
        if name in values and tuple(values[name].shape) != tuple(own[name].shape)
    ]
    if wrong:
        more = f" (and {len(wrong) - 4} more)" if len(wrong) > 4 else ""
        raise ShapeError(f"the weights do not fit the model: {'; '.join(wrong[:4])}{more}")
