"""What is known of a training before its first step: what cannot be, and what is to be said."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from byhand import checks, kernels, nn
from byhand.data import Dataset
from byhand.errors import InputError, ShapeError
from byhand.evaluation import check_fits
from byhand.nn.layer import forward
from byhand.training.group import Group
from byhand.training.settings import Settings
from byhand.training.state import TrainingState

SEEDS = 2**64  # the key of dropout's masks holds no more

DATA = "a byhand.data.Dataset; put pictures and labels into one: Dataset(images, labels)"

# The arguments of `fit` that are objects: their class, and what to give.
OBJECTS: tuple[tuple[str, Any, str], ...] = (
    ("model", nn.Layer, "a model of byhand.nn, such as nn.Sequential(...)"),
    ("train", Dataset, DATA),
    ("validation", Dataset | None, f"{DATA}, or None"),
    ("test", Dataset | None, f"{DATA}, or None"),
    ("rng", np.random.Generator, "a generator, such as numpy.random.default_rng(0)"),
    ("state", TrainingState | None, "what training.new_state or load_checkpoint gave, or None"),
    ("checkpoint", str | Path | None, "the path of a file, or None"),
    ("metadata", dict | None, "a dictionary, or None"),
    ("group", Group, "a training.Group"),
)


def check_arguments(given: Mapping[str, Any]) -> None:
    """See that each argument of `fit`, by its name, is of its kind and they fit together.

    Raises:
        InputError: one does not; names it.
    """
    for name, kind, wanted in OBJECTS:
        checks.instance(name, given[name], kind, wanted)
    checks.whole("seed", given["seed"], 0, SEEDS - 1)
    checks.flag("step_records", given["step_records"])
    settings, state, rng = given["settings"], given["state"], given["rng"]
    settings.check()
    check_sets(given["model"], given["train"], validation=given["validation"], test=given["test"])
    if state is None:
        return
    if (state.average is None) != (settings.average is None):
        raise InputError(
            "the state to go on from and the arguments differ in `average`; give the same again"
        )
    mine, theirs = rng.bit_generator.state["bit_generator"], state.generator["bit_generator"]
    if mine != theirs:
        raise InputError(f"the state to go on from has a {theirs} generator, but rng is a {mine}")


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
                f"the training set has the {name} {checks.quoted(mine)}, but the model's card says "
                f"{checks.quoted(theirs)}; set model.card = dataclasses.replace(model.card, "
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


def leaves_out_last(model: nn.Layer, train: Dataset, settings: Settings) -> bool:
    """Whether an epoch ends in a batch of one picture, of which the model cannot learn.

    Batch norm of vectors is such a model: one value has no deviation.

    Raises:
        InputError: all batches are of one picture.
    """
    batch_size, steps = settings.batch_size, settings.steps
    every = min(batch_size, len(train)) == 1
    whole, left = divmod(len(train), batch_size)
    once = settings.sampling != "with_replacement"  # each picture in an epoch
    last = once and left == 1 and (steps is None or steps > whole)
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


def notes(model: nn.Layer, train: Dataset, settings: Settings) -> tuple[str, ...]:
    """What to say before the first step, a sentence each."""
    sentences = []
    if leaves_out_last(model, train, settings):
        sentences.append(
            f"{len(train):,} pictures in batches of {settings.batch_size:,} leave one over, and "
            "the model normalises over a batch: each epoch leaves out its last picture"
        )
    if np.ptp(train.labels) == 0:
        sentences.append(
            f"all {len(train):,} training pictures are of the class "
            f"{checks.quoted(train.classes[train.labels[0]])}: the model can learn no other"
        )
    return tuple(sentences)
