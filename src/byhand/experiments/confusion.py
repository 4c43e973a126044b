"""Which digits are taken for which? The confusion matrix, and its largest errors over seeds.

One run's counts are small and differ from start to start. So the pairs are counted over several
seeds, and whether a pair is among the most frequent is said only where the seeds agree on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation, plots
from byhand.experiments.lab import Experiment, Lab, Record, readings, studies
from byhand.experiments.lab.statistics import judge, mean, say

Pair = tuple[str, str]  # label, read as
# What the study counts in its matrix, one run: the most, the second and the third.
STUDY: dict[Pair, int] = {("9", "4"): 11, ("7", "3"): 10, ("5", "3"): 9}
SHOWN = 12


def measure(lab: Lab) -> Record:
    """Train each seed and count what it takes for what."""
    runs = readings.one_conv(lab)
    test = readings.test_set(lab, runs[0])
    read = readings.probabilities(runs, test).argmax(axis=2)  # (S, N)
    k = len(test.classes)
    return {
        "seeds": [run.seed for run in runs],
        "classes": list(test.classes),
        "confusion": np.stack([evaluation.confusion_matrix(test.labels, r, k) for r in read]),
    }


def report(record: Record, page: plots.Page) -> None:
    """The matrix, the pairs by how often they come, and whether the study's are among them."""
    matrices, classes, seeds = record["confusion"], record["classes"], record["seeds"]
    counts = pairs(matrices, classes)
    order = sorted(counts, key=lambda pair: -mean(counts[pair]))
    top = [pair for pair in order if counts[pair].any()]
    steady = [pair for pair in top if (counts[pair] > 0).all()]
    if top:
        page.conclude(
            f"The most frequent mistake is {_counted(top[0], counts)}, of "
            f"{say(_errors(matrices), 0, percent=False)} mistakes; then "
            f"{' and '.join(_counted(pair, counts) for pair in top[1:3]) or 'none'}."
        )
    page.conclude(
        f"Of {len(counts)} ways to take one digit for another {len(top)} occur over {len(seeds)} "
        f"seeds, {len(steady)} of them with every seed."
    )
    for place, (pair, times) in enumerate(STUDY.items(), 1):
        if pair in counts:
            _judge(page, pair, times, place, counts, order)
    per_class = matrices[0].sum(axis=1)
    low, high = int(per_class.argmin()), int(per_class.argmax())
    page.claim(
        "The ten digits are not equally frequent in the test set.",
        bool(per_class[low] < per_class[high]),
        f"from {per_class[low]:,} ({classes[low]}) to {per_class[high]:,} ({classes[high]})",
    )
    ax = plots.confusion_matrix(matrices[0], classes, plots.new_axes(6.6, 6.6))
    page.figure(
        "matrix",
        ax,
        caption=f"Seed {seeds[0]}. Blue: hits; orange: errors, each colour on a scale of its own.",
    )
    shown = top[:SHOWN] + [pair for pair in STUDY if pair in counts and pair not in top[:SHOWN]]
    if shown:
        page.figure(
            "pairs",
            plots.compare(
                {_words(pair): counts[pair].tolist() for pair in shown},
                xlabel="test pictures",
                reference={_words(p): times for p, times in STUDY.items() if p in shown},
                reference_name="the study, one run",
            ),
            caption=f"The {min(SHOWN, len(top))} most frequent mistakes over {len(seeds)} seeds, "
            "and the study's three.",
        )
    page.table(
        ("label", "read as", "times", "least", "most", "the study"),
        [
            [*pair, say(counts[pair], 1, percent=False), int(counts[pair].min()),
             int(counts[pair].max()), STUDY.get(pair)]
            for pair in shown
        ],
        caption=f"Mean ± standard deviation over {len(seeds)} seeds.",
    )  # fmt: skip


def pairs(matrices: NDArray[np.int64], classes: list[str]) -> dict[Pair, NDArray[np.int64]]:
    """How often each pair of different classes was confused with each seed: (label, read as)."""
    k = len(classes)
    return {
        (classes[i], classes[j]): matrices[:, i, j] for i in range(k) for j in range(k) if i != j
    }


def _judge(
    page: plots.Page, pair: Pair, times: int, place: int, counts: dict[Pair, NDArray[np.int64]],
    order: list[Pair],
) -> None:  # fmt: skip
    """Whether a pair is among the first `place`: whether it beats the place-th of the others."""
    others = [other for other in order if other != pair]
    if len(others) >= place:
        rival = others[place - 1]
        rank = "the most frequent mistake" if place == 1 else f"among the {place} most frequent"
        judge(page, f"{_words(pair)} is {rank} ({times} times).",
              f"{say(counts[pair], 1, percent=False)} times, place {order.index(pair) + 1} of "
              f"{len(order)}; less {_words(rival)}", counts[rival], counts[pair],
              digits=1, percent=False)  # fmt: skip


def _words(pair: Pair) -> str:
    return f"{pair[0]} read as {pair[1]}"


def _counted(pair: Pair, counts: dict[Pair, NDArray[np.int64]]) -> str:
    return f"{_words(pair)} ({say(counts[pair], 1, percent=False)} times)"


def _errors(matrices: NDArray[np.int64]) -> NDArray[np.int64]:
    hits = np.trace(matrices, axis1=1, axis2=2)
    return np.asarray(matrices.sum(axis=(1, 2)) - hits)


EXPERIMENT = Experiment(
    "confusion", "Which digits does a single convolution take for which?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, figure 14.8.4",
)  # fmt: skip
