"""How should weights start? A network of six layers from starts of six kinds.

Five hidden layers (four convolutions and a linear one) and the output, biases from 0, SGD with
momentum 0.9 at a rate of {rate:g}, the same for all: a start that is too small or too large might
train at another rate. A number after “normal” is the deviation. The studies' own networks are
shallower (see tiny_scaling and seeds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn, plots
from byhand.data import Splits
from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import difference, mean
from byhand.experiments.lab.train import from_plain
from byhand.optim import SGD, Constant
from byhand.recipes import Network, Recipe, prepare

LAYERS = (
    "conv 8 3 same, relu, maxpool 2, conv 8 3 same, relu, maxpool 2, conv 16 3 same, relu, "
    "conv 16 3 same, relu, linear 64, relu"
)
HE, LARGE, SMALL = "He", "uniform −1 to 1", "normal 0.01"
STARTS = {
    HE: "he", "Xavier": "xavier", SMALL: "normal 0.01", "normal 0.001": "normal 0.001",
    LARGE: "uniform -1 1", "normal 1": "normal 1",
}  # fmt: skip
PICTURES = 128  # go through the fresh network
TINY = 1e-30  # stands for 0 where a logarithm is taken
EDGES = np.linspace(-3, 3, 60)  # 59 bins, so that 0 is inside one


def measure(lab: Lab) -> Record:
    """Look into each fresh network, then train it, with each seed."""
    recipes = {name: _recipe(lab, start) for name, start in STARTS.items()}
    runs, record = variants.train(lab, recipes)
    given = [{"recipe": run.recipe, "seed": run.seed} for of in runs.values() for run in of]
    fresh = iter(lab.each(before, given, what="fresh networks"))
    rows = {name: [next(fresh) for _ in of] for name, of in runs.items()}
    return {
        **record,
        "layers": rows[HE][0]["layers"],
        "rate": recipes[HE].schedule(0),
        "sizes": {name: [row["sizes"] for row in of] for name, of in rows.items()},
        "gradients": {name: [row["gradients"] for row in of] for name, of in rows.items()},
        "counts": np.array([of[0]["counts"] for of in rows.values()]),  # (variants, layers, bins)
    }


def before(splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """One batch through the network as its training begins, forward and back.

    By layer with weights: "sizes", the root mean square of what it gives (before ReLU);
    "gradients", the norm of the gradient that comes back to it; "counts", the histogram.
    """
    prepared = prepare(from_plain(recipe), splits, seed)
    batch = prepared.train.first(PICTURES)
    standardisation = prepared.model.card.standardisation
    assert standardisation is not None
    seen = nn.trace(prepared.model, standardisation.apply(batch.images), batch.labels, train=True)
    weighted = [t for t in seen if "weight" in t.grads]
    names = [f"{'conv' if t.output.ndim == 4 else 'linear'} {t.name}" for t in weighted]
    return {
        "layers": [*names[:-1], "output"],
        "sizes": [rms(t.output) for t in weighted],
        "gradients": [float(np.linalg.norm(np.asarray(t.dy, np.float64))) for t in weighted],
        "counts": histogram([t.output for t in weighted]),
    }


def histogram(outputs: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The share of a layer's outputs in each bin of EDGES, a row a layer.

    They are counted in units of the largest root mean square among the layers; those beyond the
    ends are left out.
    """
    unit = max(rms(y) for y in outputs) or 1.0
    return np.array([np.histogram(y / unit, EDGES)[0] / y.size for y in outputs])


def rms(values: NDArray[Any]) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(values.astype(np.float64) ** 2)))


def drift(rows: list[list[float]]) -> list[float]:
    """How many doublings lie between the first and the last hidden layer, one a seed.

    `rows` are root mean squares by layer, a row a seed; the last layer's is the output's.
    """
    return [math.log2(max(row[-2], TINY) / max(row[0], TINY)) for row in rows]


