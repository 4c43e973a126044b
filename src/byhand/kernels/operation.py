"""How one name serves several arrays: the type of the first argument picks the arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch, wraps
from typing import Any, TypeVar, cast

import numpy as np

from byhand.errors import ShapeError

F = TypeVar("F", bound=Callable[..., Any])


def operation(reference: F) -> F:
    """Make a function on NumPy arrays an operation that other array types can implement too.

    The decorated function is the definition. Another arithmetic adds its own with `implements`;
    neither knows of the other, and the caller sees one function. Arrays of
    integers are refused: they would be rounded in silence.
    """

    @wraps(reference)
    def on_numpy(first: Any, *args: Any, **kwargs: Any) -> Any:
        if first.dtype.kind != "f":
            raise ShapeError(
                f"{reference.__name__} got an array of {first.dtype}, but it computes with "
                "floats; standardise the pictures first, or call .astype(numpy.float32)"
            )
        # What another arithmetic's forward kept would be misread without a word.
        for value in args:
            for part in value if isinstance(value, tuple) else (value,):
                if type(part) in generic.registry and not isinstance(part, np.ndarray):
                    raise ShapeError(
                        f"{reference.__name__} got a NumPy array beside a {type(part).__name__}; "
                        "bring both into one layout with kernels.as_layout"
                    )
        return reference(first, *args, **kwargs)

    @wraps(reference)
    def no_arithmetic(first: Any, *args: Any, **kwargs: Any) -> Any:
        raise ShapeError(
            f"{reference.__name__} takes an array as its first argument, "
            f"not {type(first).__name__}; wrap it in numpy.asarray(...)"
        )

    generic = singledispatch(no_arithmetic)
    generic.register(np.ndarray, on_numpy)
    return cast(F, generic)


def implements(generic: Callable[..., Any], array_type: type) -> Callable[[F], F]:
    """Say that the decorated function is `generic` for arrays of `array_type`."""

    def register(function: F) -> F:
        cast(Any, generic).register(array_type, function)
        return function

    return register
