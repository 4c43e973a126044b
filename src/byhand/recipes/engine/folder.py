"""The folder that a run goes to: made under a name of its own, and one process's at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from byhand.errors import FileWriteError, InputError

LOCK = ".lock"  # held while a process trains here


def new_folder(recipe: str, seed: int, parent: str | Path = "runs") -> Path:
    """Make a folder of its own for a run, named by recipe, seed and time.

    Raises:
        FileWriteError: it cannot be made.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = f"{recipe}-seed{seed}-{stamp}"
    for number in count(1):
        folder = Path(parent) / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another run began in the same second
            continue
        except OSError as error:
            raise FileWriteError(f"cannot make the folder {folder}: {error.strerror}") from error
        break
    return folder


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from training into `folder`, which is made; a killed one keeps nobody.

    Raises:
        InputError: another one trains there.
        FileWriteError: it cannot be made or written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise InputError(
            f"another process trains in {folder}; wait for its end, or choose another folder"
        ) from error
    except OSError as error:
        raise FileWriteError(
            f"cannot write into the folder {folder}: {error.strerror}; choose another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()
