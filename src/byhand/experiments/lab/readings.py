"""How trained networks read: the study's network over several seeds, and figures of one model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import evaluation, nn, plots
from byhand.data import Dataset
from byhand.experiments.lab import Lab
from byhand.experiments.lab.train import Trained
from byhand.plots import Page
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


def standardised(model: nn.Layer, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures (N, C, H, W) as the model was trained on them."""
    assert model.card.standardisation is not None
    return model.card.standardisation.apply(images)


def probabilities(runs: Sequence[Trained], dataset: Dataset) -> NDArray[np.float32]:
    """What each run's model reads, (runs, N, K)."""
    return np.stack([evaluation.predict(run.model(), dataset.images) for run in runs])


def totals(run: Trained, dataset: Dataset) -> dict[str, float]:
    """Accuracy, loss and mean F1 of the model that was kept; NaN where the training diverged."""
    if run.diverged:
        return {"accuracy": math.nan, "loss": math.nan, "f1": math.nan}
    result = evaluation.evaluate(run.model(), dataset)
    f1 = float(np.mean([row.f1 for row in result.per_class]))
    return {"accuracy": result.accuracy, "loss": result.loss, "f1": f1}


def by_class(run: Trained, dataset: Dataset) -> list[dict[str, Any]]:
    """Precision, recall, F1 and pictures of each class; nothing where the training diverged."""
    if run.diverged:
        return []
    return [row.as_dict() for row in evaluation.evaluate(run.model(), dataset).per_class]


def loss_figure(
    page: Page, name: str, ylabel: str, title: str, runs: Mapping[str, ArrayLike], caption: str = ""
) -> None:
    """Losses by epoch, a line a run of `runs[kind]` (runs, epochs), without the first."""
    curves = {kind: np.asarray(of, np.float64) for kind, of in runs.items()}
    epochs = max(of.shape[1] for of in curves.values())
    first = 1 if epochs > 2 else 0
    ax = plots.curves_over_runs(
        list(range(first + 1, epochs + 1)), {kind: of[:, first:] for kind, of in curves.items()},
        xlabel="epoch", ylabel=f"{ylabel} (mean cross-entropy)",
        title=title + (", without the first epoch" if first else ""), spread="lines",
    )  # fmt: skip
    page.figure(name, ax, caption=caption)


def _first(dataset: Dataset, limit: int | None) -> Dataset:
    return dataset if limit is None else dataset.first(limit)
