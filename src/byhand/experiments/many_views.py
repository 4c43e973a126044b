"""Does it help to look twice? A picture read as several slightly moved copies, averaged.

An amount of 1 moves pictures as far as training on moved pictures does: by up to 1.5 pixels, 10
degrees, 10 % of scale and 0.15 columns a row of slant. The amount is chosen by the mean loss on
each seed's validation set, for each way of training by itself. n views take n times the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation, nn, plots
from byhand.data import Augmentation, Dataset, Splits
from byhand.experiments.lab import Experiment, Lab, Record
from byhand.experiments.lab.statistics import counted, difference, mean, more_or_less, say
from byhand.experiments.lab.train import from_plain, kept_model
from byhand.recipes import prepare

VIEWS = (1, 2, 4, 8, 16, 32)
TRIED = 8  # views while the amount is chosen
AMOUNTS = (0.0, 0.25, 0.5, 1.0, 1.5)  # 1 moves as far as training does; 0 not at all
PLAIN, MOVED = "trained on the pictures", "trained on moved pictures"
AVERAGES = ("probabilities", "logits")
SHOWN_AMOUNTS, SHOWN_VIEWS = (0.5, 1.0, 1.5), 8


def measure(lab: Lab) -> Record:
    """Train both ways, choose each way's amount on validation, then read the test set."""
    views = lab.pick(VIEWS, VIEWS[:4], VIEWS[:2])
    amounts = lab.pick(AMOUNTS, (0.0, 0.5, 1.0), (0.0, 1.0))
    tried = min(TRIED, views[-1])
    recipes = [lab.recipe("lenet5"), lab.recipe("lenet5", augment=Augmentation())]
    runs = dict(zip((PLAIN, MOVED), lab.train(recipes, seeds=4), strict=True))
    validation = {
        name: [
            read["loss"]
            for read in lab.each_model(
                by_amount, of, what="choices", amounts=list(amounts), views=tried
            )
        ]
        for name, of in runs.items()
    }
    chosen = {name: best_amount(losses, amounts) for name, losses in validation.items()}
    test = {
        name: lab.each_model(
            by_views, of, what="readings", amount=chosen[name], views=list(views))
        for name, of in runs.items()
    }  # fmt: skip
    picture = lab.splits.test.images[:1]
    return {
        "views": list(views),
        "amounts": list(amounts),
        "tried": tried,
        "seeds": [run.seed for run in runs[PLAIN]],
        "validation_loss": validation,
        "chosen": chosen,
        "test": test,
        "examples": np.stack([
            [seen[0, 0] for seen in views_of(picture, amount, SHOWN_VIEWS, 0)]
            for amount in SHOWN_AMOUNTS
        ]),
    }  # fmt: skip


def by_amount(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, training: str,
    amounts: Sequence[float], views: int,
) -> dict[str, Any]:  # fmt: skip
    """The validation loss of the mean of `views` views, for each amount of movement."""
    prepared = prepare(from_plain(recipe), splits, seed)
    assert prepared.validation is not None
    net, held_out = kept_model(folder, training), prepared.validation
    read = [figures(net, held_out, a, [views if a else 1], seed) for a in amounts]
    return {"loss": [of["probabilities"]["loss"][-1] for of in read]}


def by_views(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, training: str,
    amount: float, views: Sequence[int],
) -> dict[str, Any]:  # fmt: skip
    """How the test set is read by the mean of so many views, for each of `views`."""
    prepared = prepare(from_plain(recipe), splits, seed)
    return figures(kept_model(folder, training), prepared.test, amount, views, seed)


def views_of(
    images: NDArray[np.uint8], amount: float, number: int, seed: int
) -> Iterator[NDArray[np.uint8]]:
    """The pictures (N, C, H, W) themselves, then moved differently `number` - 1 times."""
    yield images
    full = Augmentation()
    moved = Augmentation(
        amount * full.shift, amount * full.rotate, amount * full.scale, amount * full.slant
    )
    for view in range(1, number):
        yield moved.apply(images, nn.Key(seed, view))


def figures(
    model: nn.Layer, dataset: Dataset, amount: float, views: Sequence[int], seed: int
) -> dict[str, dict[str, list[float]]]:
    """Accuracy, loss and calibration error (ECE) of the mean of so many views, both means."""
    outputs = (
        evaluation.logits(model, seen)
        for seen in views_of(dataset.images, amount, max(views), seed)
    )
    return averaged(outputs, dataset.labels, views)


