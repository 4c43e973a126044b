"""How many kernels? one_conv with 2 to 64 of them, over several seeds.

Two single runs lie up to 1.96·√2 deviations apart in 19 of 20 cases: a difference between two of
the study's figures that is smaller than about three times our deviation may be chance. Its splits
and starts are not ours.
"""

from __future__ import annotations

from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import difference, judge, mean, say
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
    models = {str(k): Network("one_conv", {"kernels": k}) for k in kernels}
    recipes = {name: lab.recipe("one_conv", model=model) for name, model in models.items()}
    return {"values": list(kernels), **variants.train(lab, recipes)[1]}


def report(record: Record, page: Page) -> None:
    """Table, curves, and which of the study's conclusions hold over several seeds."""
    kernels = record["values"]
    accuracy, loss = variants.figures_by_value(record)
    best = max(kernels, key=lambda k: mean(accuracy[k]))
    lowest = min(kernels, key=lambda k: mean(loss[k]))
    page.conclude(
        f"From {kernels[0]} to {kernels[-1]} kernels the test accuracy goes from "
        f"{say(accuracy[kernels[0]])} to {say(accuracy[kernels[-1]])}; it is highest with {best} "
        f"({say(accuracy[best])}), and the loss lowest with {lowest} "
        f"({say(loss[lowest], 4, percent=False)})."
    )
    judge(page, "The more kernels, the higher the accuracy: 8 read better than 2.",
          "accuracy with 8 less that with 2", accuracy[2], accuracy[8])  # fmt: skip
    slow = difference(accuracy[8], accuracy[24])
    little = True if slow.high < LITTLE else False if slow.low > LITTLE else None
    page.claim(
        f"Once at {say(ENOUGH, 0)}, more kernels bring little for their cost: 24 instead of 8, "
        f"three times the work, gain less than {100 * LITTLE:g} points.",
        little if mean(accuracy[8]) >= ENOUGH else None,  # where it is not there yet
        f"accuracy with 8 {say(accuracy[8])}; with 24 less that with 8: {slow.say()}",
    )
    for many in (k for k in (32, 64) if k in accuracy):
        judge(page, f"More than 24 kernels make it worse: {many} read less well than 24.",
              f"accuracy with {many} less that with 24", accuracy[24], accuracy[many],
              less=True)  # fmt: skip
        judge(page, f"The loss grows when there are too many: {many} against 24.",
              f"loss with {many} less that with 24", loss[24], loss[many],
              digits=4, percent=False)  # fmt: skip
    variants.report_by_value(
        record, page, "kernels", "number of kernels", STUDY_ACCURACY, STUDY_LOSS, log_x=True
    )


EXPERIMENT = Experiment(
    "channels", "How many kernels does a single convolution need?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, table 14.8.1",
)  # fmt: skip
