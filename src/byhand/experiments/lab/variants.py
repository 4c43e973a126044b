"""A network trained in several variants (sizes, layers, optimisers): record, table and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from byhand import plots
from byhand.experiments.lab import Lab
from byhand.experiments.lab.experiment import Record
from byhand.experiments.lab.outcomes import accuracies, left_chance
from byhand.experiments.lab.statistics import (
    Difference,
    counted,
    difference,
    judge,
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
    """Train each variant with each seed; gives the runs by variant, and their record."""
    runs = dict(zip(recipes, lab.train(recipes.values(), seeds), strict=True))
    learnt = prepare(next(iter(recipes.values())), lab.splits, 0).train
    return runs, measured(runs, len(learnt.classes), len(learnt))


def measured(runs: Mapping[str, Sequence[Trained]], classes: int, pictures: int) -> Record:
    """The record of trainings `runs[variant][seed]` on so many `pictures`: what reports read.

    A run that diverged reads no better than a guess among `classes`, and is counted so; its loss is
    NaN. Curves end with NaN where a run ended before the others.
    """
    longest = max(1, *(len(run.epochs) for of in runs.values() for run in of))

    return {
        "variants": list(runs),
        "pictures": pictures,
        "seeds": [run.seed for run in next(iter(runs.values()))],
        "epochs": list(range(1, longest + 1)),
        "parameters": {v: of[0].parameters for v, of in runs.items()},
        "operations": {v: of[0].operations for v, of in runs.items()},
        "test_accuracy": {v: accuracies(of, classes) for v, of in runs.items()},
        "test_loss": {v: [run.test_loss for run in of] for v, of in runs.items()},
        "diverged": {v: sum(bool(run.diverged) for run in of) for v, of in runs.items()},
        "at_chance": {  # of the others
            v: left_chance([r.test_accuracy for r in of if not r.diverged], classes).count(False)
            for v, of in runs.items()
        },
        "curves": {
            what: {v: [padded(run.curve(what), longest) for run in of] for v, of in runs.items()}
            for what in CURVES
        },
    }


def at_epoch(record: Record, what: str, variant: str, epoch: int) -> list[float]:
    """A figure of `variant` after so many epochs, one a seed; NaN where the run had ended.

    -1 is the last epoch that a run came to.
    """
    curves = np.array(record["curves"][what][variant], np.float64)  # (seeds, epochs); None is NaN
    if epoch > 0:
        return [float(value) for value in curves[:, epoch - 1]]
    known = [curve[np.isfinite(curve)] for curve in curves]
    return [float(curve[-1]) if len(curve) else math.nan for curve in known]


def pair(record: Record, less: str, more: str, what: str = "test_accuracy") -> Difference:
    """How much more `more` has of `what` than `less`, seed by seed."""
    return difference(record[what][less], record[what][more])


def norm_speeds(record: Record, page: Page, without: str, norm: str) -> None:
    """The claim that batch norm makes training converge faster."""
    first = [at_epoch(record, "validation_loss", variant, 1) for variant in (without, norm)]
    judge(page, "Batch norm makes training converge faster.",
          "validation loss after the first epoch, with it less without", *first,
          less=True, digits=3, percent=False)  # fmt: skip


def all_of(verdicts: Iterable[bool | None]) -> bool | None:
    """True where all are, False where one is false, None where it cannot be told."""
    each = list(verdicts)
    return False if False in each else None if None in each else True


def ranked(record: Record) -> list[str]:
    """The variants by their mean test accuracy, the highest first."""
    return sorted(record["variants"], key=lambda variant: -mean(record["test_accuracy"][variant]))


def conclude(record: Record, page: Page) -> None:
    """Which variant reads best, which others the seeds tell from it, and which is the last."""
    best, *others = ranked(record)
    accuracy, n = record["test_accuracy"], len(record["seeds"])
    text = (
        f"The highest mean test accuracy is that of {best}, {say(accuracy[best])} over "
        f"{counted(n, 'seed')}"
    )
    lower = [variant for variant in others if pair(record, variant, best).sign > 0]
    unclear = [variant for variant in others if variant not in lower]
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


def table(
    record: Record,
    page: Page,
    name: str,
    first: Mapping[str, Mapping[str, object]] | None = None,
    more: Mapping[str, Mapping[str, object]] | None = None,
    costs: bool = False,
) -> None:
    """A row a variant: test figures and those of the last epoch, mean ± deviation over the seeds.

    `first` and `more` are columns (header to variant to cell) before and after these. With `costs`
    parameters and operations are shown, and of the last epoch the training accuracy only.
    """
    columns: dict[str, Mapping[str, object]] = dict(first or {})
    note = (
        f"Mean ± standard deviation over {counted(len(record['seeds']), 'seed')}, after "
        f"{counted(len(record['epochs']), 'epoch')} on {record['pictures']:,} training pictures. "
    )
    if costs:
        columns |= {what: record[what] for what in ("parameters", "operations")}
        note += "Operations are those of one picture's forward pass; a multiply-add is two. "
    columns["test accuracy"] = {v: say(of) for v, of in record["test_accuracy"].items()}
    columns["test loss"] = {v: say(of, 4, False) for v, of in record["test_loss"].items()}
    last = {
        "training accuracy": ("train_accuracy", 2), "last epoch: training loss": ("train_loss", 4),
        "validation accuracy": ("validation_accuracy", 2),
    }  # fmt: skip
    for header in list(last)[:1] if costs else list(last)[1:]:
        what, digits = last[header]
        columns[header] = {v: say(at_epoch(record, what, v, -1), digits, digits == 2)
                           for v in record["variants"]}  # fmt: skip
    columns |= more or {}
    rows = [[v, *(column[v] for column in columns.values())] for v in record["variants"]]
    page.table([name, *columns], rows)
    note += "Training figures are those of the last epoch's batches as they were met."
    if diverged := [v for v in record["variants"] if record["diverged"][v]]:
        note += (
            f" Runs of {listed(diverged)} diverged: they count as reading no better than a guess, "
            "and have no test loss."
        )
    page.note(note)


def figures_by_value(record: Record) -> tuple[dict[Any, list[float]], dict[Any, list[float]]]:
    """Test accuracies and losses by record["values"], the number that each variant stands for."""
    accuracy, loss = (
        dict(zip(record["values"], record[what].values(), strict=True))
        for what in ("test_accuracy", "test_loss")
    )
    return accuracy, loss


def report_by_value(
    record: Record,
    page: Page,
    name: str,
    xlabel: str,
    accuracy: Mapping[Any, float],
    loss: Mapping[Any, float],
    log_x: bool = False,
) -> None:
    """Test accuracy and loss by record["values"], in figures and a table, beside the study's."""
    x = record["values"]
    for what, study in (("accuracy", accuracy), ("loss", loss)):
        ax = plots.line_with_band(
            x,
            np.asarray(list(record[f"test_{what}"].values()), np.float64),
            xlabel=xlabel,
            ylabel=f"test {what}" + (" (mean cross-entropy)" if what == "loss" else ""),
            percent=what == "accuracy",
            log_x=log_x,
            ticks=x,
            reference=study,
            reference_name="the study, one run",
            name=f"ours, {counted(len(record['seeds']), 'seed')}",
        )
        page.figure(what, ax)
    named = list(zip(record["variants"], x, strict=True))
    study_columns = {
        "accuracy, study": {v: f"{accuracy[at]:.2%}" for v, at in named},
        "loss, study": {v: f"{loss[at]:.4f}" for v, at in named},
    }
    table(record, page, name, None, study_columns, costs=True)


