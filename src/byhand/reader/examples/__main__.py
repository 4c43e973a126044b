"""Fetches the fonts to learn from: `python -m byhand.reader.examples`."""

from __future__ import annotations

import sys

from byhand.errors import ByhandError
from byhand.reader.examples.fonts import (
    fetch_fonts,
    fonts_folder,
    missing_packages,
    training_fonts,
)


def main() -> int:
    """Fetch the fonts to `fonts_folder()`, say how many faces there are, and the exit status."""
    try:
        fetch_fonts()
        faces = len(training_fonts())
    except ByhandError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    if missing := missing_packages():
        print(f"not to be had here: {', '.join(missing)}", file=sys.stderr)
    print(f"{faces} faces to learn from in {fonts_folder()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
