"""What a process of `processes` does for a route; it keeps the reader and the latest networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.app import inside, readings
from byhand.app.networks import Place, opened
from byhand.reader import Reader


def warm(reader: Path | None) -> None:
    """Load what every reading needs."""
    _reader(reader)


def read_drawing(reader: Path | None, file: bytes) -> dict[str, Any]:
    """`readings.read_drawing` with the reader in a file."""
    return readings.read_drawing(_reader(reader), file)


def read_page(reader: Path | None, file: bytes, name: str, **asked: Any) -> dict[str, Any]:
    """`readings.read_page` with the reader in a file."""
    return readings.read_page(_reader(reader), file, name, **asked)


def look(
    how: Callable[..., dict[str, Any]],
    place: Place,
    memory: int,
    seen: NDArray[np.uint8],
    label: object,
    *more: Any,
) -> dict[str, Any]:
    """A function of `inside` with the network at a place.

    Raises:
        Problem: the network reads other pictures, or the label is no class of it.
        DataError: its file is broken, or it takes too much memory.
    """
    network = opened(place.path, place.version, memory)
    model = inside.fits(network.model)
    values = how(model, seen, inside.checked_label(model, label), *more)
    for layer in values.get("layers", ()):
        layer["name"] = network.own_name(layer["name"])
    return values


@lru_cache(1)
def _reader(path: Path | None) -> Reader:
    return Reader.load(path)
