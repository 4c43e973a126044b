"""IDX, MNIST's own format: two zero bytes, a type, the number of axes, the sizes, the numbers.

All numbers are big-endian; byhand writes type 0x08, unsigned bytes, and reads them all.
(http://yann.lecun.com/exdb/mnist, "The IDX file format".)
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand.data.compressed import read_bytes
from byhand.errors import DataError, ShapeError

UNSIGNED_BYTE = 0x08
INTEGER = 0x0C  # of four bytes
_TYPES = {UNSIGNED_BYTE: "u1", 0x09: "i1", 0x0B: ">i2", INTEGER: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx_header(shape: tuple[int, ...], kind: int = UNSIGNED_BYTE) -> bytes:
    """The bytes before the numbers, for numbers of type `kind` in an array of `shape`."""
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)


def encode_idx(array: NDArray[np.uint8]) -> bytes:
    """An array of uint8, of any shape, as the bytes of an IDX file.

    Raises:
        ShapeError: it is of another type, or has no axis.
    """
    if array.dtype != np.uint8 or array.ndim == 0:
        raise ShapeError(
            f"cannot write an array of type {array.dtype} and {array.ndim} axes as IDX: "
            "give uint8 with at least one axis"
        )
    return idx_header(array.shape) + array.tobytes()


def parse_idx(data: bytes, axes: int, name: str) -> NDArray[Any]:
    """The array in the bytes of a decompressed IDX file, as a read-only view of them, of any type.

    Args:
        data: the whole file.
        axes: how many axes it must have: 3 for pictures (N, H, W), 1 for labels (N,).
        name: what errors call it.

    Raises:
        DataError: another magic number, fewer or more bytes than the header promises, or a size
            of zero.
    """
    expected = bytes((0, 0, UNSIGNED_BYTE, axes))
    kind = "pictures" if axes == 3 else "labels"
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or data[3] != axes:
        beginning = f"starts with 0x{data[:4].hex()}" if data else "is empty"
        raise DataError(
            f"{name} is no IDX file of {kind}: it {beginning} where 0x{expected.hex()} was "
            "expected; check that it is the file that its name says"
        )
    start = 4 + 4 * axes
    if len(data) < start:
        raise DataError(
            f"{name} is truncated: it has {len(data)} bytes and its header alone takes {start}; "
            "copy or download it again"
        )
    shape = struct.unpack(f">{axes}I", data[4:start])
    type_of = np.dtype(_TYPES[data[2]])
    size = start + math.prod(shape) * type_of.itemsize
    if len(data) != size:
        fault = "is truncated" if len(data) < size else "has bytes too many"
        raise DataError(
            f"{name} {fault}: its header promises {' × '.join(map(str, shape))}, "
            f"{size:,} bytes in all, and it has {len(data):,}; copy or download it again"
        )
    if 0 in shape:
        raise DataError(
            f"{name} is empty: its header says {' × '.join(map(str, shape))}; "
            f"give a file with {kind} in it"
        )
    return np.frombuffer(data, type_of, offset=start).reshape(shape)


def read_idx(path: str | Path, axes: int) -> NDArray[Any]:
    """The array in the IDX file at `path`, gzip'd or not; see `parse_idx`."""
    path = Path(path)
    return parse_idx(read_bytes(path), axes, str(path))
