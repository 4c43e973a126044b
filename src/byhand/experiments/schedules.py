"""Should the learning rate fall? One convolution with eight schedules of the same highest rate.

One convolution of 8 kernels, Adam, batches of 64, {steps:,} steps; the last epoch's weights are
kept. The study takes 8,440 steps and lowers the rate every 500; here it falls after the same part
of the way. All schedules but one have the study's highest rate, 0.01; none was tuned: the
comparison says what can be made of this rate, not which schedule is best. A rate that falls is also
lower on average, so a constant low rate stands beside them.
"""

from __future__ import annotations

import numpy as np

from byhand import optim, plots
from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import mean, say
from byhand.recipes import Network, Recipe, prepare

RATE = 0.01  # the study's
FALL, OFTEN = 0.9, 500 / 8_440  # likewise: by a tenth every 500 of its 8,440 steps
CONSTANT, LOW, STEP, WARM = "constant", "constant low", "step", "warm-up + cosine"
COSINE = "cosine"
POINTS = 200  # of each schedule that are drawn


def schedules(steps: int) -> dict[str, optim.Schedule]:
    """By name, for a run of so many steps; each but the second has RATE as its highest."""
    every = max(1, round(OFTEN * steps))
    cosine = optim.Cosine(RATE)
    by_name: dict[str, optim.Schedule] = {
        CONSTANT: optim.Constant(RATE),
        LOW: optim.Constant(0.3 * RATE),  # is a falling rate good only because it is lower?
        STEP: optim.Step(RATE, factor=FALL, every=every),
        "exponential": optim.Exponential(RATE, factor=0.01 ** (1 / steps)),  # to a hundredth
        "inverse time": optim.InverseTime(RATE, decay=9 / steps),  # to a tenth
        COSINE: cosine,
        WARM: optim.WarmUp(cosine, steps=max(1, steps // 10)),
        "one cycle": optim.OneCycle(RATE),
    }
    return {name: schedule.over(steps) for name, schedule in by_name.items()}


def measure(lab: Lab) -> Record:
    """Train each schedule with each seed."""
    steps = _steps(lab, _recipe(lab, optim.Constant(RATE)))
    chosen = schedules(steps)
    _, record = variants.train(lab, {name: _recipe(lab, s) for name, s in chosen.items()})
    at = np.unique(np.linspace(0, steps - 1, POINTS).astype(int))
    return {
        **record,
        "steps": steps,
        "schedules": {name: str(schedule) for name, schedule in chosen.items()},
        "at": at.tolist(),
        "rates": {name: [schedule(int(t)) for t in at] for name, schedule in chosen.items()},
    }


def report(record: Record, page: plots.Page) -> None:
    """The schedules, the curves, and whether a rate that falls reads better."""
    variants.conclude(record, page)
    _claims(record, page)
    page.heading("The schedules")
    # Lines without bands: a schedule is the same for every seed.
    ax = plots.curves_over_runs(
        np.asarray(record["at"]) + 1, {name: [of] for name, of in record["rates"].items()},
        plots.new_axes(8.0, 4.6), xlabel="step", ylabel="learning rate",
    )  # fmt: skip
    page.figure("schedules", ax)
    page.heading("By epoch")
    variants.curves(record, page, "train_loss", log_y=True)
    variants.curves(record, page, "validation_accuracy")
    page.heading("At the end")
    variants.compared(record, page)
    means = {name: f"{mean(rates):.2g}" for name, rates in record["rates"].items()}
    variants.table(record, page, "schedule", {"mean rate": means})
    variants.against(record, page, CONSTANT)
    page.listing("\n".join(f"{name:20s} {text}" for name, text in record["schedules"].items()))


def _claims(record: Record, page: plots.Page) -> None:
    accuracy = record["test_accuracy"]
    for text, less, more in (
        ("The rate is lowered by a tenth now and then: it reads better than constant.",
         CONSTANT, STEP),
        ("Schedules help: cosine reads better than a constant low rate, too.", LOW, COSINE),
    ):  # fmt: skip
        gain = variants.pair(record, less, more)
        page.claim(
            text,
            gain.is_more,
            f"{more} less {less}: {gain.say()} ({say(accuracy[more])} and {say(accuracy[less])})",
        )


def _steps(lab: Lab, recipe: Recipe) -> int:
    pictures = len(prepare(recipe, lab.splits, 0).train)
    steps = -(-pictures // recipe.batch_size) * (recipe.epochs or 1)
    return steps if recipe.steps is None else min(steps, recipe.steps)


def _recipe(lab: Lab, schedule: optim.Schedule) -> Recipe:
    return lab.recipe("one_conv", model=Network("one_conv", {"kernels": 8}), schedule=schedule,
                      epochs=lab.pick(5, 15))  # fmt: skip


EXPERIMENT = Experiment(
    "schedules", "Should the learning rate fall while a network trains, and how?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}; {studies.DEEP_CONVNET}",
)  # fmt: skip
