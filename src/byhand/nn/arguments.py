"""The arguments of a layer: its constructor's parameters, which it keeps under the same names."""

from __future__ import annotations

import inspect


def arguments_of(cls: type) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name, without self."""
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    parameters = dict(inspect.signature(cls.__init__).parameters)  # type: ignore[misc]
    parameters.pop("self", None)
    return parameters
