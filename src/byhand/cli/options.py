"""The options that several commands have, and how an option is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from byhand import checks
from byhand.errors import InputError


def file_or_folder(text: str) -> Path:
    """Of an option: see `checks.path`."""
    try:
        return checks.path("it", text)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error


def argument(help: str, **settings: Any) -> Any:
    """An argument that may be left out; its help tells what is taken then."""
    return typer.Argument(help=help, show_default=False, **settings)


def option(help: str, *names: str, **settings: Any) -> Any:
    """An option that may be left out; its help tells what is taken then."""
    return typer.Option(*names, help=help, show_default=False, **settings)


def path_option(help: str, *names: str, **settings: Any) -> Any:
    """An `option` that names a file or a folder."""
    return option(help, *names, parser=file_or_folder, **settings)


Data = Annotated[
    Path | None,
    path_option(
        "A folder with MNIST's files, mnist.npz or mnist.pkl.gz, or with one folder of "
        "pictures for each class. Without it: BYHAND_DATA, the user's cache, a download.",
        "--data",
    ),
]
Range = Annotated[
    str | None,
    option(
        "The pixel values of black and white, such as 0-4095 (default: what the numbers say).",
        "--range",
        metavar="A-B",
    ),
]
MemoryLimit = Annotated[
    float,
    typer.Option(
        min=0.001, max=1024,
        help="GiB that the network may take for one picture; one that takes more is not run.",
    ),
]  # fmt: skip
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on the last line, and nothing else.")
]
