"""Folders as plain values: {name: content}, written to the disk and spoilt."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from fuzz.odd_values import pick

LONG = "x" * 200
# Names that a file may have on some system; "\udcff" is the byte 0xFF, which is no UTF-8.
NAMES = ("x", " ", "é", "数", "a b", "?", "#", "%2f", "..x", ".hidden", "a\nb", "\udcff", "-rf",
         "'", "nul", LONG, "=1+1", "<b>", "__MACOSX", "train", "test", "val", "Thumbs.db", "0",
         "007", "experiments", "model.safetensors", "run.json")  # fmt: skip


def write(root, tree):
    """The files of `tree` below `root`: bytes, a link to where a text says, a folder where None."""
    clear(root)
    for name, content in tree.items():
        path = root / name
        with suppress(FileExistsError, NotADirectoryError):  # two things want one place
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            elif isinstance(content, str):
                os.symlink(content, path)
            elif not path.is_symlink():
                with suppress(IsADirectoryError):
                    path.write_bytes(content)


def clear(root):
    """`root` as an empty folder."""
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)


def disturbed(tree, rng):
    """A file or a folder renamed, gone, empty, doubled, a link, a folder where a file was."""
    tree = dict(tree)
    name = pick(list(tree), rng)
    parts = name.split("/")
    place = int(rng.integers(len(parts)))
    way = rng.integers(8)
    if way < 3:
        prefix = "/".join(parts[: place + 1])
        other = "/".join([*parts[:place], pick(NAMES, rng)])
        moved = {n: n for n in tree if n == prefix or n.startswith(prefix + "/")}
        for old in moved:
            tree[other + old.removeprefix(prefix)] = tree.pop(old)
    elif way == 3:
        del tree[name]
    elif way == 4:
        tree[name] = pick((None, b"", ".", "..", parts[-1], "/dev/null", "absent"), rng)
    elif way == 5:
        tree["/".join([*parts[:place], pick(NAMES, rng)])] = tree[name]
    elif way == 6:
        tree["/".join([*parts[:place], pick(NAMES, rng)])] = pick(
            (None, b"", b"x", ".", "absent"), rng
        )
    else:
        tree = {f"{pick(NAMES, rng)}/{n}": content for n, content in tree.items()}
    return tree
