"""What a layer keeps from forward for backward, in words and bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from byhand import kernels
from byhand.nn.trace import LayerTrace

# The parts of the kernels' caches, in words.
_WORDS = {
    "x": "input",
    "kept": "mask",
    "place": "places of the maxima",
    "x_shape": "shape of the input",
    "xhat": "input, normalised",
    "inverse_std": "1 / deviation",
}


@dataclass(frozen=True)
class Kept:
    """A part of a layer's cache.

    Args:
        what: in words: "input", "mask", "places of the maxima", "weight", "shape of the input".
        shape: of the array, or the shape that is kept.
        bytes: that stay in memory for it; 0 of the layer's own parameters and of a shape.
    """

    what: str
    shape: tuple[int, ...]
    bytes: int


def kept(traced: LayerTrace) -> list[Kept]:
    """What a layer of a trace kept for backward, in the order of its cache.

    Numbers beside the arrays (a window's size, dropout's factor) are left out.
    """
    return list(_parts(traced.cache, "", traced))


def _parts(part: Any, name: str, traced: LayerTrace) -> Iterator[Kept]:
    if isinstance(part, np.ndarray):
        own = any(np.shares_memory(part, p.value) for _, p in traced.layer.named_params())
        yield Kept(_word(part, name, traced), part.shape, 0 if own else part.nbytes)
    elif isinstance(part, kernels.Lanes):
        yield Kept(_WORDS.get(name, name or "values"), part.shape, 4 * math.prod(part.shape))
    elif isinstance(part, tuple) and all(isinstance(size, int) for size in part):
        if part == traced.input.shape:
            yield Kept(_WORDS["x_shape"], part, 0)
    elif isinstance(part, tuple):
        names = getattr(part, "_fields", ("",) * len(part))
        for own_name, inner in zip(names, part, strict=True):
            yield from _parts(inner, own_name, traced)


def _word(array: Any, name: str, traced: LayerTrace) -> str:
    if name:
        return _WORDS.get(name, name.replace("_", " "))
    if array.dtype == np.bool_:
        return "mask"
    if np.shares_memory(array, traced.output):
        return "output"
    return "input" if np.shares_memory(array, traced.input) else "values"
