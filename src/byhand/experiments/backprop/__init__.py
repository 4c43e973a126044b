"""One picture through a deep network and its gradient back, layer by layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn, plots
from byhand.errors import InputError
from byhand.experiments.backprop.traced import CHANNELS, EDGES, STEP, arrays, checked, layer_rows
from byhand.experiments.lab import Experiment, Lab, Record, readings, studies
from byhand.experiments.lab.statistics import NBSP, say
from byhand.recipes import prepare

Array = NDArray[Any]

FRESH, TRAINED = "freshly started", "trained"
STUDY_SHAPES = [[16, 28, 28], [16, 28, 28], [16, 14, 14], [32, 14, 14], [32, 16, 16], [32, 8, 8],
                [64, 8, 8], [64, 8, 8], [64, 4, 4]]  # fmt: skip
STUDY_KEPT = {"Conv2d": "input", "ReLU": "mask", "MaxPool2d": "places of the maxima",
              "Linear": "input", "Dropout": "mask"}  # fmt: skip
STABLE = 10.0  # what changes by no more than this factor between the ends is called stable


def measure(lab: Lab) -> Record:
    """Trace one picture through the network, freshly started and trained, with a few seeds."""
    number = int((lab.settings or {}).get("picture", 0))
    test = lab.splits.test
    if not 0 <= number < len(test):
        raise InputError(
            f"picture is {number}, but it must be from 0 to {len(test) - 1}: the place of one of "
            f"the {len(test)} test pictures"
        )
    pictures, labels = test.images[number : number + 1], test.labels[number : number + 1]
    recipe = lab.recipe("deep_convnet", epochs=1, train_limit=40_000)
    runs = lab.train(recipe, seeds=3)[0]
    record: Record = {
        "label": test.classes[int(labels[0])],
        "picture": pictures[0, 0].astype(np.float32),
        "seeds": [run.seed for run in runs],
        "test_accuracy": [run.test_accuracy for run in runs],
        "trained_on": min(recipe.train_limit or len(lab.splits.train), len(lab.splits.train)),
        FRESH: [],
        TRAINED: [],
    }
    for run in runs:
        fresh = prepare(recipe, lab.splits, run.seed).model
        x = readings.standardised(fresh, pictures)
        for state, model in ((FRESH, fresh), (TRAINED, run.model())):
            # As a training step would see it; one key, so that dropout drops the same again.
            trace = nn.trace(model, x, labels, train=True, key=nn.Key(run.seed))
            record[state].append(layer_rows(trace, labels))
            if run is runs[0]:
                record[state][0]["checks"] = checked(model, x, labels, run.seed)
                record |= arrays(trace, state)
    return record


def ratio(states: list[dict[str, Any]], what: str) -> list[float]:
    """How many times as large the first convolution's is as the last's, a number a seed."""
    convolutions = [[of[what] for of in s["layers"] if of["layer"] == "Conv2d"] for s in states]
    return [rms[0] / rms[-1] if rms[-1] else math.nan for rms in convolutions]


def report(record: Record, page: plots.Page) -> None:
    """Shapes and caches, norms, histograms, maps, and the check by finite differences."""
    fresh, trained = record[FRESH], record[TRAINED]
    layers = fresh[0]["layers"]
    checks = {state: record[state][0]["checks"] for state in (FRESH, TRAINED)}
    worst = max(row["apart"] for rows in checks.values() for row in rows)
    held = sum(part[2] for row in layers for part in row["kept"])
    unfolded = sum(row["unfolded"] for row in layers)
    back, forth = ratio(fresh, "arrives, rms"), ratio(fresh, "output, rms")
    page.conclude(
        f"Freshly started, the gradient that arrives at the first convolution is {_times(back)} "
        f"that of the last (root mean square), and after training on {record['trained_on']:,} "
        f"pictures (test accuracy {say(record['test_accuracy'])}) "
        f"{_times(ratio(trained, 'arrives, rms'))}. The loss on this picture, with "
        "dropout as in training, goes from "
        f"{say([s['loss'] for s in fresh], 2, percent=False)} to "
        f"{say([s['loss'] for s in trained], 2, percent=False)}."
    )
    page.conclude(
        f"Backward and finite differences are {worst:.1g} of a parameter's largest gradient apart "
        f"at most, in {sum(map(len, checks.values()))} places. For one picture the layers keep "
        f"{_kb(held)}."
    )
    shapes = [row["output"] for row in layers if row["layer"] in ("Conv2d", "MaxPool2d")]
    page.claim(
        "The maps go 28→28→14→16→8→8→4, as the fourth convolution is padded by 2.",
        shapes == STUDY_SHAPES if record["picture"].shape == (28, 28) else None,
        "ours, after convolutions and poolings: " + ", ".join(_by(shape) for shape in shapes),
    )
    others = [
        row["layer"] for row in layers
        if row["layer"] in STUDY_KEPT
        and STUDY_KEPT[row["layer"]] not in [what for what, *_ in row["kept"]]
    ]  # fmt: skip
    page.claim(
        "Convolutions and linear layers keep their input, ReLU and dropout a mask, pooling the "
        "places of the maxima.",
        not others,
        f"layers that do not: {', '.join(others) or 'none'}. The study's convolutions also keep "
        f"the unfolded input, {_kb(unfolded)} in all, which ours unfold again in backward",
    )
    start = max(s["start"] for s in fresh + trained)
    page.claim(
        "Backward begins with softmax less the label, divided by the number of pictures.",
        start < 1e-6,
        f"largest difference from what arrives at the last layer: {start:.0e}",
    )
    stable = [1 / STABLE <= r <= STABLE for r in back + forth]
    page.claim(
        "He's start keeps values and gradients of a stable size through the layers.",
        True if all(stable) else False if not any(stable) else None,
        f"the first convolution's root mean square by the last's: outputs {_times(forth)}, "
        f"gradients {_times(back)} (stable: no more than {STABLE:g} times, either way)",
    )
    _layers(record, page)
    _sizes(record, page)
    _maps(record, page)
    _checks(checks, page)


def _layers(record: Record, page: plots.Page) -> None:
    page.heading("What each layer makes and keeps")
    rows = record[FRESH][0]["layers"]
    page.table(
        ["", "layer", "output", "keeps for backward", "bytes"],
        [[i, row["called"] or row["layer"], _by(row["output"]),
          "; ".join(what if what.startswith("shape") else f"{what} {_by(shape[1:])}"
                    for what, shape, _ in row["kept"] if what != "weight") or "nothing",
          sum(part[2] for part in row["kept"])] for i, row in enumerate(rows)],
        "One picture. A layer's input is the output of the layer before, kept once for both; "
        "weights are not copied, and take no bytes here.",
    )  # fmt: skip


def _sizes(record: Record, page: plots.Page) -> None:
    page.heading("How large the gradient is")
    states = {s: record[s][0]["layers"] for s in (FRESH, TRAINED)}
    page.table(
        ["", "layer", *(f"{what}, {state}" for what in ("arrives", "leaves", "dweight", "dbias")
                        for state in states)],
        [[i, row["called"] or row["layer"],
          *(_short(of[i][what]) for what in ("arrives", "leaves") for of in states.values()),
          *(_short(of[i]["parameters"].get(what)) for what in ("weight", "bias")
            for of in states.values())]
         for i, row in enumerate(states[FRESH])],
        "Norms of the gradient by a layer's output (arrives), by its input (leaves) and by its "
        f"parameters. Seed {record['seeds'][0]}.",
    )  # fmt: skip
    called = [row["called"] for row in states[FRESH] if row["called"]]
    norms = {
        state: np.array([[row["arrives"] for row in seed["layers"] if row["called"]]
                         for seed in record[state]], np.float64)
        for state in states
    }  # fmt: skip
    ax = plots.curves_over_runs(
        list(range(1, 1 + len(called))), norms, log_y=True, spread="lines",
        xlabel="layer with parameters, from the picture to the output",
        ylabel="norm of the gradient that arrives",
    )  # fmt: skip
    page.figure("norms", ax, caption=f"{', '.join(called)}. A line a seed.")
    for what, words in (("gradients", "gradient that arrives"), ("outputs", "outputs")):
        counts = {
            name: {state: (EDGES, record[f"{state}, {name}, {what} counted"]) for state in states}
            for name in called
        }
        figure = plots.new_figure(*plots.histograms_size(len(called), 2))
        plots.histograms(counts, figure, xlabel=f"size of the {words}, as a power of ten")
        page.figure(what, figure, caption=f"Sizes of the {words} of each layer with parameters, "
                    "without zeros.")  # fmt: skip


def _maps(record: Record, page: plots.Page) -> None:
    page.heading("What the maps and their gradients look like")
    rows = [[record["picture"]], [record[f"{TRAINED}, picture"][0]]]
    labels = ["picture", "its gradient"]
    for row in record[TRAINED][0]["layers"]:
        if row["layer"] == "Conv2d":
            maps, gradients = (
                record[f"{TRAINED}, {row['called']}, {what}"] for what in ("maps", "gradients")
            )
            rows += [list(maps), list(gradients)]
            labels += [f"{row['called']}, {_by(maps.shape[1:])}", "its gradient"]
    page.figure(
        "maps",
        plots.picture_grid(rows, row_names=labels),
        caption=f"The trained network: what the convolutions give (the first {CHANNELS} channels) "
        "and, below, the gradient of the loss by it. Red is above 0, blue below; each row has a "
        "scale of its own. The gradient comes through where ReLU was open and, before a pooling, "
        "where a maximum was taken.",
        wide=True,
    )


def _checks(checks: dict[str, list[dict[str, Any]]], page: plots.Page) -> None:
    page.heading("Held against finite differences")
    rows = []
    for i in range(0, len(checks[FRESH]), 2):  # two places a parameter
        largest = checks[FRESH][i]
        apart = [max(row["apart"] for row in of[i : i + 2]) for of in checks.values()]
        rows.append([
            largest["parameter"], ", ".join(map(str, largest["place"])),
            f"{largest['backward']:.6g}", f"{largest['differences']:.6g}",
            *(f"{value:.0e}" for value in apart),
        ])  # fmt: skip
    page.table(
        ["parameter", "place", "backward", "finite differences",
         *(f"apart, {state}" for state in checks)],
        rows,
        "The place of each parameter's largest gradient in the freshly started network. Finite "
        f"differences: (loss one step up − loss one step down) / (2 · step), step {STEP:g}, in "
        "float64. Apart: the larger difference there and at another place, as a share of the "
        "parameter's largest gradient.",
    )  # fmt: skip


def _by(shape: Any) -> str:
    return "×".join(map(str, shape))


def _kb(count: int) -> str:
    return f"{count / 1e3:,.0f}{NBSP}kB"


def _short(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _times(values: list[float]) -> str:
    return f"{say(values, 2, percent=False)} times"


EXPERIMENT = Experiment(
    "backprop", "What does each layer keep for backward, and how does the gradient come back?",
    measure, report, study=studies.DEEP_CONVNET, settings={"picture": 0},
)  # fmt: skip
