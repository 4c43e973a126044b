"""How trained networks read: the study's network over several seeds, and figures of one model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation
from byhand.data import Dataset
from byhand.experiments.lab import Lab
from byhand.experiments.lab.train import Trained
from byhand.recipes import Network


def one_conv(lab: Lab, seeds: int = 5) -> list[Trained]:
    """The network of 8 kernels that the study looks at, with each seed."""
    recipe = lab.recipe("one_conv", model=Network("one_conv", {"kernels": 8}))
    return lab.train(recipe, seeds)[0]


def train_set(lab: Lab, run: Trained) -> Dataset:
    """The training pictures of a run, those included that were held out for validation."""
    return _first(lab.splits.train, run.recipe["train_limit"])


def test_set(lab: Lab, run: Trained) -> Dataset:
    """The test pictures that a run's figures are of."""
    return _first(lab.splits.test, run.recipe["test_limit"])


def probabilities(runs: Sequence[Trained], dataset: Dataset) -> NDArray[np.float32]:
    """What each run's model reads, (runs, N, K)."""
    return np.stack([evaluation.predict(run.model(), dataset.images) for run in runs])


def totals(run: Trained, dataset: Dataset) -> dict[str, float]:
    """Accuracy, loss and mean F1 of the model that was kept; NaN where the training diverged."""
    if run.diverged:
        return {"accuracy": math.nan, "loss": math.nan, "f1": math.nan}
    found = evaluation.evaluate(run.model(), dataset)
    f1 = float(np.mean([row.f1 for row in found.per_class]))
    return {"accuracy": found.accuracy, "loss": found.loss, "f1": f1}


def by_class(run: Trained, dataset: Dataset) -> list[dict[str, Any]]:
    """Precision, recall, F1 and pictures of each class; nothing where the training diverged."""
    if run.diverged:
        return []
    return [row.as_dict() for row in evaluation.evaluate(run.model(), dataset).per_class]


def _first(dataset: Dataset, limit: int | None) -> Dataset:
    return dataset if limit is None else dataset.first(limit)
