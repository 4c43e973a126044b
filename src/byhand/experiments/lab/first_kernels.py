"""The kernels of the study's network: what is in them, in words, and what each has to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import evaluation, nn
from byhand.data import Dataset
from byhand.experiments.lab import Lab, readings
from byhand.experiments.lab.train import Trained

CONV, LINEAR = "0", "4"  # the layers of one_conv that have weights


def trained(lab: Lab, seeds: int = 5) -> list[Trained]:
    """The study's network with each seed, those left out whose training diverged."""
    return [run for run in readings.one_conv(lab, seeds) if not run.diverged]


def weights(model: nn.Layer) -> NDArray[np.float32]:
    """The first kernels (F, KH, KW); the mean over their channels."""
    mean: NDArray[np.float32] = model.parameters()[f"{CONV}.weight"].mean(axis=1)
    return mean


def descriptions(kernels: NDArray[Any]) -> list[dict[str, Any]]:
    """What each of the kernels (F, KH, KW) responds to, as plain values."""
    return [evaluation.describe_kernel(kernel).as_dict() for kernel in kernels]


def count(described: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many there are of each kind."""
    return {kind: sum(d["kind"] == kind for d in described) for kind in evaluation.KINDS}


def names(described: Sequence[dict[str, Any]]) -> list[str]:
    """The number of each kernel, and under it what it is."""
    return [f"{i}\n{d['text']}".replace(", ", ",\n") for i, d in enumerate(described)]


def contributions(
    model: nn.Layer, dataset: Dataset
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What each kernel of one_conv says: (F, N, K), and the bias (K) of the last layer.

    The last layer is linear: the logits are the sum over the kernels, plus the bias. A kernel whose
    weights and bias are 0 says nothing, as ReLU and pooling keep 0.
    """
    given = model.parameters()
    bias: NDArray[np.float32] = given[f"{LINEAR}.bias"].copy()
    number = len(given[f"{CONV}.weight"])
    alone = model.copy()
    weight = alone.parameters()[f"{LINEAR}.weight"]  # (K, F*H*W)
    by_kernel = weight.reshape(len(weight), number, -1)  # the same numbers
    kept = by_kernel.copy()
    alone.parameters()[f"{LINEAR}.bias"][...] = 0
    parts = []
    for k in range(number):
        by_kernel[...] = 0
        by_kernel[:, k] = kept[:, k]
        parts.append(evaluation.logits(alone, dataset.images))
    return np.stack(parts), bias


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's, from −1 to 1; 0 where one of the two is constant."""
    from scipy.stats import rankdata

    x, y = (rankdata(v) - (len(a) + 1) / 2 for v in (a, b))
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0
