"""Reading a picture as several views of it: the picture itself, and copies moved a little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation, nn
from byhand.data import Augmentation, Dataset, Splits
from byhand.experiments.lab.statistics import mean
from byhand.experiments.lab.train import from_plain, kept_model
from byhand.recipes import prepare

AVERAGES = ("probabilities", "logits")


def by_amount(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, training: str,
    amounts: Sequence[float], views: int,
) -> dict[str, Any]:  # fmt: skip
    """The validation loss of the mean of `views` views, for each amount of movement."""
    prepared = prepare(from_plain(recipe), splits, seed)
    assert prepared.validation is not None
    net, held_out = kept_model(folder, training), prepared.validation
    found = [figures(net, held_out, a, [views if a else 1], seed) for a in amounts]
    return {"loss": [f["probabilities"]["loss"][-1] for f in found]}


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
    found: dict[str, dict[str, list[float]]] = {
        name: {"accuracy": [], "loss": [], "ece": []} for name in AVERAGES
    }
    of_probabilities: NDArray[Any] = np.zeros(())
    of_logits: NDArray[Any] = np.zeros(())
    for number, output in enumerate(outputs, 1):
        logits = np.asarray(output, np.float64)
        of_logits = of_logits + logits
        of_probabilities = of_probabilities + _softmax(logits)
        if number in at:
            for name, p in (
                ("probabilities", of_probabilities / number),
                ("logits", _softmax(of_logits / number)),
            ):
                # Logarithms of probabilities are logits too; none is 0 before the logarithm.
                logs = np.log(np.maximum(p, np.finfo(np.float64).tiny))
                found[name]["accuracy"].append(float((p.argmax(axis=1) == labels).mean()))
                found[name]["loss"].append(evaluation.mean_cross_entropy(logs, labels))
                found[name]["ece"].append(evaluation.reliability(p, labels).ece)
    return found


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_amount(losses: Sequence[Sequence[float]], amounts: Sequence[float]) -> float:
    """The amount above 0 with the least mean loss over the seeds, of losses (seeds, amounts).

    The loss, because a few thousand pictures hardly tell accuracies of 99 % apart.
    """
    means = {a: mean([of[i] for of in losses]) for i, a in enumerate(amounts) if a > 0}
    return min(means, key=lambda amount: means[amount])
