"""How many kernels? one_conv with 2 to 64 of them, over several seeds."""

from __future__ import annotations

from byhand.experiments.lab import Lab, studies, sweep
from byhand.experiments.lab.experiment import Experiment, Record
from byhand.experiments.lab.statistics import difference, mean, say
from byhand.plots import Page
from byhand.recipes import Network

KERNELS = (2, 4, 8, 12, 16, 20, 24, 28, 32, 64)
# The study's table 14.8.1, one run each.
STUDY_ACCURACY = dict(zip(
    KERNELS, (0.9667, 0.9772, 0.9823, 0.9835, 0.9852, 0.9855, 0.9862, 0.9863, 0.9834, 0.9855),
    strict=True,
))  # fmt: skip
STUDY_LOSS = dict(zip(
    KERNELS, (0.1089, 0.0891, 0.0868, 0.0681, 0.0859, 0.0815, 0.0785, 0.0941, 0.1164, 0.1047),
    strict=True,
))  # fmt: skip

ENOUGH, LITTLE = 0.98, 0.005  # of accuracy: from where on more brings little, and how little


def measure(lab: Lab) -> Record:
    """Train each number of kernels with each seed."""
    kernels = lab.pick(KERNELS, KERNELS, (2, 8, 24, 32))
    recipes = [lab.recipe("one_conv", model=Network("one_conv", {"kernels": k})) for k in kernels]
    return sweep.measured(kernels, lab.train(recipes, seeds=5), len(lab.splits.train.classes))


def report(record: Record, page: Page) -> None:
    """Table, curves, and which of the study's conclusions hold over several seeds."""
    kernels = record["values"]
    accuracy = dict(zip(kernels, record["test_accuracy"], strict=True))
    loss = dict(zip(kernels, record["test_loss"], strict=True))
    best = max(kernels, key=lambda k: mean(accuracy[k]))
    lowest = min(kernels, key=lambda k: mean(loss[k]))
    page.conclude(
        f"From {kernels[0]} to {kernels[-1]} kernels the test accuracy goes from "
        f"{say(accuracy[kernels[0]])} to {say(accuracy[kernels[-1]])}; it is highest with {best} "
        f"({say(accuracy[best])}), and the loss lowest with {lowest} "
        f"({say(loss[lowest], 4, percent=False)})."
    )
    more = difference(accuracy[2], accuracy[8])
    page.claim(
        "The more kernels, the higher the accuracy: 8 read better than 2.",
        more.is_more,
        f"accuracy with 8 less that with 2: {more.say()}",
    )
    slow = difference(accuracy[8], accuracy[24])
    told = True if slow.high < LITTLE else False if slow.low > LITTLE else None
    page.claim(
        f"Once at {say(ENOUGH, 0)}, more kernels bring little for their cost: 24 instead of 8, "
        f"three times the work, gain less than {100 * LITTLE:g} points.",
        told if mean(accuracy[8]) >= ENOUGH else None,  # where it is not there yet
        f"accuracy with 8 {say(accuracy[8])}; with 24 less that with 8: {slow.say()}",
    )
    for many in (k for k in (32, 64) if k in accuracy):
        worse = difference(accuracy[24], accuracy[many])
        page.claim(
            f"More than 24 kernels make it worse: {many} read less well than 24.",
            worse.is_less,
            f"accuracy with {many} less that with 24: {worse.say()}",
        )
        grown = difference(loss[24], loss[many])
        page.claim(
            f"The loss grows when there are too many: {many} against 24.",
            grown.is_more,
            f"loss with {many} less that with 24: {grown.say(4, percent=False)}",
        )
    sweep.curves(record, page, "number of kernels", STUDY_ACCURACY, STUDY_LOSS, log_x=True)
    sweep.table(
        record, page, "kernels", [str(k) for k in kernels],
        {
            "accuracy, study": [f"{STUDY_ACCURACY[k]:.2%}" for k in kernels],
            "loss, study": [f"{STUDY_LOSS[k]:.4f}" for k in kernels],
        },
    )  # fmt: skip
    page.say(
        "The study trained each setting once, on a split and a start of its own; ours are other "
        "splits and He's initialisation. A difference between two of its figures that is smaller "
        "than about three times our deviation may be chance: two single runs lie up to 1.96·√2 "
        "deviations apart in 19 of 20 cases."
    )


EXPERIMENT = Experiment(
    name="channels",
    question="How many kernels does a single convolution need?",
    measure=measure,
    report=report,
    study=f"{studies.ONE_CONV}, table 14.8.1",
)
