"""`--set field=value`: reading a recipe's fields from text, and saying what would have fitted."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from byhand import checks, models
from byhand.data import Augmentation
from byhand.errors import InputError
from byhand.losses import LOSSES, Loss
from byhand.optim import OPTIMISERS, SCHEDULES, ExponentialMovingAverage, Optimiser, Schedule
from byhand.recipes.engine.recipe import Network, Recipe

_types = cache(get_type_hints)  # slow to find, and always the same
FIXED = ("name", "summary", "expect")  # what a recipe is called and claims cannot be set

# Fields that hold a part of the library: written as a call, `Adam(beta1=0.8)`.
PARTS: dict[type, Mapping[str, type]] = {
    Optimiser: OPTIMISERS,
    Schedule: SCHEDULES,
    Loss: LOSSES,
    Augmentation: {"Augmentation": Augmentation},
    ExponentialMovingAverage: {"ExponentialMovingAverage": ExponentialMovingAverage},
}
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def apply(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """The recipe with each `field=value` (or `field.part=value`) of `settings` replaced.

    Raises:
        InputError: not of that form, an unknown field (lists those there are), or a value that
            does not fit (says what would).
    """
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set takes field=value, not {checks.quoted(setting)}")
        recipe = _apply(recipe, name.strip(), text.strip())
    recipe.check()
    return recipe


def from_dict(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe that `as_dict` wrote, starting from `recipe`, which gives the fixed fields.

    Raises:
        InputError: as `apply`.
    """
    for name, value in values.items():
        if name not in FIXED:
            recipe = _apply(recipe, name, "none" if value is None else str(value))
    recipe.check()
    return recipe


def _apply(recipe: Recipe, path: str, text: str) -> Recipe:
    name, dot, part = path.partition(".")
    types = {k: t for k, t in _types(Recipe).items() if k not in FIXED}
    if name not in types:
        raise InputError(
            f"a recipe has no field {checks.quoted(name)}{_did_you_mean(name, types)}; "
            f"it has: {', '.join(types)}"
        )
    checks.word(name, text)
    try:
        if not dot:
            value = read(name, text, types[name])
        else:
            value = _apply_part(name, getattr(recipe, name), part, text)
    except (RecursionError, MemoryError) as error:  # what Python's own parser ends with
        raise InputError(f"{path} is {checks.quoted(text)}, which is nested too deep") from error
    return replace(recipe, **{name: value})


def _apply_part(name: str, value: Any, part: str, text: str) -> Any:
    """Replace one setting inside a field: schedule.rate, model.kernel_size."""
    if isinstance(value, Network):
        new = _literal(f"{name}.{part}", text)
        _check_network_setting(value.name, models.options(value.name), part, new)
        return Network(value.name, {**value.settings, part: new})
    if not is_dataclass(value) or isinstance(value, type):
        raise InputError(f"{name} is {value!r} and has no part {part!r}; set {name} itself")
    types = _types(type(value))
    known_parts = {f.name: types[f.name] for f in fields(value)}
    first, dot, rest = part.partition(".")
    if first not in known_parts:
        raise InputError(
            f"{type(value).__name__} has no setting {checks.quoted(first)}"
            f"{_did_you_mean(first, known_parts)}; it has: {', '.join(known_parts) or 'none'}"
        )
    if dot:
        new = _apply_part(f"{name}.{first}", getattr(value, first), rest, text)
    else:
        new = read(f"{name}.{first}", text, known_parts[first])
    return replace(value, **{first: new})


def read(name: str, text: str, kind: Any) -> Any:
    """Read `text` as a value of type `kind`; `name` is for the error.

    Raises:
        InputError: it is none; says what would be.
    """
    allowed = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if text.lower() in ("none", "null", ""):
        if NoneType in allowed:
            return None
        raise InputError(f"{name} cannot be none; it takes {_allowed_words(allowed)}")
    for one in allowed:
        if one is bool and text.lower() in ("true", "false", "yes", "no", "1", "0"):
            return text.lower() in ("true", "yes", "1")
        if one in (int, float):
            try:
                number = one(text)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
        if one is str:
            return text
        if one is Network:
            called, settings = _call(name, text)
            known = models.options(called)  # says which networks there are
            for part, value in settings.items():
                _check_network_setting(called, known, part, value)
            return Network(called, settings)
        if one in PARTS:
            if one is ExponentialMovingAverage and _is_number(text):
                return ExponentialMovingAverage(float(text))
            return _part(name, text, PARTS[one])
    raise InputError(f"{name} is {checks.quoted(text)}, but it takes {_allowed_words(allowed)}")


