"""How one name serves several arrays, and the door where what it is given is checked.

The type of the first argument picks the arithmetic. What an operation takes is read from its
parameters' types: arrays must be plain arrays of floats in the same layout, flags True or False,
and a backward's gradient and cache those of the forward pass: `cache.shape` is the shape of what
that gave. So no operation computes something else in silence, whichever arithmetic it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np
from numpy import ndarray
from numpy.typing import NDArray

from byhand.checks import flag, quoted
from byhand.errors import InputError, ShapeError
from byhand.kernels.compiled import core

F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[Any], object]
# An implementation, whether it is the definition, the checks of its arguments (place after the
# first, name, check, whether it asks for an array of floats), whether it is a backward, the check
# of all arguments that there are.
_Way = tuple[Callable[..., Any], bool, tuple[tuple[int, str, Check, bool], ...], bool, Check | None]

# NumPy's arrays that compute as arrays do; `implements` adds our own. Others that look like arrays
# (matrices, masked arrays) multiply or sum otherwise.
_plain: set[type] = {np.ndarray, np.memmap}
_COMPILED = (np.float32, np.uint8)  # the types of plain arrays that the core takes
_others: set[type] = set()  # the other array types that have an arithmetic


def operation(reference: F) -> F:
    """Make a function on NumPy arrays an operation that other array types can implement too.

    The decorated function is the definition. Another arithmetic adds its own with `implements`;
    neither knows of the other, and the caller sees one function, whose `registry` has them by type.
    """
    name = reference.__name__
    registry: dict[type, Callable[..., Any]] = {np.ndarray: reference}
    ways: dict[type, _Way] = {}

    @wraps(reference)
    def generic(first: Any, *args: Any, **kwargs: Any) -> Any:
        way = ways.get(type(first))
        if way is None:
            array_type = _arithmetic(name, first, registry)
            way = ways[type(first)] = _way(name, registry[array_type], array_type)
        function, plain, checks, backward, rest = way
        if plain and (first.dtype.kind != "f" or first.ndim == 0):
            raise _wrong(f"{name} got", first)
        given = len(args)
        for place, parameter, check, array in checks:
            if place < given:
                value = args[place]
                # An array of floats where one belongs passes without a call, since most are that.
                if not array or type(value) is not ndarray or value.dtype.kind != "f":
                    check(value)
            elif parameter in kwargs:
                check(kwargs[parameter])
        if backward:
            cache = args[0] if args else kwargs.get("cache")
            if cache is not None and cache.shape != first.shape:
                raise ShapeError(
                    f"{name} got a gradient of shape {first.shape}, but the forward pass gave "
                    f"{cache.shape}"
                )
        if rest is not None:
            for value in args:
                rest(value)
        return function(first, *args, **kwargs)

    generic.registry = registry  # type: ignore[attr-defined]
    return cast(F, generic)


def implements(generic: Callable[..., Any], array_type: type) -> Callable[[F], F]:
    """Say that the decorated function is `generic` for arrays of `array_type`."""
    (_plain if issubclass(array_type, np.ndarray) else _others).add(array_type)

    def register(function: F) -> F:
        cast(Any, generic).registry[array_type] = function
        return function

    return register


def plain_operation(reference: F) -> F:
    """Make a function on plain arrays, not on batches, one that the compiled core can implement.

    Such arrays lie in memory as they are in every layout. The decorated function is the definition;
    where the core is there, the version that `by_core` adds runs for a first argument of float32
    or uint8 without gaps. The function has both, as `definition` and `compiled`.
    """

    @wraps(reference)
    def generic(first: Any, *args: Any, **kwargs: Any) -> Any:
        fast = core is not None and first.dtype in _COMPILED and first.flags.c_contiguous
        return (generic.compiled if fast else reference)(first, *args, **kwargs)  # type: ignore[attr-defined]

    generic.definition = generic.compiled = reference  # type: ignore[attr-defined]
    return cast(F, generic)


def by_core(generic: Callable[..., Any]) -> Callable[[F], F]:
    """Say that the decorated function is `generic` by the compiled core."""

    def register(function: F) -> F:
        cast(Any, generic).compiled = function
        return function

    return register


def _arithmetic(name: str, first: Any, registry: Mapping[type, Any]) -> type:
    """The array type in the registry that computes for `first`."""
    kind = type(first)
    if kind in registry and (kind in _others or kind in _plain):
        return kind
    if kind in _plain:
        return np.ndarray
    if isinstance(first, np.ndarray):
        raise _wrong(f"{name} got", first)
    raise ShapeError(
        f"{name} takes an array as its first argument, not {kind.__name__}; "
        "wrap it in numpy.asarray(...)"
    )


def _way(name: str, function: Callable[..., Any], array_type: type) -> _Way:
    """An implementation as `operation` calls it; see `_Way`."""
    rest: Check | None = None
    hints = get_type_hints(function)
    checks = []
    for place, parameter in enumerate(list(signature(function).parameters.values())[1:]):
        check = _check_of(name, parameter.name, hints.get(parameter.name), array_type)
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = check
        elif check is not None:
            checks.append((place, parameter.name, check, check.__name__ == "check_array"))
    backward = any(parameter == "cache" for _, parameter, _, _ in checks)
    # Those of our own on plain arrays look at the type themselves.
    return function, array_type is ndarray, tuple(checks), backward, rest


def _kind(hint: Any) -> Any:
    """The class that a hint is about; NDArray is an alias by name from NumPy 2.5 on."""
    kind = get_origin(hint) or hint
    value = getattr(kind, "__value__", None)
    return kind if value is None else _kind(value)


def _check_of(name: str, parameter: str, hint: Any, array_type: type) -> Check | None:
    """The check that a parameter's type asks for; None where its own page does it."""
    parts = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    kinds: set[Any] = {k for k in map(_kind, parts) if isinstance(k, type)} - {Any}
    if parameter == "cache":
        # Any: one that the page takes apart, into the caches of other operations.
        expected = tuple(kinds) or (object,)

        def check_cache(cache: Any) -> None:
            # An array may be kept as a mask, but no matrix, and nothing that does not multiply.
            if isinstance(cache, np.ndarray):
                fits = type(cache) in _plain and cache.dtype.kind in "fb"
            else:
                fits = hasattr(cache, "shape")
            if not fits or not isinstance(cache, expected):
                raise _apart(name, array_type, cache) or ShapeError(
                    f"{name} got {quoted(cache)} as cache, but it takes what its forward pass kept"
                )

        return check_cache
    if hint is bool:
        return lambda value: value is True or value is False or flag(parameter, value)
    if Callable in kinds:

        def check_function(value: Any) -> None:
            if value is not None and not callable(value):
                raise InputError(f"{parameter} is {quoted(value)}, but it must be a function")

        return check_function
    if np.ndarray in kinds:
        optional = type(None) in kinds

        def check_array(value: Any) -> None:
            if (type(value) is ndarray and value.dtype.kind == "f") or (value is None and optional):
                return
            if array_type in _plain and type(value) in _others:
                raise _apart(name, array_type, value) or _wrong(name, value)
            floats(f"{name} got as {parameter}", value)

        return check_array
    if array_type in kinds:

        def check_same(value: Any) -> None:
            if type(value) is not array_type:
                raise _apart(name, array_type, value) or _wrong(f"{name} got", value)

        return check_same
    return None


