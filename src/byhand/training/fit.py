"""Training as a generator of records: `for record in fit(model, train, ...)`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from byhand import kernels, nn
from byhand.data import Augmentation, Batch, Dataset, Standardisation, batches
from byhand.errors import InputError, TrainingStopped
from byhand.evaluation import logits
from byhand.losses import CrossEntropy, Loss, loss_backward, loss_forward
from byhand.nn.layer import backward, commit, forward, layout_for
from byhand.optim import (
    Adam,
    Constant,
    ExponentialMovingAverage,
    Optimiser,
    Schedule,
    clip_by_global_norm,
    global_norm,
)
from byhand.training import diagnose
from byhand.training.checkpoint import EpochSums, TrainingState, new_state, save_checkpoint
from byhand.training.records import Diagnosis, EpochRecord, StepRecord

PROBE = 200  # pictures on which dead units are looked for
CHECKPOINT_SECONDS = 15.0  # between checkpoints within an epoch


class Diverged(TrainingStopped):
    """The loss is not finite; `diagnosis` says what the likely causes are."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        first, remedy = diagnosis.causes[0]
        super().__init__(f"{diagnosis.symptom}; most likely {first}: {remedy}")
        self.diagnosis = diagnosis


def fit(
    model: nn.Layer,
    train: Dataset,
    *,
    rng: np.random.Generator,
    validation: Dataset | None = None,
    test: Dataset | None = None,
    loss: Loss = CrossEntropy(),  # noqa: B008 - frozen
    optimiser: Optimiser = Adam(),  # noqa: B008
    schedule: Schedule = Constant(1e-3),  # noqa: B008
    batch_size: int = 64,
    epochs: int | None = None,
    steps: int | None = None,
    sampling: str = "shuffle",
    seed: int = 0,
    clip_norm: float | None = None,
    average: ExponentialMovingAverage | None = None,
    augment: Augmentation | None = None,
    state: TrainingState | None = None,
    checkpoint: Path | None = None,
    settings: dict[str, Any] | None = None,
    step_records: bool = False,
    layout: str = "auto",
) -> Iterator[EpochRecord | StepRecord]:
    """Train `model` in place; yield an EpochRecord an epoch (and a StepRecord a step when asked).

    One step: a batch forward, the loss, backward, the optimiser's update of the flat vector. Stop
    early by leaving the loop. Pictures are standardised as `model.card` says. After each record the
    state is whole: `state` (given in to resume) is updated in place, and with `checkpoint` it is on
    disk before the record is yielded.

    Args:
        model: initialised; its `card` says how pictures are standardised.
        train: what is learnt from.
        rng: draws the order of the batches.
        validation: scored after each epoch; what choices are made on.
        test: scored after each epoch too, for drawing; nothing reads it.
        loss: what is made small.
        optimiser: how the gradient changes the weights.
        schedule: the learning rate by step.
        batch_size: the last batch of an epoch may be smaller.
        epochs: how many passes over the training set.
        steps: how many updates; what is reached first ends it, and one of the two must be given.
        sampling: "shuffle", "in_order" or "with_replacement".
        seed: of dropout's masks.
        clip_norm: the gradient is scaled down to this norm where it is larger.
        average: keeps a moving average of the weights, by which validation and test are scored
            (with the running statistics of batch norm as they are).
        augment: how the training pictures are moved each time they are seen.
        state: where to go on, from `load_checkpoint` or `new_state`.
        checkpoint: a file that is written after each epoch and every 15 seconds.
        settings: kept in the checkpoint.
        step_records: whether to yield StepRecords.
        layout: the arithmetic, see `kernels.as_layout`.

    Raises:
        Diverged: the loss became NaN or infinite; what the last checkpoint holds is kept.
        InputError: an argument does not make sense.
    """
    if epochs is None and steps is None:
        raise InputError("say how long to train: epochs or steps")
    for name, number in (("epochs", epochs), ("steps", steps), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise InputError(f"{name} is {number}, but it must be at least 1")
    if len(train) == 0:
        raise InputError("there is no picture to train on")
    if train.image_shape != model.card.image_shape:
        raise InputError(
            f"the pictures are {train.image_shape}, but the model's card says "
            f"{model.card.image_shape}; set model.card = nn.ModelCard(image_shape=...)"
        )
    if state is not None and (state.average is None) != (average is None):
        raise InputError(
            "the state to go on from and the arguments differ in `average`; give the same again"
        )
    per_epoch = -(-len(train) // batch_size)
    limits = [n for n in (steps, None if epochs is None else epochs * per_epoch) if n is not None]
    total_steps = min(limits)
    schedule = schedule.over(total_steps)
    if (
        state is not None
        and state.generator["bit_generator"] != rng.bit_generator.state["bit_generator"]
    ):
        raise InputError(
            f"the state to go on from has a {state.generator['bit_generator']} generator, "
            f"but rng is a {rng.bit_generator.state['bit_generator']}"
        )
    if state is None:
        state = new_state(model, optimiser, rng, average is not None)
    layout = layout_for(model, layout)
    grads = model.new_grads()
    standardisation = model.card.standardisation or Standardisation.unit(train.image_shape[0])
    chance = diagnose.chance_level(train)
    probe = standardisation.apply(train.images[:PROBE])
    recent: list[float] = []  # gradient norms of the latest steps
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, state, settings or {})
        saved_at = time.monotonic()

    # A checkpoint may hold a finished last step whose epoch has no record yet.
    while state.step < total_steps or state.sums.images:
        rng.bit_generator.state = state.generator
        order = batches(
            train,
            batch_size,
            rng,
            sampling=sampling,
            standardisation=standardisation,
            skip=state.batch,
            layout=layout,
            augment=augment,
            key=nn.Key(seed, state.step - state.batch),
        )
        for batch in order:
            if state.step >= total_steps:
                break
            start = time.perf_counter()
            rate = schedule(state.step)
            with np.errstate(over="ignore", invalid="ignore"):  # told by `Diverged`
                value, correct, norm = _step(
                    model, batch, loss, optimiser, state, grads, rate, seed, clip_norm
                )
            recent = [*recent[-9:], norm]
            if not math.isfinite(value):
                images = kernels.as_numpy(batch.images)
                raise Diverged(diagnose.diverged(value, state.step + 1, rate, images, recent))
            if average is not None and state.average is not None:
                average.update(state.average, model.flat, state.step)
            _add(state.sums, len(batch.labels), value, correct)
            state.step += 1
            state.batch += 1
            state.sums.seconds += time.perf_counter() - start
            if step_records:
                accuracy = correct / len(batch.labels)
                yield StepRecord(state.step, state.epoch + 1, value, accuracy, rate, norm)
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                save()
        if not np.isfinite(model.flat).all():
            # A step's loss is that before its update, so the last update is looked at here.
            rate = schedule(max(state.step - 1, 0))
            raise Diverged(diagnose.diverged(math.nan, state.step, rate, probe, recent, "a weight"))
        with np.errstate(over="ignore", invalid="ignore"):
            record = _epoch_record(model, state, validation, test, loss, schedule, layout)
        if record.validation_loss is not None and not math.isfinite(record.validation_loss):
            said = (record.validation_loss, state.step, record.learning_rate, probe, recent)
            raise Diverged(diagnose.diverged(*said, "the validation loss"))
        found = diagnose.epoch_diagnoses(
            record, model, chance, state.sums.images, diagnose.activation_health(model, probe)
        )
        record = replace(record, diagnoses=found)
        state.records.append(record)
        state.epoch += 1
        state.batch = 0
        state.sums = EpochSums()
        state.generator = dict(rng.bit_generator.state)
        save()
        yield record


def score(
    model: nn.Layer, dataset: Dataset, loss: Loss, layout: str = "auto"
) -> tuple[float, float]:
    """Mean loss and accuracy of `model` on a data set, in evaluation mode."""
    outputs = logits(model, dataset.images, layout=layout)
    value, _ = loss.forward(outputs, loss.targets(dataset.labels, outputs.shape[1]))
    return value, float(np.mean(outputs.argmax(axis=1) == dataset.labels))


def _step(
    model: nn.Layer,
    batch: Batch,
    loss: Loss,
    optimiser: Optimiser,
    state: TrainingState,
    grads: nn.NamedVector,
    rate: float,
    seed: int,
    clip_norm: float | None,
) -> tuple[float, int, float]:
    """One update. Gives the batch's loss, how many it had right, and the gradient's norm.

    A loss or a gradient that is not finite updates nothing; the loss given is then not finite.
    """
    outputs, cache = forward(model, batch.images, True, nn.Key(seed, state.step))
    targets = loss.targets(batch.labels, outputs.shape[1])
    value, loss_cache = loss_forward(loss, outputs, targets)
    if not math.isfinite(value):
        return value, 0, math.nan
    grads.flat[...] = 0
    backward(model, loss_backward(loss, loss_cache, outputs), cache, grads, need_dx=False)
    squares = grads.squares()
    if clip_norm is None:
        norm = global_norm(grads.flat)
    else:
        norm = clip_by_global_norm(grads.flat, clip_norm)  # what it was before
    if not math.isfinite(norm):
        return math.nan, 0, norm
    for name, square in squares.items():
        state.sums.gradient_squares[name] = state.sums.gradient_squares.get(name, 0.0) + square
    optimiser.step(model.flat, grads.flat, state.optimiser, rate)
    commit(model, cache)
    correct = int((kernels.as_numpy(outputs).argmax(axis=1) == batch.labels).sum())
    return value, correct, norm


def _add(sums: EpochSums, n: int, loss: float, correct: int) -> None:
    sums.images += n
    sums.loss += loss * n
    sums.correct += correct
    sums.steps += 1


def _epoch_record(
    model: nn.Layer,
    state: TrainingState,
    validation: Dataset | None,
    test: Dataset | None,
    loss: Loss,
    schedule: Schedule,
    layout: str,
) -> EpochRecord:
    """Score the model, keep it where it is the best so far, and say so."""
    sums = state.sums
    own = model.flat.copy()
    if state.average is not None:
        model.flat[...] = state.average
    scores: list[tuple[float | None, float | None]] = [
        (None, None) if part is None or len(part) == 0 else score(model, part, loss, layout)
        for part in (validation, test)
    ]
    (validation_loss, validation_accuracy), (test_loss, test_accuracy) = scores
    record = EpochRecord(
        epoch=state.epoch + 1,
        step=state.step,
        train_loss=sums.loss / sums.images,
        train_accuracy=sums.correct / sums.images,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        learning_rate=schedule(max(state.step - 1, 0)),
        gradient_norms={
            name: math.sqrt(square / sums.steps) for name, square in sums.gradient_squares.items()
        },
        weight_norms={
            name: float(np.linalg.norm(view)) for name, view in model.parameters().items()
        },
        seconds=sums.seconds,
        images_per_second=sums.images / max(sums.seconds, 1e-9),
    )
    if _better(record, state):
        state.best_epoch = record.epoch
        state.best_flat = model.flat.copy()
        state.best_buffers = model.flat_buffers.copy()
    model.flat[...] = own
    return record


def _better(record: EpochRecord, state: TrainingState) -> bool:
    """Higher validation accuracy, or as high with a lower loss. Without validation the latest."""
    if record.validation_accuracy is None or state.best_epoch is None:
        return True
    best = state.records[state.best_epoch - 1]
    ours = (record.validation_accuracy, -(record.validation_loss or 0.0))
    return ours > (best.validation_accuracy or 0.0, -(best.validation_loss or 0.0))


def restore_best(model: nn.Layer, state: TrainingState) -> None:
    """Put the weights of the best epoch on validation into `model` (the last without validation).

    With an average of the weights these are averaged ones.
    """
    if state.best_flat is not None and state.best_buffers is not None:
        model.flat[...] = state.best_flat
        model.flat_buffers[...] = state.best_buffers


class EarlyStopping:
    """Says when validation has not got better for `patience` epochs."""

    def __init__(self, patience: int) -> None:
        if patience < 1:
            raise InputError(f"patience is {patience}, but it must be at least 1 epoch")
        self.patience = patience

    def should_stop(self, records: list[EpochRecord]) -> bool:
        """Whether the least validation loss lies `patience` epochs or more back."""
        losses = [r.validation_loss for r in records]
        if not losses or any(value is None for value in losses):
            return False
        best = int(np.argmin(np.array(losses, np.float64)))
        return len(losses) - 1 - best >= self.patience
