"""How long each recipe trains with either arithmetic: its steps times the median time of one.

    python benchmarks/recipe_times.py --data DIR [--threads 2] [RECIPE ...]
    python benchmarks/recipe_times.py --table      # README's table, from the results that are there

A step is all that `byhand train` does for one: the batch put together (augmented where the recipe
says so), forward, loss, backward, update, norms. The two arithmetics take turns, a slice of steps
each; scoring after each epoch is not counted. Results go to benchmarks/results/recipe_times.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "recipe_times.json"
ROUNDS = 5
SLICE = 20  # steps in a slice; the first of each is left out
LAYOUTS = ("lanes", "reference")


def seconds_a_step(name: str, splits: Any, layout: str) -> float:
    """The median over one slice of steps."""
    from byhand import recipes, training

    recipe = replace(recipes.get(name), steps=SLICE, epochs=None, validation_fraction=0.0)
    prepared = recipes.prepare(recipe, splits, 0)
    taken, before = [], None
    for record in recipes.train(prepared, step_records=True, layout=layout):
        now = time.perf_counter()
        if isinstance(record, training.StepRecord):
            if before is not None:
                taken.append(now - before)
            before = now
    return statistics.median(taken)


def measure(names: list[str], data_folder: str | None, threads: int) -> dict[str, Any]:
    """Every recipe with both arithmetics."""
    from byhand import data, kernels, recipes, training

    kernels.set_threads(threads)
    splits = data.open_data(data_folder)
    rows = []
    for name in names:
        recipe = recipes.get(name)
        n = round(len(splits.train) if recipe.train_limit is None else recipe.train_limit)
        n -= round(n * recipe.validation_fraction)
        limits = [recipe.steps, recipe.epochs and recipe.epochs * -(-n // recipe.batch_size)]
        steps = min(limit for limit in limits if limit)
        times: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
        for _ in range(ROUNDS):
            for layout in LAYOUTS:
                times[layout].append(seconds_a_step(name, splits, layout))
        row: dict[str, Any] = {"recipe": name, "steps": steps, "batch": recipe.batch_size}
        for layout in LAYOUTS:
            row[layout] = {
                "ms_a_step": 1e3 * statistics.median(times[layout]),
                "least_ms": 1e3 * min(times[layout]),
                "most_ms": 1e3 * max(times[layout]),
                "seconds": steps * statistics.median(times[layout]),
            }
        rows.append(row)
        print(name, {layout: round(row[layout]["seconds"], 1) for layout in LAYOUTS}, flush=True)
    return {
        "machine": training.machine(),
        "versions": training.versions(),
        "instruction_set": kernels.instruction_set(),
        "threads": threads,
        "recipes": rows,
    }


def table(result: dict[str, Any]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| recipe | steps | ms a step, compiled core | ms a step, NumPy | training, compiled core |"
        " training, NumPy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["recipes"]:
        lanes, numpy = row["lanes"], row["reference"]
        lines.append(
            f"| `{row['recipe']}` | {row['steps']:,} | {lanes['ms_a_step']:.3g} | "
            f"{numpy['ms_a_step']:.3g} | **{said(lanes['seconds'])}** | {said(numpy['seconds'])} |"
        )
    return "\n".join(lines)


def said(seconds: float) -> str:
    """A time for people."""
    return f"{seconds:.2g} s" if seconds < 99.5 else f"{seconds / 60:.0f} min"


def main() -> None:
    """Measure what the command line names."""
    from byhand import recipes

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE")
    parser.add_argument("--threads", type=int, default=2, help="threads (default 2)")
    parser.add_argument("--data", help="a folder that holds mnist/ (default: as byhand train)")
    parser.add_argument("--table", action="store_true", help="print README's table and stop")
    args = parser.parse_args()
    if args.table:
        print(table(json.loads(RESULT.read_text(encoding="utf-8"))))
        return
    result = measure(args.recipes or list(recipes.names()), args.data, args.threads)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
