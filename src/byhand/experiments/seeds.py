"""Does the seed matter? two_conv from ten starts, and from He's start beside it.

A seed fixes the start; the pictures come in the same order with every seed, as in the study. Left
chance have those that read more than 20 % of the test pictures at the end. The study shows one seed
of another generator, its training pictures are other ones, and of other seeds it gives no figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import plots
from byhand.experiments.lab import Experiment, Lab, Record, outcomes, readings, studies, variants
from byhand.experiments.lab.statistics import counted, deviation, difference, mean, say

UNIFORM, HE = "uniform(−1, 1)", "He"
RECIPES = {UNIFORM: ("two_conv", 10), HE: ("two_conv_he", 5)}
STUDY_ACCURACY = 0.9466  # seed 1234 of another generator
STUDY_SETTLED = 120  # the epoch from which it sees the test loss at its bottom
STUDY_GAP = (0.03, 0.05)  # "about 4 %" between the F1 of the training and of the test set
HALF = 0.5  # a run has left chance for good when it reads half of the training pictures


def measure(lab: Lab) -> Record:
    """Train every seed of both starts, with the test set scored each epoch for the curves."""
    trained = {
        start: lab.train(lab.recipe(recipe), seeds, track_test=True)[0]
        for start, (recipe, seeds) in RECIPES.items()
    }
    epochs = max(len(run.epochs) for runs in trained.values() for run in runs)
    starts = {
        start: {
            "seeds": [run.seed for run in runs],
            "test": [readings.totals(run, readings.test_set(lab, run)) for run in runs],
            "train": [readings.totals(run, readings.train_set(lab, run)) for run in runs],
            "curves": {
                name: [variants.padded(run.curve(name), epochs) for run in runs]
                for name in ("train_loss", "test_loss", "train_accuracy")
            },
        }
        for start, runs in trained.items()
    }
    return {"starts": starts}


def report(record: Record, page: plots.Page) -> None:
    """All curves, where they end, and what the study says of other seeds."""
    starts = record["starts"]
    accuracy = {start: _ends(starts[start], "test", "accuracy") for start in starts}
    loss = {start: _ends(starts[start], "test", "loss") for start in starts}
    left = {start: outcomes.left_chance(accuracy[start]) for start in starts}
    for start in starts:
        n, well = len(left[start]), sum(left[start])
        text = f"Start {start}: {n - well} of {counted(n, 'seed')} never left chance"
        others = f"; those that did read {say(accuracy[start][left[start]])} of the test pictures"
        page.conclude(f"{text}{others if well else ''}.")
    both = min(len(accuracy[UNIFORM]), len(accuracy[HE]))
    gain = difference(accuracy[UNIFORM][:both], accuracy[HE][:both])
    page.conclude(
        f"With start {HE} instead of {UNIFORM} the test accuracy changes by {gain.say(1)}."
    )
    _claims(page, starts[UNIFORM], accuracy[UNIFORM], loss[UNIFORM], np.asarray(left[UNIFORM]))
    _figures(page, starts, accuracy, left)
    page.table(
        ("start", "seed", "reads half from epoch", "training loss", "training accuracy",
         "test loss", "test accuracy"),
        [
            [start, seed, _epoch_of_half(curve), say(train["loss"], 4, percent=False),
             say(train["accuracy"]), say(test["loss"], 4, percent=False), say(test["accuracy"])]
            for start, of in starts.items()
            for seed, curve, train, test in zip(
                of["seeds"], of["curves"]["train_accuracy"], of["train"], of["test"], strict=True)
        ],
        caption="After the last epoch, by the model that is then there.",
    )  # fmt: skip


def _claims(
    page: plots.Page, of: dict[str, Any], accuracy: NDArray[Any], loss: NDArray[Any],
    left: NDArray[Any],
) -> None:  # fmt: skip
    """What the study says, judged over all seeds and over those that left chance."""
    n, well = len(left), int(left.sum())
    page.claim(
        "Other seeds end at about the same loss.",
        outcomes.about_the_same(loss),
        f"test loss at the end {say(loss, 4, percent=False)}, from {np.nanmin(loss):.4f} to "
        f"{np.nanmax(loss):.4f}; {n - well} of {counted(n, 'seed')} never left chance "
        f"(about the same: a deviation of at most {say(outcomes.SMALL, 0)} of the mean)",
    )
    page.claim(
        "The seeds that leave chance end at about the same loss.",
        outcomes.about_the_same(loss[left]),
        f"{say(loss[left], 4, percent=False)} over {counted(well, 'seed')}: a deviation of "
        f"{say(deviation(loss[left]) / mean(loss[left]), 0)} of the mean",
    )
    half = [_epoch_of_half(curve) for curve in of["curves"]["train_accuracy"]]
    reached = [epoch for epoch in half if epoch is not None]
    page.claim(
        "Other seeds converge at another pace.",
        max(reached) >= 2 * min(reached) if len(reached) > 1 else None,
        f"half of the training pictures are read from epoch {min(reached)} to {max(reached)} on "
        "(another pace: twice as long)" if reached else "no seed reads half of them",
    )  # fmt: skip
    page.claim(
        f"A run ends with {say(STUDY_ACCURACY)} of the test pictures read.",
        outcomes.is_like(accuracy[left], STUDY_ACCURACY),
        f"ours that left chance: {say(accuracy[left])}, one more would be within "
        "{} to {} (95 %)".format(*(say(end) for end in outcomes.one_more(accuracy[left])))
        if well > 1 else f"{well} of ours left chance",
    )  # fmt: skip
    gap = difference(_ends(of, "test", "f1")[left], _ends(of, "train", "f1")[left])
    least, most = STUDY_GAP
    inside, outside = least <= gap.low and gap.high <= most, gap.high < least or gap.low > most
    page.claim(
        "The F1 of the training set is about 4 points above that of the test set.",
        True if inside else False if outside else None,
        f"{gap.say()} (about 4: from {100 * least:.0f} to {100 * most:.0f})"
        if well else "no seed left chance",
    )  # fmt: skip
    curves = np.asarray(of["curves"]["test_loss"], np.float64)
    in_time = np.array([epoch is not None and epoch < STUDY_SETTLED for epoch in half])
    if curves.shape[1] > STUDY_SETTLED and in_time.any():
        before, end = curves[in_time, STUDY_SETTLED - 1], curves[in_time, -1]
        change = difference(np.zeros(len(end)), end / before - 1)
        page.claim(
            f"From about epoch {STUDY_SETTLED} on the test loss is about at its bottom.",
            None if change.n < 2 or change.low <= -outcomes.SMALL <= change.high
            else change.low > -outcomes.SMALL,
            f"from there to epoch {curves.shape[1]} it changes by {say(end / before - 1, 0)}, over "
            f"{counted(len(end), 'seed')} that had left chance by then (at its bottom: it falls by "
            f"no more than {say(outcomes.SMALL, 0)})",
        )  # fmt: skip


def _figures(
    page: plots.Page, starts: dict[str, Any], accuracy: dict[str, NDArray[Any]],
    left: dict[str, list[bool]],
) -> None:  # fmt: skip
    for part, name in (("test", "test"), ("train", "training")):
        curves = {start: runs["curves"][f"{part}_loss"] for start, runs in starts.items()}
        readings.loss_figure(
            page, f"{part}_loss", f"{name} loss", f"{name.capitalize()} loss", curves,
            "A line a seed.",
        )  # fmt: skip
    rows = {
        f"{start}, {sum(left[start])} of {counted(len(a), 'seed')}": a[left[start]].tolist()
        for start, a in accuracy.items()
        if any(left[start])
    }
    if not rows:
        return
    ax = plots.compare(
        rows, xlabel="test accuracy", percent=True,
        reference={name: STUDY_ACCURACY for name in rows if name.startswith(UNIFORM)},
        reference_name="the study, one run",
    )  # fmt: skip
    page.figure(
        "accuracy",
        ax,
        caption="Only seeds that left chance: a mean over both kinds would describe neither.",
    )


def _ends(of: dict[str, Any], part: str, name: str) -> NDArray[np.float64]:
    return np.asarray([figures[name] for figures in of[part]], np.float64)


def _epoch_of_half(curve: Sequence[float | None]) -> int | None:
    """The first epoch, from 1, in which half of the training pictures were read rightly."""
    reached = np.flatnonzero(np.asarray(curve, np.float64) >= HALF)
    return int(reached[0]) + 1 if len(reached) else None


EXPERIMENT = Experiment(
    "seeds", "Do other seeds of a network with a large start end at the same loss?",
    measure, report, __doc__, study=f"{studies.TWO_CONV}, its remark on other seeds",
)  # fmt: skip
