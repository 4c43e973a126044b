"""Which settings are best? Optuna's search over rate, batch and kernels, on one machine or many.

    byhand experiment search                              # 40 trials; again: goes on where it was
    byhand experiment search --set trials=80              # 40 more
    byhand experiment search --set storage=postgresql://me@host/byhand --set study=night

With a data base that several machines reach, give the last command on each of them: they work on
one study, and each stops when it has its trials (those that others are busy with count). Leave the
password to ~/.pgpass or PGPASSWORD, or write it into the URL; records hold *** in its place.
Without one the study is a file in the experiment's folder; --fresh begins it anew.

Searched are the highest rate of a cosine (0.0001 to 0.1), the batch and the number of kernels of
one_conv. Optuna's TPE (Bergstra and others, 2011) proposes {together} trials at a time, after some
that are drawn at random; a trial is stopped where after an epoch its best validation accuracy is
below the median of the whole trials at that epoch. Every trial has the same split and start. The
test set is read once, at the end; the best of many trials owes part of its validation accuracy to
chance, so what it gains on the test set may be less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from byhand import models, optim, plots, recipes, training
from byhand.data import Splits
from byhand.errors import InputError
from byhand.experiments.lab import Experiment, Lab, Record
from byhand.experiments.lab.secrets import masked
from byhand.experiments.lab.statistics import counted, difference, say
from byhand.experiments.lab.train import as_plain, from_plain
from byhand.experiments.search.study import Study
from byhand.recipes import Network, Recipe

RECIPE = "one_conv"
SPACE: dict[str, tuple[float, float] | list[int]] = {
    "rate": (1e-4, 0.1),
    "batch_size": [16, 32, 64, 128, 256],
    "kernels": [4, 8, 16, 24, 32],
}
SEED = 0  # of the sampler and of every trial: settings are compared on the same pictures
FILE = "study-{data}.db"  # a file for each set of data


def measure(lab: Lab) -> Record:
    """Search, then train the best settings and the recipe's own with several seeds."""
    given: Mapping[str, Any] = lab.settings or EXPERIMENT.settings
    for name in ("trials", "epochs", "together"):
        if given[name] < 1:
            raise InputError(f"{name} is {given[name]}, but it must be at least 1")
    trials = min(given["trials"], lab.pick(given["trials"], 12, 4))
    whole = lab.recipe(RECIPE)
    short = replace(whole, epochs=min(given["epochs"], lab.pick(given["epochs"], 2, 1)))
    file = lab.folder / FILE.format(data=lab.splits.sha256[:8])
    if lab.workers.fresh and not given["storage"]:
        file.unlink(missing_ok=True)
    alike = {"recipe": as_plain(short), "data": lab.splits.sha256}
    study = Study(given["storage"] or file, given["study"], lab.folder, SEED, SPACE, alike)
    with closing(study):
        done = len(study.trials())
        while asked := study.ask(given["together"], trials):
            bars = study.bars()
            tasks = [{"recipe": as_plain(chosen(short, settings)), "seed": SEED, "bars": bars}
                     for _, settings in asked]  # fmt: skip
            results = _counting(lab, done, trials).each(train_trial, tasks, what="trials")
            for (number, _), of in zip(asked, results, strict=True):
                study.tell(number, of["values"], of["pruned"], diverged=bool(of["diverged"]))
            done += len(asked)
        told, unfinished, importance = study.trials(), study.unfinished(), study.importance()
    best = best_of(told)
    found_best, own = lab.train([chosen(whole, best["settings"]), whole], seeds=3)
    return {
        "study": given["study"],
        "storage": masked(given["storage"]) or file.name,
        "trials": told,
        "unfinished": unfinished,
        "importance": importance,
        "best": best,
        "epochs": {"trial": short.epochs, "end": whole.epochs},
        "together": given["together"],
        "seeds": [run.seed for run in own],
        "test_accuracy": {"found": [run.test_accuracy for run in found_best],
                          "own": [run.test_accuracy for run in own]},
        "parameters": {"found": found_best[0].parameters, "own": own[0].parameters},
        "own": f"{whole.schedule}, batches of {whole.batch_size} and "
               f"{models.options(RECIPE)['kernels']} kernels",
    }  # fmt: skip


