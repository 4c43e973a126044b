"""How large should a kernel be? one_conv with kernels of 3×3 to 11×11, over several seeds."""

from __future__ import annotations

from itertools import pairwise

from byhand.experiments.lab import Lab, studies, sweep
from byhand.experiments.lab.experiment import Experiment, Record
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
    models = [Network("one_conv", {"kernel_size": size}) for size in sizes]
    recipes = [lab.recipe("one_conv", model=model) for model in models]
    return sweep.measured(sizes, lab.train(recipes, seeds=5), len(lab.splits.train.classes))


def report(record: Record, page: Page) -> None:
    """Table, curves, and whether larger is better."""
    sizes = record["values"]
    accuracy = dict(zip(sizes, record["test_accuracy"], strict=True))
    loss = dict(zip(sizes, record["test_loss"], strict=True))
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
    sweep.curves(record, page, "side of the kernel, in pixels", STUDY_ACCURACY, STUDY_LOSS)
    sweep.table(
        record, page, "kernel", [f"{s}×{s}" for s in sizes],
        {
            "accuracy, study": [f"{STUDY_ACCURACY[s]:.2%}" for s in sizes],
            "loss, study": [f"{STUDY_LOSS[s]:.4f}" for s in sizes],
        },
    )  # fmt: skip
    page.say(
        "A larger kernel leaves a smaller feature map, so the linear layer behind it has fewer "
        "weights: the parameters fall while the work of the convolution grows."
    )


EXPERIMENT = Experiment(
    name="kernel_size",
    question="How large should the kernels of a single convolution be?",
    measure=measure,
    report=report,
    study=f"{studies.ONE_CONV}, table 14.8.2",
)
