"""The folder of runs as it is found: any names, links that lead anywhere, files that are none."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from byhand.errors import DataError


@dataclass(frozen=True)
class Entry:
    """Something in the folder of runs.

    Args:
        folder: where it is.
        time: when it was last changed, in seconds since 1970.
        problem: why nothing in it can be shown; "" where it can.
    """

    folder: Path
    time: float
    problem: str = ""

    @property
    def id(self) -> str:
        """Its name as addresses have it: whatever bytes it is made of, percent-encoded."""
        return quoted(self.folder.name)

    @property
    def name(self) -> str:
        r"""Its name as people read it; bytes that are no UTF-8 as \xff."""
        return os.fsencode(self.folder.name).decode("utf-8", "backslashreplace")


def entries(parent: Path) -> list[Entry]:
    """The folders in `parent`, and links that may be meant as such, latest first.

    Raises:
        DataError: `parent` is there and cannot be looked into.
    """
    try:
        folders = list(parent.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"the folder {parent} cannot be looked into: {error.strerror}") from error
    listing = [entry for folder in folders if (entry := _entry(folder)) is not None]
    return sorted(listing, key=lambda entry: (-entry.time, entry.id))


def _entry(folder: Path) -> Entry | None:
    """None of what is no folder, or has just been deleted."""
    try:
        seen = folder.lstat()
    except OSError:
        return None
    try:
        if stat.S_ISLNK(seen.st_mode):
            seen = folder.stat()
        if not stat.S_ISDIR(seen.st_mode):
            return None
        os.scandir(folder).close()
    except OSError as error:
        problem = f"it cannot be looked into: {error.strerror}"
    else:
        problem = "" if within(folder.parent, folder) else "it is a link to another place"
    return Entry(folder, max(0.0, seen.st_mtime), problem)


def quoted(path: str) -> str:
    """A file's path as an address has it."""
    return quote(os.fsencode(path), safe="/")


def unquoted(text: str) -> str:
    """The path that `quoted` wrote."""
    return os.fsdecode(unquote_to_bytes(text))


def within(parent: Path, path: Path) -> bool:
    """Whether `path`, its links followed, is in `parent`."""
    return Path(os.path.realpath(parent)) in Path(os.path.realpath(path)).parents


def is_there(path: Path) -> bool:
    """Whether something has this name: a file, or what only looks like one."""
    return os.path.lexists(path)


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Raises:
        DataError: it is no file but a pipe or a device, has more than `most` bytes, leads out of
            its folder, or cannot be read.
    """
    if not within(path.parent, path):
        raise DataError(f"{path.name} leads out of its folder")
    try:
        # A pipe that nobody writes to is not waited for.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{path.name} is no file")
            content = file.read(most + 1)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise DataError(f"{path.name} has more than {most // 2**20} MB")
    return content
