"""From a recipe, data and a seed to a model and sets that are ready to train."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from byhand import models, nn, training
from byhand.data import Dataset, Splits, Standardisation, stratified_split
from byhand.errors import ShapeError
from byhand.recipes.engine.examples import EXAMPLES
from byhand.recipes.engine.recipe import Recipe


@dataclass
class Prepared:
    """All that `train` needs.

    `source` and `sha256` are of what is learnt from, which may be made of a data set and of fonts;
    `notes` say what a user may want to know.
    """

    recipe: Recipe
    seed: int
    model: nn.Layer
    train: Dataset
    validation: Dataset | None
    test: Dataset
    rng: np.random.Generator  # of the batches
    source: str = ""
    sha256: str = ""
    notes: tuple[str, ...] = ()

    def new_state(self) -> training.TrainingState:
        """Training's state before the first step."""
        averaged = self.recipe.average is not None
        return training.new_state(self.model, self.recipe.optimiser, self.rng, averaged)


def prepare(
    recipe: Recipe, splits: Splits, seed: int, from_model: str | Path | None = None
) -> Prepared:
    """Take the recipe's part of the data, split, fit the standardisation, and build the model.

    What the reader's recipe learns from is made of that part first, which takes minutes.

    The seed gives independent generators: of the starting weights, of the split, of the batches and
    of what a limit draws from a sorted set. The standardisation is fitted on the training part
    only. With `from_model` the weights of that file are the start; the outputs follow the classes'
    order, and where the classes are others the last layer starts anew.

    Raises:
        ShapeError: the pictures do not fit the network, or `from_model` is another network.
        InputError: the recipe needs fonts that are not there.
    """
    weights_rng, split_rng, batches_rng, limits_rng = (
        np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)
    )
    train, *drawn = _limited(splits.train, recipe.train_limit, limits_rng, "training")
    test, *drawn_test = _limited(splits.test, recipe.test_limit, limits_rng, "test")
    made = EXAMPLES[recipe.examples].make(replace(splits, train=train, test=test), seed)
    train, validation, test = made.train, made.validation, made.test
    if validation is None and recipe.validation_fraction > 0:
        train, validation = stratified_split(train, recipe.validation_fraction, split_rng)
    channels = train.image_shape[0]
    standardisation = (
        Standardisation.fit(train.images) if recipe.standardise else Standardisation.unit(channels)
    )
    model = models.build(
        recipe.model.name,
        weights_rng,
        image_shape=train.image_shape,
        classes=train.classes,
        **recipe.model.settings,
    )
    model.card = replace(model.card, standardisation=standardisation)
    notes = (*drawn, *drawn_test)
    notes += training.notes(model, train, recipe)
    if from_model is not None:
        notes = (*notes, _start_from(model, from_model))
    return Prepared(
        recipe, seed, model, train, validation, test, batches_rng, made.source, made.sha256, notes
    )


def _limited(
    dataset: Dataset, limit: int | None, rng: np.random.Generator, what: str
) -> tuple[Dataset] | tuple[Dataset, str]:
    """The first `limit` pictures; from a sorted set a drawn part with all classes, and a note."""
    if limit is None or limit >= len(dataset):
        return (dataset,)
    first = dataset.first(limit)
    share = np.bincount(dataset.labels, minlength=len(dataset.classes)) / len(dataset)
    met = np.bincount(first.labels, minlength=len(dataset.classes))
    spread = np.sqrt(limit * share * (1 - share))  # of a class's number in a mixed set
    if (np.abs(met - limit * share) <= 5 * spread + 1).all():
        return (first,)
    _, part = stratified_split(dataset, limit / len(dataset), rng)
    return part, (
        f"the {what} set is sorted, so its first {limit:,} pictures would not stand for it: "
        f"{len(part):,} were drawn by the seed, each class in its proportion"
    )


def train(
    prepared: Prepared,
    *,
    track_test: bool = False,
    state: training.TrainingState | None = None,
    **run: Any,
) -> Iterator[training.EpochRecord | training.StepRecord]:
    """Train as the recipe says; at the end the model holds the weights that it is to keep.

    `run` goes to `training.fit` as it is: `checkpoint`, `metadata`, `step_records`, `layout` and
    `group`.
    """
    recipe = prepared.recipe
    if state is None:
        state = prepared.new_state()

    def stops() -> bool:
        patience, records = recipe.patience, state.records
        return patience is not None and training.EarlyStopping(patience).should_stop(records)

    if not stops():
        with warnings.catch_warnings():  # `prepared.notes` has them
            warnings.simplefilter("ignore", UserWarning)
            records = training.fit(
                prepared.model,
                prepared.train,
                recipe,
                rng=prepared.rng,
                validation=prepared.validation,
                test=prepared.test if track_test else None,
                seed=prepared.seed,
                state=state,
                **run,
            )
        for record in records:
            yield record
            if isinstance(record, training.EpochRecord) and stops():
                break
    if recipe.keep_best:
        training.restore_best(prepared.model, state)
    elif state.average is not None:
        prepared.model.flat[...] = state.average


def _start_from(model: nn.Layer, path: str | Path) -> str:
    """Copy the weights of the model file at `path` into `model`; say what was kept."""
    other = nn.load(path)
    ours, theirs = model.state_dict(), other.state_dict()
    last = list(nn.leaves(model))
    heads = [name for name, layer in last if next(layer.named_params(), None) is not None]
    head = heads[-1] + "." if heads else ""
    differ = [name for name in ours if name not in theirs or ours[name].shape != theirs[name].shape]
    if set(ours) != set(theirs) or any(not name.startswith(head) for name in differ):
        raise ShapeError(
            f"{path} holds {other.card.name or 'another network'}, whose weights do not fit "
            f"{model.card.name}; choose the recipe that it was trained with"
        )
    mine, old = model.card.classes, other.card.classes
    anew = bool(differ) or set(mine) != set(old)
    # The last layer has a row for each class; those of the same classes go where they are now.
    rows = [old.index(c) for c in mine] if not anew and mine != old else None
    for name, view in ours.items():
        of_head = bool(head) and name.startswith(head)
        if not (anew and of_head):
            view[...] = theirs[name] if rows is None or not of_head else theirs[name][rows]
    if anew:
        why = f"there are {len(mine)} classes and not {len(old)}"
        if len(mine) == len(old):
            why = f"the classes are {_some(mine)} and not {_some(old)}"
        return f"weights from {path}; the last layer starts anew, because {why}"
    if rows is not None:
        return (
            f"weights from {path}; the outputs are put into the data's order of classes, "
            f"{_some(mine)}, from {_some(old)}"
        )
    return f"weights from {path}"


def _some(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
