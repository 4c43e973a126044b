"""How large should a batch be? The noise of its gradient, what a step costs, and what is learnt."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from byhand import optim, plots, recipes
from byhand.data import Splits
from byhand.experiments.lab import Lab, studies
from byhand.experiments.lab.experiment import Experiment, Record
from byhand.experiments.lab.statistics import NBSP, counted, difference, mean, say
from byhand.experiments.lab.train import Trained, as_plain, from_plain
from byhand.experiments.parts.gradients import gradient_noise, slope
from byhand.plots import Page

SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
# The batch that RATE is for. RATE is half of the first that was tried, 0.02, with which batches of
# 2 diverged in a quick run; no other was looked at.
USUAL, RATE = 64, 0.01
# How the rate grows with the batch, as a power of it.
RULES = {"the same rate": 0.0, "rate ∝ √batch": 0.5, "rate ∝ batch": 1.0}
SAME, _, LINEAR = RULES


def measure(lab: Lab) -> Record:
    """The gradient's noise, the time of a step alone, and trainings with each batch and rule."""
    sizes = lab.pick(SIZES, (2, 8, 32, 64, 256, 1024), (2, 64, 256))
    base = lab.recipe(
        "one_conv", optimiser=optim.SGD(momentum=0.9), schedule=optim.Constant(RATE),
        batch_size=USUAL, epochs=5, train_limit=12_000,
    )  # fmt: skip
    draws = lab.pick(100, 40, 10)
    plain = as_plain(replace(base, epochs=1))
    given = [{"recipe": plain, "seed": s, "sizes": list(sizes), "draws": draws}
             for s in lab.seeds(5)]  # fmt: skip
    noise = lab.each(gradient_noise, given, what="gradients")
    steps = {size: max(10, lab.pick(40_000, 10_000, 500) // (size + 50)) for size in sizes}
    alone = replace(base, validation_fraction=0.0, epochs=None)
    timed = [
        {"recipe": as_plain(replace(alone, batch_size=size, steps=steps[size]))} for size in sizes
    ]
    seconds = lab.each(step_seconds, timed, what="timings", alone=True)
    of = {
        rule: lab.train([_recipe(base, size, power) for size in sizes], seeds=5)
        for rule, power in RULES.items()
    }
    chance = 1 / len(lab.splits.train.classes)
    return {
        "sizes": list(sizes),
        "seeds": list(lab.seeds(5)),
        "epochs": base.epochs,
        "draws": draws,
        "pictures": min(base.train_limit or 0, len(lab.splits.train)),
        "noise": np.array([found["noise"] for found in noise]),  # (seeds, sizes)
        "cosine": np.array([found["cosine"] for found in noise]),
        "seconds": [found["seconds"] for found in seconds],  # of one step
        "threads": lab.workers.threads,
        # What diverged reads no better than a guess.
        "accuracy": {rule: [_accuracy(row, chance) for row in rows] for rule, rows in of.items()},
        "diverged": {
            rule: [sum(bool(run.diverged) for run in row) for row in rows]
            for rule, rows in of.items()
        },
    }


def step_seconds(splits: Splits, folder: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The median time from one step of training to the next, drawing the batch included."""
    page = from_plain(recipe)
    steps = recipes.train(recipes.prepare(page, splits, 0), step_records=True)
    at = [time.perf_counter() for _ in steps]
    return {"seconds": float(np.median([b - a for a, b in pairwise(at[3:])]))}


def report(record: Record, page: Page) -> None:
    """Noise, speed, what is learnt, and which of the study's remarks hold."""
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    slopes = [slope(sizes, row) for row in noise]
    off = difference([-0.5] * len(slopes), slopes)
    expected = (
        f"which the seeds tell from −0.5, that is 1/√batch: {off.say(3, False)}"
        if off.sign
        else "which the seeds do not tell from −0.5, that is 1/√batch"
    )
    page.conclude(
        f"The noise of a batch's gradient goes from {mean(noise[:, 0]):.2g} times the length of "
        "the gradient of all pictures with "
        f"{sizes[0]} pictures to {mean(noise[:, -1]):.2g} with {sizes[-1]:,}: as the batch to the "
        f"power {say(slopes, 3, percent=False).replace('-', '−')}, {expected}."
    )
    rates = [size / s for size, s in zip(sizes, record["seconds"], strict=True)]
    page.conclude(
        f"On {counted(record['threads'], 'thread')} a step takes "
        f"{_time(record['seconds'][0])} with {sizes[0]} and {_time(record['seconds'][-1])} with "
        f"{sizes[-1]:,} pictures: {rates[0]:,.0f} and {rates[-1]:,.0f} pictures a second."
    )
    best = {
        rule: max(range(len(sizes)), key=lambda i: mean(of[i])) for rule, of in accuracy.items()
    }
    page.conclude(
        f"After {_epochs(record)} the validation accuracy is highest "
        + "; ".join(
            f"with {sizes[i]:,} pictures for {rule}, {say(accuracy[rule][i])}"
            for rule, i in best.items()
        )
        + "."
    )
    page.conclude(_scaled(record))
    _claims(record, page)
    _figures(record, page, rates)


def _scaled(record: Record) -> str:
    """Whether a rate in proportion to the batch leaves the accuracy as it is."""
    sizes, accuracy = record["sizes"], record["accuracy"][LINEAR]
    usual = sizes.index(USUAL)
    found = {
        size: difference(accuracy[usual], row)
        for size, row in zip(sizes, accuracy, strict=True)
        if size != USUAL
    }
    differ = ", ".join(f"{size:,}" for size, apart in found.items() if apart.sign)
    largest = max(found, key=lambda size: abs(found[size].mean))
    return (
        "With a rate in proportion to the batch the accuracy should stay as it is (Goyal et al., "
        f"2017). Against {USUAL} pictures the seeds tell a difference for "
        f"{differ or 'no other size'}; the largest, with {largest:,}, is {found[largest].say()}."
    )


def _claims(record: Record, page: Page) -> None:
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    less = difference(noise[:, -1], noise[:, 0])
    page.claim(
        "A batch's gradient is noisy, and the smaller the batch the more.",
        less.is_more,
        f"noise with {sizes[0]} pictures less that with {sizes[-1]:,}: {less.say(2, False)} times "
        "the gradient's length",
    )
    i = max(range(len(sizes)), key=lambda i: mean(accuracy[SAME][i]))
    worse = difference(accuracy[SAME][i], accuracy[SAME][0])
    page.claim(
        "Too much noise keeps training from converging.",
        None if i == 0 else worse.is_less,
        f"at the same rate, validation accuracy with {sizes[0]} pictures less that with "
        f"{sizes[i]:,}, the best: {worse.say()}",
    )
    page.claim(
        "The fewer pictures in a batch, the less a step costs.",
        record["seconds"][0] < record["seconds"][-1],
        f"a step takes {_time(record['seconds'][0])} with {sizes[0]} and "
        f"{_time(record['seconds'][-1])} with {sizes[-1]:,} pictures; for each picture that is "
        f"{_time(record['seconds'][0] / sizes[0])} and "
        f"{_time(record['seconds'][-1] / sizes[-1])}",
    )


def _figures(record: Record, page: Page, rates: Sequence[float]) -> None:
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    page.heading("Noise")
    straight = mean(noise[:, 0]) * np.sqrt(sizes[0] / np.asarray(sizes))
    ax = plots.xy(
        {"measured": (sizes, noise.mean(axis=0)), "1/√batch from the first": (sizes, straight)},
        xlabel="pictures in a batch", ylabel="noise ÷ length of the gradient",
        log_x=True, log_y=True,
    )  # fmt: skip
    page.figure(
        "noise",
        ax,
        caption="At 1 the gradient of a batch is as far from that of all pictures as that one is "
        "long.",
    )
    page.heading("Speed")
    ax = plots.xy(
        {"": (sizes, rates)}, xlabel="pictures in a batch",
        ylabel="pictures learnt from a second", log_x=True, log_y=True,
    )  # fmt: skip
    page.figure("speed", ax)
    page.heading("What is learnt")
    ax = plots.curves_over_runs(
        sizes, {rule: np.asarray(of, np.float64).T for rule, of in accuracy.items()},
        plots.new_axes(8.0, 4.6), xlabel="pictures in a batch", ylabel="validation accuracy",
        percent=True, log_x=True,
    )  # fmt: skip
    page.figure("accuracy", ax)
    page.table(
        ["batch", "noise", "cosine to the whole gradient", "steps a second", *RULES, "diverged"],
        [
            [f"{size:,}", say(noise[:, i], 2, False), say(record["cosine"][:, i], 2, False),
             f"{1 / record['seconds'][i]:,.0f}", *(say(accuracy[rule][i]) for rule in RULES),
             ", ".join(str(record["diverged"][rule][i]) for rule in RULES)]
            for i, size in enumerate(sizes)
        ],
    )  # fmt: skip
    page.note(
        f"Mean ± standard deviation over {counted(len(record['seeds']), 'seed')}. Diverged are so "
        "many of them for each rule in turn; they count as reading no better than a guess."
    )
    page.say(
        "The network is one_conv with SGD and momentum 0.9 at a constant rate, "
        f"{RATE:g} for {USUAL} pictures (with {2 * RATE:g}, the first that was tried, batches of 2 "
        "diverged in a quick run), on "
        f"{record['pictures']:,} pictures less a tenth for validation. Equally "
        "many epochs are equally many pictures seen, and the fewer steps the larger the batch. The "
        f"noise is that of {record['draws']} batches of each size for a model after one epoch, "
        "drawn with replacement, against the gradient of all training pictures. The speed is the "
        "median over the steps of a training that had the machine to itself. The scaled rates "
        "begin at once: Goyal et al. let theirs grow over the first epochs, and need that for "
        "their largest batches. The study gives no figures; it has batches of 100."
    )


def _recipe(base: recipes.Recipe, size: int, power: float) -> recipes.Recipe:
    rate = float(f"{RATE * (size / USUAL) ** power:.4g}")
    return replace(base, batch_size=size, schedule=optim.Constant(rate))


def _accuracy(runs: Sequence[Trained], chance: float) -> list[float]:
    return [chance if run.diverged else run.validation_accuracy for run in runs]


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.0f}{NBSP}µs" if seconds < 1e-3 else f"{1e3 * seconds:.2g}{NBSP}ms"


def _epochs(record: Record) -> str:
    return counted(record["epochs"], "epoch")


EXPERIMENT = Experiment(
    name="batch_size",
    question="How large should a batch be: noise, speed and what is learnt?",
    measure=measure,
    report=report,
    study=f"{studies.DEEP_CONVNET}, its remarks on mini-batches",
)
