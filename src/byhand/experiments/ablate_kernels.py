"""Kernels taken away: how much each is needed, also those that are hard to explain.

The last layer is linear, so that what a network says is a sum of what each kernel says. A kernel is
taken away by leaving its part out, or by putting in its place what it says of the training pictures
on average. Nothing is trained again, except in the networks that had six kernels from the start;
the study does not say which of the two it did. How hard a kernel is to explain is computed: the
share of its energy that the best of edges, lines, blobs and shifts leaves over (the experiment
feature_maps says how); the study judged by eye. “Two least needed together” is found on the test
set, and shows how much the choice of the two matters: it is no way to choose them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from byhand import evaluation, plots
from byhand.data import Splits
from byhand.experiments.lab import Experiment, Lab, Record, first_kernels, studies
from byhand.experiments.lab.first_kernels import contributions, rank_correlation
from byhand.experiments.lab.statistics import NBSP, difference, mean, more_or_less, say
from byhand.experiments.lab.train import from_plain, kept_model
from byhand.recipes import Network, prepare

# With 8 kernels (the study's table 14.8.1); less than this without two.
STUDY_WITH, STUDY_WITHOUT = 0.9823, 0.98
LIMIT = f"98{NBSP}%"
LEFT = 6  # kernels, when two of eight are gone


def measure(lab: Lab) -> Record:
    """Take kernels from each seed's network, and train networks that never had more than six."""
    runs = first_kernels.trained(lab)
    fewer = lab.recipe("one_conv", model=Network("one_conv", {"kernels": LEFT}))
    trained = [run for run in lab.train(fewer, seeds=5)[0] if run.seed in {r.seed for r in runs}]
    return {
        "seeds": [run.seed for run in runs],
        "kernels": np.stack([first_kernels.weights(run.model()) for run in runs]),
        "described": [first_kernels.descriptions(first_kernels.weights(r.model())) for r in runs],
        "six": [run.test_accuracy for run in trained],
        "without": lab.each_model(without, runs),
    }


def without(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, training: str
) -> dict[str, Any]:
    """Test accuracy with each kernel and each pair of kernels taken away.

    "zero" takes what a kernel says to the last layer away; "mean" puts what it says of the training
    pictures on average in its place.
    """
    net = kept_model(folder, training)
    prepared = prepare(from_plain(recipe), splits, seed)
    parts, bias = contributions(net, prepared.test)
    usual = contributions(net, prepared.train)[0].mean(axis=1, keepdims=True)  # (F, 1, K)
    whole = parts.sum(axis=0) + bias  # (N, K)
    labels = prepared.test.labels
    pairs = list(combinations(range(len(parts)), 2))
    return {
        "all": evaluation.accuracy(labels, whole.argmax(axis=1)),
        "zero": [evaluation.accuracy(labels, (whole - part).argmax(axis=1)) for part in parts],
        "mean": [
            evaluation.accuracy(labels, (whole - part + u).argmax(axis=1))
            for part, u in zip(parts, usual, strict=True)
        ],
        "pairs": [[a, b] for a, b in pairs],
        "pairs_zero": [
            evaluation.accuracy(labels, (whole - parts[a] - parts[b]).argmax(axis=1))
            for a, b in pairs
        ],
    }


def summed_up(record: Record) -> dict[str, Any]:
    """From the record to the figures of the report, a value for each seed.

    "least" are the two kernels that are hardest to explain, "others" the mean over all pairs of
    the rest, "rank" Spearman's correlation of how well a kernel is explained with what is lost
    without it.
    """
    rows: dict[str, list[float]] = {}
    for described, accuracies in zip(record["described"], record["without"], strict=True):
        strengths = [d["strength"] for d in described]
        least = set(np.argsort(strengths, kind="stable")[:2].tolist())
        pairs = {
            tuple(p): a for p, a in zip(accuracies["pairs"], accuracies["pairs_zero"], strict=True)
        }
        lost = [accuracies["all"] - a for a in accuracies["zero"]]
        for name, value in {
            "all": accuracies["all"],
            "one": mean(accuracies["zero"]),
            "one_mean": mean(accuracies["mean"]),
            "worst": min(accuracies["zero"]),
            "least": pairs[tuple(sorted(least))],
            "others": mean([a for p, a in pairs.items() if not least & set(p)]),
            "best_pair": max(pairs.values()),
            "rank": rank_correlation(strengths, lost),
        }.items():
            rows.setdefault(name, []).append(value)
    return rows | {"six": record["six"]}


def under(whole: Sequence[float], without: Sequence[float]) -> bool | None:
    """Whether taking kernels away puts the accuracy under the study's 98 %; None: not told."""
    if mean(whole) <= STUDY_WITHOUT:  # it is there already
        return None
    return difference([STUDY_WITHOUT] * len(without), without).is_less


