"""How a folder of pictures is laid out: its parts, its classes, and the files of each class."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from byhand import checks
from byhand.errors import DataError, InputError

# What parts are called, in any case, and with "set", "data" or "images" behind it.
_PARTS = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
}  # fmt: skip
# What file managers and archives leave behind without a dot before it.
_LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "lost+found")
_LEVELS = 3  # of folders that hold nothing but the next
_DEPTH = 8  # of folders inside a class's


@dataclass(frozen=True)
class Layout:
    """Where the parts are, and what to say of it.

    Args:
        train: holds a folder for each class.
        test: likewise; None where there is none.
        validation: likewise.
        notes: what was left alone, or taken for what, a sentence each.
    """

    train: Path
    test: Path | None
    validation: Path | None
    notes: tuple[str, ...]


def find_layout(folder: Path) -> Layout:
    """The parts of the set in `folder`, or in the one folder that is all that it holds.

    Parts are train/, test/ and val/ under any of their usual names, with class folders in them;
    without train/ the folders are the classes.

    Raises:
        DataError: a part is there twice, there is nothing to train on, or it cannot be read.
    """
    top, notes = folder, []
    folder = _unpacked(folder)
    if folder != top:
        notes.append(f"the pictures are in {folder.relative_to(top)}/")
    inner = folders(folder)
    parts: dict[str, Path] = {}
    for path in inner:
        part = _part_of(path)
        if part is None or not folders(path):
            continue
        if part in parts:
            raise DataError(
                f"{folder} has both {parts[part].name}/ and {path.name}/, which mean the same "
                "part: put them together, or move one away"
            )
        parts[part] = path
    if parts and "train" not in parts:
        raise DataError(
            f"{folder} has {' and '.join(f'{path.name}/' for path in parts.values())} but nothing "
            "to train on: put the folders of pictures to train on into train/"
        )
    left = [path.name for path in _entries(folder) if not path.is_dir()]
    if parts:
        left += [f"{path.name}/" for path in inner if path not in parts.values()]
    if left:
        notes.append(f"left alone beside the folders of pictures: {_listed(left)}")
    if "validation" in parts:
        notes.append(f"{parts['validation'].name}/ is the validation part, to choose by")
    if not parts:
        return Layout(folder, None, None, tuple(notes))
    places = {part: _unpacked(path, part=True) for part, path in parts.items()}
    return Layout(places["train"], places.get("test"), places.get("validation"), tuple(notes))


def class_names(folder: Path) -> tuple[str, ...]:
    """The names of the class folders in `folder`, in the order of their labels.

    By value where all are numbers, else by name.

    Raises:
        DataError: there are none, a name is not valid text, or two mean the same.
    """
    names = [path.name for path in folders(folder)]
    if not names:
        raise DataError(
            f"{folder} has no folders of pictures: make one for each class and put its pictures in"
        )
    for name in names:
        try:
            checks.word(f"a class folder's name in {folder}", name)
        except InputError as error:
            raise DataError(f"{error}: rename the folder") from error
    numbers = all(name.isascii() and name.isdigit() for name in names)
    seen: dict[object, str] = {}
    for name in sorted(names):
        means = int(name) if numbers else unicodedata.normalize("NFC", name)
        if means in seen:
            raise DataError(
                f"{folder} has two folders for one class, {seen[means]} and {name}: put their "
                "pictures into one"
            )
        seen[means] = name
    return tuple(sorted(names, key=int)) if numbers else tuple(sorted(names))


def class_files(folder: Path) -> tuple[list[Path], bool]:
    """The files in a class's folder and in the folders inside it, and whether there are such.

    Raises:
        DataError: a folder cannot be read, leads back to itself, or is a part's.
    """
    files: list[Path] = []
    waiting = [(folder, 0)]
    seen = {os.path.realpath(folder)}
    while waiting:
        place, depth = waiting.pop()
        for path in _entries(place):
            if not path.is_dir():
                files.append(path)
                continue
            real = os.path.realpath(path)
            if real in seen or depth == _DEPTH:
                raise DataError(
                    f"{path} leads back to a folder that was read, or is more than {_DEPTH} deep: "
                    "remove it"
                )
            if _part_of(path) is not None:
                raise DataError(
                    f"{path} is a part inside a class: put the parts above the classes, as in "
                    f"train/{folder.name}/"
                )
            seen.add(real)
            waiting.append((path, depth + 1))
    return sorted(files), len(seen) > 1


def folders(folder: Path) -> list[Path]:
    """The folders in `folder` that may hold pictures, in order."""
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    """What is in a folder but for hidden files and litter; nothing where there is no folder."""
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if not path.name.startswith(".") and path.name.lower() not in _LITTER
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(
            f"cannot read {folder}: {error.strerror or error}; check its permissions"
        ) from error


def _unpacked(folder: Path, part: bool = False) -> Path:
    """The folder itself, or the one that is all it holds where that holds folders in turn.

    That one may be called as a part is inside a part only, as in train/train/.
    """
    for _ in range(_LEVELS):
        inner = folders(folder)
        if len(inner) != 1 or not folders(inner[0]) or not (part or _part_of(inner[0]) is None):
            break
        folder = inner[0]
    return folder


def _part_of(path: Path) -> str | None:
    word = re.sub(r"[ _-]?(set|data|images|split)$", "", path.name.casefold())
    return _PARTS.get(word)


def _listed(names: list[str], most: int = 3) -> str:
    shown = ", ".join(checks.quoted(name).strip("'\"") for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
