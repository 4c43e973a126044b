"""What went wrong, most likely cause first, each with what to try.

Every rule reads numbers that the records or one forward pass hold, and names them; the causes are
ordered by the evidence for them. The thresholds are rules of thumb, set so that the recipes of this
project that train well give no warning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.data import Dataset
from byhand.errors import TrainingStopped
from byhand.training.records import Diagnosis, EpochRecord

DEAD_SHARE = 2 / 3  # of a layer's units; half of that where accuracy is below UNDERFIT
SMALL_WEIGHTS = 0.35  # of the deviation that He's rule gives
LARGE_WEIGHTS = 3.0  # likewise
VANISHING = 1e-3  # first layer's gradient per weight, of the last layer's
EXPLODING = 100.0  # norm of a layer's gradient
OVERFIT_GAP = 0.02  # training minus validation accuracy
OVERFIT_RISE = 1.1  # validation loss, of its least
RISE = 1.1  # training loss, of the epoch before
HIGH_LOSS = 10.0  # guessing among ten classes costs 2.3
UNDERFIT = 0.9  # accuracy, the better of training (dropout lowers it) and validation

Cause = tuple[str, str]


@dataclass(frozen=True)
class LayerHealth:
    """What one forward pass says of an activation layer: units that are 0 on every picture."""

    name: str
    units: int
    dead: int


def activation_health(model: nn.Layer, images: NDArray[Any]) -> list[LayerHealth]:
    """For each ReLU, how many units (channels of a picture) give 0 on all `images` (N, C, H, W)."""
    health = []
    with np.errstate(over="ignore", invalid="ignore"):  # weights on their way to infinity
        trace = nn.trace(model, images)
    for layer in trace:
        if layer.kind == "ReLU":
            axes = (0, *range(2, layer.output.ndim))
            dead = int((np.abs(layer.output).max(axis=axes) == 0).sum())
            health.append(LayerHealth(layer.name, layer.output.shape[1], dead))
    return health


class Diverged(TrainingStopped):
    """The loss is not finite; `diagnosis` says what the likely causes are."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        first, remedy = diagnosis.causes[0]
        super().__init__(f"{diagnosis.symptom}; most likely {first}: {remedy}")
        self.diagnosis = diagnosis


def diverged(
    loss: float,
    step: int,
    learning_rate: float,
    images: NDArray[Any],
    norms: Iterable[float],
    what: str = "the loss",
) -> Diagnosis:
    """`what` is not finite. `norms` are the gradient's norms of the latest steps."""
    causes: list[Cause] = [
        (
            f"the learning rate {learning_rate:.3g} is too high",
            f"try {learning_rate / 10:.2g}, or a warm-up",
        ),
        ("gradients exploded", "clip them: --set clip_norm=1.0"),
        ("weights started too large", "initialise with He"),
    ]
    largest = float(np.abs(images).max(initial=0))
    if not np.isfinite(images).all():
        causes.insert(0, ("the pictures hold NaN or infinity", "look at the data"))
    elif largest > 20:
        causes.insert(
            0, (f"pixels reach {largest:.3g}", "standardise the pictures: --set standardise=true")
        )
    finite = [n for n in norms if math.isfinite(n)]
    seen = f" (gradient norms before it: {', '.join(f'{n:.3g}' for n in finite[-3:])})"
    return Diagnosis(
        "diverged",
        f"{what} became {loss} at step {step}{seen if finite else ''}",
        tuple(causes),
    )


