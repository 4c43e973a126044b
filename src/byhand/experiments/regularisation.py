"""What helps against overfitting? A network on 1,000 pictures, held back in seven variants.

LeNet-5, Adam at 0.001, batches of 50; as many pictures are held out for validation. Dropout stands
after each hidden linear layer, batch norm before each ReLU; weight decay is AdamW's; pictures are
shifted, turned, scaled and slanted a little each time they are seen. Early stopping ends ten epochs
after the best validation loss and keeps the epoch that read best on validation; all others keep the
last epoch's weights. The amounts are usual ones and were not tuned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from byhand import evaluation
from byhand.data import Augmentation
from byhand.experiments.lab import Experiment, Lab, Record, studies, variants
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
VARIANTS: dict[str, dict[str, Any]] = {
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
    """Train each variant with each seed, and read its training pictures once more at the end."""
    recipes = {name: _recipe(lab, name) for name in VARIANTS}
    runs, record = variants.train(lab, recipes)
    plain = {v: [_accuracy(lab, recipes[v], run) for run in of] for v, of in runs.items()}
    return {
        **record,
        "lengths": {v: [len(run.epochs) for run in of] for v, of in runs.items()},
        "train_accuracy": plain,
        "gap": gaps(plain, record["test_accuracy"]),
    }


def gaps(train: dict[str, list[float]], test: dict[str, list[float]]) -> dict[str, list[float]]:
    """Training less test accuracy, by variant and seed."""
    return {w: [a - b for a, b in zip(train[w], test[w], strict=True)] for w in train}


def report(record: Record, page: Page) -> None:
    """The gap between training and test, the curves, and what the studies say of each."""
    accuracy, gap, train = record["test_accuracy"], record["gap"], record["train_accuracy"]
    variants.conclude(record, page)
    narrow = min(record["variants"], key=lambda variant: mean(gap[variant]))
    page.conclude(
        f"Without anything the network reads {say(train[NOTHING])} of its training pictures and "
        f"{say(accuracy[NOTHING])} of the test pictures; the gap is least with {narrow}, "
        f"{mean(gap[narrow]) * 100:.2f} points instead of {mean(gap[NOTHING]) * 100:.2f}."
    )
    for variant in (v for v in record["variants"] if v.startswith(STUDIED)):
        better = variants.pair(record, NOTHING, variant)
        less = difference(gap[NOTHING], gap[variant])
        page.claim(
            f"{variant.capitalize()} lessens overfitting: it narrows the gap and reads better.",
            variants.all_of((less.is_less, better.is_more)),
            f"the gap changes by {less.say()}; test accuracy {say(accuracy[variant])} instead of "
            f"{say(accuracy[NOTHING])}: {better.say()}",
        )
    variants.norm_speeds(record, page, NOTHING, NORM)
    page.heading("Training against validation")
    # The curves of early stopping are those of nothing, cut short.
    together = [variant for variant in record["variants"] if variant != EARLY]
    variants.curves(
        record, page, "train_loss", variants=together, log_y=True,
        caption="Of the batches as they were met: with dropout a part of the network is missing, "
        "and moved pictures are never the same, so these stay higher.",
    )  # fmt: skip
    variants.curves(record, page, "validation_loss", variants=together, log_y=True)
    page.heading("At the end")
    variants.compared(record, page)
    points = {variant: [100 * x for x in gap[variant]] for variant in record["variants"]}
    variants.dots(
        points, page, "gap", "training less test accuracy, in percentage points",
        "Of the model that was kept, on the pictures as they are.", percent=False,
    )  # fmt: skip
    variants.table(
        record, page, "way", None,
        {
            "training accuracy": {v: say(of) for v, of in train.items()},
            "gap in points": {v: say(of, percent=False) for v, of in points.items()},
            "epochs": {v: say(of, 0, False) for v, of in record["lengths"].items()},
        },
    )  # fmt: skip
    variants.against(
        record, page, NOTHING, {"test accuracy": "test_accuracy", "training less test": "gap"}
    )


def _recipe(lab: Lab, variant: str) -> Recipe:
    """One training, which ends with the last epoch's weights unless it stops early."""
    changes = {"keep_best": False, **VARIANTS[variant]}
    return lab.recipe(
        "lenet5", model=Network("stack", {"layers": LAYERS.get(variant, LAYERS[NOTHING])}),
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
    "regularisation", "What helps a network that has few pictures to learn from?",
    measure, report, __doc__, study=f"{studies.DEEP_CONVNET}; {studies.ONE_CONV}",
)  # fmt: skip
