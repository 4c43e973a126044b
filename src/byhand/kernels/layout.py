"""The one place where the layout of arrays, and with it the arithmetic, is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError

LAYOUTS = ("auto", "reference")


def resolve_layout(layout: str) -> str:
    """Check the name of a layout and give the arithmetic that it comes to.

    Raises:
        InputError: there is no such layout.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout is {layout!r}, but it must be one of {', '.join(LAYOUTS)}")
    return "reference"


def as_layout(x: NDArray[Any], layout: str = "auto") -> NDArray[Any]:
    """Give `x`, shaped (N, ...), in the array type whose arithmetic is to run.

    `reference` is the plain NumPy array; `auto` is the fastest arithmetic there is, which in this
    version is the reference too.

    Raises:
        InputError: there is no such layout.
    """
    resolve_layout(layout)
    return np.asarray(x)


def as_numpy(x: NDArray[Any]) -> NDArray[Any]:
    """Give an array of any layout as a NumPy array of shape (N, ...)."""
    return np.asarray(x)
