"""`byhand data fetch` and `byhand data info`: the pictures that are there."""

from __future__ import annotations

from typing import Any

import typer

from byhand.cli.output import Data, Json, note, open_splits, print_json

app = typer.Typer(help="Fetch MNIST, or say what data there is.", no_args_is_help=True)


@app.command()
def fetch(json: Json = False) -> None:
    """Download MNIST into the user's cache, unless it is there; check it."""
    from byhand import data

    folder = data.cache_folder() / "mnist"
    for said in data.fetch_mnist(folder, mirrors=data.mirrors_in_use(), progress=True):
        note(said)
    splits = data.open_idx(folder, data.MNIST_HASHES)
    _print(_describe(splits, files=True), json)


@app.command()
def info(data: Data = None, json: Json = False) -> None:
    """Say which data would be used: where it is, its counts and hash."""
    _print(_describe(open_splits(data), files=False), json)


def _describe(splits: Any, files: bool) -> dict[str, Any]:
    """Counts, hash and classes of a data set; with the hash of each file."""
    from pathlib import Path

    import numpy as np

    from byhand import data

    counts = np.bincount(splits.train.labels, minlength=len(splits.train.classes))
    values: dict[str, Any] = {
        "name": splits.name,
        "source": splits.source,
        "sha256": splits.sha256,
        "n_train": len(splits.train),
        "n_validation": 0 if splits.validation is None else len(splits.validation),
        "n_test": len(splits.test),
        "image_shape": list(splits.train.image_shape),
        "classes": list(splits.train.classes),
        "train_per_class": counts.tolist(),
    }
    if files:
        values["files"] = [
            {"path": str(path), "bytes": path.stat().st_size, "sha256": data.MNIST_HASHES[name]}
            for path in sorted(Path(splits.source).iterdir())
            for name in data.MNIST_HASHES
            if path.name.startswith(name)
        ]
    return values


def _print(values: dict[str, Any], json: bool) -> None:
    if json:
        print_json(values)
        return
    for name, value in values.items():
        if name == "files":
            for file in value:
                print(f"{file['path']}  {file['bytes']:,} bytes  {file['sha256']}")
        else:
            print(f"{name:16s} {value}")
