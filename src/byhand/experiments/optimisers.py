"""Which optimiser? LeNet-5 with seven, each at the rate that suits it on the validation set.

LeNet-5, batches of 128. Every optimiser was given equally many rates and kept the one with the
highest validation accuracy after {short_epochs} of its own epochs on {short_pictures:,} pictures,
with other seeds than those of the figures; it was trained at this rate, the same to the end,
without weight decay but AdamW's own. A rate that is best after a short training is often too high
for a long one, and a falling rate (see schedules) moves all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from byhand import optim, plots
from byhand.experiments.lab import Experiment, Lab, Record, outcomes, studies, variants
from byhand.experiments.lab.statistics import judge, mean, say
from byhand.recipes import Recipe, prepare

# Each with six rates, about three times apart, so that all are tuned with the same effort.
OPTIMISERS: dict[str, tuple[optim.Optimiser, tuple[float, ...]]] = {
    "SGD": (optim.SGD(), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    "momentum": (optim.SGD(momentum=0.9), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
    "Nesterov": (optim.SGD(momentum=0.9, nesterov=True), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
    "AdaGrad": (optim.AdaGrad(), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
    "RMSProp": (optim.RMSProp(), (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)),
    "Adam": (optim.Adam(), (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)),
    "AdamW": (optim.AdamW(), (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)),
}
CHOOSING = (100, 101, 102)  # seeds of their own, so that no figure below was chosen by
NEAR = 0.02  # validation accuracy within so much of the best counts as a rate that works


def measure(lab: Lab) -> Record:
    """Choose each optimiser's rate, then train it with each seed."""
    least = lab.pick(slice(None), slice(1, 6, 2), slice(2, 4))
    grids = {name: rates[least] for name, (_, rates) in OPTIMISERS.items()}
    tried = [(name, rate) for name, rates in grids.items() for rate in rates]
    short = [
        replace(_recipe(lab, name, rate, epochs=2, train_limit=10_000), test_limit=100)
        for name, rate in tried
    ]
    classes = len(lab.splits.train.classes)
    runs = lab.train(short, lab.pick(CHOOSING, CHOOSING[:1]))
    read = iter([outcomes.accuracies(of, classes, "validation_accuracy") for of in runs])
    choosing = {name: [next(read) for _ in rates] for name, rates in grids.items()}
    chosen = {name: best(grids[name], choosing[name]) for name in grids}
    _, record = variants.train(
        lab, {n: _recipe(lab, n, rate, epochs=lab.pick(5, 10)) for n, rate in chosen.items()}
    )
    return {
        **record,
        "short_epochs": short[0].epochs,
        "short_pictures": len(prepare(short[0], lab.splits, 0).train),
        "rates": {name: list(rates) for name, rates in grids.items()},
        "choosing": choosing,
        "chosen": chosen,
    }


def best(rates: Sequence[float], accuracy: Sequence[Sequence[float]]) -> float:
    """The rate of the highest mean accuracy; of equal ones the lowest."""
    means = [mean(of) for of in accuracy]
    return rates[int(np.argmax(means))]


def working(rates: Sequence[float], accuracy: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The lowest and the highest of the rates next to each other that come near the best."""
    means = [mean(of) for of in accuracy]
    low = high = int(np.argmax(means))
    while low > 0 and means[low - 1] >= max(means) - NEAR:
        low -= 1
    while high < len(rates) - 1 and means[high + 1] >= max(means) - NEAR:
        high += 1
    return rates[low], rates[high]


def report(record: Record, page: plots.Page) -> None:
    """Curves, the comparison, how much the rate matters, and the study's remarks."""
    rates, choosing, chosen = record["rates"], record["choosing"], record["chosen"]
    variants.conclude(record, page)
    _claims(record, page)
    page.heading("By epoch, each at its own rate")
    variants.curves(record, page, "train_loss", log_y=True)
    variants.curves(record, page, "validation_accuracy")
    page.heading("At the end")
    variants.compared(record, page)
    spans = {name: working(rates[name], choosing[name]) for name in rates}
    variants.table(
        record, page, "optimiser", {"rate": chosen},
        {
            "rates tried": {n: ", ".join(f"{rate:g}" for rate in rates[n]) for n in rates},
            f"within {100 * NEAR:g} points": {n: f"{a:g} to {b:g}" if a != b else f"{a:g}"
                                              for n, (a, b) in spans.items()},
        },
    )  # fmt: skip
    page.heading("How much the rate matters")
    means = {n: (rates[n], [mean(of) for of in choosing[n]]) for n in rates}
    ax = plots.xy(
        means, plots.new_axes(8.0, 4.6), xlabel="learning rate", ylabel="validation accuracy",
        log_x=True, percent=True,
    )  # fmt: skip
    page.figure("rates", ax, caption="After the short trainings by which the rates were chosen.")
    if edge := [name for name in rates if chosen[name] in (rates[name][0], rates[name][-1])]:
        page.note(
            f"For {variants.listed(edge)} the best rate stands at the end of those tried, so a "
            "better one may lie beyond."
        )


def _claims(record: Record, page: plots.Page) -> None:
    first = [variants.at_epoch(record, "train_loss", name, 1) for name in ("SGD", "momentum")]
    judge(page, "Momentum speeds plain SGD up.",
          "training loss of the first epoch, with momentum less without", *first,
          less=True, digits=3, percent=False)  # fmt: skip
    between, (calm, within) = _spreads(record)
    judge(page, "Of all settings the learning rate matters most.",
          f"among the rates tried for {calm}, which minds them least, validation accuracy differs "
          f"by {say(within, 1)}, among {len(record['choosing'])} optimisers at their best rates by "
          f"{say(between, 1)}", between, within, digits=1)  # fmt: skip


def _spreads(record: Record) -> tuple[list[float], tuple[str, list[float]]]:
    """Best less worst, seed by seed: between optimisers, and within the least sensitive one."""
    choosing: Mapping[str, list[list[float]]] = record["choosing"]

    def spread(rows: Sequence[Sequence[float]]) -> list[float]:
        by_mean = sorted(rows, key=mean)
        return [b - a for a, b in zip(by_mean[0], by_mean[-1], strict=True)]

    tops = [max(rows, key=mean) for rows in choosing.values()]
    within = {name: spread(rows) for name, rows in choosing.items()}
    calm = min(within, key=lambda name: mean(within[name]))
    return spread(tops), (calm, within[calm])


def _recipe(lab: Lab, name: str, rate: float, **changes: int) -> Recipe:
    """LeNet-5 with this optimiser at a constant rate, ending with the last epoch's weights."""
    return lab.recipe("lenet5", optimiser=OPTIMISERS[name][0], schedule=optim.Constant(rate),
                      keep_best=False, **changes)  # fmt: skip


EXPERIMENT = Experiment(
    "optimisers", "Which optimiser trains best, and how much does the rate matter?",
    measure, report, __doc__, study=studies.DEEP_CONVNET,
)  # fmt: skip
