"""Does it help to look twice? A picture read as several slightly moved copies, averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from byhand import plots
from byhand.data import Augmentation
from byhand.experiments.lab import Lab
from byhand.experiments.lab.experiment import Experiment, Record
from byhand.experiments.lab.statistics import counted, difference, more_or_less, say
from byhand.experiments.parts.views import AVERAGES, best_amount, by_amount, by_views, views_of
from byhand.plots import Page

VIEWS = (1, 2, 4, 8, 16, 32)
TRIED = 8  # views while the amount is chosen
AMOUNTS = (0.0, 0.25, 0.5, 1.0, 1.5)  # 1 moves as far as training does; 0 not at all
PLAIN, MOVED = "trained on the pictures", "trained on moved pictures"
SHOWN_AMOUNTS, SHOWN_VIEWS = (0.5, 1.0, 1.5), 8


def measure(lab: Lab) -> Record:
    """Train both ways, choose each way's amount on validation, then read the test set."""
    views = lab.pick(VIEWS, VIEWS[:4], VIEWS[:2])
    amounts = lab.pick(AMOUNTS, (0.0, 0.5, 1.0), (0.0, 1.0))
    recipes = [lab.recipe("lenet5"), lab.recipe("lenet5", augment=Augmentation())]
    trained = lab.train(recipes, seeds=4)
    chosen_by = lab.each(
        by_amount,
        [{**r.as_argument(), "amounts": list(amounts), "views": min(TRIED, views[-1])}
         for of in trained for r in of],
        what="choices",
    )  # fmt: skip
    n = len(trained[0])
    validation = {
        name: [found["loss"] for found in chosen_by[i * n : (i + 1) * n]]
        for i, name in enumerate((PLAIN, MOVED))
    }
    chosen = {name: best_amount(losses, amounts) for name, losses in validation.items()}
    read = lab.each(
        by_views,
        [{**r.as_argument(), "amount": chosen[name], "views": list(views)}
         for name, of in zip((PLAIN, MOVED), trained, strict=True) for r in of],
        what="readings",
    )  # fmt: skip
    picture = lab.splits.test.images[:1]
    return {
        "views": list(views),
        "amounts": list(amounts),
        "tried": min(TRIED, views[-1]),
        "seeds": [run.seed for run in trained[0]],
        "validation_loss": validation,
        "chosen": chosen,
        "test": {name: read[i * n : (i + 1) * n] for i, name in enumerate((PLAIN, MOVED))},
        "examples": np.stack([
            [seen[0, 0] for seen in views_of(picture, amount, SHOWN_VIEWS, 0)]
            for amount in SHOWN_AMOUNTS
        ]),
    }  # fmt: skip


def report(record: Record, page: Page) -> None:
    """What the views are, the choice, and accuracy, loss and calibration by number of views."""
    views, amounts = record["views"], record["amounts"]
    n, last = len(record["seeds"]), record["views"][-1]
    for name in (PLAIN, MOVED):
        a, loss, ece = (_values(record, name, what) for what in ("accuracy", "loss", "ece"))
        gain = difference(a[:, 0], a[:, -1])
        more = more_or_less(gain.sign, "more", "less", "not measurably more or less")
        page.conclude(
            f"A LeNet-5 {name} reads {more} with {last} views than with one: {say(a[:, 0])} and "
            f"{say(a[:, -1])}, {gain.say()}; its loss goes from "
            f"{say(loss[:, 0], 4, percent=False)} to {say(loss[:, -1], 4, percent=False)}, its "
            f"calibration error from {say(ece[:, 0])} to {say(ece[:, -1])}."
        )
    instead = difference(
        _values(record, PLAIN, "accuracy")[:, -1], _values(record, MOVED, "accuracy")[:, 0]
    )
    page.conclude(
        f"Moved pictures in training and one view, against none in training and {last} views: "
        f"{instead.say()}."
    )
    figure = plots.picture_grid(
        list(record["examples"]),
        row_names=[f"amount {a:g}" for a in SHOWN_AMOUNTS],
        column_names=["itself", *(f"view {i}" for i in range(2, SHOWN_VIEWS + 1))],
    )  # fmt: skip
    page.figure("views", figure, caption="What is read: the picture itself first.", wide=True)
    ax = plots.curves_over_runs(
        amounts,
        {name: np.asarray(of, np.float64) for name, of in record["validation_loss"].items()},
        xlabel="amount of movement (1: as in training)",
        ylabel="validation loss (mean cross-entropy)", title=f"{record['tried']} views by amount",
    )  # fmt: skip
    page.figure("amount", ax, caption="Chosen is the least above 0; at 0 nothing is moved.")
    for what, ylabel, percent in (
        ("accuracy", "test accuracy", True), ("loss", "test loss (mean cross-entropy)", False),
        ("ece", "expected calibration error", True),
    ):  # fmt: skip
        runs = {name: _values(record, name, what) for name in (PLAIN, MOVED)}
        ax = plots.curves_over_runs(
            views, runs, xlabel="views of each picture", ylabel=ylabel,
            percent=percent, log_x=True,
        )  # fmt: skip
        page.figure(what, ax, caption=f"Probabilities averaged, over {counted(n, 'seed')}.")
    _table(record, page)
    full = Augmentation()
    page.say(
        f"An amount of 1 shifts by up to {full.shift:g} pixels, turns by up to {full.rotate:g} "
        f"degrees, scales by up to {say(full.scale, 0)} and slants by up to {full.slant:g} columns "
        "a row, as training on moved pictures does. The amount is chosen on each seed's validation "
        "set by the mean loss, for each way of training by itself; the test set is read once with "
        "it. So many views take so many times the work."
    )


def _table(record: Record, page: Page) -> None:
    rows: list[list[object]] = []
    for name in (PLAIN, MOVED):
        for i, views in enumerate(record["views"]):
            p, q = (_values(record, name, "accuracy", kind)[:, i] for kind in AVERAGES)
            losses = (_values(record, name, "loss", kind)[:, i] for kind in AVERAGES)
            rows.append([
                name, views, say(p), say(q), *(say(x, 4, percent=False) for x in losses),
                difference(p, q).say() if i else None,
            ])  # fmt: skip
    page.table(
        ("", "views", "accuracy, probabilities", "accuracy, logits", "loss, probabilities",
         "loss, logits", "accuracy, logits less probabilities"),
        rows,
        caption="The mean of the views' probabilities, and softmax of the mean of their logits "
        "(their geometric mean): mean ± standard deviation over "
        f"{counted(len(record['seeds']), 'seed')}, amounts "
        + ", ".join(f"{a:g} ({name})" for name, a in record["chosen"].items()) + ".",
    )  # fmt: skip


def _values(
    record: Record, name: str, what: str, average: str = "probabilities"
) -> NDArray[np.float64]:
    """A figure by seed and number of views, (seeds, views)."""
    return np.asarray([of[average][what] for of in record["test"][name]], np.float64)


EXPERIMENT = Experiment(
    name="many_views",
    question="Does it help to read a picture several times, each time moved a little?",
    measure=measure,
    report=report,
)
