"""Every public function says what it raises, and has a docstring."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections import defaultdict

import pytest

import byhand
from byhand import checks, errors

OURS = {value for value in vars(errors).values() if inspect.isclass(value)}
ERRORS = {kind.__name__ for kind in OURS}


def public():
    """(name, function or class) of what the rooms offer, each once."""
    for room in byhand._ROOMS:
        module = importlib.import_module(f"byhand.{room}")
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            value = getattr(module, name)
            home = getattr(value, "__module__", "") or ""
            if home.startswith(f"byhand.{room}") and callable(value):
                yield f"{room}.{name}", value


def functions():
    """(name, docstring, function) of each public function and method; a class's for __init__."""
    for name, value in public():
        if not inspect.isclass(value):
            yield name, inspect.getdoc(value), inspect.unwrap(value)
            continue
        for own, method in vars(value).items():
            function = getattr(method, "__func__", getattr(method, "fget", method))
            if not inspect.isfunction(function) or function.__name__ == "<lambda>":
                continue
            if own in ("__init__", "__post_init__"):
                yield name, inspect.getdoc(value), function
            elif not own.startswith("_"):
                # What a method of the base's promises holds for those that take its place.
                docs = [inspect.getdoc(vars(c)[own]) for c in value.__mro__ if own in vars(c)]
                yield f"{name}.{own}", method.__doc__ and "\n".join(filter(None, docs)), function


FUNCTIONS = defaultdict(list)  # by name: a class has those of its constructor
for _name, *_told in functions():
    FUNCTIONS[_name].append(_told)


def raised(function, seen=frozenset()):
    """The errors of byhand that come out of a function: raised by its own body, by `checks`, or by
    the private helpers of its file that it calls."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):  # made by dataclasses
        return set()
    inner = {n for f in ast.walk(tree.body[0]) if isinstance(f, ast.FunctionDef | ast.Lambda)
             and f is not tree.body[0] for n in ast.walk(f)}  # fmt: skip
    caught = {n for t in ast.walk(tree) if isinstance(t, ast.Try) and t.handlers
              for line in t.body for n in ast.walk(line)}  # fmt: skip
    calls = [n.exc for n in ast.walk(tree) if isinstance(n, ast.Raise) and n not in inner]
    names = {getattr(getattr(c, "func", c), "id", "") for c in calls} & ERRORS
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or call in inner or call in caught:
            continue
        called = _called(call.func, function)
        if called is not None and called not in seen:
            names |= raised(called, seen | {function})
    return names


def _called(expression, function):
    """The function of `checks`, or the private one of the same file, that an expression names."""
    where = function.__globals__
    if isinstance(expression, ast.Name):
        value = where.get(expression.id)
    elif isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
        owner = where.get(expression.value.id)
        value = getattr(checks, expression.attr, None) if owner is checks else None
    else:
        return None
    if not inspect.isfunction(value):
        return None
    private = value.__name__.startswith("_") and value.__module__ == function.__module__
    return value if private or value.__module__ == checks.__name__ else None


def test_the_public_functions_are_seen():
    known = {"kernels.conv2d", "nn.load", "optim.Adam", "optim.SGD", "training.fit"}
    assert known <= FUNCTIONS.keys()
    assert raised(byhand.optim.SGD.__post_init__) == {"InputError"}
    assert raised(byhand.training.EarlyStopping.__init__) == {"InputError"}  # by way of checks


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_what_a_public_function_raises_stands_in_its_docstring(name):
    for doc, function in FUNCTIONS[name]:
        assert doc, f"{name} has no docstring"
        for error in raised(function):
            told = doc.partition("Raises:")[2]
            kinds = [kind.__name__ for kind in getattr(errors, error).__mro__ if kind in OURS]
            assert any(kind in told for kind in kinds), f"{name} raises {error}"


def arrays(function):
    """The parameters that are NumPy arrays."""
    parameters = inspect.signature(function).parameters.values()
    return [
        p.name
        for p in parameters
        if re.search(r"\b(NDArray|Array)\b", str(p.annotation))
        and "Callable" not in str(p.annotation)
    ]


@pytest.mark.parametrize(
    "name", sorted(n for n in FUNCTIONS if any(arrays(f) for _, f in FUNCTIONS[n]))
)
def test_a_public_function_of_arrays_says_what_shapes_they_have(name):
    room = name.partition(".")[0]
    # A backward's are those of its forward; those of pages that draw, of the pictures drawn.
    if name.endswith("backward") or room in ("plots", "experiments"):
        return
    docs = " ".join(doc for doc, _ in FUNCTIONS[name])
    assert re.search(r"\([A-Z\dn][^()]*\)|\bshapes?\b|\bflat\b|\bvectors?\b|\bas x\b", docs), docs
