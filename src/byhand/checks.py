"""The one place where each kind of value is checked, whichever door it came in by.

Constructors, kernels, model files, checkpoints, recipes, the command line and the page call these;
each gives the value in its plain Python type or raises one sentence that names it.
"""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from byhand.errors import DataError, InputError

T = TypeVar("T")

# No size, stride, padding or count that makes sense is larger; products of two fit in 64 bits.
MOST = 2**31 - 1
DEPTH = 64  # of lists and objects inside each other, in a file or a request
LARGE = 1e6  # no setting of a layer or an optimiser that makes sense is larger
SMALL = 1e-30  # what is added so that nothing is divided by 0 may not vanish in float32


def whole(name: str, value: object, least: int = 0, most: int = MOST) -> int:
    """A whole number from `least` to `most`, NumPy's among them; True and 2.0 are none.

    Raises:
        InputError: it is something else; names it.
    """
    number = None
    if hasattr(value, "__index__") and not _is_bool(value):
        try:
            number = operator.index(value)
        except TypeError:  # an array of several
            number = None
    if number is None or not least <= number <= most:
        too_large = number is not None and number > most
        bounds = f"from {least:,}" + (f" to {most:,}" if too_large or most != MOST else " up")
        raise InputError(f"{name} is {quoted(value)}, but it must be a whole number {bounds}")
    return number


def number(
    name: str,
    value: object,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite number, of any of Python's or NumPy's real types but bool.

    Args:
        name: what it is called, for the error.
        value: what was given.
        least: it may be this or more.
        most: it may be this or less.
        above: it must be more than this.
        below: it must be less than this.

    Raises:
        InputError: it is no number, or outside; names it.
    """
    given = math.nan
    if hasattr(value, "__float__") and not isinstance(value, str | bytes) and not _is_bool(value):
        try:
            given = float(value)
        except (TypeError, ValueError, OverflowError):
            given = math.nan
    bounds = (
        (least, "at least", operator.ge),
        (above, "more than", operator.gt),
        (most, "at most", operator.le),
        (below, "less than", operator.lt),
    )
    if not math.isfinite(given) or any(b is not None and not f(given, b) for b, _, f in bounds):
        wanted = " and ".join(f"{words} {b:g}" for b, words, _ in bounds if b is not None)
        raise InputError(
            f"{name} is {quoted(value)}, but it must be a number{' of ' if wanted else ''}{wanted}"
        )
    return given


def flag(name: str, value: object) -> bool:
    """True or False.

    Raises:
        InputError: it is something else; names it.
    """
    if not _is_bool(value) or getattr(value, "shape", ()) != ():  # an array of several
        raise InputError(f"{name} is {quoted(value)}, but it must be True or False")
    return bool(value)


def fields(owner: object, check: Callable[..., object], *names: str, **bounds: Any) -> None:
    """Check fields of a (frozen) dataclass, in its `__post_init__`, and keep what `check` gives.

        fields(self, number, "beta1", "beta2", least=0, below=1)

    Raises:
        InputError: as `check` does; names the class and the field.
    """
    for name in names:
        value = check(f"{type(owner).__name__}'s {name}", getattr(owner, name), **bounds)
        object.__setattr__(owner, name, value)


def word(name: str, value: object) -> str:
    """Text that can be written down as UTF-8.

    Raises:
        InputError: it is no text, or holds half a character (a lone surrogate); names it.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} is {quoted(value)}, but it must be text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} is {quoted(value)}, which is no valid Unicode text") from error
    return value


def path(name: str, value: object) -> Path:
    """The path of a file or folder from text or a path; ~ at its start is the user's own folder.

    Raises:
        InputError: it is neither, is empty, or names a user whom nobody knows.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise InputError(f"{name} is {quoted(value)}, but it must be the path of a file or folder")
    text = os.fspath(value)
    if not text.strip() or "\0" in text:
        raise InputError(f"{name} is {quoted(text)}, which names no file or folder; give its path")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{name} is {quoted(text)}, but there is no such user's folder") from error


def one_of(name: str, value: T, choices: Collection[T]) -> T:
    """One of `choices`.

    Raises:
        InputError: it is none of them; names them.
    """
    # A list compares with text, but an array does so by element.
    if not isinstance(value, str) or value not in choices:
        raise InputError(
            f"{name} is {quoted(value)}, but it must be one of {', '.join(map(str, choices))}"
        )
    return value


def instance(name: str, value: object, kind: type[T], wanted: str) -> T:
    """An object of `kind`; `wanted` says what to give instead.

    Raises:
        InputError: it is of another class, or the class itself; names it.
    """
    if not isinstance(value, kind):
        raise InputError(f"{name} is {quoted(value)}, but it must be {wanted}")
    return value


def parse_json(text: str | bytes, what: str) -> Any:
    """Read JSON that somebody else may have written.

    Raises:
        DataError: it is none, holds NaN, half characters or a name twice in one object (readers
            differ on which counts), or is nested too deep; names `what`.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_each_once)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()  # half a character, 1e999
    except RecursionError as error:
        raise DataError(f"{what} is nested too deep to be read") from error
    except (ValueError, UnicodeError) as error:  # JSONDecodeError is a ValueError
        raise DataError(f"{what} is no valid JSON ({error})") from error
    if _depth(value) > DEPTH:
        raise DataError(f"{what} is nested more than {DEPTH} deep")
    return value


def record(kind: type[T], value: object, what: str) -> T:
    """The dataclass `kind` from plain values, each field of exactly the type that it declares.

    Raises:
        DataError: a field is absent or of another type; names `what`, the field and the type.
    """
    import msgspec

    if not isinstance(value, Mapping):
        raise DataError(f"{what} is {quoted(value)}, but it must be an object")
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeError, InputError) as error:
        raise DataError(f"{what} cannot be read: {error}") from error


def quoted(value: object, most: int = 60) -> str:
    """A value as an error may quote it: on one line, not too long, in characters that print."""
    try:
        text = repr(value)
    except Exception:  # an object of the user's own
        text = f"a {type(value).__name__}"
    return one_line(text, most)


def one_line(text: object, most: int = 300) -> str:
    """The text of another's error as ours may hold it: on one line, not too long, printable."""
    line = " ".join(str(text).split()).encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _is_bool(value: object) -> bool:
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"{quoted(name)} stands twice in one object")
        values[name] = value
    return values


def _depth(value: Any) -> int:
    """How many lists and objects are inside each other, counted without recursion."""
    deepest, level = 0, [value]
    while level:
        inner = [v for v in level if isinstance(v, dict | list)]
        if not inner:
            return deepest
        deepest += 1
        level = [x for v in inner for x in (v.values() if isinstance(v, dict) else v)]
    return deepest
