"""What eight kernels find in a digit: kernels, convolution, activation and pooling, row by row.

The words are computed, not seen: each kernel is compared with edges and lines in every direction,
blobs and shifts, and gets the name of the one that explains most of its energy; where that is not
more than half, it is mixed. The energy is that of the kernel blurred by one pixel, as strokes are
too broad for anything finer. A right edge has weights above 0 at the left and below 0 at the right:
ink at the left, paper at the right. A kernel that is named negative wants paper where the other
wants ink. The study named its kernels by looking at them, and has another start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byhand import evaluation, plots
from byhand.data import Dataset
from byhand.errors import InputError
from byhand.experiments.lab import Experiment, Lab, Record, first_kernels, readings, studies
from byhand.experiments.lab.statistics import difference, judge, mean, more_or_less, say

CHANCE = 1000  # kernels drawn from a normal distribution, as He's initialisation draws them
STUDY_EDGES = 6  # of its 8 kernels: 2, 3, 4, 5, 6 and 7 take edges or outlines in one direction


def measure(lab: Lab) -> Record:
    """Describe the kernels of each seed, and look at two digits with those of the first."""
    runs = first_kernels.trained(lab)
    kernels = np.stack([first_kernels.weights(run.model()) for run in runs])  # (seeds, F, KH, KW)
    chance = np.random.default_rng(0).normal(size=(CHANCE, *kernels.shape[2:]))
    record: Record = {
        "seeds": [run.seed for run in runs],
        "kernels": kernels,
        "described": [first_kernels.descriptions(of) for of in kernels],
        "chance": first_kernels.descriptions(chance),
        "test_accuracy": [run.test_accuracy for run in runs],
    }
    test = readings.test_set(lab, runs[0])
    assert lab.settings is not None
    other = int(lab.settings["digit"]), int(lab.settings["index"])
    for name, (digit, index) in {"zero": (0, 0), "other": other}.items():
        place = place_of(test, digit, index)
        seen = evaluation.look(runs[0].model(), test.images[place])
        record[name] = {
            "digit": test.classes[digit],
            "place": place,
            "read": test.classes[int(seen.probabilities.argmax())],
            "rows": list(seen.first_rows()),
        }
        record.update({f"{name} {row}": maps for row, maps in seen.first_rows().items()})
    return record


def place_of(dataset: Dataset, digit: int, index: int) -> int:
    """Where the picture number `index` of those of class `digit` stands.

    Raises:
        InputError: there is no such picture.
    """
    places = np.flatnonzero(dataset.labels == digit)
    if not 0 <= index < len(places):
        raise InputError(
            f"there is no picture {index} of class {digit} among {len(dataset)} test pictures: "
            f"set digit to 0 to {len(dataset.classes) - 1}, and index below the number of its "
            f"pictures ({len(places)})"
        )
    return int(places[index])


def report(record: Record, page: plots.Page) -> None:
    """The rows of two digits, and how many kernels of each kind there are."""
    described = record["described"]
    first, each = described[0], len(described[0])
    counts = [first_kernels.count(of) for of in described]
    chance = {k: n / CHANCE for k, n in first_kernels.count(record["chance"]).items()}
    by_kind = {kind: [float(c[kind]) for c in counts] for kind in evaluation.KINDS}
    strengths = [mean([d["strength"] for d in of]) for of in described]
    by_chance = mean([d["strength"] for d in record["chance"]])
    more = difference([by_chance] * len(strengths), strengths)
    page.conclude(
        f"Of {each} trained kernels {say(by_kind['mixed'], 1, percent=False)} are hard to "
        "explain; the others are mostly an edge, a line, a blob or a shift. So are "
        f"{1 - chance['mixed']:.0%} of kernels drawn at random: the best word explains "
        f"{say(strengths, 0)} of a trained kernel's energy and {by_chance:.0%} of theirs"
        + more_or_less(
            -more.sign, ", which is more.", ".",
            ". It cannot be told that training makes kernels easier to explain.",
        )
    )  # fmt: skip
    page.conclude(
        f"Of {each} kernels, on average (of {each} drawn at random): "
        + ", ".join(
            f"{kind} {mean(by_kind[kind]):.1f} ({each * chance[kind]:.1f})"
            for kind in evaluation.KINDS
        ) + "."
    )  # fmt: skip
    directed = [float(c["edge"] + c["line"]) for c in counts]
    judge(page, f"Most kernels take edges or outlines in one direction ({STUDY_EDGES} of 8).",
          f"edges and lines: {say(directed, 1, percent=False)} of {each}; more than half of them",
          [each / 2] * len(directed), directed, digits=1, percent=False)  # fmt: skip
    page.claim(
        "What a kernel has learnt to look for can be seen in it: it is more like one thing than "
        "chance makes it.",
        more.is_more,
        f"share of a kernel's energy that the best word explains, less that of kernels of chance: "
        f"{more.say(0)}",
    )
    moving = [c["shift"] + c["blob"] > 0 for c in counts]
    page.claim(
        "A kernel that merely moves the picture, or blurs it, is found among the eight.",
        True if all(moving) else None if any(moving) else False,
        f"shifts {say(by_kind['shift'], 1, percent=False)}, blobs "
        f"{say(by_kind['blob'], 1, percent=False)} of {each}; seeds with one: {sum(moving)} of "
        f"{len(moving)}",
    )
    for name in ("zero", "other"):
        _rows(record, name, page)
    page.say(f"Of the kernels of seed {record['seeds'][0]}: {_in_words(first)}")
    _kinds(by_kind, {kind: each * share for kind, share in chance.items()}, each, page)
    _every_seed(record, page)


def _every_seed(record: Record, page: plots.Page) -> None:
    described, each = record["described"], len(record["described"][0])
    page.heading("The kernels of every seed")
    seeds = [f"seed {seed}" for seed in record["seeds"]]
    page.figure(
        "kernels",
        plots.picture_grid(
            list(record["kernels"]),
            row_names=seeds,
            smooth=range(len(seeds)),
            column_names=[str(i) for i in range(each)],
        ),
        caption="Smoothed for the eye; red is above 0 and wants ink, blue below 0 and wants paper.",
    )
    page.table(
        ["seed", *(str(i) for i in range(each))],
        [
            [str(seed), *(f"{d['text']}, {d['strength']:.0%}" for d in of)]
            for seed, of in zip(record["seeds"], described, strict=True)
        ],
        "What each kernel is, and the share of its energy that this explains.",
    )


def _rows(record: Record, name: str, page: plots.Page) -> None:
    about: Mapping[str, Any] = record[name]
    rows = [list(record[f"{name} {row}"]) for row in about["rows"]]
    page.heading(f"A {about['digit']} through the network")
    figure = plots.picture_grid(
        rows, row_names=about["rows"], column_names=first_kernels.names(record["described"][0]),
        smooth=[0],
    )  # fmt: skip
    page.figure(
        f"rows_{name}",
        figure,
        caption=f"Test picture {about['place']}, which this network reads as {about['read']}. "
        "Kernels are smoothed for the eye. Red is above 0, blue below; each row has a scale of its "
        "own.",
        wide=True,
    )


def _in_words(described: Sequence[Mapping[str, Any]]) -> str:
    """As in: 0 is a right edge (71%); hard to explain: 3 (most like a blob, 41%)."""
    clear = [f"{i} is {_a(d['text'])} ({d['strength']:.0%})"
             for i, d in enumerate(described) if d["kind"] != "mixed"]  # fmt: skip
    hard = [f"{i} (most like {_a(d['nearest'])}, {d['strength']:.0%})"
            for i, d in enumerate(described) if d["kind"] == "mixed"]  # fmt: skip
    return f"{', '.join(clear) or 'none is clear'}; hard to explain: {', '.join(hard) or 'none'}."


def _a(text: str) -> str:
    return f"{'an' if text[:1] in 'aeiou' else 'a'} {text}" if text else "nothing"


def _kinds(
    by_kind: Mapping[str, Sequence[float]], chance: Mapping[str, float], each: int, page: plots.Page
) -> None:
    page.heading("How many there are of each kind")
    ax = plots.compare(
        by_kind, xlabel=f"kernels of {each}", reference=chance, reference_name="kernels of chance"
    )
    page.figure("kinds", ax, caption=f"Kernels of chance are {CHANCE:,} drawn from a normal "
                "distribution.")  # fmt: skip


EXPERIMENT = Experiment(
    "feature_maps", "What do the kernels of a trained network find in a digit?",
    measure, report, __doc__, f"{studies.ONE_CONV}, figure 14.8.5",
    settings={"digit": 4, "index": 0},
)  # fmt: skip
