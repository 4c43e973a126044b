"""What commands print: results on standard output, progress on standard error."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byhand.errors import ByhandError

if TYPE_CHECKING:
    from byhand.data import Splits
    from byhand.nn import Layer


def print_json(value: dict[str, Any]) -> None:
    """One JSON object on one line of standard output."""
    from byhand.files import jsonable

    print(json.dumps(jsonable(value), allow_nan=False))


def note(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def program() -> str:
    """How to call the program again: `byhand` where that is found, else as it was called now."""
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("byhand", "__main__.py"):
        return "python -m byhand"
    if called.name != "byhand" or shutil.which("byhand") or not called.is_file():
        return "byhand"
    return shlex.quote(str(called))


@contextmanager
def needed() -> Iterator[None]:
    """Around work that writes progress only: whoever stops reading that stops the work.

    Unlike a result's reader who has seen enough (`byhand ... | head`), that is a failure.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise ByhandError(
            "stopped before the end: nobody reads standard error any more; send it to a file"
        ) from error


def open_splits(
    directory: Path | None,
    dataset: str | None = None,
    *,
    model: Layer | None = None,
    allow_bundled: bool = False,
    range: str | None = None,
) -> Splits:
    """The data that the user means, with a progress bar if it has to be fetched.

    Where nothing is named, a model that was trained on the bundled digits is shown those.

    Raises:
        InputError: there is no such data set.
    """
    from byhand import data

    if dataset is None:
        learnt = None if model is None else model.card.figures.get("dataset")
        dataset = "digits" if learnt == "digits" else "mnist"
    named = directory is not None or dataset == "digits" or os.environ.get("BYHAND_DATA")
    if not named and data.find_data() is None:
        note("MNIST is not here yet: asking for it, a few seconds where there is no network")
    splits = data.open_data(
        directory, dataset=dataset, allow_bundled=allow_bundled, progress=True, range=range
    )
    for sentence in splits.notes:
        note(sentence)
    return splits


OWN = "lenet5"  # of the networks in the package, what is shown where nobody trained one


def find_model(model: Path | None) -> Path:
    """The model that the user named: a file or a run's folder; without one, the latest run's.

    Where there is no run either it is the network in the package that learnt MNIST.
    """
    from byhand import models
    from byhand.recipes.engine.run import MODEL

    if model is not None:
        return model / MODEL if model.is_dir() else model
    models_there = sorted(Path("runs").glob(f"*/{MODEL}"), key=lambda p: p.stat().st_mtime)
    if not models_there:
        note(f"there is no run in runs/ yet, so this is the {OWN} that comes with byhand")
        return models.trained_files()[OWN]
    note(f"the model is {models_there[-1]}, the latest; name another to choose it")
    return models_there[-1]


def beside(model: Path) -> Path:
    """The folder where pictures of a model go: the model's, or this one for the package's own."""
    from byhand import models

    return Path() if model in models.trained_files().values() else model.parent
