"""What helps against overfitting? A network on 1,000 pictures, held back in seven ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from byhand import evaluation
from byhand.data import Augmentation
from byhand.experiments.lab import Lab, studies, ways
from byhand.experiments.lab.experiment import Experiment, Record
from byhand.experiments.lab.statistics import difference, mean, say
from byhand.experiments.lab.train import Trained
from byhand.optim import AdamW, Constant
from byhand.plots import Page
from byhand.recipes import Network, Recipe, prepare

NOTHING, EARLY, NORM = "nothing", "early stopping", "batch norm"
STUDIED = ("weight decay", "dropout", NORM)  # what the studies speak of
_CONV = "conv 6 5, relu, maxpool 2, conv 16 5, relu, maxpool 2"
LAYERS = {
    NOTHING: f"{_CONV}, linear 120, relu, linear 84, relu",
    "dropout 0.25": f"{_CONV}, linear 120, relu, dropout 0.25, linear 84, relu, dropout 0.25",
    "dropout 0.5": f"{_CONV}, linear 120, relu, dropout 0.5, linear 84, relu, dropout 0.5",
    NORM: "conv 6 5, batchnorm, relu, maxpool 2, conv 16 5, batchnorm, relu, maxpool 2, "
          "linear 120, batchnorm, relu, linear 84, batchnorm, relu",
}  # fmt: skip
# What each changes besides the layers.
WAYS: dict[str, dict[str, Any]] = {
    NOTHING: {},
    "weight decay 0.1": {"optimiser": AdamW(weight_decay=0.1)},
    "weight decay 1": {"optimiser": AdamW(weight_decay=1.0)},
    "dropout 0.25": {},
    "dropout 0.5": {},
    NORM: {},
    "moved pictures": {"augment": Augmentation()},
    EARLY: {"keep_best": True, "patience": 10},
}


def measure(lab: Lab) -> Record:
    """Train each way with each seed, and read its training pictures once more at the end."""
    recipes = {way: _recipe(lab, way) for way in WAYS}
    runs, found = ways.train(lab, recipes)
    plain = {way: [_accuracy(lab, recipes[way], run) for run in of] for way, of in runs.items()}
    return {
        **found,
        "lengths": {way: [len(run.epochs) for run in of] for way, of in runs.items()},
        "train_accuracy": plain,
        "gap": gaps(plain, found["test_accuracy"]),
    }


def gaps(
    train: dict[str, list[float]], test: dict[str, list[float]]
) -> dict[str, list[float]]:  # fmt: skip
    """Training less test accuracy, by way and seed."""
    return {w: [a - b for a, b in zip(train[w], test[w], strict=True)] for w in train}


def report(record: Record, page: Page) -> None:
    """The gap between training and test, the curves, and what the studies say of each way."""
    accuracy, gap, train = record["test_accuracy"], record["gap"], record["train_accuracy"]
    ways.conclude(record, page)
    narrow = min(record["ways"], key=lambda way: mean(gap[way]))
    page.conclude(
        f"Without anything the network reads {say(train[NOTHING])} of its training pictures and "
        f"{say(accuracy[NOTHING])} of the test pictures; the gap is least with {narrow}, "
        f"{mean(gap[narrow]) * 100:.2f} points instead of {mean(gap[NOTHING]) * 100:.2f}."
    )
    _claims(record, page)
    page.heading("Training against validation")
    together = [way for way in record["ways"] if way != EARLY]  # it has nothing's curves, cut short
    ways.curves(
        record, page, "train_loss", ways=together, log_y=True,
        caption="Of the batches as they were met: with dropout a part of the network is missing, "
        "and moved pictures are never the same, so these stay higher.",
    )  # fmt: skip
    ways.curves(record, page, "validation_loss", ways=together, log_y=True)
    page.heading("At the end")
    ways.compared(record, page)
    points = {way: [100 * x for x in gap[way]] for way in record["ways"]}
    ways.dots(
        points, page, "gap", "training less test accuracy, in percentage points",
        "Of the model that was kept, on the pictures as they are.", percent=False,
    )  # fmt: skip
    ways.table(
        record, page, "way", None,
        {
            "training accuracy": {way: say(train[way]) for way in record["ways"]},
            "gap in points": {way: say(points[way], percent=False) for way in record["ways"]},
            "epochs": {way: say(record["lengths"][way], 0, False) for way in record["ways"]},
        },
    )  # fmt: skip
    ways.against(
        record, page, NOTHING, {"test accuracy": "test_accuracy", "training less test": "gap"}
    )
    page.say(
        f"LeNet-5 on {record['pictures']:,} training pictures (as many are held out), "
        "Adam at 0.001, batches of 50. Dropout stands after each hidden "
        "linear layer, batch norm before each ReLU; weight decay is AdamW's; pictures are shifted, "
        "turned, scaled and slanted a little each time they are seen. Early stopping ends ten "
        "epochs after the best validation loss and keeps the epoch that read best on validation; "
        "all others keep the last epoch's weights. The amounts are usual ones and were not tuned; "
        "with more training pictures there would be less to gain."
    )


def _claims(record: Record, page: Page) -> None:
    accuracy, gap = record["test_accuracy"], record["gap"]
    for way in (way for way in record["ways"] if way.startswith(STUDIED)):
        better, less = ways.pair(record, NOTHING, way), difference(gap[NOTHING], gap[way])
        page.claim(
            f"{way.capitalize()} lessens overfitting: it narrows the gap and reads better.",
            ways.all_of((less.is_less, better.is_more)),
            f"the gap changes by {less.say()}; test accuracy {say(accuracy[way])} instead of "
            f"{say(accuracy[NOTHING])}: {better.say()}",
        )
    ways.norm_speeds(record, page, NOTHING, NORM)


def _recipe(lab: Lab, way: str) -> Recipe:
    """One training, which ends with the last epoch's weights unless it stops early."""
    changes = {"keep_best": False, **WAYS[way]}
    return lab.recipe(
        "lenet5", model=Network("stack", {"layers": LAYERS.get(way, LAYERS[NOTHING])}),
        train_limit=2_000, validation_fraction=0.5, batch_size=50, epochs=60,
        schedule=Constant(1e-3), **{"optimiser": AdamW(weight_decay=0.0), **changes},
    )  # fmt: skip


def _accuracy(lab: Lab, recipe: Recipe, run: Trained) -> float:
    """Of the model that was kept, on its training pictures as they are."""
    train = prepare(replace(recipe, augment=None), lab.splits, run.seed).train
    if run.diverged:
        return 1 / len(train.classes)
    return evaluation.evaluate(run.model(), train).accuracy


EXPERIMENT = Experiment(
    name="regularisation",
    question="What helps a network that has few pictures to learn from?",
    measure=measure,
    report=report,
    study=f"{studies.DEEP_CONVNET}; {studies.ONE_CONV}",
)
