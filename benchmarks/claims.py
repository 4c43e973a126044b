"""Measure the recipes' claims: train each over several seeds, and say mean ± deviation.

    python benchmarks/claims.py one_conv lenet5 --seeds 5 --data DIR
    python benchmarks/claims.py --all --data DIR

Each seed is what `byhand train RECIPE --seed N` trains. Runs go side by side, one thread each, and
every figure goes to benchmarks/results/claims-RECIPE.json, from which README's table is made.
"""

from __future__ import annotations

import argparse
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

# How many seeds each claim is measured over.
SEEDS = {
    "one_conv": 5,
    "lenet5": 5,
    "mlp": 5,
    "two_conv": 10,
    "two_conv_he": 5,
    "tiny": 20,
    "tiny_he": 20,
    "tiny_momentum": 20,
    "deep_convnet": 3,
}
DEAD = 0.2  # a run of ten classes that ends below this never left chance


def one_run(recipe_name: str, seed: int, data_folder: str | None) -> dict[str, Any]:
    """Train one seed on one thread; the figures and curves."""
    from byhand import data, evaluation, kernels, recipes

    kernels.set_threads(1)
    recipe = recipes.get(recipe_name)
    splits = data.open_data(data_folder)
    prepared = recipes.prepare(recipe, splits, seed)
    start = time.perf_counter()
    records = list(recipes.train(prepared, track_test=True))  # test: drawn, never chosen by
    wall = time.perf_counter() - start
    result = evaluation.evaluate(prepared.model, prepared.test)
    last = records[-1]
    return {
        "seed": seed,
        "test_accuracy": result.accuracy,
        "test_loss": result.loss,
        "validation_accuracy": last.validation_accuracy,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "epochs": len(records),
        "train_seconds": sum(r.seconds for r in records),
        "wall_seconds": wall,
        "train_loss_by_epoch": [r.train_loss for r in records],
        "test_loss_by_epoch": [r.test_loss for r in records],
        "test_accuracy_by_epoch": [r.test_accuracy for r in records],
        "diagnoses": sorted({d.kind for r in records for d in r.diagnoses}),
        "first_cause": next((d.causes[0][0] for r in records for d in r.diagnoses), None),
    }


def measure(recipe: str, seeds: int, jobs: int, data_folder: str | None) -> dict[str, Any]:
    """All seeds of a recipe, `jobs` at a time."""
    from byhand import recipes, training

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(one_run, recipe, seed, data_folder) for seed in range(seeds)]
        runs = [a.result() for a in asked]
    accuracies = [r["test_accuracy"] for r in runs]
    return {
        "recipe": recipes.get(recipe).as_dict(),
        "versions": training.versions(),
        "machine": training.machine(),
        "threads_per_run": 1,
        "runs_side_by_side": jobs,
        "test_accuracy": {
            "mean": statistics.mean(accuracies),
            "deviation": statistics.stdev(accuracies) if seeds > 1 else 0.0,
            "least": min(accuracies),
            "most": max(accuracies),
            "seeds": seeds,
        },
        "dead_share": sum(a < DEAD for a in accuracies) / seeds,
        "runs": runs,
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE")
    parser.add_argument("--all", action="store_true", help="every recipe")
    parser.add_argument("--seeds", type=int, help="how many seeds (default: as the claim)")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default 2)")
    parser.add_argument("--data", help="a folder that holds mnist/ (default: as byhand train)")
    args = parser.parse_args()
    from byhand.files import write_json

    for name in SEEDS if args.all else args.recipes:
        result = measure(name, args.seeds or SEEDS[name], args.jobs, args.data)
        write_json(RESULTS / f"claims-{name}.json", result)
        found = result["test_accuracy"]
        print(
            f"{name:14s} {found['mean']:.2%} ± {found['deviation'] * 100:.2f} "
            f"({found['seeds']} seeds, {found['least']:.2%} to {found['most']:.2%}; "
            f"{result['dead_share']:.0%} never left chance)",
            flush=True,
        )


if __name__ == "__main__":
    main()
