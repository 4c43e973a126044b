"""Standard output and error that take any text: what a console cannot say is written otherwise."""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from contextlib import suppress

# Signs that byhand writes, in ASCII.
_PLAIN = str.maketrans(
    {"×": "x", "→": "->", "←": "<-", "−": "-", "–": "-", "—": "-", "±": "+-", "…": "...", "·": ".",
     "≥": ">=", "≤": "<=", "‘": "'", "’": "'", "“": '"', "”": '"', "▀": "#", "█": "#"}
)  # fmt: skip


def prepare() -> None:
    """Make standard output and error write all text, and take it where they were closed."""
    _open_closed()
    codecs.register_error("byhand", _otherwise)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="byhand")


def _otherwise(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: ASCII of the same sense, or the number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = []
    for character in error.object[error.start : error.end]:
        plain = unicodedata.normalize("NFKD", character.translate(_PLAIN))
        plain = "".join(c for c in plain if not unicodedata.combining(c))
        characters.append(plain.encode("ascii", "backslashreplace").decode())
    return "".join(characters), error.end


def _open_closed() -> None:
    """Let what is written to a closed stream (`>&-`) be lost, and no file take its number."""
    with suppress(OSError):
        while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
            pass
        os.close(handle)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