def report(record: Record, page: plots.Page) -> None:
    """What each start does to a fresh network, and to its training."""
    n = len(record["seeds"])
    never = {v: record["diverged"][v] + record["at_chance"][v] for v in record["variants"]}
    variants.conclude(record, page)
    some = [f"{count} of {n} from {variant}" for variant, count in never.items() if count]
    page.conclude(
        f"Runs that diverged or never left chance: {variants.listed(some) if some else 'none'}."
    )
    _claims(record, page, never)
    page.heading("Before training")
    _histograms(record, page)
    _by_layer(record, page, "sizes", "outputs before ReLU (root mean square)")
    _by_layer(record, page, "gradients", "norm of the gradient that comes back")
    page.heading("Training")
    variants.curves(
        record, page, "train_loss", spread="lines", caption="A line a run; one that diverges ends."
    )
    variants.compared(record, page)
    variants.table(
        record, page, "start", None,
        {"diverged, at chance": {v: variants.ended(record, v) for v in record["variants"]}},
    )  # fmt: skip
    variants.against(record, page, HE)


def _claims(record: Record, page: plots.Page, never: Mapping[str, int]) -> None:
    n = len(record["seeds"])
    for what, name, sign, where in (
        ("sizes", "activations", 1, "from the first to the last hidden layer, outputs"),
        ("gradients", "gradients", -1, "back from the last hidden layer to the first, gradients"),
    ):
        drifts = {v: np.asarray(drift(record[what][v])) for v in record["variants"]}
        steadier = (
            difference(abs(drifts[HE]), abs(of)).is_more for v, of in drifts.items() if v != HE
        )
        page.claim(
            f"With ReLU, He's start keeps the scale of {name} steadier than other starts.",
            variants.all_of(steadier),
            f"{where} change by a factor of "
            + ", ".join(f"{2 ** (sign * mean(of)):.2g} ({v})" for v, of in drifts.items()),
        )
    for start, study in ((SMALL, "one convolution"), (LARGE, "two convolutions")):
        page.claim(
            f"A network can be trained from {start} (the study's has {study}; here there "
            "are four).",
            None if 0 < never[start] < n else not never[start],
            f"{never[start]} of {n} runs diverged or never left chance",
        )


def _histograms(record: Record, page: plots.Page) -> None:
    layers = record["layers"]
    named = {
        f"{variant}\nunit {max(record['sizes'][variant][0]):.2g}": {
            layer: (EDGES, record["counts"][i, j]) for j, layer in enumerate(layers)
        }
        for i, variant in enumerate(record["variants"])
    }
    figure = plots.new_figure(*plots.histograms_size(len(named), len(layers)))
    plots.histograms(named, figure, xlabel="output before ReLU, in units of its row")
    page.figure(
        "histograms",
        figure,
        caption=f"What each layer gives before its ReLU, for {PICTURES} pictures, seed "
        f"{record['seeds'][0]}. The unit of a row is the largest root mean square of its layers: "
        "histograms that grow narrow to the right are layers that fade, wide ones blow up.",
        wide=True,
    )


def _by_layer(record: Record, page: plots.Page, what: str, ylabel: str) -> None:
    layers = record["layers"]
    drawn = {
        variant: (range(1, len(layers) + 1), np.median(record[what][variant], axis=0))
        for variant in record["variants"]
    }
    ax = plots.xy(
        drawn, plots.new_axes(8.0, 4.6),
        xlabel="layer with weights, from the picture to the output", ylabel=ylabel, log_y=True,
    )  # fmt: skip
    page.figure(what, ax, caption="Before training, the median over the seeds.")  # fmt: skip


def _recipe(lab: Lab, start: str) -> Recipe:
    return lab.recipe(
        "one_conv", model=Network("stack", {"layers": LAYERS, "initialiser": start}),
        train_limit=10_000, optimiser=SGD(momentum=0.9), schedule=Constant(0.02), batch_size=64,
        epochs=10,
    )  # fmt: skip


EXPERIMENT = Experiment(
    "initialisers", "How should the weights of a network start?",
    measure, report, __doc__, study=f"{studies.DEEP_CONVNET}; {studies.TINY}; {studies.TWO_CONV}",
)  # fmt: skip
