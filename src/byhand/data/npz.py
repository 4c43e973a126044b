"""`mnist.npz`, the form that Keras hands out: four arrays in a zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks
from byhand.data.compressed import LARGEST
from byhand.data.dataset import Splits, digits_of
from byhand.data.fingerprint import named_splits
from byhand.data.pixel_range import PixelRange, RangeGiven, range_asked, set_to_bytes
from byhand.errors import DataError

_KEYS = ("x_train", "y_train", "x_test", "y_test")


def open_npz(path: str | Path, *, range: RangeGiven = None) -> Splits:
    """Read the set in an npz file: x_train, x_test (N, H, W) uint8; y_train, y_test (N,) integers.

    Pixels of other types become bytes, by one range for both parts (`byhand.data.pixel_range`);
    labels may be whatever `Dataset` takes.

    Args:
        path: the file.
        range: the values of black and white; None finds them.

    Raises:
        DataError: the file cannot be read, an array is missing or is not as above, or would have
            to be unpickled.
        InputError: the range is none.
    """
    path, asked = checks.path("the npz file", path), range_asked(range)
    expected = f"give an npz file with the arrays {', '.join(_KEYS)}"
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise DataError(
                f"{path} holds {size:,} bytes: byhand reads a set into memory; give a smaller one"
            )
        with np.load(path, allow_pickle=False) as file:
            if missing := [key for key in _KEYS if key not in file.files]:
                raise DataError(
                    f"{path} has no array {' and no '.join(missing)}, "
                    f"it has {', '.join(file.files) or 'none'}: {expected}"
                )
            x_train, y_train, x_test, y_test = (np.asarray(file[key]) for key in _KEYS)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check the path") from error
    except Exception as error:  # a broken zip file raises anything
        reason = " ".join(str(error).split()).rstrip(".")[:120]
        raise DataError(f"{path} cannot be read as an npz file ({reason}): {expected}") from error
    (x_train, x_test), notes = _pixels((x_train, x_test), asked, path)
    train = digits_of(x_train, y_train, f"{path}, x_train and y_train")
    test = digits_of(x_test, y_test, f"{path}, x_test and y_test")
    return named_splits("mnist-like", train, test, None, str(path), notes)


def _pixels(
    parts: tuple[NDArray[Any], NDArray[Any]], asked: PixelRange | None, path: Path
) -> tuple[list[NDArray[np.uint8]], tuple[str, ...]]:
    """The pictures of both parts as grey bytes (N, H, W), and what is to be said of them."""
    grey = []
    for x, part in zip(parts, ("train", "test"), strict=True):
        if x.ndim == 4 and 1 in (x.shape[1], x.shape[3]):
            x = x[:, 0] if x.shape[1] == 1 else x[..., 0]  # (N, 1, H, W), (N, H, W, 1)
        if x.ndim != 3 or 0 in x.shape:
            raise DataError(
                f"{path} has x_{part} of shape {x.shape} and type {x.dtype}: "
                "give it as uint8 of shape (N, H, W)"
            )
        grey.append(x)
    return set_to_bytes(grey, asked, f"the pixels of {path}")
