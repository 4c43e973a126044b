"""One step of training: a batch forward, the loss, backward, and the optimiser's update."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from byhand import kernels, nn
from byhand.data import Batch
from byhand.losses import Loss, loss_backward, loss_forward
from byhand.nn.layer import backward, commit, forward
from byhand.optim import ExponentialMovingAverage, Optimiser, clip_by_global_norm, global_norm
from byhand.training.group import Group
from byhand.training.state import TrainingState


class Step(NamedTuple):
    """The whole batch's loss, how many it had right, and the gradient's norm before clipping.

    Of all numbers only `loss` has a meaning where it is not finite.
    """

    loss: float
    correct: int
    norm: float


@dataclass
class Stepper:
    """What all steps of a run have in common. Each rank of the group has its shard of a batch.

    Batch norm needs statistics of the whole batch. `_across` is the model that adds them up over
    the ranks; `_alone` is the same model with the same weights for a batch that one rank has whole.
    """

    model: nn.Layer
    loss: Loss
    optimiser: Optimiser
    seed: int
    clip_norm: float | None
    group: Group
    average: ExponentialMovingAverage | None = None

    def __post_init__(self) -> None:
        self.grads = self.model.new_grads()
        # Where no two names share numbers, the names' squares add up to the whole norm's.
        self._apart = sum(view.size for view in self.grads.values()) == self.grads.flat.size
        self._copies: list[Any] = []
        self._alone = self._across = self.model
        if self.group.size > 1:
            self._across = self.model.across(self.group.sum)

    def __call__(self, batch: Batch, state: TrainingState, rate: float, begun: float) -> Step:
        """Make the step: the model and the whole state are then those after it.

        A loss or a gradient that is not finite changes nothing; the loss given is then not finite.
        What is raised in between leaves it to `state.settle` to take the step back. Its seconds
        count from `begun` on, as `time.perf_counter` gives it: before the batch was made.
        """
        group, grads, mine = self.group, self.grads, len(batch.labels) > 0
        whole = len(batch.indices)
        # A batch smaller than the group is rank 0's alone (`Group.part`): the others have no
        # picture, add zeros to the sums, and are given rank 0's running statistics.
        lone = whole < group.size
        model = self._alone if lone else self._across
        sums = np.zeros(2)  # the loss and how many are right
        if mine:
            key = nn.Key(self.seed, state.step, first=group.part(whole).start)
            outputs, cache = forward(model, batch.images, True, key)
            targets = self.loss.targets(batch.labels, outputs.shape[1])
            n = None if len(batch.labels) == whole else whole
            sums[0], loss_cache = loss_forward(self.loss, outputs, targets, n)
            sums[1] = (kernels.as_numpy(outputs).argmax(axis=1) == batch.labels).sum()
        value, correct = map(float, group.sum(sums))
        if not math.isfinite(value):
            return Step(value, 0, math.nan)
        grads.flat[...] = 0
        if mine:
            doutputs = loss_backward(self.loss, loss_cache, outputs)
            backward(model, doutputs, cache, grads, need_dx=False)
        group.sum(grads.flat)
        squares = grads.squares()
        if self.clip_norm is not None:
            norm = clip_by_global_norm(grads.flat, self.clip_norm)  # what it was before
        else:
            norm = math.sqrt(sum(squares.values())) if self._apart else global_norm(grads.flat)
        if not math.isfinite(norm):
            return Step(math.nan, 0, norm)
        self._hold(state)
        self.optimiser.step(self.model.flat, grads.flat, state.optimiser, rate)
        if mine:
            commit(model, cache)
        if lone and self.model.flat_buffers.size:
            copy_from_first(group, self.model.flat_buffers)
        if self.average is not None and state.average is not None:
            self.average.update(state.average, self.model.flat, state.step)
        seconds = time.perf_counter() - begun
        state.advance(
            step=state.step + 1,
            batch=state.batch + 1,
            sums=state.sums.plus(whole, value, int(correct), squares, seconds),
        )
        return Step(value, int(correct), norm)

    def _hold(self, state: TrainingState) -> None:
        """Copy what the step changes in place."""
        arrays = [self.model.flat, self.model.flat_buffers, *state.optimiser.arrays.values()]
        if state.average is not None:
            arrays.append(state.average)
        if not self._copies:
            self._copies = [np.empty_like(array) for array in arrays]
        state.hold(arrays, self._copies)


def agree(model: nn.Layer, state: TrainingState, group: Group) -> None:
    """Let every rank go on from where rank 0 stands: its weights, statistics and whole state.

    After the start they stand there already, to the bit, where the ranks' processors are alike;
    where they are not, updates may round differently, and that is neither to add up nor to let one
    rank end the training and another go on. Statistics that a layer of one's own keeps of its
    shard become rank 0's.
    """
    state.settle()
    if group.size == 1:
        return
    copy_from_first(group, model.flat, model.flat_buffers)
    vars(state).update(vars(group.broadcast(state)))


def copy_from_first(group: Group, *arrays: Any) -> None:
    """Put rank 0's values into the arrays of all ranks."""
    for mine, first in zip(arrays, group.broadcast(arrays), strict=True):
        if mine is not first:
            mine[...] = first