def against(
    record: Record, page: Page, base: str, columns: Mapping[str, str] | None = None
) -> None:
    """A table of how much more each other variant has than `base`, and what the seeds say of it.

    `columns` are headers to what they show of the record; test accuracy where none is given.
    """
    shown = columns or {"test accuracy": "test_accuracy"}
    rows: list[list[object]] = []
    for variant in record["variants"]:
        if variant != base:
            row: list[object] = [variant]
            for what in shown.values():
                more = pair(record, base, variant, what)
                row += [more.say(), more_or_less(more.sign, "more", "less", "cannot be told")]
            rows.append(row)
    header = [part for name in shown for part in (name, "so it is")]
    page.table(
        [f"against {base}", *header], rows,
        caption=f"Each variant less {base}, seed by seed. Each has its own 95 % interval: of "
        "twenty differences between equal variants one would seem real.",
    )  # fmt: skip


def curves(
    record: Record,
    page: Page,
    what: str,
    *,
    variants: Sequence[str] | None = None,
    caption: str = "",
    log_y: bool = False,
    spread: Literal["band", "lines"] = "band",
) -> None:
    """A figure of CURVES by epoch, a mean line a variant with its deviation over the seeds."""
    if len(record["epochs"]) < 2:
        page.note(f"There was one epoch, so no curve of the {CURVES[what]} is drawn.")
        return
    chosen = record["variants"] if variants is None else variants
    of = record["curves"][what]
    percent = what.endswith("accuracy")
    ax = plots.curves_over_runs(
        record["epochs"],
        {variant: np.asarray(of[variant], np.float64) for variant in chosen},
        plots.new_axes(8.0, 4.6),
        xlabel="epoch",
        ylabel=CURVES[what],
        percent=percent,
        log_y=log_y,
        spread=spread,
    )
    page.figure(what, ax, caption=caption)


def compared(record: Record, page: Page, caption: str = "") -> None:
    """A figure of the test accuracy: a row a variant, a dot a seed, mean and deviation."""
    dots(record["test_accuracy"], page, "test_accuracy", "test accuracy", caption)


def dots(
    values: Mapping[str, Sequence[float]],
    page: Page,
    name: str,
    xlabel: str,
    caption: str = "",
    percent: bool = True,
) -> None:
    """The same of any values by variant and seed, shares of 1 or other numbers."""
    page.figure(name, plots.compare(values, xlabel=xlabel, percent=percent), caption=caption)


def ended(record: Record, variant: str) -> str:
    """How many runs diverged, and how many others never left chance, in words."""
    n = len(record["seeds"])
    counts = {"diverged": record["diverged"][variant], "at chance": record["at_chance"][variant]}
    return ", ".join(f"{k} of {n} {what}" for what, k in counts.items() if k) or "none"


def padded(curve: Sequence[float], length: int) -> list[float]:
    """The curve of a run that ended early, with NaN up to `length`."""
    return [*curve, *[math.nan] * (length - len(curve))]
