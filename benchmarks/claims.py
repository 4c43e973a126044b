"""Measure the recipes' claims: train each over several seeds, and say mean ± deviation.

    python benchmarks/claims.py one_conv lenet5 --seeds 5 --data DIR
    python benchmarks/claims.py --all --data DIR
    python benchmarks/claims.py two_conv --first 1234 --seeds 10 --add  # more, kept with those
    python benchmarks/claims.py reader --runs runs/reader-seed0-...   # runs of byhand train
    python benchmarks/claims.py digits --folds 5 --jobs 1 --threads 2  # and by cross-validation
    python benchmarks/claims.py --table        # README's table, from the results that are there
    python benchmarks/claims.py --curves       # docs/pictures/: the loss curves of every seed

Each seed is what `byhand train RECIPE --seed N` trains. Runs go side by side, one thread each
(--jobs and --threads say otherwise), and every figure goes to
benchmarks/results/claims-RECIPE.json, from which README's table is made.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
CURVES = ("two_conv", "two_conv_he")  # the recipes whose curves are drawn

# How many seeds each claim is measured over.
SEEDS = {
    "one_conv": 10,
    "lenet5": 5,
    "mlp": 5,
    "two_conv": 10,
    "two_conv_he": 5,
    "tiny": 20,
    "tiny_he": 20,
    "tiny_momentum": 20,
    "deep_convnet": 3,
    "deep_convnet_tuned": 3,
    "digits": 10,
    "reader": 1,
}
DEAD = 0.2  # a run of ten classes that ends below this never left chance


def one_run(
    recipe_name: str,
    seed: int,
    data_folder: str | None,
    threads: int = 1,
    fold: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Train one seed, tested on part `fold` (k, of) of all pictures: the figures and curves."""
    from byhand import data, evaluation, kernels, recipes

    kernels.set_threads(threads)
    recipe = recipes.get(recipe_name)
    splits = data.open_data(data_folder, dataset=recipe.dataset)
    if fold is not None:
        splits = part(splits, *fold)
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


def part(splits: Any, k: int, of: int) -> Any:
    """The same pictures, of which the k-th of `of` parts is for testing; as many of each class."""
    from sklearn.model_selection import StratifiedKFold

    images = np.concatenate([splits.train.images, splits.test.images])
    labels = np.concatenate([splits.train.labels, splits.test.labels])
    parts = StratifiedKFold(of, shuffle=True, random_state=0).split(labels, labels)
    sets = [replace(splits.train, images=images[i], labels=labels[i]) for i in list(parts)[k]]
    return replace(splits, train=sets[0], test=sets[1])


def measure(
    recipe: str,
    seeds: range,
    jobs: int,
    data_folder: str | None,
    before: list[dict[str, Any]],
    threads: int = 1,
    folds: int = 0,
) -> dict[str, Any]:
    """All seeds of a recipe, `jobs` at a time, put together with the runs `before`; and folds."""
    from byhand import kernels, recipes, training

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(one_run, recipe, seed, data_folder, threads) for seed in seeds]
        crossed = [
            pool.submit(one_run, recipe, 0, data_folder, threads, (k, folds)) for k in range(folds)
        ]
        runs = before + [a.result() for a in asked]
        fold_runs = [a.result() for a in crossed]
    accuracies = [r["test_accuracy"] for r in runs]
    return {
        "recipe": recipes.get(recipe).as_dict(),
        "versions": training.versions(),
        "machine": training.machine(),
        "layout": kernels.resolve_layout("auto"),
        "instruction_set": kernels.instruction_set(),
        "threads_per_run": threads,
        "runs_side_by_side": jobs,
        "test_accuracy": summary(accuracies),
        "dead_share": sum(a < DEAD for a in accuracies) / len(runs),
        "runs": runs,
        **({"folds": summary([r["test_accuracy"] for r in fold_runs])} if folds else {}),
    }


def from_runs(recipe: str, folders: list[Path]) -> dict[str, Any]:
    """The same from the folders of runs that `byhand train` finished, a seed each."""
    runs, about = [], {}
    for folder in folders:
        about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        epochs, result = about["epochs"], about["result"]
        last = epochs[-1]
        runs.append(
            {
                **{k: result[k] for k in ("seed", "test_accuracy", "test_loss", "train_loss")},
                "validation_accuracy": last["validation_accuracy"],
                "train_accuracy": last["train_accuracy"],
                "epochs": len(epochs),
                "train_seconds": result["train_seconds"],
                "train_loss_by_epoch": [e["train_loss"] for e in epochs],
                "diagnoses": sorted({d["kind"] for d in about["diagnoses"]}),
            }
        )
    accuracies = [run["test_accuracy"] for run in runs]
    return {
        **{k: about[k] for k in ("recipe", "versions", "machine", "layout", "instruction_set")},
        "threads_per_run": about["threads"],
        "runs_side_by_side": 1,
        "test_accuracy": summary(accuracies),
        "dead_share": sum(a < DEAD for a in accuracies) / len(runs),
        "runs": runs,
    }