def _apart(name: str, array_type: type, value: Any) -> ShapeError | None:
    """The error for arrays of two layouts, if there is one of another in `value`."""
    plain = array_type in _plain
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, np.ndarray) and not plain:
            other = "a NumPy array"
        elif type(part) in _others and type(part) is not array_type:
            other = f"a {type(part).__name__} array"
        else:
            continue
        own = "a NumPy array" if plain else f"a {array_type.__name__} array"
        return ShapeError(
            f"{name} got {own} beside {other}; bring both into one layout with kernels.as_layout"
        )
    return None


def _wrong(subject: str, value: Any) -> ShapeError:
    """The error for what is no plain array of floats; it begins with `subject`."""
    if isinstance(value, np.ma.MaskedArray):
        return ShapeError(
            f"{subject} a masked array, whose masked values would count; "
            "fill them in first, with .filled(value)"
        )
    if not isinstance(value, np.ndarray):
        return ShapeError(
            f"{subject} {quoted(value)}, but it takes a NumPy array; wrap it in numpy.asarray(...)"
        )
    if type(value) not in _plain:
        return ShapeError(
            f"{subject} a {type(value).__name__}, which computes otherwise than an array; "
            "wrap it in numpy.asarray(...)"
        )
    if value.dtype.kind == "f":
        return ShapeError(f"{subject} an array without axes, but its first axis is the images")
    return ShapeError(
        f"{subject} an array of {value.dtype}, but it computes with floats; "
        "standardise the pictures first, or call .astype(numpy.float32)"
    )


def floats(subject: str, value: Any) -> NDArray[Any]:
    """The value, which is to be a plain array of floats with an axis of images.

    Raises:
        ShapeError: it is not; the sentence begins with `subject`.
    """
    if type(value) not in _plain or value.dtype.kind != "f" or value.ndim == 0:
        raise _wrong(subject, value)
    array: NDArray[Any] = value
    return array


def numbers(subject: str, value: Any) -> NDArray[Any]:
    """Labels or targets as an array: of integers, flags or floats, or a list of them.

    Raises:
        ShapeError: it is something else; the sentence begins with `subject`.
    """
    if isinstance(value, np.ndarray) and type(value) not in _plain:
        raise _wrong(subject, value)
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of several lengths
        raise _wrong(subject, value) from error
    if array.dtype.kind not in "iufb":
        raise _wrong(subject, array if isinstance(value, np.ndarray) else value)
    return array
