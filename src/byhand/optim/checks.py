"""Settings checked where they are given, with an error that says what is allowed."""

from __future__ import annotations

import math
from typing import Any

from byhand.errors import InputError


def number(owner: object, name: str, low: float, high: float = math.inf, open_: str = "") -> None:
    """See that the setting `name` of `owner` is a number from `low` to `high`.

    `open_` names the ends that do not belong to the range: "low", "high" or "low high". An infinite
    end never belongs to it.

    Raises:
        InputError: names the class, the setting, its value and the range.
    """
    value: Any = getattr(owner, name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _error(owner, name, value, "a number")
    above = value > low if "low" in open_ else value >= low
    below = value < high if "high" in open_ or high == math.inf else value <= high
    if not (above and below):
        said = f"{'more than' if 'low' in open_ else 'at least'} {low:g}"
        if high != math.inf:
            said += f" and {'less than' if 'high' in open_ else 'at most'} {high:g}"
        elif value == math.inf:
            said += " and finite"
        raise _error(owner, name, value, said)


def count(owner: object, name: str, *, optional: bool = False) -> None:
    """See that the setting `name` of `owner` is an integer of at least 1 (or None if `optional`).

    Raises:
        InputError: names the class, the setting and its value.
    """
    value: Any = getattr(owner, name)
    if optional and value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        none = ", or None for the whole run" if optional else ""
        raise _error(owner, name, value, f"an integer of at least 1{none}")


def _error(owner: object, name: str, value: Any, expected: str) -> InputError:
    return InputError(f"{type(owner).__name__}'s {name} is {value!r}, but it must be {expected}")
