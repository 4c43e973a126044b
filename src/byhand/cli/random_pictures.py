"""`byhand read --random`: a few test pictures, and what a model reads in them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from byhand.cli.output import find_model, open_splits, print_json
from byhand.errors import InputError

SHADES = " .:-=+*#%@"


def read_random(
    given: Sequence[str],
    model: Path | None,
    data: Path | None,
    seed: int | None,
    out: Path | None,
    json: bool,
) -> None:
    """Show random test pictures and what the model reads in them.

    Args:
        given: what stands on the command line besides options: nothing or how many.
        model: a model file or a run's folder; None: the latest run's.
        data: where the test set is, as for every command.
        seed: draws the same pictures again.
        out: a PNG for the pictures; None: they are shown in the terminal.
        json: print one JSON object instead.
    """
    import numpy as np

    import byhand
    from byhand import evaluation, kernels

    count = _count(given)
    kernels.set_threads()
    path = find_model(model)
    loaded = byhand.load(path)
    test = open_splits(data, model=loaded, allow_bundled=model is None and data is None).test
    chosen = np.random.default_rng(seed).choice(len(test), min(count, len(test)), replace=False)
    pictures = test.images[chosen]
    probabilities = evaluation.predict(loaded, pictures)
    readings = [
        {
            "index": int(i),
            "label": test.classes[test.labels[i]],
            "value": loaded.card.classes[int(p.argmax())],
            "confidence": float(p.max()),
        }
        for i, p in zip(chosen, probabilities, strict=True)
    ]
    if out is not None:
        _draw(pictures, test.labels[chosen], probabilities, loaded.card.classes, out)
    if json:
        print_json({"model": str(path), "readings": readings})
        return
    for picture, reading in zip(pictures, readings, strict=True):
        if out is None:
            print(in_terminal(picture[0], sys.stdout.isatty()))
        print(
            f"test picture {reading['index']}: read as {reading['value']} "
            f"({reading['confidence']:.1%} sure), label {reading['label']}"
        )
    if out is not None:
        print(out)


def in_terminal(picture: Any, colour: bool) -> str:
    """A grey picture (H, W) as text: half blocks in true greys, or letters where no colours go."""
    height, width = picture.shape
    if not colour:
        rows = picture[::2].astype(int) * (len(SHADES) - 1) // 255
        return "\n".join("".join(SHADES[v] for v in row).rstrip() for row in rows)
    lines = []
    for y in range(0, height, 2):
        line = ""
        for x in range(width):
            upper, lower = int(picture[y, x]), int(picture[min(y + 1, height - 1), x])
            line += f"\x1b[38;2;{upper};{upper};{upper}m\x1b[48;2;{lower};{lower};{lower}m▀"
        lines.append(line + "\x1b[0m")
    return "\n".join(lines)


def _count(given: Sequence[str]) -> int:
    if not given:
        return 1
    if len(given) > 1 or not given[0].isdecimal() or int(given[0]) < 1:
        raise InputError(f"--random takes one number of pictures from 1 up, not {' '.join(given)}")
    return int(given[0])


def _draw(pictures: Any, labels: Any, probabilities: Any, classes: Any, out: Path) -> None:
    from byhand import plots

    figure = plots.new_figure(*plots.gallery_size(len(pictures)))
    read_as, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    plots.gallery(pictures, labels, read_as, sure, classes, figure)
    plots.save(figure, out)
