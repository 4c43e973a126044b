"""One setting varied, everything else as it was: what several experiments have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from byhand import plots
from byhand.experiments.lab import outcomes, statistics, ways
from byhand.experiments.lab.experiment import Record
from byhand.experiments.lab.train import Trained
from byhand.plots import Page


def measured(values: Sequence[Any], runs: Sequence[Sequence[Trained]], classes: int) -> Record:
    """The record of trainings `runs[i][seed]` at setting `values[i]`: what the reports read.

    A run that diverged reads no better than a guess among `classes`, and is counted so; its loss is
    NaN.
    """
    return {
        "values": list(values),
        "seeds": [run.seed for run in runs[0]],
        "parameters": [of[0].parameters for of in runs],
        "operations": [of[0].operations for of in runs],
        "test_accuracy": [outcomes.accuracies(of, classes) for of in runs],
        "test_loss": [[run.test_loss for run in of] for of in runs],
        "train_accuracy": [[run.train_accuracy for run in of] for of in runs],
        "train_loss": [[run.train_loss for run in of] for of in runs],
        "diverged": [sum(bool(run.diverged) for run in of) for of in runs],
    }


def table(
    record: Record, page: Page, name: str, labels: Sequence[str], study: Mapping[str, Sequence[Any]]
) -> None:
    """A row a setting: parameters, operations, accuracy and loss over the seeds, the study's."""
    header = [name, "parameters", "operations", "test accuracy", "test loss", "training accuracy"]
    rows: list[list[object]] = []
    for i, label in enumerate(labels):
        rows.append(
            [
                label,
                record["parameters"][i],
                record["operations"][i],
                statistics.say(record["test_accuracy"][i]),
                statistics.say(record["test_loss"][i], 4, percent=False),
                statistics.say(record["train_accuracy"][i]),
                *(figures[i] for figures in study.values()),
            ]
        )
    page.table([*header, *study], rows)
    page.note(
        f"Mean ± standard deviation over {statistics.counted(len(record['seeds']), 'seed')}. "
        "Operations are those of one picture's way forward; a multiply-add is two. Training "
        "accuracy is that of the last epoch's batches as they were met."
        + ways.said_diverged(
            [label for label, n in zip(labels, record["diverged"], strict=True) if n]
        )
    )


def curves(
    record: Record,
    page: Page,
    xlabel: str,
    accuracy: Mapping[Any, float],
    loss: Mapping[Any, float],
    log_x: bool = False,
) -> None:
    """Accuracy and loss against the setting, with the study's own figures as points."""
    x = record["values"]
    for what, study, percent in (("accuracy", accuracy, True), ("loss", loss, False)):
        ours = record[f"test_{what}"]
        ax = plots.line_with_band(
            x,
            np.asarray(ours, np.float64),
            xlabel=xlabel,
            ylabel=f"test {what}" + ("" if percent else " (mean cross-entropy)"),
            percent=percent,
            log_x=log_x,
            ticks=x,
            reference=study,
            reference_name="the study, one run",
            name=f"ours, {statistics.counted(len(record['seeds']), 'seed')}",
        )
        page.figure(what, ax)
