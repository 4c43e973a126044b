"""Reading records back: whatever is wrong with a file becomes one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.checks import one_line
from byhand.errors import DataError


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn the errors of the block, which reads `path` as `what`, into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; give a folder that {what} was saved in"
        ) from error
    except Exception as error:  # a broken file raises anything
        raise DataError(f"{path} is not {what} ({one_line(error)}); make it again") from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an npz file; nothing in it is ever run."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files}


def array_of(
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    kind: type[np.generic],
    shape: Sequence[int | None],
) -> NDArray[Any]:
    """The array `name`, which must be of this kind and shape; None stands for any size.

    Raises:
        ValueError: it is not; for a block of `reading`.
    """
    array = arrays[name]
    sizes = len(array.shape) == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    if not sizes or not np.issubdtype(array.dtype, kind):
        raise ValueError(f"its {name} are {array.dtype} of shape {array.shape}")
    return array
