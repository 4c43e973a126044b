"""An experiment in a folder: record.json and arrays.npz, pictures/, report.html.

    with Workers(splits, "runs/experiments/trainings") as workers:
        finished = run(get("channels"), splits, workers, "runs/experiments/channels")

Beside the experiments' folders `trainings/` keeps every finished training, so that what was
interrupted goes on, and experiments share what they train.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byhand import kernels, training
from byhand.data import Splits
from byhand.errors import DataError, InputError
from byhand.experiments.lab import FULL, SCALES, Lab, Scale, check_seeds, record
from byhand.experiments.lab.experiment import Experiment
from byhand.experiments.lab.secrets import masked
from byhand.experiments.lab.statistics import counted
from byhand.experiments.lab.workers import Workers
from byhand.recipes import read

if TYPE_CHECKING:
    from byhand.plots import Heading, Page

KEPT = "trainings"
REPORT = "report.html"


@dataclass(frozen=True)
class Finished:
    """An experiment that was done: its record as it is on the disk, and its page."""

    experiment: Experiment
    folder: Path
    report: Path
    record: dict[str, Any]
    heading: Heading
    page: Page


def run(
    experiment: Experiment,
    splits: Splits,
    workers: Workers,
    folder: str | Path,
    *,
    scale: Scale = FULL,
    seeds: int | None = None,
    settings: Sequence[str] = (),
    called: str = "",
    data: str | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Finished:
    """Measure, keep the record, draw and write the page.

    Args:
        experiment: what to do.
        splits: the data.
        workers: where tasks are done.
        folder: where the record, the pictures and the report go.
        scale: how much of it.
        seeds: how many, instead of as many as the experiment asks for.
        settings: `name=value` pairs that replace the experiment's.
        called: what the user named it by, a file perhaps; for the command on the page.
        data: the folder that the user named, for the same.
        progress: told (what, done, total) as tasks are done.

    Raises:
        InputError: a setting that the experiment does not have.
        FileWriteError: the folder cannot be written.
    """
    folder = Path(folder)
    check_seeds(seeds)
    chosen = apply(experiment, settings)
    lab = Lab(splits, workers, folder, scale, chosen, seeds, progress)
    began = time.perf_counter()
    measured = experiment.measure(lab)
    asked = {task.key(splits): task for task in lab.tasks}
    about = {
        "experiment": experiment.name,
        "called": called or experiment.name,
        "data": data,
        "question": experiment.question,
        "scale": scale.name,
        "seeds": seeds,
        "settings": [masked(setting) for setting in settings],
        "dataset": {
            "name": splits.name,
            "sha256": splits.sha256,
            "n_train": len(splits.train),
            "n_test": len(splits.test),
            "notes": list(splits.notes),
        },
        "versions": training.versions(),
        "machine": training.machine(),
        "layout": kernels.resolve_layout("auto"),
        "instruction_set": kernels.instruction_set(),
        "jobs": workers.jobs,
        "seconds": time.perf_counter() - began,
        "tasks": len(asked),
        "tasks_kept": sum(key not in workers.done for key in asked),
        "task_seconds": sum(workers.seconds(t) for t in asked.values() if not t.alone),
    }
    record.save(folder, {"about": about, **measured})
    return _drawn(experiment, folder)


def redrawn(experiment: Experiment, folder: str | Path) -> Finished:
    """The experiment as its record in `folder` has it, drawn again without measuring.

    Raises:
        DataError: there is no whole record, or one that another version of the page measured.
    """
    try:
        return _drawn(experiment, Path(folder))
    except KeyError as error:
        raise DataError(
            f"the record in {folder} has no {error}, which the page of {experiment.name} shows: "
            "another version measured it; run it again"
        ) from error


def _drawn(experiment: Experiment, folder: Path) -> Finished:
    from byhand.plots import Page, write_pages  # matplotlib only when there is something to draw
    from byhand.plots.page import PICTURES

    kept = record.load(folder)
    for picture in (folder / PICTURES).glob("*.*g"):  # those of a run that drew others
        picture.unlink()
    heading, page = _heading(experiment, kept["about"]), Page(folder)
    experiment.tell({name: value for name, value in kept.items() if name != "about"}, page)
    report = write_pages(folder / REPORT, [(heading, page)])
    return Finished(experiment, folder, report, kept, heading, page)


def write_all(finished: Sequence[Finished], path: str | Path) -> Path:
    """One page of all of them."""
    from byhand.plots import write_pages

    return write_pages(path, [(f.heading, f.page) for f in finished])


def apply(experiment: Experiment, settings: Sequence[str]) -> Mapping[str, Any]:
    """The experiment's settings with each `name=value` replaced.

    Raises:
        InputError: not of that form, an unknown name (lists those there are), or a value that
            does not fit.
    """
    values: dict[str, Any] = dict(experiment.settings)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in values:
            own = ", ".join(f"{k}={v}" for k, v in experiment.settings.items()) or "none"
            raise InputError(
                f"{experiment.name} has no setting {setting!r}; it takes name=value and has: {own}"
            )
        values[name] = read(name, text, type(experiment.settings[name]))
    return values


def _heading(experiment: Experiment, about: Mapping[str, Any]) -> Heading:
    from byhand.plots import Heading
    from byhand.plots.words import duration

    words = ["byhand", "experiment", about["called"]]
    if about["scale"] != "full":
        words.append(f"--{about['scale']}")
    if about["seeds"] is not None:
        words += ["--seeds", str(about["seeds"])]
    for setting in about["settings"]:
        words += ["--set", setting]
    if about["data"] is not None:
        words += ["--data", about["data"]]
    dataset, machine = about["dataset"], about["machine"]
    took = duration(about["seconds"])
    if about["tasks"]:
        took += f"; {about['tasks_kept']:,} of {counted(about['tasks'], 'task')} kept from before"
    if about["task_seconds"]:
        took += f"; {duration(about['task_seconds'])} of one core for all that is not timed"
    facts = [
        ("data", f"{dataset['name']}, {dataset['n_train']:,} training and {dataset['n_test']:,} "
                 f"test pictures (SHA-256 {dataset['sha256'][:16]}…)"),
        *(("note", note) for note in dataset["notes"]),
        ("machine", ", ".join(f"{k} {v}" for k, v in machine.items())),
        ("arithmetic", f"{about['layout']} on {about['instruction_set']}, {about['jobs']} at a "
                       "time, one thread each (what is timed: alone, with all threads)"),
        ("versions", ", ".join(f"{k} {v}" for k, v in about["versions"].items())),
        ("time", took),
    ]  # fmt: skip
    return Heading(
        name=experiment.name,
        question=experiment.question,
        study=experiment.study,
        warning=SCALES[about["scale"]].warning,
        command=shlex.join(words),
        facts=facts,
    )
