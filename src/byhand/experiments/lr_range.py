"""Which learning rate? The range test: a rate that grows step by step, and what the loss does.

`byhand experiment lr_range --set recipe=one_conv --set "optimiser=SGD(momentum=0.9)"` tests another
recipe. Smith, "Cyclical learning rates for training neural networks", 2017.

The rate grows by the same factor each step. The loss of a batch before its step is smoothed by the
mean over a fortieth of the steps to either side; where the mean of the latest losses is 4 times the
least, or a loss is no number, the test stops. The study says that too large a rate makes training
diverge. The suggestion is a tenth of the rate of the least loss, the geometric mean over the seeds:
a rule of thumb for a rate that stays the same, as a schedule that rises and falls bears a higher
peak. The check trains anew at constant rates, and reads the validation set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import optim, plots, recipes, training
from byhand.data import Splits
from byhand.experiments.lab import Experiment, Lab, Record, outcomes, studies, variants
from byhand.experiments.lab.statistics import counted, difference, judge, mean, say
from byhand.experiments.lab.train import as_plain, from_plain

LOW, HIGH = 1e-6, 10.0  # the rates gone through
BLOWN = 4.0  # the test stops where the loss is so many times the least
BELOW = 10.0  # the suggestion: so many times below the rate of the least loss
TIMES = (0.1, 1.0, 3.0, 10.0)  # of the suggested rate: what is trained with for the check


def measure(lab: Lab) -> Record:
    """The range test with each seed, then trainings at rates around the suggested one."""
    base = _base(lab)
    steps = lab.pick(400, 200, 20)
    swept = as_plain(replace(base, epochs=None, steps=steps))
    seeds = lab.seeds(5)
    given = [{"recipe": swept, "seed": seed, "low": LOW, "high": HIGH} for seed in seeds]
    tests = lab.each(sweep_rates, given, what="range tests")
    rates = np.asarray(tests[0]["rates"])
    smoothed = np.array([smooth(variants.padded(of["losses"], steps)) for of in tests])
    suggested = [suggest(rates, row) for row in smoothed]
    middle = float(f"{math.exp(mean(np.log(suggested))):.2g}")
    tried = [float(f"{middle * times:.2g}") for times in TIMES]
    runs = lab.train([replace(base, schedule=optim.Constant(rate)) for rate in tried], seeds)
    classes = len(lab.splits.train.classes)
    return {
        "recipe": base.name,
        "optimiser": _as_text(base.optimiser),
        "schedule": _as_text(recipes.get(base.name).schedule),
        "batch_size": base.batch_size,
        "epochs": base.epochs,
        "seeds": list(seeds),
        "rates": rates,
        "smoothed": smoothed,  # (seeds, steps), NaN where the test had stopped
        "blown": [of["blown"] for of in tests],
        "suggested": suggested,
        "middle": middle,
        "tried": tried,
        "accuracy": [outcomes.accuracies(of, classes, "validation_accuracy") for of in runs],
        "diverged": [sum(bool(r.diverged) for r in of) for of in runs],
    }


def sweep_rates(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, low: float, high: float
) -> dict[str, Any]:
    """Train with a rate that grows from low to high; the loss of each step, until it is blown up.

    `rates` are those of all steps. `blown` says whether the loss was no number, or its mean over
    the latest steps went beyond BLOWN times the least such mean.
    """
    page = from_plain(recipe)
    steps = page.steps or 1
    factor = (high / low) ** (1 / max(1, steps - 1))
    page = replace(page, schedule=optim.Exponential(low, factor))
    rates = [page.schedule(step) for step in range(steps)]
    losses: list[float] = []
    latest = _reach(steps) + 1
    least = math.inf
    try:
        for record in recipes.train(recipes.prepare(page, splits, seed), step_records=True):
            if isinstance(record, training.StepRecord):
                losses.append(record.loss)
                now = float(np.mean(losses[-latest:]))
                least = min(least, now)
                if now > BLOWN * least:
                    return {"rates": rates, "losses": losses, "blown": True}
    except training.Diverged:
        return {"rates": rates, "losses": losses, "blown": True}
    return {"rates": rates, "losses": losses, "blown": False}


def smooth(losses: ArrayLike) -> NDArray[np.float64]:
    """The mean over a fortieth of all steps to either side, fewer at the ends; NaN stays NaN."""
    values = np.asarray(losses, np.float64)
    reach, known = _reach(len(values)), np.isfinite(values)
    smoothed = np.full(len(values), np.nan)
    for i in map(int, np.flatnonzero(known)):
        near = min(reach, i, int(known.sum()) - 1 - i)  # as far to the left as to the right
        smoothed[i] = values[i - near : i + near + 1].mean()
    return smoothed


def suggest(rates: NDArray[np.float64], smoothed: ArrayLike) -> float:
    """A tenth of the rate at which the smoothed loss is least.

    At that rate itself the loss has stopped falling: it is already too high.
    """
    return float(rates[int(np.nanargmin(np.asarray(smoothed, np.float64)))] / BELOW)


def report(record: Record, page: plots.Page) -> None:
    """The loss against the rate, the suggestion, and how trainings around it end."""
    tried, accuracy = record["tried"], record["accuracy"]
    n, middle = len(record["seeds"]), record["middle"]
    seeds, rates = counted(n, "seed"), record["rates"]
    first = mean(record["smoothed"][:, 0])
    least = mean(np.nanmin(record["smoothed"], axis=1))
    low, high = min(record["suggested"]), max(record["suggested"])
    best = max(range(len(tried)), key=lambda i: (mean(accuracy[i]), i == 1))
    other = difference(accuracy[1], accuracy[best])
    page.conclude(
        f"For {record['recipe']} with {record['optimiser']} the loss goes from {first:.2f} to "
        f"{least:.2f}, where it is least, at a rate of {BELOW * middle:.2g}, so the test suggests "
        f"{middle:g} ({low:.2g} to {high:.2g} over {seeds}); the recipe itself has "
        f"{record['schedule']}."
    )
    epochs = counted(record["epochs"], "epoch")
    page.conclude(
        f"Trained for {epochs} at {variants.listed([f'{rate:g}' for rate in tried])}, the "
        f"validation accuracy is highest at {tried[best]:g}, {say(accuracy[best])}"
        + (": the suggested rate." if best == 1 else
           f"; at the suggested rate it is {say(accuracy[1])}, a difference of {other.say()}.")
    )  # fmt: skip
    judge(page, "With too small a rate training is slow.",
          f"after {epochs}, validation accuracy at {tried[1]:g} less that at {tried[0]:g}, a tenth",
          accuracy[0], accuracy[1])  # fmt: skip
    blown = sum(record["blown"])
    page.claim(
        # Less than the study says, which speaks of divergence: a network whose units are all dead
        # stays at chance, and its loss may be less than the first.
        "With too large a rate the loss rises again.",
        None if n < 2 or 0 < blown < n else blown == n,
        f"in the range test to {BLOWN:g} times its least, or it was no number, with {blown} of "
        f"{seeds} before the rate was {rates[-1]:g}; the constant rates of the check go no higher "
        f"than {tried[-1]:g}, where {record['diverged'][-1]} of {n} trainings broke off",
    )
    _figures(record, page)
    page.table(
        ["rate", "times the suggested", f"validation accuracy after {epochs}", "diverged"],
        [
            [f"{rate:g}", f"{times:g}", say(row), f"{diverged} of {n}"]
            for rate, times, row, diverged in zip(
                tried, TIMES, accuracy, record["diverged"], strict=True
            )
        ],
    )


def _figures(record: Record, page: plots.Page) -> None:
    rates, smoothed, middle = record["rates"], record["smoothed"], record["middle"]
    tried, accuracy = record["tried"], record["accuracy"]
    shown = np.where(smoothed > np.nanmax(smoothed[:, :1]) * 1.5, np.nan, smoothed)
    series = {f"seed {s}": (rates, row) for s, row in zip(record["seeds"], shown, strict=True)}
    ax = plots.xy(
        series, plots.new_axes(8.0, 4.6), xlabel="learning rate, growing step by step",
        ylabel="loss of the batches, smoothed", log_x=True,
        marks={f"suggested {middle:g}": middle, f"least {BELOW * middle:.2g}": BELOW * middle},
    )  # fmt: skip
    page.figure(
        "range",
        ax,
        caption=f"{rates.size} steps of {record['batch_size']} pictures. Too small a rate changes "
        "nothing; then the loss falls; then the steps are too long. Each line ends where the loss "
        "is blown up.",
    )
    ax = plots.line_with_band(
        tried, np.asarray(accuracy, np.float64),
        xlabel="learning rate, constant", ylabel="validation accuracy", percent=True, log_x=True,
        name="training",
    )  # fmt: skip
    page.figure("check", ax)


def _base(lab: Lab) -> recipes.Recipe:
    """The recipe that is asked for, for one or two epochs, with pictures to validate on."""
    settings: Mapping[str, Any] = lab.settings or EXPERIMENT.settings
    recipe = recipes.get(settings["recipe"])
    if settings["optimiser"]:
        recipe = recipes.apply(recipe, [f"optimiser={settings['optimiser']}"])
    fraction = recipe.validation_fraction or 0.1
    return lab.recipe(
        recipe.name, optimiser=recipe.optimiser, epochs=lab.pick(2, 5, 1), steps=None,
        validation_fraction=fraction, average=None, patience=None, keep_best=False,
    )  # fmt: skip


def _as_text(part: Any) -> str:
    """An optimiser or a schedule with those of its settings that are not as they always are."""
    values = {entry.name: (getattr(part, entry.name), entry.default) for entry in fields(part)}
    own = [f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
           for name, (value, default) in values.items() if value != default]  # fmt: skip
    return f"{type(part).__name__}({', '.join(own)})"


def _reach(steps: int) -> int:
    return steps // 40


EXPERIMENT = Experiment(
    "lr_range", "Which learning rate does a short test suggest, and is it a good one?",
    measure, report, __doc__, f"{studies.DEEP_CONVNET}, its advice to search for the learning rate",
    settings={"recipe": "lenet5", "optimiser": ""},
)  # fmt: skip
