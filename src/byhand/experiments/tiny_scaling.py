"""Do more steps and more kernels help? tiny with both, from three starts.

The mean over runs of which some are at chance describes no run; the share at chance says how many
they are. A run of more steps is a run of its own, not a shorter one carried on, though with the
same seed it meets the same pictures first. The study's text names no momentum, but the optimiser it
uses may have one of 0.9, so both are run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from byhand import plots
from byhand.experiments.lab import Experiment, Lab, Record, outcomes, studies
from byhand.experiments.lab.statistics import counted, judge, mean, say
from byhand.recipes import Network

STEPS = (2_000, 5_000, 10_000, 20_000)
KERNELS = (1, 2, 4, 8)
RECIPES = ("tiny", "tiny_momentum", "tiny_he")
STARTS = {
    "tiny": "weights × 0.01",
    "tiny_momentum": "weights × 0.01, momentum 0.9",
    "tiny_he": "He's start, standardised pictures",
}
# Whose settings the study's may be: its text names no momentum, its optimiser may have had one.
STUDY_S = ("tiny", "tiny_momentum")
STUDY_SETTING = (1, 2_000)  # kernels, steps
STUDY_TEST, STUDY_VALIDATION = 0.8279, 0.8390


def measure(lab: Lab) -> Record:
    """Train each recipe for each number of steps, and with each number of kernels.

    More kernels are tried with the fewest and with the most steps.
    """
    steps = lab.pick(STEPS, (500, 2_000), (10, 20))
    kernels = lab.pick(KERNELS, (1, 4), (1, 2))
    # A training for each number of steps: a shorter one is no part of a longer one's record.
    settings = [
        (name, k, s)
        for name in RECIPES
        for k in kernels
        for s in (steps if k == kernels[0] else (steps[0], steps[-1]))
    ]
    recipes = [lab.recipe(name, model=_model(name, k), steps=s) for name, k, s in settings]
    done = lab.train(recipes, seeds=5)
    return {
        "steps": list(steps),
        "kernels": list(kernels),
        "seeds": [run.seed for run in done[0]],
        "runs": [
            {
                "recipe": name,
                "kernels": k,
                "steps": s,
                "test_accuracy": [run.test_accuracy for run in of],
                "validation_accuracy": [run.validation_accuracy for run in of],
            }
            for (name, k, s), of in zip(settings, done, strict=True)
        ],
    }


def _model(name: str, kernels: int) -> Network:
    settings: dict[str, Any] = {} if name == "tiny_he" else {"scale": 0.01}
    return Network("tiny", settings if kernels == 1 else {**settings, "kernels": kernels})


def report(record: Record, page: plots.Page) -> None:
    """Accuracy by steps and by kernels, the share that end at chance, the study's claims."""
    steps, kernels, n = record["steps"], record["kernels"], len(record["seeds"])
    accuracy = {(run["recipe"], run["kernels"], run["steps"]): run["test_accuracy"]
                for run in record["runs"]}  # fmt: skip
    names = list(dict.fromkeys(run["recipe"] for run in record["runs"]))
    one, many, few, most = kernels[0], kernels[-1], steps[0], steps[-1]
    stuck = {name: [_stuck(accuracy[name, one, s]) for s in steps] for name in names}
    for name in names:
        page.conclude(
            f"{name} ({STARTS[name]}): {say(accuracy[name, one, few])} with {_kernels(one)} and "
            f"{few:,} steps, {say(accuracy[name, one, most])} with {most:,} steps, "
            f"{say(accuracy[name, many, most])} with {_kernels(many)} too. With {_kernels(one)} "
            f"{say(stuck[name][0], 0)} of the runs are at chance after {few:,} steps, "
            f"{say(stuck[name][-1], 0)} after {most:,}."
        )
    for name in names:
        judge(page, f"More steps raise the accuracy ({name}).",
              f"from {few:,} to {most:,} steps, {_kernels(one)}",
              accuracy[name, one, few], accuracy[name, one, most], digits=1)  # fmt: skip
    for name in names:
        judge(page, f"More kernels raise what can be reached ({name}).",
              f"from {one} to {_kernels(many)}, {most:,} steps",
              accuracy[name, one, most], accuracy[name, many, most], digits=1)  # fmt: skip
    for run in record["runs"]:
        if run["recipe"] in STUDY_S and (run["kernels"], run["steps"]) == STUDY_SETTING:
            _single_run(page, run)
    by_steps = {name: [accuracy[name, one, s] for s in steps] for name in names}
    _by(page, "steps", steps, by_steps, "steps of two pictures", f"steps, {_kernels(one)}")
    for s in (few, most):
        by_kernels = {name: [accuracy[name, k, s] for k in kernels] for name in names}
        _by(page, f"kernels_{s}", kernels, by_kernels, "kernels", f"kernels, {s:,} steps")
    ax = plots.xy(
        {name: (steps, share) for name, share in stuck.items()},
        xlabel="steps of two pictures", ylabel="runs at chance",
        title=f"Runs at chance at the end, {_kernels(one)}", log_x=True, percent=True,
    )  # fmt: skip
    page.figure(
        "chance",
        ax,
        caption=f"At chance are runs that read at most {say(outcomes.CHANCE, 0)} of the test "
        f"pictures; {counted(n, 'seed')}.",
    )
    page.table(
        ("recipe", "kernels", "steps", "test accuracy", "validation accuracy", "at chance"),
        [
            [run["recipe"], run["kernels"], run["steps"], say(run["test_accuracy"]),
             say(run["validation_accuracy"]), say(_stuck(run["test_accuracy"]), 0)]
            for run in record["runs"]
        ],
        caption=f"Mean ± standard deviation over {counted(n, 'seed')}. The study, one run of "
        f"{STUDY_SETTING[1]:,} steps with {_kernels(STUDY_SETTING[0])}: {say(STUDY_TEST)} of the "
        f"test and {say(STUDY_VALIDATION, 1)} of the validation pictures.",
    )  # fmt: skip


