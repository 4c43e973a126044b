"""`byhand data fetch`, `info`, `augment`: what pictures there are, and how they are augmented."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from byhand.cli.options import Data, Json, Range, file_or_folder
from byhand.cli.output import note, open_splits, print_json

app = typer.Typer(
    help="Fetch MNIST, say what data there is, or show it augmented.", no_args_is_help=True
)

# How much of each kind of augmentation there is, for people.
_STRENGTHS = {
    "shift": "up to {shift:g} px",
    "rotate": "up to {rotate:g}°",
    "scale": "up to {scale:.0%}",
    "slant": "up to {slant:g}",
    "elastic": "{elastic:g} px",
    "stroke": "up to {stroke:g} px",
    "noise": "up to {noise:g} of 255",
    "all": "together",
}


@app.command()
def fetch(json: Json = False) -> None:
    """Download MNIST into the user's cache, unless it is there; check it."""
    from byhand import data

    folder = data.cache_folder() / "mnist"
    for sentence in data.fetch_mnist(folder, mirrors=data.mirrors_in_use(), progress=True):
        note(sentence)
    _print(_describe(data.open_idx(folder, data.MNIST_HASHES)), json)


@app.command()
def info(data: Data = None, range: Range = None, json: Json = False) -> None:
    """Say which data would be used: where it is, its counts and hashes. Downloads nothing."""
    from byhand.data import open_data

    _print(_describe(open_data(data, download=False, range=range)), json)


@app.command()
def augment(
    out: Annotated[
        Path, typer.Option(parser=file_or_folder, help="The PNG or SVG to write.")
    ] = Path("augment.png"),
    data: Data = None,
    seed: Annotated[int, typer.Option(help="Draws the pictures and their copies.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Draw training pictures augmented: a row for each kind alone, the last for all together."""
    import numpy as np

    from byhand import plots
    from byhand.data import AUGMENTATION_EXAMPLES, augmentation_examples
    from byhand.nn import Key

    train = open_splits(data, allow_bundled=True).train
    count = min(len(AUGMENTATION_EXAMPLES), len(train))
    chosen = np.random.default_rng(seed).choice(len(train), count, replace=False)
    rows = augmentation_examples(train.images[chosen], Key(seed))
    labels = {name: f"{name}\n{_STRENGTHS[name]}".format(**vars(AUGMENTATION_EXAMPLES[name]))
              for name in rows}  # fmt: skip
    figure = plots.new_figure(*plots.augmentation_sheet_size(rows))
    plots.augmentation_sheet({labels[name]: row for name, row in rows.items()}, figure)
    plots.save(figure, out)
    if json:
        descriptions = {
            name: str(augmentation) for name, augmentation in AUGMENTATION_EXAMPLES.items()
        }
        print_json({"out": str(out), "indices": chosen.tolist(), "rows": descriptions})
    else:
        print(out)


def _describe(splits: Any) -> dict[str, Any]:
    """Counts, classes and hash of a data set, and the files of MNIST with theirs."""
    from pathlib import Path

    import numpy as np

    counts = np.bincount(splits.train.labels, minlength=len(splits.train.classes))
    return {
        "name": splits.name,
        "source": splits.source,
        "sha256": splits.sha256,
        "n_train": len(splits.train),
        "n_validation": 0 if splits.validation is None else len(splits.validation),
        "n_test": len(splits.test),
        "image_shape": list(splits.train.image_shape),
        "classes": list(splits.train.classes),
        "train_per_class": counts.tolist(),
        "notes": list(splits.notes),
        "files": _files(Path(splits.source)),
    }


def _files(source: Any) -> list[dict[str, Any]]:
    """The data's files with their sizes and SHA-256 (a gzip'd file's content's)."""
    import gzip
    from hashlib import sha256

    from byhand import data

    named = [source] if source.is_file() else []
    if source.is_dir():
        known = (*data.IDX_FILES, *(f"{name}.gz" for name in data.IDX_FILES))
        named = [path for path in sorted(source.iterdir()) if path.name in known]
    files = []
    for path in named:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        size, digest = path.stat().st_size, sha256(content).hexdigest()
        files.append({"path": str(path), "bytes": size, "sha256": digest})
    return files


def _print(values: dict[str, Any], json: bool) -> None:
    if json:
        print_json(values)
        return
    for name, value in values.items():
        if name == "notes":
            for line in value:
                print(f"{name:16s} {line}")
        elif name == "files":
            for file in value:
                print(f"{file['path']}  {file['bytes']:,} bytes  {file['sha256']}")
        else:
            print(f"{name:16s} {value}")
