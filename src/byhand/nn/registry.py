"""Layers by name: how an architecture is written down as plain values, and built again."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from byhand.checks import DEPTH, one_line, quoted, whole
from byhand.errors import DataError, InputError
from byhand.nn.arguments import arguments_of
from byhand.nn.initialisers import INITIALISERS, Initialiser
from byhand.nn.layer import Layer

MOST_LAYERS = 10_000  # those inside others counted wherever they are used
_LAYERS: dict[str, type[Layer]] = {}
L = TypeVar("L", bound=type[Layer])


def register(cls: L) -> L:
    """Let models that use this layer class be saved and loaded, under the class's name.

        @nn.register
        class Scale(nn.Layer): ...

    The class must keep its constructor's arguments as attributes of the same names. A class that is
    defined again, as in a notebook, takes the place of the earlier one.

    Raises:
        InputError: it is no layer's class, or another module has a layer of that name.
    """
    if not (isinstance(cls, type) and issubclass(cls, Layer)):
        raise InputError(f"@nn.register stands before the class of a layer, not {quoted(cls)}")
    known = _LAYERS.get(cls.__name__)
    if known is not None and not _again(known, cls):
        raise InputError(
            f"a layer named {cls.__name__} is registered already, by {known.__module__}; "
            "choose another name"
        )
    _LAYERS[cls.__name__] = cls
    return cls


def _again(known: type, cls: type) -> bool:
    """Whether one is the other, defined again: what a notebook or a script defines has no home."""
    if "__main__" in (known.__module__, cls.__module__):
        return not known.__module__.startswith("byhand.")
    return (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__)


def registered() -> dict[str, type[Layer]]:
    """All layer classes that files may name."""
    return dict(_LAYERS)


def arguments(layer: Layer) -> dict[str, Any]:
    """The constructor's arguments that give this layer, read from its attributes.

    Raises:
        DataError: an argument is not kept under its own name.
    """
    given = {}
    for name in arguments_of(type(layer)):
        if not hasattr(layer, name):
            raise DataError(
                f"the layer {type(layer).__name__} does not keep its argument {name!r}; "
                f"write self.{name} = {name} in its constructor"
            )
        given[name] = getattr(layer, name)
    return given


def describe(layer: Layer) -> dict[str, Any]:
    """The architecture as plain values: the layer's name and arguments, inner layers likewise.

    A layer that is used twice is described once and then named by its number (the order in which
    layers are met), so that it is one layer again when built.

    Raises:
        DataError: a layer's class is not registered.
    """
    return _describe(layer, {})


def _describe(value: Any, seen: dict[int, int]) -> Any:
    if isinstance(value, Layer):
        if id(value) in seen:
            return {"shared": seen[id(value)]}
        name = type(value).__name__
        known = _LAYERS.get(name)
        if known is None or not (known is type(value) or _again(known, type(value))):
            raise DataError(
                f"the layer {name} cannot be saved; put @nn.register before its class so that "
                "files may name it"
            )
        seen[id(value)] = len(seen)
        return {
            "layer": name,
            "arguments": {k: _describe(v, seen) for k, v in arguments(value).items()},
        }
    if isinstance(value, Initialiser):
        if INITIALISERS.get(type(value).__name__) is not type(value):
            raise DataError(
                f"the initialiser {type(value).__name__} cannot be saved; "
                f"use one of {', '.join(INITIALISERS)}"
            )
        return {"initialiser": type(value).__name__, "arguments": dict(vars(value))}
    if isinstance(value, list | tuple):
        return [_describe(v, seen) for v in value]
    return value


def build(description: dict[str, Any]) -> Layer:
    """The architecture that `describe` wrote down, without parameters (see `Layer.allocate`).

    Raises:
        DataError: the description names an unknown layer, or arguments that it does not take.
    """
    layer = _Builder().made(description, DEPTH)
    if not isinstance(layer, Layer):
        raise DataError("the architecture is no layer")
    return layer


class _Builder:
    """Builds layers in the order in which they are met, and counts those inside each."""

    def __init__(self) -> None:
        self.met: list[Layer | None] = []  # None: not complete yet
        self.sizes: dict[int, tuple[int, int]] = {}  # by id: layers inside and itself, levels

    def made(self, value: Any, depth: int) -> Any:
        """What stands for `value`: a layer, an initialiser, or plain values as they are."""
        if depth == 0:
            raise DataError(f"the architecture is nested more than {DEPTH} deep")
        if isinstance(value, list | tuple):
            # Pairs such as a kernel size were tuples before they went through JSON.
            return tuple(self.made(v, depth - 1) for v in value)
        if not isinstance(value, dict):
            return value
        try:
            if "shared" in value:
                return self._shared(value["shared"])
            if "initialiser" in value:
                known = INITIALISERS.get(value["initialiser"])
                if known is None:
                    raise DataError(f"there is no initialiser {quoted(value['initialiser'])}")
                return known(**value["arguments"])
            return self._layer(value["layer"], dict(value["arguments"]), depth)
        except DataError:
            raise
        except KeyError as error:
            raise DataError(f"the architecture cannot be built: {error} is missing") from error
        except Exception as error:  # a constructor, perhaps of the user's own, may raise any
            raise DataError(f"the architecture cannot be built: {one_line(error)}") from error

    def _shared(self, number: object) -> Layer:
        place = whole("the number of a shared layer", number)
        if place >= len(self.met):
            raise DataError(f"layer {place} is shared before it is there")
        layer = self.met[place]
        if layer is None:
            raise DataError("the architecture has a layer inside itself")
        return layer

    def _layer(self, name: Any, given: dict[str, Any], depth: int) -> Layer:
        if name not in _LAYERS:
            raise DataError(
                f"the model uses a layer {quoted(name)} that is not known here; import the module "
                "that defines and registers it (@nn.register)"
            )
        place = len(self.met)
        self.met.append(None)
        cls = _LAYERS[name]
        parameters = arguments_of(cls)
        unknown = [key for key in given if key not in parameters]
        if unknown:
            raise DataError(f"the layer {name} takes no argument {quoted(unknown[0])}")
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for key, item in given.items():
            made = self.made(item, depth - 1)
            if parameters[key].kind is inspect.Parameter.VAR_POSITIONAL:
                positional = list(made)
            else:
                keywords[key] = made
        try:
            layer = cls(*positional, **keywords)
        except InputError as error:
            raise DataError(f"the layer {name} cannot be built: {error}") from error
        self._count(layer)
        self.met[place] = layer
        return layer

    def _count(self, layer: Layer) -> None:
        """See that layers that share others do not come to more than anybody could run."""
        inside = [self.sizes.get(id(child), (1, 1)) for child in layer.children().values()]
        count = 1 + sum(layers for layers, _ in inside)
        levels = 1 + max((level for _, level in inside), default=0)
        if count > MOST_LAYERS or levels > DEPTH:
            raise DataError(
                f"the architecture has more than {MOST_LAYERS:,} layers, or {DEPTH} inside each "
                "other"
            )
        self.sizes[id(layer)] = (count, levels)
