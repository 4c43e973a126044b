"""What is wrong with a training is said at the call, or before its first step."""

from __future__ import annotations

import gc
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

import blobs
from byhand import losses, nn, optim, training
from byhand.data import Dataset
from byhand.errors import ByhandError, InputError

X, Y = np.zeros((5, 1, 12, 12), np.uint8), np.zeros(5, np.int64)
REORDERED = Dataset(X, Y, tuple("1023456789"))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"epochs": None}, "epochs or steps"),
        *(({name: value}, f"{name} is ") for name in ("epochs", "steps", "batch_size")
          for value in (0, -1, "3", 2.0, True, math.nan, math.inf, 2**40, [1])),
        ({"batch_size": None}, "batch_size is None"),
        *(({"clip_norm": value}, "clip_norm is ") for value in (0.0, -1.0, "1", math.nan, True)),
        *(({"seed": value}, "seed is ") for value in (-1, 0.5, None, 2**64, "0")),
        ({"sampling": "sometimes"}, "sampling is 'sometimes'"),
        ({"layout": "sometimes"}, "layout is 'sometimes'"),
        ({"step_records": "no"}, "step_records is 'no'"),
        ({"rng": 3}, "rng is 3, but it must be a generator"),
        ({"rng": np.random.RandomState(0)}, "rng is .*numpy.random.default_rng"),
        ({"optimiser": optim.Adam}, "optimiser is <class"),
        ({"optimiser": "adam"}, "optimiser is 'adam'"),
        ({"schedule": 0.01}, r"schedule is 0.01, .*optim.Constant\(0.001\)"),
        ({"loss": losses.CrossEntropy}, "loss is <class"),
        ({"average": 0.9}, r"average is 0.9, .*ExponentialMovingAverage\(0.999\)"),
        ({"augment": True}, "augment is True"),
        ({"state": {}}, "state is {}"),
        ({"checkpoint": 3}, "checkpoint is 3"),
        ({"settings": "x"}, "settings is 'x'"),
        ({"metadata": "x"}, "metadata is 'x'"),
        ({"train": (X, Y)}, r"train is .*Dataset\(images, labels\)"),
        ({"train": X}, "train is .*must be a byhand.data.Dataset"),
        ({"validation": (X, Y)}, "validation is .*or None"),
        ({"test": 0.1}, "test is 0.1"),
        ({"train": blobs.pictures(5).take([])}, "no picture to train on"),
        ({"train": REORDERED}, "classes.*'1', '0'.*set model.card"),
        ({"validation": REORDERED}, "validation: the data set has 10 classes .1, 0, 2"),
        ({"test": REORDERED}, "test: the data set has 10 classes .1, 0, 2"),
        ({"validation": blobs.pictures(5, size=9)}, "validation: pictures of shape"),
    ],
)  # fmt: skip
def test_arguments_are_checked_at_the_call(runs, how, says):
    model = runs.network()
    state = training.new_state(model, optim.Adam(), np.random.default_rng(0), averaged=False)
    given = {"rng": np.random.default_rng(0), "epochs": 1, "state": state, **how}
    with pytest.raises(InputError, match=says) as caught:
        training.fit(model, given.pop("train", blobs.pictures(45)), **given)
    assert "\n" not in str(caught.value)


def test_a_model_that_is_none_or_has_no_weights_is_told_of_at_the_call():
    bare = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    for model, says in ((nn.Sequential, "model is <class"), (None, "model is None"),
                        (bare, "call .*init")):  # fmt: skip
        with pytest.raises(ByhandError, match=says):
            training.fit(model, Dataset(np.zeros((5, 1, 28, 28), np.uint8), Y),
                         rng=np.random.default_rng(0), epochs=1)  # fmt: skip


@pytest.mark.parametrize("classes", [3, 12])
def test_outputs_that_are_not_one_a_class_are_told_of_at_the_call(runs, classes):
    with pytest.raises(InputError, match=rf"outputs of shape \({classes},\).* 10 classes"):
        runs.start(runs.network(classes=classes), epochs=1)


def test_a_fit_that_nobody_iterates_over_says_so(runs):
    events = runs.start(epochs=1).events
    with pytest.warns(UserWarning, match="nothing was trained; write: for record in fit"):
        del events


@pytest.mark.parametrize("end", ["finished", "left", "closed", "raised"])
def test_a_fit_that_was_begun_or_closed_says_nothing(runs, end):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = runs.start(epochs=2, schedule=optim.Constant(3e38 if end == "raised" else 0.01))
        if end == "finished":
            list(run.events)
        elif end == "left":
            next(run.events)
        elif end == "closed":
            run.events.close()
        else:
            with pytest.raises(training.Diverged):
                next(run.events)
        del run
        gc.collect()
    assert said == []


def normalising(n):
    """Batch norm of vectors for blobs of 3x3, and n pictures."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), nn.BatchNorm1d(4), nn.Linear(4, 10))
    model.init(np.random.default_rng(0))
    model.card = replace(model.card, image_shape=(1, 3, 3))
    return model, blobs.pictures(n, size=3)


@pytest.mark.parametrize("layout", ["auto", "reference"])
def test_a_last_batch_of_one_is_left_out_of_batch_norm_and_said(layout):
    model, pictures = normalising(21)
    with pytest.warns(UserWarning, match="leave one over.*leaves out its last picture"):
        events = training.fit(model, pictures, rng=np.random.default_rng(0), batch_size=10,
                              epochs=2, layout=layout, schedule=optim.Cosine(0.1))  # fmt: skip
    records = list(events)
    assert [r.step for r in records] == [2, 4]
    assert records[-1].learning_rate == optim.Cosine(0.1, steps=4)(3)


@pytest.mark.parametrize(("n", "batch_size"), [(1, 10), (21, 1)])
def test_batch_norm_of_single_pictures_is_told_of_at_the_call(n, batch_size):
    model, pictures = normalising(n)
    with pytest.raises(InputError, match="needs at least two"):
        training.fit(model, pictures, rng=np.random.default_rng(0), batch_size=batch_size, epochs=1)


def test_a_last_batch_of_one_is_learnt_from_where_the_model_can(runs):
    assert [r.step for r in runs.start(train=blobs.pictures(41), epochs=1).events] == [5]


def test_a_single_class_is_said_before_the_first_step(runs):
    train = blobs.pictures(45)
    with pytest.warns(UserWarning, match="all 5 training pictures are of the class '3'"):
        runs.start(train=train.take(train.labels == 3), epochs=1).events.close()
