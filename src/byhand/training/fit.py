"""Training as a generator of records: `for record in fit(model, train, ...)`."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from byhand import nn
from byhand.data import Dataset
from byhand.nn.layer import layout_for
from byhand.training.beforehand import check_arguments, notes
from byhand.training.checkpoint import save_checkpoint
from byhand.training.group import ALONE, Group
from byhand.training.records import EpochRecord, StepRecord
from byhand.training.settings import Settings, changed
from byhand.training.state import TrainingState, new_state
from byhand.training.trainer import Trainer, broadcast_state

CHECKPOINT_SECONDS = 15.0  # between checkpoints within an epoch


def fit(
    model: nn.Layer,
    train: Dataset,
    settings: Settings = Settings(),  # noqa: B008 - frozen
    *,
    rng: np.random.Generator,
    validation: Dataset | None = None,
    test: Dataset | None = None,
    seed: int = 0,
    state: TrainingState | None = None,
    checkpoint: str | Path | None = None,
    metadata: dict[str, Any] | None = None,
    step_records: bool = False,
    layout: str = "auto",
    group: Group = ALONE,
    **changes: Any,
) -> Training:
    """Train `model` in place; yield an EpochRecord an epoch (and a StepRecord a step when asked).

        for record in fit(model, train, rng=rng, validation=validation, epochs=10, batch_size=32):

    One step: a batch forward, the loss, backward, the optimiser's update of the flat vector. Stop
    early by leaving the loop. Pictures are standardised as `model.card` says. `state` (given in to
    resume) is updated in place, and with `checkpoint` it is on disk before the record is yielded.
    Model and state always stand after a whole step, also where Ctrl-C falls into one: going on with
    both comes to the same bits as never having stopped.

    Args:
        model: initialised; its `card` says how pictures are standardised.
        train: what is learnt from.
        settings: how it is trained: loss, optimiser, learning rates, batches, length (`Settings`).
        rng: draws the order of the batches.
        validation: scored after each epoch; what choices are made on.
        test: scored after each epoch too, for drawing; nothing reads it.
        seed: of dropout's masks.
        state: where to go on, from `load_checkpoint` or `new_state`.
        checkpoint: a file that is written after each epoch and every 15 seconds.
        metadata: plain values that the checkpoint keeps, such as what run it is of.
        step_records: whether to yield StepRecords.
        layout: the arithmetic, see `kernels.as_layout`.
        group: who shares the work. Every rank calls `fit` with the same arguments (the weights,
            `state` and `rng` of rank 0 count), is yielded the same records, and leaves the
            loop after the same one; rank 0 writes the checkpoint.
        changes: single settings by their names, such as `epochs=10`, in place of those of
            `settings`.

    Raises:
        TypeError: there is no setting of that name (at the call, as the next).
        InputError: an argument does not make sense, alone or with the others.
        Diverged: the loss became NaN or infinite; what the last checkpoint holds is kept.
    """
    settings = changed(settings, changes)
    check_arguments(locals())
    layout = layout_for(model, layout)
    for note in notes(model, train, settings):
        warnings.warn(note, stacklevel=2)
    state = state or new_state(model, settings.optimiser, rng, settings.average is not None)
    trainer = Trainer(model, train, settings, state, rng=rng, seed=seed, layout=layout, group=group)
    saved_at = time.monotonic()

    def save() -> None:
        nonlocal saved_at
        if checkpoint is not None and group.rank == 0:
            save_checkpoint(checkpoint, model, state, metadata or {})
        saved_at = time.monotonic()

    def records() -> Iterator[EpochRecord | StepRecord]:
        try:
            broadcast_state(model, state, group)
            while not trainer.finished:
                for batch in trainer.batches():  # what is left of the epoch's
                    step = trainer.step(batch)
                    if step_records:
                        yield step
                    if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                        save()
                broadcast_state(model, state, group)  # so that all decide alike what follows
                epoch = trainer.end_epoch(validation, test)
                save()
                yield epoch
        finally:
            state.settle()

    return Training(records())


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