def chosen(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with a trial's settings; the rate falls to 0 as half a cosine."""
    return replace(
        recipe,
        model=Network(RECIPE, {"kernels": settings["kernels"]}),
        schedule=optim.Cosine(float(f"{settings['rate']:.3g}")),
        batch_size=settings["batch_size"],
    )


def train_trial(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, bars: Sequence[float]
) -> dict[str, Any]:
    """Train; the validation accuracy after each epoch, and whether it was stopped early.

    It is where its best so far is below the epoch's bar. One that diverges has 0 from there on.
    """
    page = from_plain(recipe)
    values: list[float] = []
    pruned, diverged = False, ""
    try:
        for record in recipes.train(recipes.prepare(page, splits, seed)):
            assert isinstance(record, training.EpochRecord)
            values.append(record.validation_accuracy or 0.0)
            at = len(values) - 1
            if pruned := at < len(bars) and max(values) < bars[at]:
                break
    except training.Diverged as error:
        values += [0.0] * ((page.epochs or 1) - len(values))
        diverged = str(error)
    return {"values": values, "pruned": pruned, "diverged": diverged}


def best_of(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The whole trial with the highest accuracy; of equal ones the first.

    Raises:
        InputError: there is none yet.
    """
    whole = [trial for trial in trials if not trial["pruned"]]
    if not whole:
        raise InputError("no trial of the study is finished yet; run it again when some are")
    return dict(max(whole, key=lambda trial: trial["values"][-1]))


def command(settings: Mapping[str, Any]) -> str:
    """What trains with these settings."""
    recipe = chosen(recipes.get(RECIPE), settings)
    assert isinstance(recipe.schedule, optim.Cosine)
    return (
        f"byhand train {RECIPE} --set batch_size={recipe.batch_size} "
        f"--set model.kernels={recipe.model.settings['kernels']} "
        f"--set 'schedule=Cosine({recipe.schedule.rate:g})'"
    )


def report(record: Record, page: plots.Page) -> None:
    """The best settings, how the search went, and what the test set says of it."""
    trials, best, accuracy = record["trials"], record["best"], record["test_accuracy"]
    pruned = sum(trial["pruned"] for trial in trials)
    page.conclude(
        f"Of {counted(len(trials), 'trial')}, {pruned} of them stopped early, the best is number "
        f"{_number(best)}: {_as_words(best['settings'])}, with a validation accuracy of "
        f"{say([best['values'][-1]])} after {counted(record['epochs']['trial'], 'epoch')}."
    )
    more = difference(accuracy["own"], accuracy["found"])
    page.conclude(
        f"Trained for {counted(record['epochs']['end'], 'epoch')}, these settings read "
        f"{say(accuracy['found'])} of the test set, the recipe's own {say(accuracy['own'])}: "
        f"{more.say()}" + ("." if more.sign else ", which the seeds do not tell from none.")
    )
    page.listing(command(best["settings"]))
    page.table(
        ["settings", "parameters", "test accuracy"],
        [[_as_words(best["settings"]), record["parameters"]["found"], say(accuracy["found"])],
         [f"the recipe's own: {record['own']}", record["parameters"]["own"],
          say(accuracy["own"])]],
    )  # fmt: skip
    page.note(f"Mean ± standard deviation over {counted(len(record['seeds']), 'seed')}.")
    page.heading("How the search went")
    _history(record, page)
    page.heading("What was tried")
    _tried(record, page)
    if record["importance"]:
        page.table(
            ["setting", "share of the variance"],
            [[name.replace("_", " "), f"{share:.0%}"]
             for name, share in sorted(record["importance"].items(), key=lambda kv: -kv[1])],
            "How much each setting explains of the accuracy of the whole trials, by functional "
            "ANOVA of a random forest (Optuna's fANOVA; Hutter and others, 2014).",
        )  # fmt: skip
    ranked = sorted(trials, key=lambda t: (t["pruned"], -t["values"][-1]))[:10]
    page.table(
        ["trial", "rate", "batch", "kernels", "validation accuracy", "epochs"],
        [[str(_number(t)), f"{t['settings']['rate']:.3g}", t["settings"]["batch_size"],
          t["settings"]["kernels"], say([t["values"][-1]]), len(t["values"])] for t in ranked],
        f"The best {counted(len(ranked), 'trial')}, those that were stopped early last.",
    )  # fmt: skip
    _explained(record, page)


def _history(record: Record, page: plots.Page) -> None:
    trials = record["trials"]
    number = np.array([_number(trial) for trial in trials], np.float64)
    error = np.array([1 - trial["values"][-1] for trial in trials])
    pruned = np.array([trial["pruned"] for trial in trials])
    least = np.minimum.accumulate(np.where(pruned, 1.0, error))
    points = {"trial": (number[~pruned], error[~pruned])}
    if pruned.any():
        points["stopped early"] = (number[pruned], error[pruned])
    ax = plots.xy(
        {"best so far": (number, least), **points}, plots.new_axes(8.0, 4.6),
        xlabel="trial", ylabel="validation error", log_y=True, percent=True, points=tuple(points),
    )  # fmt: skip
    page.figure("history", ax)


def _tried(record: Record, page: plots.Page) -> None:
    trials = record["trials"]
    for name, label in (("batch_size", "batch of {}"), ("kernels", "{} kernels")):
        series = {}
        for value in SPACE[name]:
            of = [trial for trial in trials if trial["settings"][name] == value]
            rates = [trial["settings"]["rate"] for trial in of]
            if of:
                series[label.format(value)] = rates, [1 - trial["values"][-1] for trial in of]
        ax = plots.xy(
            series, plots.new_axes(8.0, 4.6), xlabel="highest learning rate",
            ylabel="validation error", log_x=True, log_y=True, percent=True, points=tuple(series),
        )  # fmt: skip
        page.figure(
            f"tried_{name}", ax, caption="A trial that was stopped early stands where it was then."
        )


def _explained(record: Record, page: plots.Page) -> None:
    theirs = sum(not trial["ours"] for trial in record["trials"])
    diverged = sum(trial["diverged"] for trial in record["trials"])
    page.say(
        f"{diverged} trials diverged, and count as reading nothing. The study is "
        f"{record['study']!r} in {record['storage']}; trials made elsewhere: {theirs}; not "
        f"finished: {record['unfinished']}."
    )


def _counting(lab: Lab, done: int, total: int) -> Lab:
    """The lab, telling its progress with the trials done before."""
    return replace(lab, progress=lambda what, n, _: lab.progress(what, done + n, total))


def _as_words(settings: Mapping[str, Any]) -> str:
    return (
        f"a rate of {settings['rate']:.3g}, batches of {settings['batch_size']} and "
        f"{settings['kernels']} kernels"
    )


def _number(trial: Mapping[str, Any]) -> int:
    """A trial's number on the page, from 1; Optuna counts from 0."""
    return int(trial["number"]) + 1


EXPERIMENT = Experiment(
    "search", "Which rate, batch and number of kernels are best, where a search chooses?",
    measure, report, __doc__,
    settings={"trials": 40, "storage": "", "study": RECIPE, "epochs": 4, "together": 4},
)  # fmt: skip
