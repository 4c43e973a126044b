"""How large should a kernel be? one_conv with kernels of 3×3 to 11×11, over several seeds.

A larger kernel leaves a smaller feature map, so the linear layer behind it has fewer weights: the
parameters fall while the work of the convolution grows.
"""

from __future__ import annotations

from itertools import pairwise

from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
from byhand.experiments.lab.statistics import difference, say
from byhand.plots import Page
from byhand.recipes import Network

SIZES = (3, 5, 7, 9, 11)
# The study's table 14.8.2, one run each.
STUDY_ACCURACY = dict(zip(SIZES, (0.9752, 0.9821, 0.9830, 0.9832, 0.9854), strict=True))
STUDY_LOSS = dict(zip(SIZES, (0.0988, 0.0897, 0.0787, 0.0728, 0.0581), strict=True))


def measure(lab: Lab) -> Record:
    """Train each size with each seed."""
    sizes = lab.pick(SIZES, SIZES, (3, 5, 11))
    models = {f"{s}×{s}": Network("one_conv", {"kernel_size": s}) for s in sizes}
    recipes = {name: lab.recipe("one_conv", model=model) for name, model in models.items()}
    return {"values": list(sizes), **variants.train(lab, recipes)[1]}


def report(record: Record, page: Page) -> None:
    """Table, curves, and whether larger is better."""
    sizes = record["values"]
    accuracy, loss = variants.figures_by_value(record)
    first, last = sizes[0], sizes[-1]
    page.conclude(
        f"With 8 kernels the test accuracy goes from {say(accuracy[first])} at {first}×{first} to "
        f"{say(accuracy[last])} at {last}×{last}, the loss from "
        f"{say(loss[first], 4, percent=False)} to {say(loss[last], 4, percent=False)}."
    )
    for a, b in pairwise(sizes):
        more = difference(accuracy[a], accuracy[b])
        page.claim(
            f"{b}×{b} kernels read better than {a}×{a}.",
            more.is_more,
            f"accuracy at {b}×{b} less that at {a}×{a}: {more.say()}; loss: "
            f"{difference(loss[a], loss[b]).say(4, percent=False)}",
        )
    variants.report_by_value(
        record, page, "kernel", "side of the kernel, in pixels", STUDY_ACCURACY, STUDY_LOSS
    )


EXPERIMENT = Experiment(
    "kernel_size", "How large should the kernels of a single convolution be?",
    measure, report, __doc__, study=f"{studies.ONE_CONV}, table 14.8.2",
)  # fmt: skip
