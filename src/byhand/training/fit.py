"""Training as a generator of records: `for record in fit(model, train, ...)`."""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from byhand import nn
from byhand.data import Augmentation, Dataset, Standardisation, batches
from byhand.errors import TrainingStopped
from byhand.losses import CrossEntropy, Loss
from byhand.nn.layer import layout_for
from byhand.optim import Adam, Constant, ExponentialMovingAverage, Optimiser, Schedule
from byhand.training import diagnose
from byhand.training.beforehand import check_arguments, leaves_out_last, notes
from byhand.training.checkpoint import save_checkpoint
from byhand.training.epoch import epoch_record
from byhand.training.group import ALONE, Group
from byhand.training.records import Diagnosis, EpochRecord, StepRecord
from byhand.training.state import EpochSums, TrainingState, new_state
from byhand.training.step import Stepper, agree

PROBE = 200  # pictures on which dead units are looked for
CHECKPOINT_SECONDS = 15.0  # between checkpoints within an epoch


class Diverged(TrainingStopped):
    """The loss is not finite; `diagnosis` says what the likely causes are."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        first, remedy = diagnosis.causes[0]
        super().__init__(f"{diagnosis.symptom}; most likely {first}: {remedy}")
        self.diagnosis = diagnosis


class Training(Iterator[EpochRecord | StepRecord]):
    """The records of a training, which goes on as they are taken; `close` ends it early."""

    _begun = True  # until it is made

    def __init__(self, records: Iterator[EpochRecord | StepRecord]) -> None:
        self._records = records
        self._begun = False

    def __next__(self) -> EpochRecord | StepRecord:
        self._begun = True
        return next(self._records)

    def close(self) -> None:
        """Train no further; model and state stay as they are."""
        self._begun = True
        self._records.close()  # type: ignore[attr-defined]

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(
                "fit was called but nobody took its records, so nothing was trained; "
                "write: for record in fit(...): print(record)",
                stacklevel=2,
            )


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
    group: Group = ALONE,
) -> Training:
    """Train `model` in place; yield an EpochRecord an epoch (and a StepRecord a step when asked).

    One step: a batch forward, the loss, backward, the optimiser's update of the flat vector. Stop
    early by leaving the loop. Pictures are standardised as `model.card` says. `state` (given in to
    resume) is updated in place, and with `checkpoint` it is on disk before the record is yielded.
    Model and state always stand after a whole step, also where Ctrl-C falls into one: going on with
    both comes to the same bits as never having stopped.

    Args:
        model: initialised; its `card` says how pictures are standardised.
        train: what is learnt from.
        rng: draws the order of the batches.
        validation: scored after each epoch; what choices are made on.
        test: scored after each epoch too, for drawing; nothing reads it.
        loss: what is made small.
        optimiser: how the gradient changes the weights.
        schedule: the learning rate by step.
        batch_size: the last batch of an epoch may be smaller; where it is of one picture and the
            model normalises over a batch, it is left out, and a warning says so.
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
        group: who shares the work. Every rank calls `fit` with the same arguments (the weights,
            `state` and `rng` of rank 0 count), is yielded the same records, and leaves the
            loop after the same one; rank 0 writes the checkpoint.

    Raises:
        InputError: an argument does not make sense, alone or with the others (at the call).
        Diverged: the loss became NaN or infinite; what the last checkpoint holds is kept.
    """
    check_arguments(locals())
    layout = layout_for(model, layout)
    for note in notes(model, train, batch_size, steps, sampling):
        warnings.warn(note, stacklevel=2)
    one_left_out = leaves_out_last(model, train, batch_size, steps, sampling)
    per_epoch = -(-len(train) // batch_size) - one_left_out
    limits = [n for n in (steps, None if epochs is None else epochs * per_epoch) if n is not None]
    total_steps = min(limits)
    schedule = schedule.over(total_steps)
    state = state or new_state(model, optimiser, rng, average is not None)
    step = Stepper(model, loss, optimiser, seed, clip_norm, group, average)
    standardisation = model.card.standardisation or Standardisation.unit(train.image_shape[0])
    chance = diagnose.chance_level(train)
    probe = standardisation.apply(train.images[:PROBE])
    recent: deque[float] = deque(maxlen=10)  # gradient norms of the latest steps
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        if checkpoint is not None and group.rank == 0:
            save_checkpoint(checkpoint, model, state, settings or {})
        saved_at = time.monotonic()

    def steps_of_epoch() -> Iterator[StepRecord]:
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
            part=group.part,
        )
        begun = time.perf_counter()
        for batch in order:
            n = len(batch.indices)
            if state.step >= total_steps or (one_left_out and n == 1):
                break
            rate = schedule(state.step)
            with np.errstate(over="ignore", invalid="ignore"):  # told by `Diverged`
                value, correct, norm = step(batch, state, rate, begun)
            recent.append(norm)
            if not math.isfinite(value):
                images = standardisation.apply(train.images[batch.indices])
                said = (value, state.step + 1, rate, images, list(recent))
                raise Diverged(diagnose.diverged(*said))
            yield StepRecord(state.step, state.epoch + 1, value, correct / n, rate, norm)
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                save()
            begun = time.perf_counter()

    def end_of_epoch() -> EpochRecord:
        if not np.isfinite(model.flat).all():
            # A step's loss is that before its update, so the last update is looked at here.
            rate = schedule(max(state.step - 1, 0))
            said = (math.nan, state.step, rate, probe, list(recent))
            raise Diverged(diagnose.diverged(*said, "a weight"))
        with np.errstate(over="ignore", invalid="ignore"):
            record, best = epoch_record(
                model, state, validation, test, loss, schedule, layout, group
            )
        if record.validation_loss is not None and not math.isfinite(record.validation_loss):
            said = (record.validation_loss, state.step, record.learning_rate, probe, list(recent))
            raise Diverged(diagnose.diverged(*said, "the validation loss"))
        rising = state.step < total_steps and schedule(state.step) > record.peak_rate
        health = diagnose.activation_health(model, probe)
        found = diagnose.epoch_diagnoses(record, model, chance, state.sums.images, health, rising)
        record = replace(record, diagnoses=found)
        state.advance(
            records=[*state.records, record],
            epoch=record.epoch,
            batch=0,
            sums=EpochSums(),
            generator=dict(rng.bit_generator.state),
            **best,
        )
        return record

    def records() -> Iterator[EpochRecord | StepRecord]:
        try:
            agree(model, state, group)
            # A checkpoint may hold a finished last step whose epoch has no record yet.
            while state.step < total_steps or state.sums.images:
                for of_step in steps_of_epoch():
                    if step_records:
                        yield of_step
                agree(model, state, group)  # so that all decide alike what follows
                record = end_of_epoch()
                save()
                yield record
        finally:
            state.settle()

    return Training(records())
