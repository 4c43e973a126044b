"""What is known of a training before its first step: what cannot be, and what is to be said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from byhand import checks, kernels, nn
from byhand.data import SAMPLINGS, Augmentation, Dataset
from byhand.errors import InputError, ShapeError
from byhand.evaluation import check_fits
from byhand.losses import Loss
from byhand.nn.layer import forward
from byhand.optim import ExponentialMovingAverage, Optimiser, Schedule
from byhand.training.group import Group
from byhand.training.state import TrainingState

SEEDS = 2**64  # the key of dropout's masks holds no more

DATA = "a byhand.data.Dataset; put pictures and labels into one: Dataset(images, labels)"


# The arguments of `fit` that are objects: their class, what to give, and whether None will do.
OBJECTS: tuple[tuple[str, Any, str, bool], ...] = (
    ("model", nn.Layer, "a model of byhand.nn, such as nn.Sequential(...)", False),
    ("train", Dataset, DATA, False),
    ("validation", Dataset, DATA, True),
    ("test", Dataset, DATA, True),
    ("rng", np.random.Generator, "a generator, such as numpy.random.default_rng(0)", False),
    ("loss", Loss, "a loss, such as losses.CrossEntropy()", False),
    ("optimiser", Optimiser, "an optimiser, such as optim.Adam()", False),
    ("schedule", Schedule, "a schedule, such as optim.Constant(0.001)", False),
    ("average", ExponentialMovingAverage, "optim.ExponentialMovingAverage(0.999)", True),
    ("augment", Augmentation, "data.Augmentation(shift=2)", True),
    ("state", TrainingState, "what training.new_state or load_checkpoint gave", True),
    ("checkpoint", str | Path, "the path of a file", True),
    ("settings", dict, "a dictionary", True),
    ("group", Group, "a training.Group", False),
)


def check_arguments(given: Mapping[str, Any]) -> None:
    """See that each argument of `fit`, by its name, is of its kind and they fit together.

    Raises:
        InputError: one does not; names it.
    """
    for name, kind, wanted, optional in OBJECTS:
        if given[name] is not None or not optional:
            checks.instance(name, given[name], kind, f"{wanted}{' or None' if optional else ''}")
    for name in ("epochs", "steps", "batch_size"):
        if given[name] is not None or name == "batch_size":
            checks.whole(name, given[name], 1)
    checks.whole("seed", given["seed"], 0, SEEDS - 1)
    checks.one_of("sampling", given["sampling"], SAMPLINGS)
    checks.flag("step_records", given["step_records"])
    if given["clip_norm"] is not None:
        checks.number("clip_norm", given["clip_norm"], above=0)
    if given["epochs"] is None and given["steps"] is None:
        raise InputError("say how long to train: epochs or steps")
    check_sets(given["model"], given["train"], validation=given["validation"], test=given["test"])
    state, kind = given["state"], given["rng"].bit_generator.state["bit_generator"]
    if state is not None and (state.average is None) != (given["average"] is None):
        raise InputError(
            "the state to go on from and the arguments differ in `average`; give the same again"
        )
    if state is not None and state.generator["bit_generator"] != kind:
        raise InputError(
            f"the state to go on from has a {state.generator['bit_generator']} generator, "
            f"but rng is a {kind}"
        )


def check_sets(model: nn.Layer, train: Dataset, **others: Dataset | None) -> None:
    """See that the sets are for this model: the pictures, the classes and their order.

    Raises:
        InputError: there is nothing to train on.
        ShapeError: pictures, classes or the model's outputs do not fit together.
    """
    if len(train) == 0:
        raise InputError("there is no picture to train on")
    card = model.card
    for name, mine, theirs in (
        ("image_shape", train.image_shape, card.image_shape),
        ("classes", train.classes, card.classes),
    ):
        if mine != theirs:
            raise ShapeError(
                f"the training set has the {name} {checks.said(mine)}, but the model's card says "
                f"{checks.said(theirs)}; set model.card = dataclasses.replace(model.card, "
                f"{name}=train.{name})"
            )
    outputs = model.output_shape(train.image_shape)
    if outputs != (len(train.classes),):
        raise ShapeError(
            f"the model gives outputs of shape {outputs} for a picture, but there are "
            f"{len(train.classes)} classes; let its last layer give one output for each class"
        )
    for name, dataset in others.items():
        if dataset is not None:
            try:
                check_fits(model, dataset)
            except ShapeError as error:
                raise ShapeError(f"{name}: {error}") from error


def leaves_out_last(
    model: nn.Layer, train: Dataset, batch_size: int, steps: int | None, sampling: str
) -> bool:
    """Whether an epoch ends in a batch of one picture, of which the model cannot learn.

    Batch norm of vectors is such a model: one value has no deviation.

    Raises:
        InputError: all batches are of one picture.
    """
    every = min(batch_size, len(train)) == 1
    whole, left = divmod(len(train), batch_size)
    last = sampling != "with_replacement" and left == 1 and (steps is None or steps > whole)
    if not (every or last):
        return False
    one = np.zeros((1, *train.image_shape), model.flat.dtype)
    try:
        forward(model, one, True, kernels.Key(0))
    except ShapeError as error:
        if every:
            raise InputError(
                "the model normalises over the pictures of a batch and needs at least two, but "
                f"batch_size is {batch_size} and there are {len(train)} pictures; give more of both"
            ) from error
        return True
    return False


def notes(
    model: nn.Layer, train: Dataset, batch_size: int, steps: int | None, sampling: str
) -> tuple[str, ...]:
    """What to say before the first step, a sentence each."""
    said = []
    if leaves_out_last(model, train, batch_size, steps, sampling):
        said.append(
            f"{len(train):,} pictures in batches of {batch_size:,} leave one over, and the model "
            "normalises over a batch: each epoch leaves out its last picture"
        )
    if np.ptp(train.labels) == 0:
        said.append(
            f"all {len(train):,} training pictures are of the class "
            f"{checks.said(train.classes[train.labels[0]])}: the model can learn no other"
        )
    return tuple(said)
