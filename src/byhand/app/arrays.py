"""Arrays and pictures as JSON has them: a shape, and base64 of the numbers."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.app.problems import Problem

SIDE = 28


def encode(array: NDArray[Any]) -> dict[str, Any]:
    """An array as {"shape", "type", "data"}: bytes as uint8, all else as float32, little-endian."""
    kind = "uint8" if array.dtype in (np.uint8, np.bool_) else "float32"
    plain = np.ascontiguousarray(array, "u1" if kind == "uint8" else "<f4")
    data = base64.b64encode(plain.tobytes()).decode("ascii")
    return {"shape": list(array.shape), "type": kind, "data": data}


def decode_seen(value: Any) -> NDArray[np.uint8]:
    """A picture as the network sees it, (28, 28) uint8, from base64 of its 784 bytes.

    Raises:
        Problem: it is none.
    """
    data = _bytes(value, "the picture")
    if len(data) != SIDE * SIDE:
        raise Problem(400, f"the picture has {len(data)} bytes, but {SIDE}×{SIDE} has {SIDE**2}")
    return np.frombuffer(data, np.uint8).reshape(SIDE, SIDE)


def decode_file(value: Any) -> bytes:
    """A picture's file from a data URL, data:image/png;base64,...

    Raises:
        Problem: it is none.
    """
    if not isinstance(value, str) or not value.startswith("data:image/"):
        raise Problem(400, "the image must be a data URL: data:image/png;base64,...")
    return _bytes(value.partition(",")[2], "the image")


def data_url(picture: NDArray[np.uint8], kind: str = "PNG") -> str:
    """A picture (H, W) or (H, W, 3) as a data URL, which a page can show."""
    from PIL import Image

    written = BytesIO()
    Image.fromarray(picture).save(written, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(written.getvalue()).decode()}"


def _bytes(value: Any, what: str) -> bytes:
    if not isinstance(value, str):
        raise Problem(400, f"{what} must be base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:  # no base64, or no ASCII
        raise Problem(400, f"{what} is no base64") from None
