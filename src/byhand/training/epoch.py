"""The end of an epoch: scores, the record, the best weights so far, and when to stop early."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from byhand import nn
from byhand.checks import whole
from byhand.data import Dataset
from byhand.evaluation import logits
from byhand.losses import Loss, loss_forward
from byhand.optim import Schedule, global_norm
from byhand.training.group import ALONE, Group
from byhand.training.records import EpochRecord
from byhand.training.state import TrainingState

Score = tuple[float | None, float | None]  # loss and accuracy, where they are measured


def score(
    model: nn.Layer,
    dataset: Dataset,
    loss: Loss,
    layout: str = "auto",
    group: Group = ALONE,
) -> tuple[float, float]:
    """Mean loss and accuracy of `model` on a data set, in evaluation mode.

    Each rank of a group scores its part of the pictures, and all are given rank 0's sum of them,
    to the bit: they decide by it what is best and whether to stop.
    """
    n, part = len(dataset), group.part(len(dataset))
    images, labels = dataset.images[part], dataset.labels[part]
    sums = np.zeros(2)  # the loss, and how many are right
    if len(labels):
        outputs = logits(model, images, layout=layout)
        targets = loss.targets(labels, outputs.shape[1])
        sums[0], _ = loss_forward(loss, outputs, targets, None if len(labels) == n else n)
        sums[1] = (outputs.argmax(axis=1) == labels).sum()
    value, correct = map(float, group.broadcast(group.sum(sums)))
    return value, correct / n


def epoch_record(
    model: nn.Layer, state: TrainingState, scores: Sequence[Score], schedule: Schedule
) -> EpochRecord:
    """What there is to say of the epoch that ends; `scores` are on validation and test."""
    sums, (validation, test) = state.sums, scores
    return EpochRecord(
        epoch=state.epoch + 1,
        step=state.step,
        train_loss=sums.loss / sums.images,
        train_accuracy=sums.correct / sums.images,
        validation_loss=validation[0],
        validation_accuracy=validation[1],
        test_loss=test[0],
        test_accuracy=test[1],
        learning_rate=schedule(max(state.step - 1, 0)),
        peak_rate=max(map(schedule, range(state.step - sums.steps, state.step))),
        gradient_norms={
            name: math.sqrt(square / sums.steps) for name, square in sums.gradient_squares.items()
        },
        weight_norms={name: global_norm(view.ravel()) for name, view in model.parameters().items()},
        seconds=sums.seconds,
        images_per_second=sums.images / max(sums.seconds, 1e-9),
    )


def best_so_far(record: EpochRecord, model: nn.Layer, state: TrainingState) -> dict[str, Any]:
    """What the state keeps of an epoch that is the best; nothing of another.

    Higher validation accuracy, or as high with a lower loss. Without validation the latest.
    """
    if record.validation_accuracy is not None and state.best_epoch is not None:
        best = state.records[state.best_epoch - 1]
        ours = (record.validation_accuracy, -(record.validation_loss or 0.0))
        if ours <= (best.validation_accuracy or 0.0, -(best.validation_loss or 0.0)):
            return {}
    flat, buffers = model.flat.copy(), model.flat_buffers.copy()
    return {"best_epoch": record.epoch, "best_flat": flat, "best_buffers": buffers}


def restore_best(model: nn.Layer, state: TrainingState) -> None:
    """Put the weights of the best epoch on validation into `model` (the last without validation).

    With an average of the weights these are averaged ones.
    """
    if state.best_flat is not None and state.best_buffers is not None:
        model.flat[...] = state.best_flat
        model.flat_buffers[...] = state.best_buffers


class EarlyStopping:
    """Says when validation has not got better for `patience` epochs, one at least.

    Raises:
        InputError: patience is no such number.
    """

    def __init__(self, patience: int) -> None:
        self.patience = whole("patience", patience, 1)

    def should_stop(self, records: list[EpochRecord]) -> bool:
        """Whether the least validation loss lies `patience` epochs or more back."""
        losses = [r.validation_loss for r in records]
        if not losses or any(value is None for value in losses):
            return False
        best = int(np.argmin(np.array(losses, np.float64)))
        return len(losses) - 1 - best >= self.patience
