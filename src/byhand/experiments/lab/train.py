"""One training as a task: a recipe and a seed to figures, curves and a model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byhand import evaluation, nn, training
from byhand.data import Splits
from byhand.experiments.lab.workers import Task
from byhand.recipes import FIXED, Recipe, apply, from_dict, get, prepare, train

MODEL = "model.safetensors"


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Args:
        recipe: as plain values.
        seed: of the start, the split and the batches.
        epochs: a record an epoch.
        test_accuracy: of the model that was kept, read once at the end; NaN where it diverged.
        test_loss: likewise.
        parameters: of the model.
        operations: of one picture's forward; a multiply-add is two.
        diverged: why it ended before its time, or "".
        folder: where the model is.
    """

    recipe: Mapping[str, Any]
    seed: int
    epochs: tuple[training.EpochRecord, ...]
    test_accuracy: float
    test_loss: float
    parameters: int
    operations: int
    diverged: str
    folder: Path

    @property
    def validation_accuracy(self) -> float:
        """Of the last epoch; NaN without a validation set."""
        last = self.epochs[-1].validation_accuracy if self.epochs else None
        return math.nan if last is None else last

    def curve(self, name: str) -> list[float]:
        """A figure by epoch: `curve("test_loss")`; NaN where it was not recorded."""
        values = [getattr(e, name) for e in self.epochs]
        return [math.nan if value is None else value for value in values]

    def model(self) -> nn.Layer:
        """The model that was kept."""
        return nn.load(self.folder / MODEL)

    def as_argument(self) -> dict[str, Any]:
        """The recipe, the seed and which training it is, as arguments of another task.

        The task reads the model with `kept_model(folder, training)`.
        """
        return {"recipe": dict(self.recipe), "seed": self.seed, "training": self.folder.name}


def task(recipe: Recipe, seed: int, track_test: bool = False) -> Task:
    """The training of `recipe` with `seed`; `track_test` scores the test set each epoch."""
    given = {"recipe": as_plain(recipe), "seed": seed, "track_test": track_test}
    return Task(train_one, given)


def as_plain(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a task's argument: plain values, without what it is called and claims.

    That does not change what comes out of it.
    """
    return {k: v for k, v in recipe.as_dict().items() if k not in FIXED}


def from_plain(values: Mapping[str, Any]) -> Recipe:
    """The recipe that `as_plain` gave, in the task."""
    return from_dict(_ANY, values)


def kept_model(folder: Path, training: str) -> nn.Layer:
    """In a task, whose own folder is `folder`: the model of another task, a training."""
    return nn.load(folder.parent / training / MODEL)


def cost(recipe: Recipe, splits: Splits) -> float:
    """About how much work its training is, to begin the longest first."""
    prepared = prepare(_shortened(recipe), splits, 0)
    operations = nn.summary(prepared.model, splits.train.image_shape).operations
    pictures = recipe.train_limit or len(splits.train)
    seen = (recipe.epochs or math.inf) * pictures
    if recipe.steps is not None:
        seen = min(seen, recipe.steps * recipe.batch_size)
    return operations * seen


def train_one(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, track_test: bool
) -> dict[str, Any]:
    """Train, read the test set once, keep the model in `folder`."""
    prepared = prepare(from_plain(recipe), splits, seed)
    state = prepared.new_state()
    diverged = ""
    try:
        for _ in train(prepared, state=state, track_test=track_test):
            pass
    except training.Diverged as error:
        diverged = str(error)
    table = nn.summary(prepared.model, prepared.train.image_shape)
    figures: dict[str, Any] = {"test_accuracy": None, "test_loss": None}
    if not diverged:
        test = evaluation.evaluate(prepared.model, prepared.test)
        figures = {"test_accuracy": test.accuracy, "test_loss": test.loss}
    nn.save(prepared.model, folder / MODEL)
    return {
        **figures,
        "epochs": [record.as_dict() for record in state.records],
        "parameters": table.parameters,
        "operations": table.operations,
        "diverged": diverged,
    }


def trained(done: Task, values: Mapping[str, Any], folder: Path) -> Trained:
    """The result of a training task as it came back from the disk."""
    given = done.arguments
    accuracy, loss = values["test_accuracy"], values["test_loss"]
    return Trained(
        recipe=given["recipe"],
        seed=given["seed"],
        epochs=tuple(training.EpochRecord.from_dict(e) for e in values["epochs"]),
        test_accuracy=math.nan if accuracy is None else accuracy,
        test_loss=math.nan if loss is None else loss,
        parameters=values["parameters"],
        operations=values["operations"],
        diverged=values["diverged"],
        folder=folder,
    )


_ANY = get("one_conv")  # gives the fixed fields; all others are replaced


def _shortened(recipe: Recipe) -> Recipe:
    return apply(recipe, ["train_limit=100", "test_limit=10"])