def _part(name: str, text: str, registry: Mapping[str, type]) -> Any:
    by_lower = {k.lower(): v for k, v in registry.items()}
    if text.partition("(")[0].strip().lower() not in by_lower:
        raise InputError(
            f"{name} is {checks.quoted(text)}, but it must be one of {', '.join(registry)}, "
            f"such as {name}='{next(iter(registry))}(...)'"
        )
    called, settings = _call(name, text, registry)
    cls = by_lower[called.lower()]
    types = _types(cls)
    known = {f.name: types[f.name] for f in fields(cls)}
    for part, value in settings.items():
        if part not in known:
            raise InputError(
                f"{name}: {cls.__name__} has no setting {checks.quoted(part)}"
                f"{_did_you_mean(part, known)}; it has: {', '.join(known) or 'none'}"
            )
        if not isinstance(value, tuple(PARTS)):  # a part inside a part has been checked
            settings[part] = read(f"{name}.{part}", str(value), known[part])
    lacking = [f.name for f in fields(cls) if f.default is MISSING and f.name not in settings]
    if lacking:
        raise InputError(f"{name}: {cls.__name__} needs {', '.join(lacking)}")
    return cls(**settings)


def _call(
    name: str, text: str, registry: Mapping[str, type] | None = None
) -> tuple[str, dict[str, Any]]:
    """`Step(0.01, factor=0.9)` as its name and settings; arguments without names go in order."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte, a number of 5,000 digits
        raise InputError(
            f"{name} is {checks.quoted(text)}, which is not of the form Name(key=value)"
        ) from error
    if isinstance(node, ast.Name):
        return node.id, {}
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise InputError(
            f"{name} is {checks.quoted(text)}, which is not of the form Name(key=value)"
        )
    called = node.func.id
    ordered: list[str] = []
    if registry is not None:
        cls = {k.lower(): v for k, v in registry.items()}.get(called.lower())
        ordered = [f.name for f in fields(cls)] if cls is not None else []
    if len(node.args) > len(ordered):
        raise InputError(f"{name}: write the settings of {called} with their names, key=value")
    settings = {
        key: _value(name, value, registry) for key, value in zip(ordered, node.args, strict=False)
    }
    for keyword in node.keywords:
        if keyword.arg in settings:
            raise InputError(f"{name} is {checks.quoted(text)}, which sets {keyword.arg} twice")
        if keyword.arg is None:
            raise InputError(
                f"{name} is {checks.quoted(text)}, which is not of the form Name(key=value)"
            )
        settings[keyword.arg] = _value(name, keyword.value, registry)
    return called, settings


def _value(name: str, node: ast.expr, registry: Mapping[str, type] | None) -> Any:
    """An argument: a plain value, or another part (a schedule inside a warm-up)."""
    text = ast.unparse(node)
    if isinstance(node, ast.Call | ast.Name) and registry is not None and not _is_word(text):
        return _part(name, text, registry)
    return _literal(name, text)


def _literal(name: str, text: str) -> Any:
    if _is_word(text):
        text = text.capitalize()
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError) as error:
        raise InputError(f"{name} is {checks.quoted(text)}, which is not a plain value") from error


def _check_network_setting(network: str, known: Mapping[str, Any], part: str, value: Any) -> None:
    """See that the network has the setting, and that the value is of its default's kind."""
    if part not in known:
        raise InputError(
            f"{network} has no setting {checks.quoted(part)}{_did_you_mean(part, known)}; "
            f"it has: {', '.join(known) or 'none'}"
        )
    default = known[part]
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    elif isinstance(default, int):
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif isinstance(default, str):
        fits = isinstance(value, str)
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = (number and math.isfinite(value)) or (default is None and value is None)
    if not fits:
        kind = WORDS.get(type(default), WORDS[float])
        raise InputError(f"{network}'s {part} is {checks.quoted(value)}, but it takes {kind}")


def _is_word(text: str) -> bool:
    """Whether it is a plain value that people also write in small letters."""
    return text.lower() in ("true", "false", "none")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _allowed_words(allowed: tuple[Any, ...]) -> str:
    words = [WORDS.get(kind, f"one of {', '.join(PARTS.get(kind, ()))}")
             for kind in allowed if kind is not NoneType]  # fmt: skip
    if NoneType in allowed:
        words.append("none")
    return " or ".join(words)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""