def averaged(
    outputs: Iterator[NDArray[Any]], labels: NDArray[np.int64], at: Sequence[int]
) -> dict[str, dict[str, list[float]]]:
    """Figures of the mean of the first so many outputs (N, K), for each number in `at`.

    "probabilities" is the mean of softmax(outputs), "logits" softmax of the mean of the outputs.
    """
    figures_of: dict[str, dict[str, list[float]]] = {
        name: {"accuracy": [], "loss": [], "ece": []} for name in AVERAGES
    }
    of_probabilities: NDArray[Any] = np.zeros(())
    of_logits: NDArray[Any] = np.zeros(())
    for number, output in enumerate(outputs, 1):
        logits = np.asarray(output, np.float64)
        of_logits = of_logits + logits
        of_probabilities = of_probabilities + _softmax(logits)
        if number in at:
            means = (of_probabilities / number, _softmax(of_logits / number))
            for name, p in zip(AVERAGES, means, strict=True):
                # Logarithms of probabilities are logits too; none is 0 before the logarithm.
                logs = np.log(np.maximum(p, np.finfo(np.float64).tiny))
                figures_of[name]["accuracy"].append(float((p.argmax(axis=1) == labels).mean()))
                figures_of[name]["loss"].append(evaluation.mean_cross_entropy(logs, labels))
                figures_of[name]["ece"].append(evaluation.reliability(p, labels).ece)
    return figures_of


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_amount(losses: Sequence[Sequence[float]], amounts: Sequence[float]) -> float:
    """The amount above 0 with the least mean loss over the seeds, of losses (seeds, amounts).

    The loss, because a few thousand pictures hardly tell accuracies of 99 % apart.
    """
    means = {a: mean([of[i] for of in losses]) for i, a in enumerate(amounts) if a > 0}
    return min(means, key=lambda amount: means[amount])


def report(record: Record, page: plots.Page) -> None:
    """What the views are, the choice, and accuracy, loss and calibration by number of views."""
    views, amounts = record["views"], record["amounts"]
    n, last = len(record["seeds"]), record["views"][-1]
    for name in (PLAIN, MOVED):
        a, loss, ece = (_values(record, name, what) for what in ("accuracy", "loss", "ece"))
        gain = difference(a[:, 0], a[:, -1])
        more = more_or_less(gain.sign, "more", "less", "not measurably more or less")
        page.conclude(
            f"A LeNet-5 {name} reads {more} with {last} views than with one: {say(a[:, 0])} and "
            f"{say(a[:, -1])}, {gain.say()}; its loss goes from "
            f"{say(loss[:, 0], 4, percent=False)} to {say(loss[:, -1], 4, percent=False)}, its "
            f"calibration error from {say(ece[:, 0])} to {say(ece[:, -1])}."
        )
    plain, moved = (_values(record, name, "accuracy") for name in (PLAIN, MOVED))
    instead = difference(plain[:, -1], moved[:, 0])
    page.conclude(
        f"Moved pictures in training and one view, against none in training and {last} views: "
        f"{instead.say()}."
    )
    figure = plots.picture_grid(
        list(record["examples"]),
        row_names=[f"amount {a:g}" for a in SHOWN_AMOUNTS],
        column_names=["itself", *(f"view {i}" for i in range(2, SHOWN_VIEWS + 1))],
    )  # fmt: skip
    page.figure("views", figure, caption="What is read: the picture itself first.", wide=True)
    ax = plots.curves_over_runs(
        amounts,
        {name: np.asarray(of, np.float64) for name, of in record["validation_loss"].items()},
        xlabel="amount of movement (1: as in training)",
        ylabel="validation loss (mean cross-entropy)", title=f"{record['tried']} views by amount",
    )  # fmt: skip
    page.figure("amount", ax, caption="Chosen is the least above 0; at 0 nothing is moved.")
    for what, ylabel, percent in (
        ("accuracy", "test accuracy", True), ("loss", "test loss (mean cross-entropy)", False),
        ("ece", "expected calibration error", True),
    ):  # fmt: skip
        runs = {name: _values(record, name, what) for name in (PLAIN, MOVED)}
        ax = plots.curves_over_runs(
            views, runs, xlabel="views of each picture", ylabel=ylabel,
            percent=percent, log_x=True,
        )  # fmt: skip
        page.figure(what, ax, caption=f"Probabilities averaged, over {counted(n, 'seed')}.")
    _table(record, page)


def _table(record: Record, page: plots.Page) -> None:
    rows: list[list[object]] = []
    for name in (PLAIN, MOVED):
        accuracy, loss = (
            [_values(record, name, what, kind) for kind in AVERAGES]
            for what in ("accuracy", "loss")
        )
        for i, views in enumerate(record["views"]):
            rows.append([
                name, views, *(say(of[:, i]) for of in accuracy),
                *(say(of[:, i], 4, percent=False) for of in loss),
                difference(*(of[:, i] for of in accuracy)).say() if i else None,
            ])  # fmt: skip
    page.table(
        ("", "views", "accuracy, probabilities", "accuracy, logits", "loss, probabilities",
         "loss, logits", "accuracy, logits less probabilities"),
        rows,
        caption="The mean of the views' probabilities, and softmax of the mean of their logits "
        "(their geometric mean): mean ± standard deviation over "
        f"{counted(len(record['seeds']), 'seed')}, amounts "
        + ", ".join(f"{a:g} ({name})" for name, a in record["chosen"].items()) + ".",
    )  # fmt: skip


def _values(
    record: Record, name: str, what: str, average: str = "probabilities"
) -> NDArray[np.float64]:
    """A figure by seed and number of views, (seeds, views)."""
    return np.asarray([of[average][what] for of in record["test"][name]], np.float64)


EXPERIMENT = Experiment(
    "many_views", "Does it help to read a picture several times, each time moved a little?",
    measure, report, __doc__,
)  # fmt: skip
