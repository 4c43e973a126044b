"""`mnist.pkl.gz`, read without trusting it: nothing that a pickle names is ever called.

The file is three pairs of arrays, pictures and labels, for training, validation and test, pickled
by Python 2. Pickle is a small machine that calls whatever the file names; here the only names
admitted are the few that NumPy's arrays are made of, under their old and new modules, and each
stands for a stand-in of this file: it keeps the numbers' bytes, and `_array` makes an array
of them once type, shape and length have been checked. NumPy's own functions of those names would
allocate whatever shape a file asks for.
"""

from __future__ import annotations

import io
import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.compressed import read_bytes
from byhand.data.dataset import Splits, digits_of
from byhand.data.fingerprint import named_splits
from byhand.data.pixel_range import PixelRange, RangeGiven, range_asked, set_to_bytes
from byhand.errors import DataError

_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy.core.numeric", "_frombuffer"): "frombuffer",
    ("numpy._core.numeric", "_frombuffer"): "frombuffer",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",  # how protocols below 3 write Python 3's bytes
}
_TYPES = ("f4", "f8", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")
# Where it exists, the machine written in Python: the one in C fills a table as long as the largest
# index in the file, so that nine bytes of a pickle can ask for all memory.
_Machine: Any = getattr(pickle, "_Unpickler", pickle.Unpickler)


class _Forbidden(Exception):
    """The pickle names something that no array needs."""


class _Stored:
    """A dtype or an array as the pickle describes it; the description comes with `__setstate__`."""

    __slots__ = ("arguments", "kind", "state")

    def __init__(self, kind: str, arguments: tuple[Any, ...]) -> None:
        self.kind, self.arguments = kind, arguments
        self.state: Any = ()

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Name:
    """What an admitted name stands for; an instance and no class, so that a file can't alter it."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, *arguments: Any) -> Any:
        if self.kind == "encode":
            text, encoding = arguments
            if encoding != "latin1" or not isinstance(text, str):
                raise pickle.UnpicklingError(f"text encoded as {encoding!r:.40}")
            return text.encode("latin1")
        if self.kind == "ndarray":
            raise pickle.UnpicklingError("an array made by a call")
        return _Stored(self.kind, arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("state for a name")


class _Unpickler(_Machine):  # type: ignore[misc]
    def find_class(self, module: str, name: str) -> _Name:
        kind = _ADMITTED.get((module, name))
        if kind is None:
            raise _Forbidden(f"{module}.{name}")
        return _Name(kind)

    def load_bytearray8(self) -> None:
        """As many bytes as there are: Python's own allocates what the file claims first."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    if hasattr(_Machine, "dispatch"):
        dispatch = {**_Machine.dispatch, pickle.BYTEARRAY8[0]: load_bytearray8}


def open_pickled(path: str | Path, *, range: RangeGiven = None) -> Splits:
    """Read `mnist.pkl.gz`; its second part becomes `Splits.validation`.

    The pictures may be (N, 784) or (N, H, W), of uint8, or of floats that are k/256 (as the
    historical file has them) or k/255; they become the k of 0 to 255 again. Others become bytes by
    one range for all parts (`byhand.data.pixel_range`). The labels may be whatever `Dataset` takes.

    Args:
        path: the file.
        range: the values of black and white; None finds them.

    Raises:
        InputError: the range is none.
        DataError: the file cannot be read, names anything but what arrays need (nothing of it has
            run then), or holds something else than three pairs of pictures and labels.
    """
    path, asked = checks.path("the file", path), range_asked(range)
    try:
        parts = load_arrays(read_bytes(path))
    except _Forbidden as error:
        raise DataError(
            f"{path} was not loaded: it names {error}, which no array needs and which loading "
            "could run; use a file from a source that you trust"
        ) from error
    except DataError:
        raise
    except Exception as error:  # a broken pickle raises anything
        raise DataError(
            f"{path} is no pickle of arrays that byhand can read ({_reason(error)}): "
            "give mnist.pkl.gz as it was published"
        ) from error
    pairs = isinstance(parts, list | tuple) and all(
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(isinstance(array, np.ndarray) for array in pair)
        for pair in parts
    )
    if not pairs or len(parts) != 3:
        raise DataError(
            f"{path} holds something else than three pairs of pictures and labels "
            "(training, validation, test): give mnist.pkl.gz as it was published"
        )
    named = list(zip(parts, ("training", "validation", "test"), strict=True))
    images = [_images(pair[0], f"the {part} part of {path}") for pair, part in named]
    pixels, notes = _pixels(images, asked, str(path))
    train, validation, test = (
        digits_of(grey, pair[1], f"the {part} part of {path}")
        for grey, (pair, part) in zip(pixels, named, strict=True)
    )
    return named_splits("mnist-like", train, test, validation, str(path), notes)


def load_arrays(data: bytes) -> Any:
    """What a pickle of arrays in lists and tuples holds, the arrays read-only."""
    return _arrays(_Unpickler(io.BytesIO(data), encoding="latin1").load(), 0)


def _arrays(value: Any, depth: int) -> Any:
    # Two levels are all that the file has; deeper ones could refer to themselves without end.
    if isinstance(value, list | tuple) and depth < 3 and len(value) <= 16:
        return [_arrays(item, depth + 1) for item in value]
    if isinstance(value, _Stored):
        return _array(value)
    raise pickle.UnpicklingError(f"{type(value).__name__} where arrays were expected")


def _array(stored: _Stored) -> NDArray[Any]:
    fortran: Any
    if stored.kind == "reconstruct":
        # version, shape, dtype, in Fortran's order, bytes; the oldest files have no version
        shape, dtype, fortran, data = stored.state[-4:]
    elif stored.kind == "frombuffer":
        data, dtype, shape, order = stored.arguments
        fortran = order == "F"
    else:
        raise pickle.UnpicklingError(f"a {stored.kind} where an array was expected")
    if isinstance(data, str):
        data = data.encode("latin1")  # Python 2's bytes
    if not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        raise pickle.UnpicklingError("an array of objects")
    if len(shape) > 4 or not all(type(size) is int and size >= 0 for size in shape):
        raise pickle.UnpicklingError(f"an array of shape {shape!r:.40}")
    kind = _dtype(dtype)
    if math.prod(shape) * kind.itemsize != len(data):
        raise pickle.UnpicklingError(
            f"an array of {len(data)} bytes where shape {shape} and type {kind} need another number"
        )
    return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")


def _dtype(stored: Any) -> np.dtype[Any]:
    if not isinstance(stored, _Stored) or stored.kind != "dtype":
        raise pickle.UnpicklingError("an array without a type")
    code = stored.arguments[0]
    if code not in _TYPES:
        raise pickle.UnpicklingError(f"an array of type {code!r:.20}")
    order = stored.state[1] if len(stored.state) > 1 else "|"
    if order not in ("<", ">", "|", "="):
        raise pickle.UnpicklingError(f"an array of byte order {order!r:.20}")
    return np.dtype(order + code)


def _images(images: NDArray[Any], what: str) -> NDArray[Any]:
    if images.ndim == 2 and (side := math.isqrt(images.shape[1])) ** 2 == images.shape[1]:
        images = images.reshape(len(images), side, side)  # (N, H W) -> (N, H, W)
    if images.ndim != 3 or 0 in images.shape:
        raise DataError(
            f"{what} has pictures of shape {images.shape}: (N, 784) or (N, H, W) was expected; "
            "give mnist.pkl.gz as it was published"
        )
    return images


def _pixels(
    parts: list[NDArray[Any]], asked: PixelRange | None, path: str
) -> tuple[list[NDArray[np.uint8]], tuple[str, ...]]:
    if asked is None:
        whole = [p if p.dtype == np.uint8 else _of_fractions(p) for p in parts]
        if (known := [p for p in whole if p is not None]) and len(known) == len(parts):
            return known, ()
    return set_to_bytes(parts, asked, f"the pixels of {path}")


def _of_fractions(images: NDArray[Any]) -> NDArray[np.uint8] | None:
    """The k of 0 to 255 in pixels that are all k/256, or all k/255; None where they are neither."""
    # The historical file is k/256; most that were written since are k/255. Only the right one
    # gives whole numbers.
    for scale in (256, 255):
        pixels = np.empty(images.shape, np.uint8)
        for start in range(0, len(images), 4096):
            with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN do not fit
                scaled = images[start : start + 4096].astype(np.float64) * scale
                whole = np.rint(scaled)
                fits = (np.abs(scaled - whole) <= 1e-3) & (whole >= 0) & (whole <= 255)
            if not fits.all():
                break
            pixels[start : start + 4096] = whole
        else:
            return pixels
    return None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:120]
    return text or type(error).__name__