def summary(accuracies: list[float]) -> dict[str, float]:
    """Mean, the sample's deviation, least and most."""
    return {
        "mean": statistics.mean(accuracies),
        "deviation": statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "least": min(accuracies),
        "most": max(accuracies),
        "seeds": len(accuracies),
    }


def left_chance(result: dict[str, Any]) -> str:
    """How many runs stayed at chance, and what the others reach."""
    alive = [r["test_accuracy"] for r in result["runs"] if r["test_accuracy"] >= DEAD]
    count = len(result["runs"])
    said = f"{count - len(alive)} of {count} seeds never left chance"
    if len(alive) > 1:
        mean, deviation = statistics.mean(alive), statistics.stdev(alive)
        said += f", the others {mean:.2%} ± {deviation * 100:.2f}"
    return said


def table() -> str:
    """The results as a Markdown table."""
    from byhand import models, nn, recipes

    lines = [
        "| recipe | what | parameters | test accuracy | seeds | least to most | training |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in SEEDS:
        path = RESULTS / f"claims-{name}.json"
        if not path.is_file():
            continue
        result = json.loads(path.read_text(encoding="utf-8"))
        recipe, found = recipes.get(name), result["test_accuracy"]
        classes = 12 if recipe.examples == "reader" else 10
        network = models.build(
            recipe.model.name,
            np.random.default_rng(0),
            classes=tuple(str(i) for i in range(classes)),
            **recipe.model.settings,
        )
        parameters = nn.summary(network, (1, 28, 28)).parameters
        length = f"{recipe.steps:,} steps" if recipe.steps else f"{recipe.epochs} epochs"
        dead = f"; {left_chance(result)}" if result["dead_share"] else ""
        lines.append(
            f"| `{name}` | {recipe.summary} | {parameters:,} "
            f"| **{found['mean']:.2%}** ± {found['deviation'] * 100:.2f} | {found['seeds']} "
            f"| {found['least']:.2%} to {found['most']:.2%}{dead} | {length} |"
        )
    return "\n".join(lines)


def curves() -> list[Path]:
    """Draw training and test loss by epoch, a line a seed, without the first epoch."""
    from byhand import plots

    drawn = []
    for name in CURVES:
        result = json.loads((RESULTS / f"claims-{name}.json").read_text(encoding="utf-8"))
        axes = plots.new_axes()
        for part, colour in (("train", "#0072b2"), ("test", "#d55e00")):
            losses = np.array([run[f"{part}_loss_by_epoch"] for run in result["runs"]])
            epochs = np.arange(2, losses.shape[1] + 1)
            axes.plot(epochs, losses[:, 1:].T, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(epochs, losses[:, 1:].mean(axis=0), color=colour, label=f"{part}, mean")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss (mean cross-entropy)")
        axes.set_ylim(bottom=0)
        axes.set_title(f"{name}: loss by epoch, {len(result['runs'])} seeds, first epoch left out")
        axes.grid(axis="y")
        axes.legend()
        drawn.append(plots.save(axes.figure, PICTURES / f"{name}_losses.png"))
    return drawn


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE")
    parser.add_argument("--all", action="store_true", help="every recipe")
    parser.add_argument("--seeds", type=int, help="how many seeds (default: as the claim)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--add", action="store_true", help="keep the runs measured before")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default 2)")
    parser.add_argument(
        "--runs", nargs="+", type=Path, help="take these finished runs of the one RECIPE"
    )
    parser.add_argument(
        "--folds", type=int, default=0, help="also cross-validate over all pictures, in so many"
    )
    parser.add_argument("--threads", type=int, default=1, help="of each run (default 1)")
    parser.add_argument("--data", help="a folder that holds mnist/ (default: as byhand train)")
    parser.add_argument("--table", action="store_true", help="print README's table and stop")
    parser.add_argument("--curves", action="store_true", help="draw the loss curves and stop")
    args = parser.parse_args()
    from byhand.files import write_json

    if args.table:
        print(table())
        return
    if args.curves:
        print(*curves(), sep="\n")
        return

    if args.runs and len(args.recipes) != 1:
        parser.error("--runs takes the runs of one RECIPE; name it")
    for name in SEEDS if args.all else args.recipes:
        path = RESULTS / f"claims-{name}.json"
        before = json.loads(path.read_text(encoding="utf-8"))["runs"] if args.add else []
        seeds = range(args.first, args.first + (args.seeds or SEEDS[name]))
        result = (
            from_runs(name, args.runs)
            if args.runs
            else measure(name, seeds, args.jobs, args.data, before, args.threads, args.folds)
        )
        write_json(path, result)
        found = result["test_accuracy"]
        print(
            f"{name:14s} {found['mean']:.2%} ± {found['deviation'] * 100:.2f} "
            f"({found['seeds']} seeds, {found['least']:.2%} to {found['most']:.2%}; "
            f"{result['dead_share']:.0%} never left chance)"
            + (f"; in {args.folds} folds {result['folds']['mean']:.2%}" if args.folds else ""),
            flush=True,
        )


if __name__ == "__main__":
    main()
