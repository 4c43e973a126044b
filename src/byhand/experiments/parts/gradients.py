"""How far the gradients of batches lie from that of all pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import recipes
from byhand.data import Batch, Splits, batches
from byhand.experiments.lab.train import from_plain
from byhand.losses import loss_backward, loss_forward
from byhand.nn.layer import backward, forward


def gradient_noise(
    splits: Splits,
    folder: Path,
    recipe: Mapping[str, Any],
    seed: int,
    sizes: Sequence[int],
    draws: int,
) -> dict[str, Any]:
    """How far the gradients of batches lie from that of all pictures, for one model.

    The model is trained as the recipe says, since the gradient of a new one is not that of most
    steps. Batches are drawn with replacement.

    Returns:
        For each size `noise`, the root mean square of |g - G| / |G| over `draws` batches, and
        `cosine`, the mean cosine of the angle between g and G.
    """
    prepared = recipes.prepare(from_plain(recipe), splits, seed)
    for _ in recipes.train(prepared):
        pass
    rng = np.random.default_rng([seed, 1])
    whole = np.zeros(prepared.model.flat.shape)
    for batch in batches(prepared.train, 1000, rng, sampling="in_order",
                         standardisation=prepared.model.card.standardisation):  # fmt: skip
        whole += len(batch.labels) / len(prepared.train) * gradient(prepared, batch)
    found = [
        spread([gradient(prepared, b) for b in islice(_drawn(prepared, size, rng), draws)], whole)
        for size in sizes
    ]
    return {"noise": [n for n, _ in found], "cosine": [c for _, c in found]}


def spread(gradients: Sequence[ArrayLike], whole: NDArray[np.float64]) -> tuple[float, float]:
    """Root mean square of |g - G| / |G|, and mean cosine of the angle between g and G."""
    g = np.asarray(gradients, np.float64)  # (draws, P)
    length = np.linalg.norm(whole)
    away = np.linalg.norm(g - whole, axis=1) / length
    cosine = g @ whole / (np.linalg.norm(g, axis=1) * length)
    return float(np.sqrt(np.mean(away**2))), float(cosine.mean())


def slope(sizes: ArrayLike, noise: ArrayLike) -> float:
    """The power of the batch that the noise follows: the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(np.asarray(sizes)), np.log(np.asarray(noise)), 1)[0])


def gradient(prepared: recipes.Prepared, batch: Batch) -> NDArray[np.float64]:
    """The gradient of the batch's mean loss by all parameters, (P,)."""
    model, loss = prepared.model, prepared.recipe.loss
    grads = model.new_grads()
    outputs, cache = forward(model, batch.images, True, None)
    _, loss_cache = loss_forward(loss, outputs, loss.targets(batch.labels, outputs.shape[1]))
    backward(model, loss_backward(loss, loss_cache, outputs), cache, grads, need_dx=False)
    return np.asarray(grads.flat, np.float64)


def _drawn(prepared: recipes.Prepared, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end, drawn with replacement."""
    by = prepared.model.card.standardisation
    return chain.from_iterable(
        batches(prepared.train, size, rng, sampling="with_replacement", standardisation=by)
        for _ in count()
    )
