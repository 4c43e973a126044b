"""Lists, tuples and dicts inside each other, and what is in them by dotted names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


def entries(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What is in `value`: of {"a": [x, {"b": y}]}, "a.0" with x and "a.1.b" with y."""
    if type(value) in (dict, list, tuple):
        for key, entry in _pairs(value):
            yield from entries(entry, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def replaced(value: Any, others: Mapping[str, Any], name: str = "") -> Any:
    """The same with `others` in the places of those names."""
    if type(value) not in (dict, list, tuple):
        return others.get(name, value)
    pairs = [(k, replaced(v, others, f"{name}.{k}" if name else str(k))) for k, v in _pairs(value)]
    return dict(pairs) if type(value) is dict else type(value)(v for _, v in pairs)


def _pairs(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if type(value) is dict else enumerate(value)
