"""Which digits are misread? The first mistakes of a network, the surest, and those of all seeds.

Over a picture stands its label, then what was read, and below that how probable the network holds
what it read. Which ten mistakes come first depends on the start and on the order of the pictures,
so the seeds are compared too: what every seed misreads lies in the picture (or in its label), what
one seed misreads lies in that training.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import plots
from byhand.data import Dataset
from byhand.experiments.lab import Experiment, Lab, Record, readings, studies
from byhand.experiments.lab.statistics import judge, mean, say

SHOWN = 10
MOST = 24  # of the pictures that all networks misread
SURE = 0.99
# Among the study's ten: (label, read as) and how often.
STUDY = {("9", "4"): 1, ("5", "3"): 2}


def measure(lab: Lab) -> Record:
    """Train each seed and read the test set with it."""
    runs = readings.one_conv(lab)
    test = readings.test_set(lab, runs[0])
    record = mistaken(readings.probabilities(runs, test), test)
    return {"seeds": [run.seed for run in runs], "classes": list(test.classes), **record}


def mistaken(probabilities: NDArray[np.float32], test: Dataset) -> Record:
    """The mistakes of several networks, from their probabilities (S, N, K).

    "misread_by"[k] is how many pictures exactly k networks misread; "again"[s] is the chance that
    another network misreads a picture that network s misreads, "anyway"[s] that it misreads any.
    The galleries are of network 0, and of what most networks read where all are wrong.
    """
    predictions, sure = probabilities.argmax(axis=2), probabilities.max(axis=2)  # (S, N)
    wrong = predictions != test.labels
    s = len(wrong)
    mine = np.flatnonzero(wrong[0])
    all_wrong = np.flatnonzero(wrong.all(axis=0))
    record: Record = {
        "n": len(test),
        "wrong": wrong.sum(axis=1).tolist(),
        "misread_by": np.bincount(wrong.sum(axis=0), minlength=s + 1).tolist(),
        "again": [mean([wrong[t][wrong[i]].mean() for t in range(s) if t != i])
                  if s > 1 and wrong[i].any() else math.nan for i in range(s)],
        "anyway": [mean([wrong[t].mean() for t in range(s) if t != i])
                   if s > 1 else math.nan for i in range(s)],
        "sure": [float((sure[i][wrong[i]] > SURE).mean())
                 if wrong[i].any() else math.nan for i in range(s)],
        "first_pairs": [[[test.classes[test.labels[j]], test.classes[predictions[i, j]]]
                         for j in np.flatnonzero(wrong[i])[:SHOWN]] for i in range(s)],
    }  # fmt: skip
    most = votes(predictions, len(test.classes)).argmax(axis=1)  # (N,)
    surest = mine[np.argsort(-sure[0][mine], kind="stable")]
    shown = {
        "first": (mine[:SHOWN], predictions[0], probabilities[0]),
        "surest": (surest[:SHOWN], predictions[0], probabilities[0]),
        "shared": (all_wrong[:MOST], most, probabilities.mean(axis=0)),
    }
    for name, (where, read, probable) in shown.items():
        record[f"{name}_images"] = test.images[where]
        record[f"{name}_labels"] = test.labels[where]
        record[f"{name}_read"] = read[where]
        record[f"{name}_sure"] = probable[where, read[where]]
    return record


def votes(predictions: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """How many of the networks (S, N) read each class in each picture, (N, classes)."""
    return np.stack([(predictions == k).sum(axis=0) for k in range(classes)], axis=1)


def report(record: Record, page: plots.Page) -> None:
    """The galleries, how many mistakes are shared, and what the study's ten say."""
    seeds, n, by = record["seeds"], record["n"], record["misread_by"]
    wrong = say(np.asarray(record["wrong"]), 0, percent=False)
    text = f"The network misreads {wrong} of {n:,} test pictures"
    if len(seeds) > 1:
        text += (
            f"; {by[-1]:,} are misread with every one of {len(seeds)} seeds, {by[1]:,} with just "
            f"one. Were the mistakes of the seeds unrelated, {_number(_unrelated(record))} would "
            "be misread with every one"
        )
    page.conclude(f"{text}.")
    page.conclude(
        f"It is sure of {say(record['sure'], 0)} of its mistakes: it gives the wrong digit more "
        f"than {say(SURE, 0)}."
    )
    judge(page, "What it misreads are hard pictures, a real test of a network.",
          f"a picture that one seed misreads another misreads with {say(record['again'], 1)}, any "
          f"picture with {say(record['anyway'])}", record["anyway"], record["again"],
          digits=1)  # fmt: skip
    alike = [_has_study_s(pairs) for pairs in record["first_pairs"]]
    page.claim(
        "Among the first ten mistakes are a 9 read as 4 and two 5s read as 3.",
        True if all(alike) else None if any(alike) else False,
        f"so in {sum(alike)} of {len(alike)} seeds",
    )
    page.heading("Mistakes")
    _gallery(record, page, "first", f"The first {SHOWN} mistakes of seed {seeds[0]}, in the order "
             "of the test set.")  # fmt: skip
    _gallery(record, page, "surest", f"The {SHOWN} mistakes that seed {seeds[0]} is surest of.")
    if len(seeds) > 1:
        _gallery(record, page, "shared", f"The first {min(MOST, by[-1])} of {by[-1]:,} pictures "
                 f"that all {len(seeds)} seeds misread; what most of them read, and how probable "
                 "it is to them on average.")  # fmt: skip
    page.table(
        ("seeds that misread it", "pictures", "share"),
        [[k, count, say(count / n)] for k, count in enumerate(by)],
        caption="How many of the networks misread the same picture.",
    )


def _gallery(record: Record, page: plots.Page, name: str, caption: str) -> None:
    labels, read = record[f"{name}_labels"], record[f"{name}_read"]
    if not len(labels):
        page.note(f"{caption} There are none.")
        return
    classes = record["classes"]
    columns = 5 if len(labels) <= SHOWN else 8
    figure = plots.new_figure(*plots.gallery_size(len(labels), columns))
    plots.gallery(record[f"{name}_images"], labels, read, record[f"{name}_sure"], classes, figure,
                  columns)  # fmt: skip
    page.figure(name, figure, caption=caption)


def _unrelated(record: Record) -> float:
    """How many pictures all seeds would misread if each drew its mistakes by itself."""
    return float(record["n"] * np.prod(np.asarray(record["wrong"]) / record["n"]))


def _number(expected: float) -> str:
    return f"{expected:,.0f}" if expected >= 1 else "fewer than one"


def _has_study_s(pairs: list[Any]) -> bool:
    return all(pairs.count(list(pair)) >= times for pair, times in STUDY.items())


EXPERIMENT = Experiment(
    "mistakes", "Which digits does a single convolution misread, and does every training?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, figure 14.8.3",
)  # fmt: skip