def _single_run(page: plots.Page, run: dict[str, Any]) -> None:
    """Whether the study's run is one that ours would give, where ours has its settings."""
    test = np.asarray(run["test_accuracy"], np.float64)
    left = test[outcomes.left_chance(test)]  # as the study's did
    page.claim(
        f"{run['steps']:,} steps come to {say(STUDY_TEST)} of the test pictures and "
        f"{say(STUDY_VALIDATION, 1)} of the validation pictures ({run['recipe']}).",
        outcomes.is_like(left, STUDY_TEST) if len(left) else False,
        f"ours: {say(test)} and {say(run['validation_accuracy'])}, at best {say(max(test))} "
        f"of the test pictures; {len(left)} of {counted(len(test), 'seed')} left chance"
        + (f" and read {say(left)}" if len(left) else ""),
    )


def _by(
    page: plots.Page, file: str, x: list[int], values: dict[str, Any], xlabel: str, title: str
) -> None:
    runs = {name: np.asarray(of, np.float64).T for name, of in values.items()}  # (seeds, len(x))
    ax = plots.curves_over_runs(
        x, runs, xlabel=xlabel, ylabel="test accuracy",
        title=f"Accuracy by {title}", percent=True, log_x=True,
    )  # fmt: skip
    page.figure(file, ax, caption="Mean and deviation over the seeds.")


def _stuck(accuracy: list[float]) -> float:
    """The share of runs that ended at chance."""
    return 1 - mean(outcomes.left_chance(accuracy))


def _kernels(number: int) -> str:
    return counted(number, "kernel")


EXPERIMENT = Experiment(
    "tiny_scaling", "Do more steps and more kernels help a network that hardly learns?",
    measure, report, __doc__, study=studies.TINY,
)  # fmt: skip