def report(record: Record, page: plots.Page) -> None:
    """What is lost without each kernel, without two, and with six from the start."""
    of = summed_up(record)
    each = len(record["described"][0])
    costs, against = difference(of["all"], of["least"]), difference(of["others"], of["least"])
    zero = difference([0.0] * len(of["rank"]), of["rank"])
    page.conclude(
        f"Without one of its {each} kernels a trained network reads {say(of['one'])} instead of "
        f"{say(of['all'])} (with what the kernel says on average in its place "
        f"{say(of['one_mean'])}), without the one it needs most {say(of['worst'])}. Without the "
        f"two that are hardest to explain it reads {say(of['least'])}, without two of the others "
        f"{say(of['others'])}; with only {LEFT} from the start {say(of['six'])}."
    )
    relation = more_or_less(
        zero.sign, "the clearer, the more needed", "the clearer, the less needed",
        "so that no relation can be told",
    )  # fmt: skip
    page.conclude(
        "How well a kernel can be explained and how much it is needed: rank correlation "
        f"{say(of['rank'], 2, percent=False)}, {relation}."
    )
    already = f"with all {each}: {say(of['all'])}"
    for how, what, name in (
        ("taken from the trained network", "without the two hardest to explain ", "least"),
        (f"{LEFT} from the start", f"with {LEFT}: ", "six"),
    ):
        page.claim(
            f"Without two kernels the accuracy falls under {LIMIT} ({how}).",
            under(of["all"], of[name]),
            f"{what}{say(of[name])}, {already}",
        )
    page.claim(
        "The network needs the kernels that people cannot explain more than the others.",
        against.is_less,
        f"accuracy without the two hardest to explain less that without two others: "
        f"{against.say()}; less that with all: {costs.say()}",
    )
    compared = {
        f"all {each} kernels": of["all"],
        "without one (mean of all)": of["one"],
        "without one, its mean in its place": of["one_mean"],
        "without the most needed one": of["worst"],
        "without the two hardest to explain": of["least"],
        "without two others (mean of all pairs)": of["others"],
        "without the two least needed together": of["best_pair"],
        f"trained with {LEFT}": of["six"],
    }
    page.figure(
        "ways",
        plots.compare(
            compared,
            xlabel="test accuracy",
            percent=True,
            reference={f"all {each} kernels": STUDY_WITH},
            reference_name="the study, one run",
        ),
        caption=f"The study gives no figure for fewer kernels but that it is under {LIMIT}.",
    )
    _dots(record, page)
    _first_seed(record, page)


def _dots(record: Record, page: plots.Page) -> None:
    """Every kernel of every seed: how well explained, how much needed."""
    series: dict[str, tuple[list[float], list[float]]] = {}
    for described, accuracies in zip(record["described"], record["without"], strict=True):
        for d, accuracy in zip(described, accuracies["zero"], strict=True):
            x, y = series.setdefault(d["kind"], ([], []))
            x.append(d["strength"])
            y.append(accuracies["all"] - accuracy)
    kinds = [kind for kind in evaluation.KINDS if kind in series]
    ax = plots.xy(
        {kind: series[kind] for kind in kinds}, plots.new_axes(8.2, 4.6), points=kinds,
        percent=True, xlabel="share of the kernel's energy that the best word explains",
        ylabel="accuracy lost without it",
    )  # fmt: skip
    page.figure("dots", ax, caption="A dot is a kernel. Half of the energy is where a kernel is "
                "called mixed.")  # fmt: skip


def _first_seed(record: Record, page: plots.Page) -> None:
    """The kernels of the first seed in the order of need."""
    described, accuracies = record["described"][0], record["without"][0]
    lost = [accuracies["all"] - a for a in accuracies["zero"]]
    order = sorted(range(len(lost)), key=lambda k: -lost[k])
    words = first_kernels.names(described)
    names = [f"{words[k]}\n{round(-100 * lost[k], 1) + 0.0:+.1f}".replace("-", "−") for k in order]
    rows = [[record["kernels"][0][k] for k in order]]
    seed = record["seeds"][0]
    page.figure(
        "kernels",
        plots.picture_grid(rows, row_names=["kernel"], column_names=names, smooth=[0]),
        caption=f"The kernels of seed {seed}, the most needed first: number, description, and how "
        "many points of accuracy change without it.",
    )
    page.table(
        ["kernel", "what it is", "explained", "without it", "its mean in its place"],
        [
            [str(k), described[k]["text"], f"{described[k]['strength']:.0%}",
             f"{accuracies['zero'][k]:.2%}", f"{accuracies['mean'][k]:.2%}"]
            for k in order
        ],
        f"Test accuracy of seed {seed}; with all kernels {accuracies['all']:.2%}.",
    )  # fmt: skip


EXPERIMENT = Experiment(
    "ablate_kernels",
    "Which kernels does a network need, and are they those that can be explained?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, below figure 14.8.5",
)  # fmt: skip
