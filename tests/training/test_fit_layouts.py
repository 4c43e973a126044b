"""Training, batches and evaluation on Lanes beside the reference."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import blobs
import support
from byhand import kernels, losses, nn, optim, training
from byhand.data import SAMPLINGS, Standardisation, batches
from byhand.errors import InputError
from byhand.evaluation import logits, predict
from byhand.kernels import Lanes, compiled


@pytest.fixture(autouse=True)
def _core():
    support.require_core()


@pytest.fixture
def threads():
    """Sets the core's threads, and puts them back."""
    before = compiled.core.threads()
    yield compiled.core.set_threads
    compiled.core.set_threads(before)


def curve(runs, layout, **how):
    run = runs.start(layout=layout, step_records=True, **how)
    records = list(run.events)
    return run, [r for r in records if isinstance(r, training.StepRecord)]


OPTIMISERS = {
    "sgd": (optim.SGD(), 0.05),
    "momentum": (optim.SGD(0.9, nesterov=True), 0.01),
    "adagrad": (optim.AdaGrad(), 0.01),
    "rmsprop": (optim.RMSProp(), 0.003),
    "adam": (optim.Adam(), 0.003),
    "adamw": (optim.AdamW(), 0.003),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_follows_the_same_curve_in_both_layouts(runs, name):
    stepper, rate = OPTIMISERS[name]
    how = {"optimiser": stepper, "schedule": optim.Constant(rate), "epochs": 2}
    (ours, mine), (theirs, reference) = (
        curve(runs, layout, **how) for layout in ("lanes", "reference")
    )
    assert len(mine) == 10
    for field in ("loss", "gradient_norm"):
        np.testing.assert_allclose(
            [getattr(r, field) for r in mine], [getattr(r, field) for r in reference], rtol=1e-4
        )
    assert [r.accuracy for r in mine] == [r.accuracy for r in reference]
    for parameter, value in theirs.model.parameters().items():
        # Batch norm takes the convolution's bias off again: its gradient is only rounding.
        if parameter != "0.bias":
            np.testing.assert_allclose(
                ours.model.parameters()[parameter], value, rtol=1e-3, atol=1e-4
            )
    # And the running mean follows that bias.
    spreads = (run.model.buffers()["1.running_var"] for run in (ours, theirs))
    np.testing.assert_allclose(*spreads, rtol=1e-4)


def test_every_optimiser_is_among_them():
    assert {type(stepper).__name__ for stepper, _ in OPTIMISERS.values()} == set(optim.OPTIMISERS)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_every_loss_falls_alike_in_both_layouts(runs, loss):
    how = {"loss": losses.LOSSES[loss](), "optimiser": optim.SGD(0.9), "epochs": 3}
    ours, theirs = (curve(runs, layout, **how)[1] for layout in ("lanes", "reference"))
    np.testing.assert_allclose([r.loss for r in ours], [r.loss for r in theirs], rtol=1e-4)
    assert ours[-1].loss < ours[0].loss


def test_clipping_and_averaging_go_with_lanes(runs):
    how = {"clip_norm": 0.5, "average": optim.ExponentialMovingAverage(0.9), "epochs": 2,
           "optimiser": optim.SGD(0.9)}  # fmt: skip
    (ours, _), (theirs, _) = (curve(runs, layout, **how) for layout in ("lanes", "reference"))
    np.testing.assert_allclose(ours.state.average, theirs.state.average, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_training_gives_the_same_bits_twice(runs, threads, count):
    threads(count)
    ours, first = curve(runs, "lanes", epochs=2)
    again, second = curve(runs, "lanes", epochs=2)
    assert runs.untimed(first) == runs.untimed(second)
    assert np.array_equal(ours.model.flat, again.model.flat)


@pytest.mark.parametrize(
    ("layout", "dtype", "expected"),
    [
        ("auto", np.float32, Lanes),
        ("lanes", np.float32, Lanes),
        ("reference", np.float32, np.ndarray),
        ("auto", np.float64, np.ndarray),
        ("reference", np.float64, np.ndarray),
    ],
)
def test_the_layout_decides_which_arrays_the_layers_see(runs, layout, dtype, expected):
    seen = set()

    class Spy(nn.Flatten):
        arrays = kernels.ARRAYS

        def forward(self, x, train=False, key=None):
            seen.add(type(x))
            return super().forward(x, train, key)

    model = nn.Sequential(Spy(), nn.Linear(144, 10)).init(np.random.default_rng(0), dtype)
    model.card = replace(model.card, image_shape=(1, 12, 12))
    before = model.flat.copy()
    list(runs.start(model, epochs=1, layout=layout).events)
    assert (model.flat != before).any()
    # Dead units are looked for on plain arrays.
    assert seen - {np.ndarray} == {expected} - {np.ndarray}
    assert model.flat.dtype == dtype


def test_a_model_in_float64_does_not_train_on_lanes(runs):
    model = runs.network().copy(np.float64)
    with pytest.raises(InputError, match="float64"):
        list(runs.start(model, epochs=1, layout="lanes").events)


def test_a_run_that_diverges_says_so_on_lanes_too(runs):
    with pytest.raises(training.Diverged):
        list(runs.start(optimiser=optim.SGD(), schedule=optim.Constant(1e30), epochs=3,
                        layout="lanes").events)  # fmt: skip


# Batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("standardisation", [None, Standardisation((0.4,), (0.3,))])
def test_batches_are_the_same_pictures_in_both_layouts(sampling, standardisation):
    how = {"sampling": sampling, "standardisation": standardisation, "skip": 1}
    ours, theirs = (
        list(batches(blobs.pictures(45), 10, np.random.default_rng(3), layout=layout, **how))
        for layout in ("lanes", "reference")
    )
    assert len(ours) == len(theirs) == 4
    for mine, reference in zip(ours, theirs, strict=True):
        assert isinstance(mine.images, Lanes)
        assert type(reference.images) is np.ndarray
        assert np.array_equal(mine.indices, reference.indices)
        assert np.array_equal(mine.labels, reference.labels)
        np.testing.assert_allclose(mine.images.numpy(), reference.images, rtol=1e-6, atol=2e-7)


# Evaluation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 8, 9, 500])
def test_logits_and_probabilities_agree_in_both_layouts(runs, batch_size):
    model, images = runs.network(), blobs.pictures(25).images
    for function in (logits, predict):
        ours, theirs = (
            function(model, images, batch_size, layout) for layout in ("lanes", "reference")
        )
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        assert np.array_equal(ours, function(model, images, batch_size))  # auto


@pytest.mark.parametrize("layout", ["lanes", "reference"])
def test_pictures_in_floats_are_read_as_those_in_bytes(runs, layout):
    model, images = runs.network(), blobs.pictures(9).images
    np.testing.assert_allclose(
        logits(model, images / 255, layout=layout), logits(model, images, layout=layout),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip


def test_a_score_is_the_same_in_both_layouts(runs):
    model, data = runs.network(), blobs.pictures(33)
    ours, theirs = (
        training.score(model, data, losses.CrossEntropy(), layout)
        for layout in ("lanes", "reference")
    )
    assert math.isclose(ours[0], theirs[0], rel_tol=1e-5)
    assert ours[1] == theirs[1]
