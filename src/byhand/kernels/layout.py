"""The one place where the layout of arrays, and with it the arithmetic, is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.errors import InputError
from byhand.kernels import compiled
from byhand.kernels.lanes import Lanes
from byhand.kernels.lanes import gather as gather_lanes
from byhand.kernels.operation import floats, numbers
from byhand.kernels.rows import FEW_IMAGES, Rows

LAYOUTS = ("auto", "lanes", "reference")
ARRAYS = (np.ndarray, Lanes)  # the array types whose every operation is there
FUSED = (Lanes, Rows)  # those that have layers run as one (reference/fused.py) of their own


def resolve_layout(layout: str) -> str:
    """Check the name of a layout and give the arithmetic that it comes to: lanes or reference.

    Raises:
        InputError: there is no such layout, or it is `lanes` and the compiled core is not there.
    """
    if layout not in LAYOUTS:
        raise InputError(f"layout is {layout!r}, but it must be one of {', '.join(LAYOUTS)}")
    if layout == "lanes":
        compiled.need_core()
        return layout
    return "reference" if layout == "reference" or compiled.core is None else "lanes"


def arithmetic() -> tuple[str, str]:
    """Which arithmetic `auto` is here, and why, in one sentence."""
    if compiled.core is None:
        return "reference", str(compiled.problem)
    reason = f"the compiled core runs on {compiled.instruction_set()}"
    return "lanes", reason if compiled.problem is None else f"{reason}: {compiled.problem}"


def as_layout(x: NDArray[Any] | Lanes, layout: str = "auto", train: bool = True) -> Any:
    """Give `x`, shaped (N, ...), in the array type whose arithmetic is to run.

    `reference` is the plain NumPy array; `lanes` is `Lanes`, in float32; `auto` is `Lanes` for
    float32 where the compiled core is there, and else the NumPy array. With `train` false, that is
    when nobody is to go backward, `Rows` takes the place of `Lanes` for few images.

    Raises:
        InputError: there is no such layout, or no compiled core for it.
    """
    if isinstance(x, Lanes):
        return x if resolve_layout(layout) == "lanes" else x.numpy()
    # A list, or another library's array, becomes one; a matrix or a masked array does not.
    x = floats("as_layout got", numbers("as_layout got", x))
    if resolve_layout(layout) == "reference" or (layout == "auto" and x.dtype != np.float32):
        return x
    if not train and x.size > 0 and len(x) <= FEW_IMAGES:
        return Rows.of(x)
    return Lanes.pack(x)


def as_numpy(x: Any) -> NDArray[Any]:
    """Give an array of any layout as a NumPy array of shape (N, ...)."""
    return x.numpy() if isinstance(x, Lanes) else np.asarray(x)


def gather(
    images: NDArray[np.uint8],
    index: NDArray[np.int64],
    scale: NDArray[np.float32],
    shift: NDArray[np.float32],
    layout: str = "auto",
) -> Any:
    """The pictures at `index` of a set (N, C, H, W) of bytes as an array: byte * scale + shift.

    `scale` and `shift` are float32 (C), by channel. The compiled core does it in one pass.

    Raises:
        InputError: there is no such layout, or no compiled core for it.
    """
    if resolve_layout(layout) == "lanes" and images.flags.c_contiguous:
        return gather_lanes(images, index, scale, shift)
    along = (-1,) + (1,) * (images.ndim - 2)
    x = images[index] * scale.reshape(along)
    x += shift.reshape(along)
    return as_layout(x, layout)