def epoch_diagnoses(
    record: EpochRecord,
    model: nn.Layer,
    chance: float,
    n_train: int,
    health: Sequence[LayerHealth],
    rising: bool = False,
) -> tuple[Diagnosis, ...]:
    """What the epoch's numbers say: at chance, dead units, vanishing or exploding gradients.

    While the learning rate is still `rising` to its peak, only the last of these means trouble.
    """
    diagnoses = []
    share = DEAD_SHARE if _accuracy(record) >= UNDERFIT else DEAD_SHARE / 2
    dead = [h for h in health if h.dead > share * h.units]
    small = {name: ratio for name, ratio in _of_he(model).items() if ratio < SMALL_WEIGHTS}
    if not rising and _at_chance(record, chance, n_train):
        diagnoses.append(_chance(record, model, chance, dead, small))
    if dead and not rising:
        layers = ", ".join(f"{h.dead} of {h.units} in layer {h.name}" for h in dead)
        diagnoses.append(
            Diagnosis(
                "dead_units",
                f"after epoch {record.epoch}, ReLU units that give 0 on every picture: {layers}",
                (
                    *_large_cause(model),
                    (
                        f"a step at a learning rate of up to {_rate(record):.3g} pushed their "
                        "biases below zero",
                        "lower the learning rate, or warm up",
                    ),
                    ("ReLU has no gradient where it gives 0", "try LeakyReLU, or BatchNorm before"),
                    *_wider(record),
                ),
            )
        )
    rate = _vanishing_ratio(record, model)
    if not rising and rate is not None and rate[0] < VANISHING:
        diagnoses.append(
            Diagnosis(
                "vanishing",
                f"in epoch {record.epoch} the gradient per weight of {rate[1]} was {rate[0]:.1g} "
                f"of that of {rate[2]}",
                (
                    *(_small_cause(small) if small else ()),
                    ("activations that saturate (sigmoid, tanh) between them", "use ReLU"),
                    ("weights too small for the depth", "initialise with He"),
                    ("a deep chain of layers", "BatchNorm, or Residual shortcuts"),
                ),
            )
        )
    name, norm = max(record.gradient_norms.items(), key=lambda i: i[1], default=("", 0.0))
    if norm > EXPLODING:
        causes = [
            (f"the learning rate {_rate(record):.3g} is too high", "try a tenth"),
            ("weights started too large", "initialise with He"),
            ("single pictures with a huge loss", "clip: --set clip_norm=1.0"),
        ]
        if large := _large_cause(model):
            causes = [*large, causes[0], causes[2]]
        diagnoses.append(
            Diagnosis(
                "exploding",
                f"in epoch {record.epoch} the gradient of {name} had norm {norm:.3g}",
                tuple(causes),
            )
        )
    return tuple(diagnoses)


def run_diagnoses(model: nn.Layer, records: Sequence[EpochRecord]) -> tuple[Diagnosis, ...]:
    """What the curves of a whole run of `model` say: over- or under-fitting."""
    if not records:
        return ()
    last = records[-1]
    losses = [r.validation_loss for r in records if r.validation_loss is not None]
    if last.validation_accuracy is not None and losses:
        gap = last.train_accuracy - last.validation_accuracy
        best = int(np.argmin(losses))
        if gap > OVERFIT_GAP and losses[-1] > OVERFIT_RISE * losses[best]:
            return (
                Diagnosis(
                    "overfitting",
                    f"training accuracy ends at {last.train_accuracy:.2%} and validation at "
                    f"{last.validation_accuracy:.2%}, and validation loss rose from "
                    f"{losses[best]:.4f} (epoch {records[best].epoch}) to {losses[-1]:.4f}",
                    (
                        (
                            "it trained on after it had learnt what generalises",
                            "fewer epochs, or --set patience=3",
                        ),
                        ("too few pictures for this network", "train on more"),
                        (
                            "nothing holds it back",
                            "--set optimiser.weight_decay=5e-4, or Dropout before the last layer",
                        ),
                        ("the network is larger than the task needs", "fewer channels or units"),
                    ),
                ),
            )
    at_chance = any(diagnosis.kind == "chance" for diagnosis in last.diagnoses)
    if _accuracy(last) < UNDERFIT and not at_chance:  # which says it already
        return (_underfitting(model, records),)
    return ()


