"""A file's bytes, gzip'd or not, within a bound."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import IO

from byhand.errors import DataError

LARGEST = 2**31  # bytes after decompression; MNIST's largest file has 47,040,016
_CHUNK = 2**20


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of the file at `path`, decompressed where it starts as gzip does.

    Raises:
        DataError: the file cannot be read, its gzip is broken or ends early, or there are more
            than `largest` bytes.
    """
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path), largest)
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from error


def decompressed(body: bytes, name: str, largest: int = LARGEST) -> bytes:
    """The same for bytes in memory; `name` is what errors call them."""
    return read_stream(io.BytesIO(body), name, largest)


def read_stream(file: IO[bytes], name: str, largest: int) -> bytes:
    """The same for an open file that can seek."""
    gzipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: IO[bytes] = gzip.GzipFile(fileobj=file) if gzipped else file  # type: ignore[assignment]
    chunks = []
    left = largest
    try:
        # In chunks: a small gzip can hold a great many bytes, and none is taken past the bound.
        while chunk := stream.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise DataError(
                    f"{name} holds more than {largest:,} bytes: byhand reads a set into memory; "
                    "give a smaller one"
                )
            chunks.append(chunk)
    except EOFError as error:
        raise DataError(
            f"{name} ends early, in the middle of its gzip data: copy or download it again"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{name} is broken, its gzip data cannot be read ({error}): copy or download it again"
        ) from error
    return b"".join(chunks)
