"""`byhand evaluate`: how a model reads the test set, or the reader every set that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byhand.cli.options import (
    Data,
    Json,
    MemoryLimit,
    Range,
    argument,
    file_or_folder,
    option,
    path_option,
)
from byhand.cli.output import beside, find_model, open_splits, print_json

GALLERY = 80  # pictures of mistakes at the most


def evaluate(
    model: Annotated[
        Path | None,
        argument(
            "A model file, or a run's folder (default: the latest run's). With --reader: "
            "a reader's model file (default: the one in the package).",
            parser=file_or_folder,
        ),
    ] = None,
    data: Data = None,
    range: Range = None,
    dataset: Annotated[str | None, option("mnist, or digits (scikit-learn's 1,797).")] = None,
    part: Annotated[str, typer.Option(help="test, train or validation.")] = "test",
    mistakes: Annotated[
        bool, typer.Option("--mistakes", help="Write a picture of what it read wrongly.")
    ] = False,
    out: Annotated[
        Path | None, path_option("Where pictures go (default: beside the model).")
    ] = None,
    reader: Annotated[
        bool,
        typer.Option(
            "--reader",
            help="Measure the reader: single digits, photographs, strings, what is no digit; "
            "--out DIR gets the curve of coverage and error.",
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="With --reader: a tenth of the larger sets.")
    ] = False,
    memory_limit: MemoryLimit = 1.0,
    json: Json = False,
) -> None:
    """Accuracy, loss, the figures of each class, confusions and calibration of a model."""
    import byhand
    from byhand import evaluation, kernels
    from byhand.errors import InputError

    if reader:
        from byhand.cli.evaluate_reader import evaluate_reader

        for name, given in (("--dataset", dataset is not None), ("--part", part != "test"),
                            ("--mistakes", mistakes), ("--range", range is not None)):  # fmt: skip
            if given:
                raise InputError(f"{name} does not go with --reader; leave one of them out")
        evaluate_reader(model, data, out, quick, json)
        return
    if quick:
        raise InputError("--quick goes with --reader only; leave it out")
    if data is not None and dataset is not None:
        raise InputError("--data and --dataset both name the data; give one of them")
    path = find_model(model)
    loaded = byhand.load(path, limit=round(memory_limit * 2**30))
    bundled = model is None and data is None
    splits = open_splits(data, dataset, model=loaded, allow_bundled=bundled, range=range)
    parts = {"test": splits.test, "train": splits.train, "validation": splits.validation}
    chosen = parts.get(part)
    if chosen is None:
        there = ", ".join(name for name, value in parts.items() if value is not None)
        raise InputError(f"{splits.name} has no part {part!r}; it has: {there}")
    kernels.set_threads()
    result = evaluation.evaluate(loaded, chosen)
    if json:
        values = result.as_dict()
    else:
        low, high = result.accuracy_interval
        print(
            f"{path} reads {result.accuracy:.2%} of the {result.n:,} {part} pictures of "
            f"{splits.name} correctly (95 % interval {low:.2%} to {high:.2%})"
        )
        print(f"loss {result.loss:.4f}, expected calibration error {result.ece:.4f}\n")
        print(result.report())
        for pair in result.most_confused(5):
            print(f"{pair.label} read as {pair.prediction}: {pair.count} times")
    if mistakes:
        from byhand import plots

        folder = beside(path) if out is None else out
        count = len(result.mistake_indices)
        shown = min(count, GALLERY)
        figure = plots.new_figure(*plots.gallery_size(shown))
        plots.mistakes_gallery(result, figure, first=shown)
        picture = plots.save(figure, folder / "mistakes.png")
        if json:
            values["mistakes"] = str(picture)
        else:
            print(f"the first {shown} of {count} mistakes: {picture}")
    if json:
        print_json(values)
