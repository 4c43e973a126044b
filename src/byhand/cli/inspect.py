"""`byhand inspect`: what a model is made of and what it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byhand.cli.output import Data, Json, find_model, note, open_splits, print_json


def inspect(
    model: Annotated[Path, typer.Argument(help="A model file, or a run's folder.")],
    data: Data = None,
    index: Annotated[int, typer.Option(help="Which test picture to look at.", min=0)] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where pictures go (default: inspect/ beside the model).", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Layers, shapes, parameters and operations; pictures of filters, feature maps and norms."""
    import numpy as np

    import byhand
    from byhand import evaluation, kernels, nn, plots
    from byhand.errors import ByhandError, InputError

    kernels.set_threads()
    path = find_model(model)
    loaded = byhand.load(path)
    table = nn.summary(loaded, loaded.card.image_shape)
    remarks = nn.remarks(loaded)
    norms = {name: float(np.linalg.norm(v)) for name, v in loaded.parameters().items()}
    folder = path.parent / "inspect" if out is None else out
    pictures = []
    try:
        test = open_splits(data, model=loaded).test
    except ByhandError as error:
        if data is not None:
            raise
        note(f"no feature maps: {error}")
        test = None
    if test is not None:
        if index >= len(test):
            raise InputError(f"--index is {index}, but there are {len(test)} test pictures")
        seen = evaluation.look(loaded, test.images[index])
        figure = plots.new_figure(*plots.feature_maps_size(seen))
        plots.feature_maps(seen, figure)
        pictures.append(plots.save(figure, folder / "feature_maps.png"))
    weights, _ = evaluation.first_weights(loaded, loaded.card.image_shape)
    if weights is not None:
        figure = plots.new_figure(*plots.filters_size(len(weights)))
        plots.filters(weights, figure)
        pictures.append(plots.save(figure, folder / "filters.png"))
    axes = plots.new_axes()
    plots.norm_bars(norms, axes)
    pictures.append(plots.save(axes.figure, folder / "norms.png"))
    if json:
        print_json(
            {
                "model": str(path),
                "name": loaded.card.name,
                "parameters": table.parameters,
                "operations": table.operations,
                "layers": table.as_dicts(),
                "norms": norms,
                "remarks": list(remarks),
                "pictures": [str(p) for p in pictures],
            }
        )
        return
    print(table)
    for remark in remarks:
        print(remark)
    for picture in pictures:
        print(picture)