def told_once(records: Sequence[EpochRecord]) -> tuple[Diagnosis, ...]:
    """The diagnoses of the epochs, each kind once: as it was last, and which epochs had it.

    What later epochs are rid of keeps its symptom and needs no advice.
    """
    seen: dict[str, list[EpochRecord]] = {}
    for record in records:
        for kind in dict.fromkeys(diagnosis.kind for diagnosis in record.diagnoses):
            seen.setdefault(kind, []).append(record)
    told = []
    for kind, having in seen.items():
        first, last = having[0].epoch, having[-1].epoch
        latest = next(d for d in having[-1].diagnoses if d.kind == kind)
        symptom, causes = latest.symptom, latest.causes
        if first != last:
            symptom += f" (and {len(having) - 1} times since epoch {first})"
        if last != records[-1].epoch:
            symptom, causes = f"{symptom}; gone afterwards", ()
        told.append(Diagnosis(kind, symptom, causes))
    return tuple(told)


def _underfitting(model: nn.Layer, records: Sequence[EpochRecord]) -> Diagnosis:
    last = records[-1]
    rate = max(map(_rate, records))
    causes: list[Cause] = [
        (
            f"the learning rate {rate:.3g} (its highest) may not suit",
            f"try {3 * rate:.2g} and {rate / 3:.2g}",
        ),
        *_small_network(model, last),
        *_unstandardised(model),
    ]
    if rise := _rise(records):
        causes[0] = (f"the learning rate {rate:.3g} (its highest) is too high{rise}",
                     f"try {rate / 10:.2g}")  # fmt: skip
    if len(records) == 1:
        causes.insert(0, ("one epoch is little", "train for more epochs"))
    elif records[-2].train_loss - last.train_loss > 0.02 * last.train_loss:
        causes.insert(0, ("the loss was still falling at the end", "train for more epochs"))
    return Diagnosis(
        "underfitting",
        f"accuracy ends at {last.train_accuracy:.2%} in training"
        + (
            ""
            if last.validation_accuracy is None
            else f" and {last.validation_accuracy:.2%} on validation"
        )
        + f", loss {last.train_loss:.3g}",
        tuple(causes),
    )


def _rise(records: Sequence[EpochRecord]) -> str:
    """What shows that steps were too long: the loss rose by more than a tenth, or is huge."""
    for before, after in pairwise(records):
        if after.train_loss > RISE * before.train_loss:
            return (
                f": training loss rose from {before.train_loss:.3g} in epoch {before.epoch} to "
                f"{after.train_loss:.3g} in epoch {after.epoch}"
            )
    loss = records[-1].train_loss
    return f": the loss is {loss:.3g}, far above guessing" if loss > HIGH_LOSS else ""


def _small_network(model: nn.Layer, record: EpochRecord) -> tuple[Cause, ...]:
    """Named as a cause only where there are fewer parameters than training pictures."""
    pictures = round(record.seconds * record.images_per_second)
    if model.flat.size >= pictures:
        return ()
    cause = f"the network is small: {model.flat.size:,} parameters for {pictures:,} pictures"
    return ((cause, "more channels, or another layer"),)


def _wider(record: EpochRecord) -> tuple[Cause, ...]:
    """Named as a cause only where it learns well without the dead units."""
    if _accuracy(record) < UNDERFIT:
        return ()
    return (("the layer is wider than it needs to be", "fewer units may do as well"),)


def _rate(record: EpochRecord) -> float:
    """The highest learning rate of the epoch: a schedule may end it near 0."""
    return record.peak_rate or record.learning_rate


def chance_level(dataset: Dataset) -> float:
    """The accuracy of always saying the most frequent class."""
    return float(np.bincount(dataset.labels).max() / len(dataset))


def _accuracy(record: EpochRecord) -> float:
    """The better of training and validation accuracy."""
    return max(record.train_accuracy, record.validation_accuracy or 0.0)


