"""The same network trained several ways: what those experiments have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from byhand import plots
from byhand.experiments.lab import Lab
from byhand.experiments.lab.experiment import Record
from byhand.experiments.lab.outcomes import accuracies, left_chance
from byhand.experiments.lab.statistics import (
    Difference,
    counted,
    difference,
    mean,
    more_or_less,
    say,
)
from byhand.experiments.lab.train import Trained
from byhand.plots import Page
from byhand.recipes import Recipe, prepare

CURVES = {
    "train_loss": "training loss (mean cross-entropy)",
    "validation_loss": "validation loss (mean cross-entropy)",
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
}


def train(
    lab: Lab, recipes: Mapping[str, Recipe], seeds: int = 5
) -> tuple[dict[str, list[Trained]], Record]:
    """Train each way with each seed; gives the runs by way, and their record."""
    runs = dict(zip(recipes, lab.train(recipes.values(), seeds), strict=True))
    learnt = prepare(next(iter(recipes.values())), lab.splits, 0).train
    return runs, measured(runs, len(learnt.classes), len(learnt))


def measured(runs: Mapping[str, Sequence[Trained]], classes: int, pictures: int) -> Record:
    """The record of trainings `runs[way][seed]` on so many `pictures`: what the reports read.

    A run that diverged reads no better than a guess among `classes`, and is counted so; its loss is
    NaN. Curves end with NaN where a run ended before the others.
    """
    longest = max(1, *(len(run.epochs) for of in runs.values() for run in of))
    return {
        "ways": list(runs),
        "pictures": pictures,
        "seeds": [run.seed for run in next(iter(runs.values()))],
        "epochs": list(range(1, longest + 1)),
        "parameters": {way: of[0].parameters for way, of in runs.items()},
        "test_accuracy": {way: accuracies(of, classes) for way, of in runs.items()},
        "test_loss": {way: [run.test_loss for run in of] for way, of in runs.items()},
        "diverged": {way: sum(bool(run.diverged) for run in of) for way, of in runs.items()},
        "at_chance": {  # of the others
            way: left_chance([r.test_accuracy for r in of if not r.diverged], classes).count(False)
            for way, of in runs.items()
        },
        "curves": {
            what: {
                way: [_padded(run.curve(what), longest) for run in of] for way, of in runs.items()
            }
            for what in CURVES
        },
    }  # fmt: skip


def at_epoch(record: Record, what: str, way: str, epoch: int) -> list[float]:
    """A figure of `way` after so many epochs, one a seed; NaN where the run had ended.

    -1 is the last epoch that a run came to.
    """
    curves = np.array(record["curves"][what][way], np.float64)  # (seeds, epochs); None is NaN
    if epoch > 0:
        return [float(value) for value in curves[:, epoch - 1]]
    known = [curve[np.isfinite(curve)] for curve in curves]
    return [float(curve[-1]) if len(curve) else math.nan for curve in known]


def pair(record: Record, less: str, more: str, what: str = "test_accuracy") -> Difference:
    """How much more `more` has of `what` than `less`, seed by seed."""
    return difference(record[what][less], record[what][more])


def norm_speeds(record: Record, page: Page, without: str, norm: str) -> None:
    """The claim that batch norm makes training converge faster."""
    first = [at_epoch(record, "validation_loss", way, 1) for way in (without, norm)]
    faster = difference(*first)
    page.claim(
        "Batch norm makes training converge faster.",
        faster.is_less,
        f"validation loss after the first epoch, with it less without: {faster.say(3, False)}",
    )


def all_of(verdicts: Iterable[bool | None]) -> bool | None:
    """True where all are, False where one is false, None where it cannot be told."""
    found = list(verdicts)
    return False if False in found else None if None in found else True


def ranked(record: Record) -> list[str]:
    """The ways by their mean test accuracy, the highest first."""
    return sorted(record["ways"], key=lambda way: -mean(record["test_accuracy"][way]))


def conclude(record: Record, page: Page) -> None:
    """Which way reads best, from which others the seeds tell it apart, and which is the last."""
    best, *others = ranked(record)
    accuracy, n = record["test_accuracy"], len(record["seeds"])
    text = (
        f"The highest mean test accuracy is that of {best}, {say(accuracy[best])} over "
        f"{counted(n, 'seed')}"
    )
    lower = [way for way in others if pair(record, way, best).sign > 0]
    unclear = [way for way in others if way not in lower]
    if not lower:
        text += "; the seeds tell it from none of the others"
    elif not unclear:
        text += "; the seeds tell it from every other"
    elif len(lower) < len(unclear):
        text += f"; the seeds tell it only from {listed(lower)}"
    else:
        text += f"; the seeds do not tell it from {listed(unclear)}"
    page.conclude(f"{text}. The lowest is that of {others[-1]}, {say(accuracy[others[-1]])}.")


def listed(names: Sequence[str]) -> str:
    """The names in a sentence: "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def said_diverged(names: Sequence[str]) -> str:
    """A sentence with a space before it that says how runs of `names` count; "" of none."""
    if not names:
        return ""
    return (
        f" Runs of {listed(names)} diverged: they count as reading no better than a guess, and "
        "have no test loss."
    )


