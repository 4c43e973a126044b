"""Ranks that are threads of this process, and a run in which all depends on the whole batch."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from byhand import nn, optim
from byhand.data import Augmentation, Standardisation
from byhand.training import Group

EVERYTHING = {
    "optimiser": optim.Adam(),
    "schedule": optim.WarmUp(optim.Cosine(0.02), 4),
    "average": optim.ExponentialMovingAverage(0.9),
    "clip_norm": 0.5,
    "augment": Augmentation(),
    "epochs": 3,
    "step_records": True,
}


def network(dtype=np.float32, seed=0):
    """Batch norm of pictures and of vectors, and dropout.

    No bias stands before batch norm, which would take it off again: its gradient is rounding alone,
    of which Adam makes steps of full length.
    """
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, use_bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(75, 8, use_bias=False),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Linear(8, 10),
    ).init(np.random.default_rng(seed), dtype)
    model.card = replace(
        model.card, image_shape=(1, 12, 12), standardisation=Standardisation((0.4,), (0.3,))
    )
    return model


class ThreadGroup(Group):
    """One of `size` ranks; `shared` is what they have in common."""

    def __init__(self, rank, size, shared):
        self.rank, self.size = rank, size
        self._barrier, self._given = shared
        self.sums = []  # how long each array was that was summed up

    def sum(self, array):
        self.sums.append(array.size)
        given = self._exchange(array)
        array[...] = sum(given[1:], given[0])
        return array

    def broadcast(self, value):
        return copy.deepcopy(self._exchange(value)[0])

    def _exchange(self, value):
        self._given[self.rank] = copy.deepcopy(value)
        self._barrier.wait()
        given = list(self._given)
        self._barrier.wait()
        return given


def together(size, work):
    """`work(group)` on every rank of a group of threads; what they give, in order."""
    barrier = threading.Barrier(size, timeout=60)
    given = [None] * size

    def one(rank):
        try:
            return work(ThreadGroup(rank, size, (barrier, given)))
        except BaseException:
            barrier.abort()
            raise

    with ThreadPoolExecutor(size) as pool:
        waiting = [pool.submit(one, rank) for rank in range(size)]
    errors = [w.exception() for w in waiting if w.exception() is not None]
    first = [e for e in errors if not isinstance(e, threading.BrokenBarrierError)]
    for error in first + errors:
        raise error
    return [w.result() for w in waiting]
