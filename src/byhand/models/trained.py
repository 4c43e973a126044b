"""The trained copies that come with the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("trained")


def trained_files() -> dict[str, Path]:
    """The files of trained models in the package, by name: what `byhand.load` opens.

    Each is what its recipe makes of seed 0: `byhand train NAME`.
    """
    return {path.stem: path for path in sorted(FOLDER.glob("*.safetensors"))}