def _at_chance(record: EpochRecord, chance: float, n: int) -> bool:
    return _accuracy(record) < chance + max(0.02, 4 * math.sqrt(chance * (1 - chance) / max(n, 1)))


def _chance(
    record: EpochRecord,
    model: nn.Layer,
    chance: float,
    dead: Sequence[LayerHealth],
    small: Mapping[str, float],
) -> Diagnosis:
    rate = _rate(record)
    causes: list[Cause] = [*(_small_cause(small) if small else ())]
    if dead:
        causes += _large_cause(model)
        causes.append(("most ReLU units are dead", "lower the learning rate, initialise with He"))
    total = math.sqrt(sum(n * n for n in record.gradient_norms.values()))
    if total < 1e-3:
        causes.append((f"the gradient is nearly 0 (norm {total:.1g})", "initialise with He"))
    too_low = (f"the learning rate {rate:.3g} is too low for so few steps", "try ten times more")
    too_high = (f"the learning rate {rate:.3g} is too high", "try a tenth")
    causes += [too_high, too_low] if rate >= 0.05 else [too_low, too_high]
    causes += [
        ("too few steps to leave the start", "train longer, or give it momentum"),
        (
            "labels do not belong to the pictures",
            "look at a few with their labels: byhand read --random 10",
        ),
        *_unstandardised(model),
    ]
    return Diagnosis(
        "chance",
        f"after epoch {record.epoch} accuracy is at chance: {record.train_accuracy:.1%} in "
        f"training, where always saying the most frequent class gives {chance:.1%}",
        tuple(causes),
    )


def _unstandardised(model: nn.Layer) -> tuple[Cause, ...]:
    """Named as a cause only where the pictures really are as they came."""
    used = model.card.standardisation
    if used is not None and (any(used.mean) or any(s != 1 for s in used.std)):
        return ()
    return (("the pictures are not standardised", "--set standardise=true"),)


def _of_he(model: nn.Layer) -> dict[str, float]:
    """Each weight's deviation, of the sqrt(2 / fan_in) that He's rule gives."""
    ratios = {}
    for name, view in model.parameters().items():
        if view.ndim >= 2:
            he = math.sqrt(2 / math.prod(view.shape[1:]))
            ratios[name] = float(np.sqrt(np.mean(np.square(view, dtype=np.float64)))) / he
    return ratios


def _large_cause(model: nn.Layer) -> tuple[Cause, ...]:
    """Named only where weights really are far above He's rule; not all ReLUs survive such steps."""
    large = {name: ratio for name, ratio in _of_he(model).items() if ratio > LARGE_WEIGHTS}
    if not large:
        return ()
    ratios = ", ".join(f"{name} is {ratio:.0f} times as large" for name, ratio in large.items())
    return (
        (f"weights started too large (of what He's rule gives, {ratios})", "initialise with He"),
    )


def _small_cause(small: Mapping[str, float]) -> tuple[Cause, ...]:
    ratios = ", ".join(f"{name} at {ratio:.0%}" for name, ratio in small.items())
    return (
        (
            f"weights are too small, so that signal and gradient fade from layer to layer "
            f"(of what He's rule gives: {ratios})",
            "initialise with He",
        ),
    )


def _vanishing_ratio(record: EpochRecord, model: nn.Layer) -> tuple[float, str, str] | None:
    """Gradient per weight, first layer's over last layer's, and their names."""
    weights = [(n, v) for n, v in model.parameters().items() if v.ndim >= 2]
    weights = [(n, v) for n, v in weights if n in record.gradient_norms]
    if len(weights) < 2:
        return None
    first, last = weights[0], weights[-1]
    per_first = record.gradient_norms[first[0]] / math.sqrt(first[1].size)
    per_last = record.gradient_norms[last[0]] / math.sqrt(last[1].size)
    return (per_first / per_last, first[0], last[0]) if per_last > 0 else None
