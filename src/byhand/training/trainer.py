"""What `fit` does for a batch (forward, loss, backward, update) and at the end of an epoch."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from byhand import kernels, nn
from byhand.data import Batch, Dataset, Standardisation, batches
from byhand.losses import loss_backward, loss_forward
from byhand.nn.layer import backward, commit, forward
from byhand.optim import clip_by_global_norm, global_norm
from byhand.training import diagnose
from byhand.training.beforehand import leaves_out_last
from byhand.training.epoch import best_so_far, epoch_record, score
from byhand.training.group import Group
from byhand.training.records import EpochRecord, StepRecord
from byhand.training.settings import Settings
from byhand.training.state import EpochSums, TrainingState

PROBE = 200  # pictures on which dead units are looked for


class Trainer:
    """A training under way: what all its steps have in common, and where it stands.

    Each rank of the group has its shard of a batch. Batch norm needs statistics of the whole batch:
    `_synchronised` is the model that adds them up over the ranks; `model` is the same one, with the
    same weights, for a batch that one rank has whole.
    """

    def __init__(
        self,
        model: nn.Layer,
        train: Dataset,
        settings: Settings,
        state: TrainingState,
        *,
        rng: np.random.Generator,
        seed: int,
        layout: str,
        group: Group,
    ) -> None:
        self.model, self.train, self.settings, self.state = model, train, settings, state
        self.rng, self.seed, self.layout, self.group = rng, seed, layout, group
        self.one_left_out = leaves_out_last(model, train, settings)
        per_epoch = -(-len(train) // settings.batch_size) - self.one_left_out
        of_epochs = None if settings.epochs is None else settings.epochs * per_epoch
        self.total_steps = min(n for n in (settings.steps, of_epochs) if n is not None)
        self.schedule = settings.schedule.over(self.total_steps)
        card = model.card.standardisation
        self.standardisation = card or Standardisation.unit(train.image_shape[0])
        self.chance = diagnose.chance_level(train)
        self.probe = self.standardisation.apply(train.images[:PROBE])
        self.grads = model.new_grads()
        # Where no two names share numbers, the names' squares add up to the whole norm's.
        self._apart = sum(view.size for view in self.grads.values()) == self.grads.flat.size
        self._norms: deque[float] = deque(maxlen=10)  # of the latest steps' gradients
        self._copies: list[Any] = []
        self._synchronised = model if group.size == 1 else model.synchronised(group.sum)
        self._begun = 0.0  # when the making of the latest batch began

    @property
    def finished(self) -> bool:
        """Whether every step is done, and every epoch has its record."""
        # A checkpoint may hold a finished last step whose epoch has no record yet.
        return self.state.step >= self.total_steps and not self.state.sums.images

    def batches(self) -> Iterator[Batch]:
        """What is left of the epoch's batches, or of the steps."""
        state, settings = self.state, self.settings
        self.rng.bit_generator.state = state.generator
        of_epoch = batches(
            self.train,
            settings.batch_size,
            self.rng,
            sampling=settings.sampling,
            standardisation=self.standardisation,
            skip=state.batch,
            layout=self.layout,
            augment=settings.augment,
            key=nn.Key(self.seed, state.step - state.batch),
            part=self.group.part,
        )
        self._begun = time.perf_counter()
        for batch in of_epoch:
            if state.step >= self.total_steps or (self.one_left_out and len(batch.indices) == 1):
                break
            yield batch
            self._begun = time.perf_counter()

    def step(self, batch: Batch) -> StepRecord:
        """Forward, loss, backward, update: model and state are then those after the step.

        What is raised in between leaves it to `state.settle` to take the step back.

        Raises:
            Diverged: the loss or the gradient is not finite; nothing is changed.
        """
        state, n = self.state, len(batch.indices)
        rate = self.schedule(state.step)
        # A batch smaller than the group is rank 0's alone (`Group.part`).
        model = self.model if n < self.group.size else self._synchronised
        with np.errstate(over="ignore", invalid="ignore"):  # told by `Diverged`
            loss, correct, cache = self._gradient(model, batch)
            squares = self.grads.squares()
            norm = self._clip(batch, squares)
            self._update(model, batch, cache, rate)
        seconds = time.perf_counter() - self._begun
        state.advance(
            step=state.step + 1,
            batch=state.batch + 1,
            sums=state.sums.plus(n, loss, correct, squares, seconds),
        )
        self._norms.append(norm)
        return StepRecord(state.step, state.epoch + 1, loss, correct / n, rate, norm)

    def end_epoch(self, validation: Dataset | None, test: Dataset | None) -> EpochRecord:
        """Score the model, look at how it does, and put the record into the state.

        Raises:
            Diverged: a weight or the validation loss is not finite.
        """
        state, model, schedule = self.state, self.model, self.schedule
        if not np.isfinite(model.flat).all():
            # A step's loss is that before its update, so the last update is looked at here.
            raise self._diverged(math.nan, what="a weight")
        with np.errstate(over="ignore", invalid="ignore"):
            if state.average is not None:  # in the model while it is scored, and kept
                state.hold([model.flat], [np.empty_like(model.flat)])
                model.flat[...] = state.average
            scores = [
                score(model, part, self.settings.loss, self.layout, self.group)
                if part is not None and len(part) else (None, None) for part in (validation, test)
            ]  # fmt: skip
            record = epoch_record(model, state, scores, schedule)
            best = best_so_far(record, model, state)
            state.settle()
        if record.validation_loss is not None and not math.isfinite(record.validation_loss):
            raise self._diverged(record.validation_loss, what="the validation loss")
        rising = state.step < self.total_steps and schedule(state.step) > record.peak_rate
        health = diagnose.activation_health(model, self.probe)
        diagnoses = diagnose.epoch_diagnoses(
            record, model, self.chance, state.sums.images, health, rising
        )
        record = replace(record, diagnoses=diagnoses)
        state.advance(
            records=[*state.records, record],
            epoch=record.epoch,
            batch=0,
            sums=EpochSums(),
            generator=dict(self.rng.bit_generator.state),
            **best,
        )
        return record

    def _gradient(self, model: nn.Layer, batch: Batch) -> tuple[float, int, Any]:
        """Put the whole batch's gradient into `grads`; its loss, how many are right, the cache.

        A rank without pictures adds zeros to the sums, and has no cache.
        """
        n, mine, loss = len(batch.indices), len(batch.labels), self.settings.loss
        sums, cache = np.zeros(2), None
        if mine:
            key = nn.Key(self.seed, self.state.step, first=self.group.part(n).start)
            outputs, cache = forward(model, batch.images, True, key)
            targets = loss.targets(batch.labels, outputs.shape[1])
            sums[0], loss_cache = loss_forward(loss, outputs, targets, None if mine == n else n)
            sums[1] = (kernels.as_numpy(outputs).argmax(axis=1) == batch.labels).sum()
        value, correct = map(float, self.group.sum(sums))
        if not math.isfinite(value):
            raise self._diverged(value, batch=batch)
        self.grads.flat[...] = 0
        if mine:
            doutputs = loss_backward(loss, loss_cache, outputs)
            backward(model, doutputs, cache, self.grads, need_dx=False)
        self.group.sum(self.grads.flat)
        return value, int(correct), cache

    def _clip(self, batch: Batch, squares: Mapping[str, float]) -> float:
        """Shorten the gradient where it is too long; its norm before that."""
        flat, clip_norm = self.grads.flat, self.settings.clip_norm
        if clip_norm is not None:
            norm = clip_by_global_norm(flat, clip_norm)
        else:
            norm = math.sqrt(sum(squares.values())) if self._apart else global_norm(flat)
        if not math.isfinite(norm):
            raise self._diverged(math.nan, batch=batch)
        return norm

    def _update(self, model: nn.Layer, batch: Batch, cache: Any, rate: float) -> None:
        """Change weights, running statistics and average, held as they were until the step ends."""
        state, buffers, average = self.state, self.model.flat_buffers, self.settings.average
        arrays = [self.model.flat, buffers, *state.optimiser.arrays.values()]
        if state.average is not None:
            arrays.append(state.average)
        if not self._copies:
            self._copies = [np.empty_like(array) for array in arrays]
        state.hold(arrays, self._copies)
        self.settings.optimiser.step(self.model.flat, self.grads.flat, state.optimiser, rate)
        if len(batch.labels):
            commit(model, cache)
        if model is not self._synchronised and buffers.size:  # rank 0's alone
            broadcast_arrays(self.group, buffers)
        if average is not None and state.average is not None:
            average.update(state.average, self.model.flat, state.step)

    def _diverged(
        self, value: float, what: str = "the loss", batch: Batch | None = None
    ) -> diagnose.Diverged:
        """The error to raise: in a step on `batch`, or at the epoch's end without one."""
        step, images = self.state.step, self.probe
        if batch is not None:
            step, images = step + 1, self.standardisation.apply(self.train.images[batch.indices])
        rate = self.schedule(max(step - 1, 0))
        return diagnose.Diverged(diagnose.diverged(value, step, rate, images, self._norms, what))


def broadcast_state(model: nn.Layer, state: TrainingState, group: Group) -> None:
    """Let every rank go on from where rank 0 stands: its weights, statistics and whole state.

    After the start they stand there already, to the bit, where the ranks' processors are alike;
    where they are not, updates may round differently, and that is neither to add up nor to let one
    rank end the training and another go on. Statistics that a layer of one's own keeps of its
    shard become rank 0's.
    """
    state.settle()
    if group.size == 1:
        return
    broadcast_arrays(group, model.flat, model.flat_buffers)
    vars(state).update(vars(group.broadcast(state)))


def broadcast_arrays(group: Group, *arrays: Any) -> None:
    """Put rank 0's values into the arrays of all ranks."""
    for mine, first in zip(arrays, group.broadcast(arrays), strict=True):
        if mine is not first:
            mine[...] = first
