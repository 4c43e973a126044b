"""Seeded ways to spoil plain values: the JSON of a header, a record or a request."""

from __future__ import annotations

import copy
import json
import math

EDGES = (7, 8, 15, 16, 24, 29, 30, 31, 32, 53, 60, 61, 62, 63, 64)  # powers of two where sizes end
DEEP = "\x01deep\x01"  # stands for brackets within brackets, which only text can hold
TEXTS = ("", " ", "x", "0", "1e3", "nan", "None", "a\nb", "\0", "\ud800", "../x", "/", "é" * 300,
         "𝟙", "-1", "[]", "'", "{{1}}", DEEP)  # fmt: skip


def pick(choices, rng):
    return choices[int(rng.integers(len(choices)))]


def odd(rng):
    """A value that hardly anybody expects."""
    way = rng.integers(10)
    if way < 4:  # where whole numbers overflow: near a power of two
        power = pick(EDGES, rng) if rng.integers(2) else int(rng.integers(70))
        return (-1 if rng.integers(4) == 0 else 1) * 2**power + pick(
            (0, 0, -1, 1, -2, 2, -4, -6, 8), rng
        )
    if way == 4:
        return pick((math.nan, math.inf, -math.inf, 1e308, 5e-324, -0.0, 0.5, -1e9, 1e999), rng)
    if way == 5:
        return float(rng.normal() * 10.0 ** rng.integers(-8, 12))
    if way == 6:
        return pick(TEXTS, rng)
    if way == 7:
        return pick((None, True, False), rng)
    value = pick(([], {}, [[]], [0], [1, 2], [-1, 3], [None], ["x", {}], {"x": 1}, {"": []}), rng)
    for _ in range(int(rng.integers(80)) if way == 9 else 0):
        value = [value]
    return copy.deepcopy(value)


def nudge(value, rng):
    """Nearly the same."""
    if isinstance(value, bool):
        return pick((not value, int(value), str(value)), rng)
    if isinstance(value, int | float):
        return pick((value + 1, value - 1, -value, value * 2, value + 0.5, float(value),
                     str(value), [value], value * 1000), rng)  # fmt: skip
    if isinstance(value, str):
        place = int(rng.integers(len(value) + 1))
        return pick((value[:place], value + value, value[:place] + pick(TEXTS, rng) + value[place:],
                     value.upper(), [value], value.swapcase()), rng)  # fmt: skip
    if isinstance(value, list):
        place = int(rng.integers(len(value) + 1))
        return pick((value[:place], value[place:], value + value, value[::-1], value * 20,
                     [*value[:place], odd(rng), *value[place:]], {"x": value},
                     value[0] if value else None), rng)  # fmt: skip
    if isinstance(value, dict):
        return pick(({**value, pick(TEXTS, rng): odd(rng)}, list(value), [*value.values()], [value],
                     {k.upper(): v for k, v in value.items()}), rng)  # fmt: skip
    return odd(rng)


def spoilt(value, rng):
    """A copy of `value` in which one to three places are spoilt."""
    root = {"": copy.deepcopy(value)}
    for _ in range(pick((1, 1, 1, 2, 3), rng)):
        parent, key = _place(root, rng)
        if rng.integers(3) == 0:  # values that are numbers, which may pass and do harm later
            numbers = [(p, k) for p, k in _places(root) if type(p[k]) in (int, float)]
            parent, key = pick(numbers, rng) if numbers else (parent, key)
        way = rng.integers(10)
        if way < 4:
            parent[key] = odd(rng)
        elif way < 6:
            parent[key] = nudge(parent[key], rng)
        elif way == 6 and parent is not root:
            del parent[key]
        elif way == 7:  # what stands elsewhere, under the same name if there is one
            places = list(_places(root))
            alike = [place for place in places if place[1] == key]
            other, name = pick(alike if len(alike) > 1 and rng.integers(2) else places, rng)
            parent[key] = copy.deepcopy(other[name])
        elif way == 8 and isinstance(parent, dict) and parent is not root:
            parent[str(nudge(str(key), rng))] = parent.pop(key)
        elif isinstance(parent, list):
            parent.insert(key, copy.deepcopy(pick(parent, rng)))
        else:
            parent[key] = odd(rng)
    return root[""]


def text(value, rng):
    """`value` as JSON, as Python writes it (NaN and half characters too); at times oddly."""
    said = json.dumps(value, ensure_ascii=bool(rng.integers(4)))
    if rng.integers(12) == 0 and isinstance(value, dict) and value:  # a name that is there twice
        said = f"{{{json.dumps(pick(list(value), rng))}: {json.dumps(odd(rng))}, {said[1:]}"
    depth = int(10 ** rng.uniform(1, 5))
    opening, closing = pick((("[", "]"), ('{"x":', "}")), rng)
    said = said.replace(json.dumps(DEEP), opening * depth + "1" + closing * depth)
    if rng.integers(40) == 0:
        said = pick(("﻿" + said, said + "}", said[: len(said) // 2], "", "null", said + said), rng)
    return said.encode("utf-8", "surrogatepass")


def _places(root):
    """(parent, key) of every value inside `root`."""
    level = [root]
    while level:
        parent = level.pop()
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        for key in keys:
            yield parent, key
            if isinstance(parent[key], dict | list):
                level.append(parent[key])


def _place(root, rng):
    """A place: any of all, or by going down at random, which finds what stands near the top."""
    if rng.integers(2):
        return pick(list(_places(root)), rng)
    parent, key = root, ""
    while isinstance(parent[key], dict | list) and parent[key] and rng.integers(4):
        parent = parent[key]
        key = (
            pick(list(parent), rng) if isinstance(parent, dict) else int(rng.integers(len(parent)))
        )
    return parent, key
