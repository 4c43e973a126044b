"""Writing files so that a reader finds the old one or the new one, never half of one."""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from byhand.errors import FileWriteError

# Leftovers of a killed writer carry this ending; every reader ignores them.
PARTIAL = ".partial"
FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))  # of a disk


@contextmanager
def atomic_write(path: str | Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary neighbour of `path` and move it over `path` when the block ends well.

    On an error (a full disk, an exception in the block) the neighbour is removed and what stood at
    `path` stays as it was. Data reach the disk before the move, so a crash leaves old or new. The
    new file has the old one's permissions; a link stays and what it points to is written; a device
    or a pipe is written as it is.

    Raises:
        FileWriteError: the file cannot be written; the message names it and the reason.
    """
    target = Path(os.path.realpath(path))
    encoding, errors = (None, None) if "b" in mode else ("utf-8", "backslashreplace")
    # A name may have 255 bytes; fifty characters have at most 200 and say whose it is.
    temporary = target.parent / f".{target.name[:50]}.{secrets.token_hex(6)}{PARTIAL}"
    try:
        if target.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open(mode, encoding=encoding, errors=errors) as file:
                yield file
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(temporary, flags, 0o666)  # less the user's umask
        with os.fdopen(handle, mode, encoding=encoding, errors=errors) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except OSError as error:
        if isinstance(error, FileWriteError):
            raise
        raise _write_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_partials(folder: str | Path) -> None:
    """Remove what killed writers left in `folder`."""
    for leftover in Path(folder).glob(f".*{PARTIAL}"):
        with suppress(OSError):
            leftover.unlink()


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8."""
    with atomic_write(path, "w") as file:
        file.write(text)


def append_text(path: str | Path, text: str) -> None:
    """Add `text` at the end of `path`, as UTF-8.

    Raises:
        FileWriteError: the file cannot be written.
    """
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise _write_error(path, error) from error


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` to `path` atomically, as indented JSON. NaN and infinity become null."""
    write_text(path, json.dumps(jsonable(value), indent=2, allow_nan=False) + "\n")


def jsonable(value: Any) -> Any:
    r"""Turn arrays, NumPy scalars, paths, tuples and non-finite floats into what JSON can say.

    Bytes of a file's name that are no UTF-8 are written as \udc and their two digits.
    """
    import numpy as np

    if isinstance(value, dict):
        return {jsonable(str(key)): jsonable(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, str | Path):
        return str(value).encode("utf-8", "backslashreplace").decode()
    return value


def _write_error(path: str | Path, error: OSError) -> FileWriteError:
    remedy = "choose another folder"
    if error.errno in FULL:
        remedy = f"free some space or {remedy}"
    return FileWriteError(f"cannot write {path}: {error.strerror or error}; {remedy}")
