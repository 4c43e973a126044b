"""`byhand inspect`: what a model is made of and what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byhand.cli.options import Data, Json, MemoryLimit, argument, file_or_folder, path_option
from byhand.cli.output import beside, find_model, note, open_splits, print_json


def inspect(
    model: Annotated[
        Path | None,
        argument(
            "A model file, or a run's folder (default: the latest run's).", parser=file_or_folder
        ),
    ] = None,
    data: Data = None,
    index: Annotated[int, typer.Option(help="Which test picture to look at.", min=0)] = 0,
    out: Annotated[
        Path | None,
        path_option("Where the report and its pictures go (default: inspect/ beside the model)."),
    ] = None,
    memory_limit: MemoryLimit = 1.0,
    json: Json = False,
) -> None:
    """Layers, kernels, feature maps, gradients and norms of a model, as a report with pictures."""
    import shlex

    import byhand
    from byhand import evaluation, kernels, plots
    from byhand.errors import ByhandError, InputError

    kernels.set_threads()
    found_at = find_model(model)
    loaded = byhand.load(found_at, limit=round(memory_limit * 2**30))
    folder = beside(found_at) / "inspect" if out is None else out
    facts = [("model", str(found_at))]
    try:
        splits = open_splits(data, model=loaded, allow_bundled=model is None and data is None)
        evaluation.check_fits(loaded, splits.test)
    except ByhandError as error:
        if data is not None:
            raise
        note(f"no feature maps: {error}")
        inspection = evaluation.inspect(loaded)
    else:
        test = splits.test
        if index >= len(test):
            raise InputError(f"--index is {index}, but there are {len(test)} test pictures")
        inspection = evaluation.inspect(loaded, test.images[index], int(test.labels[index]))
        facts.append(("picture", f"test picture {index} of {splits.name}"))
    words = [
        "byhand",
        "inspect",
        str(found_at if model is None else model),
        *(["--index", str(index)] if index else []),
    ]
    words += [] if data is None else ["--data", str(data)]
    report, pictures = plots.write_inspection(
        inspection, folder, loaded.card.name or found_at.stem, shlex.join(words), facts
    )
    if json:
        print_json(
            {
                "model": str(found_at),
                "name": loaded.card.name,
                "parameters": inspection.table.parameters,
                "operations": inspection.table.operations,
                "layers": inspection.table.as_dicts(),
                "norms": inspection.norms,
                "remarks": list(inspection.remarks),
                "kernels": [kernel.as_dict() for kernel in inspection.kernels],
                "pictures": [str(p) for p in pictures],
                "report": str(report),
            }
        )
        return
    print(inspection.table)
    for remark in inspection.remarks:
        print(remark)
    for i, kernel in enumerate(inspection.kernels):
        print(f"kernel {i:<3d} {kernel.text} ({kernel.strength:.0%})")
    for picture in pictures:
        print(picture)
    print(f"report  {report}")
