"""`byhand evaluate --reader`: how well the reader reads every set that is there."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from byhand.cli.bench import shown
from byhand.cli.output import note, open_splits, print_json
from byhand.cli.read import load_reader
from byhand.errors import ByhandError

HANDWRITING = "handwriting"  # the folder beside mnist/ with what else there is
CURVE = "coverage.png"
LEAST_COVERAGE = 0.6  # from which share of the digits on the curve is drawn


def evaluate_reader(
    model: Path | None, data: Path | None, out: Path | None, quick: bool, json: bool
) -> None:
    """Read all sets and print each figure beside what it should be.

    Args:
        model: a reader's model file; None: the one in the package.
        data: a folder that holds `mnist/` and `handwriting/`; None: BYHAND_DATA, then MNIST from
            where every command finds it.
        out: a folder for the curve of coverage and error; None: it is not drawn.
        quick: a tenth of the larger sets.
        json: print one JSON object instead: MNIST's figures as for a model, and all of them under
            "reader".
    """
    from byhand.data import Dataset
    from byhand.reader.benchmark import Benchmark, text

    reader = load_reader(model)
    folder = _handwriting(data)
    mnist: Dataset | None = None
    try:
        mnist = open_splits(data).test
    except ByhandError as error:
        if folder is None:
            raise
        note(f"without MNIST: {error}")
    benchmark = Benchmark(reader, mnist, folder, quick)
    for _ in shown(benchmark.run(), len(benchmark.names)):
        pass
    record = benchmark.record
    picture = None if out is None else draw_coverage(record, out / CURVE)
    if json:
        nothing = dict.fromkeys(("accuracy", "loss", "per_class", "confusion", "ece"))
        figures = record.pop("evaluation", {"n": 0, **nothing})
        print_json({**figures, "reader": {**record, "picture": picture}})
        return
    print(text(record))
    if picture is not None:
        print(picture)


def draw_coverage(record: dict[str, Any], path: Path) -> Path:
    """The curves of coverage and error of each set of single digits, as a picture."""
    from byhand import plots

    ax = plots.new_axes(8.2, 4.8)
    # Where nearly all are rejected, what is left says little; a gap stands for it.
    curves: dict[str, tuple[list[float], list[float]]] = {
        name: (
            [100 * share for share in curve["coverage"]],
            [
                math.nan if error is None or share < LEAST_COVERAGE else error
                for error, share in zip(curve["error"], curve["coverage"], strict=True)
            ],
        )
        for name, curve in record["coverage"].items()
        if curve["error"][0]
    }
    kept = [record["digits"][name] for name in curves]
    default = f"default threshold, {record['threshold']:g}"
    shares = [1 - one["rejected"] for one in kept]
    wrong = [one["wrong_and_not_rejected"] / max(1e-9, 1 - one["rejected"]) for one in kept]
    curves[default] = ([100 * share for share in shares], wrong)
    plots.xy(
        curves, ax, percent=True, points=[default],
        xlabel="digits read, % (the others are rejected)", ylabel="wrong among them",
        title="Coverage against error, over thresholds",
    )  # fmt: skip
    return plots.save(ax.figure, path)


def _handwriting(data: Path | None) -> Path | None:
    named = data if data is not None else os.environ.get("BYHAND_DATA") or None
    if named is None:
        return None
    folder = Path(named) / HANDWRITING
    return folder if folder.is_dir() else None