def table(
    record: Record,
    page: Page,
    name: str,
    first: Mapping[str, Mapping[str, object]] | None = None,
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> None:
    """A row a way; `first` and `more` are columns (header to way to cell) before and after ours."""
    first, more = first or {}, more or {}
    header = ["test accuracy", "test loss", "last epoch: training loss", "validation accuracy"]
    rows: list[list[object]] = []
    for way in record["ways"]:
        last = {what: at_epoch(record, what, way, -1) for what in CURVES}
        row = [way, *(column[way] for column in first.values()),
               say(record["test_accuracy"][way]), say(record["test_loss"][way], 4, False),
               say(last["train_loss"], 4, False),
               say(last["validation_accuracy"]),
               *(column[way] for column in more.values())]  # fmt: skip
        rows.append(row)
    page.table([name, *first, *header, *more], rows)
    page.note(
        f"Mean ± standard deviation over {counted(len(record['seeds']), 'seed')}. Training loss is "
        "that of the epoch's batches as they were met."
        + said_diverged([way for way in record["ways"] if record["diverged"][way]])
    )


def against(
    record: Record, page: Page, base: str, columns: Mapping[str, str] | None = None
) -> None:
    """A table of how much more each other way has than `base`, and what the seeds say of it.

    `columns` are headers to what they show of the record; test accuracy where none is given.
    """
    shown = columns or {"test accuracy": "test_accuracy"}
    rows: list[list[object]] = []
    for way in record["ways"]:
        if way != base:
            row: list[object] = [way]
            for what in shown.values():
                found = pair(record, base, way, what)
                row += [found.say(), more_or_less(found.sign, "more", "less", "cannot be told")]
            rows.append(row)
    header = [part for name in shown for part in (name, "so it is")]
    page.table(
        [f"against {base}", *header], rows,
        caption=f"Each way less {base}, seed by seed. Each difference has its own 95 % interval: "
        "of twenty between ways that do not differ, one would seem to.",
    )  # fmt: skip


def curves(
    record: Record,
    page: Page,
    what: str,
    *,
    ways: Sequence[str] | None = None,
    caption: str = "",
    log_y: bool = False,
    spread: Literal["band", "lines"] = "band",
) -> None:
    """A figure of CURVES by epoch, a mean line a way with its deviation over the seeds."""
    if len(record["epochs"]) < 2:
        page.note(f"There was one epoch, so no curve of the {CURVES[what]} is drawn.")
        return
    chosen = record["ways"] if ways is None else ways
    of = record["curves"][what]
    percent = what.endswith("accuracy")
    ax = plots.curves_over_runs(
        record["epochs"],
        {way: np.asarray(of[way], np.float64) for way in chosen},
        plots.new_axes(8.0, 4.6),
        xlabel="epoch",
        ylabel=CURVES[what],
        percent=percent,
        log_y=log_y,
        spread=spread,
    )
    page.figure(what, ax, caption=caption)


def compared(record: Record, page: Page, caption: str = "") -> None:
    """A figure of the test accuracy: a row a way, a dot a seed, mean and deviation."""
    dots(record["test_accuracy"], page, "test_accuracy", "test accuracy", caption)


def dots(
    values: Mapping[str, Sequence[float]],
    page: Page,
    name: str,
    xlabel: str,
    caption: str = "",
    percent: bool = True,
) -> None:
    """The same of any values by way and seed, shares of 1 or other numbers."""
    page.figure(name, plots.compare(values, xlabel=xlabel, percent=percent), caption=caption)


def ended(record: Record, way: str) -> str:
    """How many runs diverged, and how many others never left chance, in words."""
    n = len(record["seeds"])
    counts = {"diverged": record["diverged"][way], "at chance": record["at_chance"][way]}
    return ", ".join(f"{k} of {n} {what}" for what, k in counts.items() if k) or "none"


def _padded(curve: Sequence[float], length: int) -> list[float]:
    return [*curve, *[math.nan] * (length - len(curve))]
