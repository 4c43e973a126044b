"""A small network with all that carries state, and one training run over it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import blobs
import thread_ranks
from byhand import nn, optim, training
from byhand.data import Standardisation

TIMES = ("seconds", "images_per_second")  # what no two runs have in common


def network(seed=0, classes=10, channels=3):
    """Convolution, batch norm and dropout, for blobs of 12x12."""
    model = nn.Sequential(
        nn.Conv2d(1, channels, 3),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(channels * 25, classes),
    ).init(np.random.default_rng(seed))
    model.card = replace(
        model.card, image_shape=(1, 12, 12), standardisation=Standardisation((0.4,), (0.3,))
    )
    return model


def linear():
    """One linear layer on plain pixels: no randomness, no buffers."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 10)).init(np.random.default_rng(0))
    model.card = replace(model.card, image_shape=(1, 12, 12))
    return model


def start(model=None, seed=0, **how):
    """A run of 45 pictures in batches of 10, so that the last batch of an epoch is half."""
    how = {"optimiser": optim.Adam(), "average": None, **how}
    model = network(seed) if model is None else model
    rng = how.pop("rng", None) or np.random.default_rng([seed, 7])
    state = how.pop("state", None)
    if state is None:
        state = training.new_state(model, how["optimiser"], rng, how["average"] is not None)
    given = {
        "rng": rng,
        "validation": blobs.pictures(30, seed=2),
        "schedule": optim.Constant(0.01),
        "batch_size": 10,
        "seed": seed,
        "state": state,
        **how,
    }
    events = training.fit(model, given.pop("train", blobs.pictures(45)), **given)
    return SimpleNamespace(model=model, state=state, events=events)


def untimed(records):
    """Records as plain values without what the clock said."""
    plain = [r.as_dict() if isinstance(r, training.EpochRecord) else vars(r) for r in records]
    return [{k: v for k, v in values.items() if k not in TIMES} for values in plain]


@pytest.fixture
def together():
    """Run the same on every rank of a group of threads."""
    return thread_ranks.together


@pytest.fixture
def runs():
    return SimpleNamespace(network=network, linear=linear, start=start, untimed=untimed)
