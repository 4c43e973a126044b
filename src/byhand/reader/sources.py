"""Where pictures come from: paths, standard input, bytes and file objects, as one kind of file."""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import Any, BinaryIO

from byhand.errors import DataError, InputError

MOST_BYTES = 1 << 28  # of what comes through a pipe or as a file object: 256 MiB


def open_source(source: Any) -> tuple[str, BinaryIO]:
    """The name of a path, bytes or file object ("" for none), and a file, to be closed, of it.

    Raises:
        DataError: there is no such file, or it cannot be read; the message names it.
        InputError: `source` is none of these.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return "", io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        return _open_path(os.fspath(source))
    if hasattr(source, "read"):
        name = getattr(source, "name", "")
        name = name if isinstance(name, str) else ""
        return name, _read_all(source, spoken(name))
    raise InputError(
        f"a {type(source).__name__} is no picture: give a file's name, bytes, an open binary "
        "file, a NumPy array or a Pillow picture"
    )


def _open_path(path: str) -> tuple[str, BinaryIO]:
    if path == "-":
        if sys.stdin is None:
            raise InputError("standard input is closed: give a picture's file name")
        return "-", _read_all(getattr(sys.stdin, "buffer", sys.stdin), "standard input")
    if not path or "\0" in path:
        raise InputError(f"{path!r} is no file name: give a picture's")
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder where a picture was expected: name its files")
    try:
        file = open(path, "rb")  # noqa: SIM115 (the caller closes it)
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return path, file
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: check the picture's name") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read: check its permissions") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {reason(error)}; check the name") from error
    with file:  # a pipe, say, in which Pillow could not go back
        return path, _read_all(file, path)


def _read_all(file: Any, name: str) -> io.BytesIO:
    """What is left to read in a file object, in memory."""
    try:
        data = file.read(MOST_BYTES + 1)
    except Exception as error:  # a file object of anyone's
        raise DataError(f"{name} cannot be read: {reason(error)}; give a file") from error
    if not isinstance(data, bytes | bytearray):
        raise InputError(f"{name} is open as text: open it as a binary file")
    if len(data) > MOST_BYTES:
        raise DataError(
            f"{name} gives more than {MOST_BYTES >> 20} MiB, the most that is read without a "
            "file: save it as a file, or make the picture smaller"
        )
    return io.BytesIO(data)


def spoken(name: str) -> str:
    """What a message calls a file of this name."""
    return {"": "the picture", "-": "standard input"}.get(name, name)


def reason(error: Exception) -> str:
    """Why something failed, in the system's words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
