"""Records on the disk: plain values as JSON, arrays as npz beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from byhand.checks import one_line
from byhand.errors import DataError, InputError
from byhand.evaluation.reading import read_arrays
from byhand.files import atomic_write, write_json

RECORD = "record.json"
ARRAYS = "arrays.npz"


def save(folder: str | Path, values: Mapping[str, Any]) -> None:
    """Write `values` into `folder`: record.json, and arrays.npz for the arrays among them.

    Raises:
        InputError: an array holds objects.
        FileWriteError: it cannot be written.
    """
    folder = Path(folder)
    arrays: dict[str, Any] = {k: v for k, v in values.items() if isinstance(v, np.ndarray)}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise InputError(f"the array {name!r} of a record holds objects; give it numbers")
    # The record goes first and comes last, so that a folder with a record is whole.
    with suppress(OSError):
        (folder / RECORD).unlink()
    with atomic_write(folder / ARRAYS) as file:
        np.savez_compressed(file, **arrays)
    write_json(folder / RECORD, {k: v for k, v in values.items() if k not in arrays})


def load(folder: str | Path) -> dict[str, Any]:
    """What `save` wrote: tuples are lists now, and NaN is None outside arrays.

    Raises:
        DataError: there is no record, or a broken one.
    """
    folder = Path(folder)
    try:
        values: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        values.update(read_arrays(folder / ARRAYS))
    except Exception as error:  # whatever is wrong with the files, they are no record
        raise DataError(
            f"{folder} holds no whole record ({one_line(error)}); run it again"
        ) from error
    return values
