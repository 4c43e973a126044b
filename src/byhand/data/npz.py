"""`mnist.npz`, the form that Keras hands out: four arrays in a zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from byhand.data.compressed import LARGEST
from byhand.data.dataset import DIGITS, Dataset, Splits, check_labels
from byhand.data.fingerprint import fingerprint, name_of
from byhand.errors import DataError

_KEYS = ("x_train", "y_train", "x_test", "y_test")


def open_npz(path: str | Path) -> Splits:
    """Read the set in an npz file: x_train, x_test (N, H, W) uint8; y_train, y_test (N,) integers.

    Raises:
        DataError: the file cannot be read, an array is missing or is not as above, or would have
            to be unpickled.
    """
    path = Path(path)
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
    train = _dataset(x_train, y_train, "train", path)
    test = _dataset(x_test, y_test, "test", path)
    sha256 = fingerprint(train, test)
    return Splits(name_of(sha256, "mnist-like"), train, test, None, str(path), sha256)


def _dataset(x: NDArray[np.uint8], y: NDArray[np.integer], part: str, path: Path) -> Dataset:
    if x.dtype != np.uint8 or x.ndim != 3 or 0 in x.shape:
        raise DataError(
            f"{path} has x_{part} of shape {x.shape} and type {x.dtype}: "
            "give it as uint8 of shape (N, H, W)"
        )
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise DataError(
            f"{path} has {len(x)} pictures in x_{part} and y_{part} of shape {y.shape} and type "
            f"{y.dtype}: give one integer for each picture"
        )
    check_labels(y, len(DIGITS), f"y_{part} of {path}")
    return Dataset(x[:, np.newaxis], y.astype(np.int64), DIGITS)
