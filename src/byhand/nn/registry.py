"""Layers by name: how an architecture is written down as plain values, and built again."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from byhand.errors import DataError
from byhand.nn.initialisers import INITIALISERS, Initialiser
from byhand.nn.layer import Layer

DEPTH = 64  # of layers and lists inside each other, in a file
_LAYERS: dict[str, type[Layer]] = {}
L = TypeVar("L", bound=type[Layer])


def register(cls: L) -> L:
    """Let models that use this layer class be saved and loaded, under the class's name.

        @nn.register
        class Scale(nn.Layer): ...

    The class must keep its constructor's arguments as attributes of the same names.
    """
    known = _LAYERS.get(cls.__name__)
    if known is not None and (known.__module__, known.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(
            f"a layer named {cls.__name__} is registered already, by {known.__module__}; "
            "choose another name"
        )
    _LAYERS[cls.__name__] = cls
    return cls


def registered() -> dict[str, type[Layer]]:
    """All layer classes that files may name."""
    return dict(_LAYERS)


def arguments(layer: Layer) -> dict[str, Any]:
    """The constructor's arguments that give this layer, read from its attributes.

    Raises:
        DataError: an argument is not kept under its own name.
    """
    given = {}
    for name in parameters_of(type(layer)):
        if not hasattr(layer, name):
            raise DataError(
                f"the layer {type(layer).__name__} does not keep its argument {name!r}; "
                f"write self.{name} = {name} in its constructor"
            )
        given[name] = getattr(layer, name)
    return given


def parameters_of(cls: type[Layer]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name, without self."""
    if cls.__init__ is object.__init__:
        return {}
    parameters = dict(inspect.signature(cls.__init__).parameters)
    parameters.pop("self", None)
    return parameters


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
        if _LAYERS.get(name) is not type(value):
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
    layer = _build(description, [], DEPTH)
    if not isinstance(layer, Layer):
        raise DataError("the architecture is no layer")
    return layer


def _build(value: Any, built: list[Layer | None], depth: int) -> Any:
    if depth == 0:
        raise DataError(f"the architecture is nested more than {DEPTH} deep")
    if isinstance(value, list):
        # Pairs such as a kernel size were tuples before they went through JSON.
        return tuple(_build(v, built, depth - 1) for v in value)
    if not isinstance(value, dict):
        return value
    try:
        if "shared" in value:
            shared = built[value["shared"]]
            if shared is None:
                raise DataError("the architecture has a layer inside itself")
            return shared
        if "initialiser" in value:
            return INITIALISERS[value["initialiser"]](**value["arguments"])
        name, given = value["layer"], value["arguments"]
        if name not in _LAYERS:
            raise DataError(
                f"the model uses a layer {name!r} that is not known here; import the module that "
                "defines and registers it (@nn.register)"
            )
        place = len(built)
        built.append(None)
        cls = _LAYERS[name]
        parameters = parameters_of(cls)
        unknown = [key for key in given if key not in parameters]
        if unknown:
            raise DataError(f"the layer {name} takes no argument {', '.join(unknown)}")
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        for key, item in given.items():
            made = _build(item, built, depth - 1)
            if parameters[key].kind is inspect.Parameter.VAR_POSITIONAL:
                positional = list(made)
            else:
                keywords[key] = made
        layer = cls(*positional, **keywords)
        built[place] = layer
        return layer
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"the architecture cannot be built: {error}") from error
