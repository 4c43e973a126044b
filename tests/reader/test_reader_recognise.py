"""The network of twelve classes behind the reader: views, calibration, other models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import byhand
from byhand import data, evaluation, models
from byhand.errors import DataError, InputError, ShapeError
from byhand.reader import recognise
from byhand.reader.calibrate import calibrate
from byhand.reader.recognise import (
    CLASSES,
    NONE,
    SEVERAL,
    Recogniser,
    confidences,
    sharpened,
    view_maps,
)


@pytest.fixture(scope="module")
def untrained():
    model = models.build("one_conv", np.random.default_rng(0), classes=CLASSES)
    return Recogniser(model)


def pictures(n, seed=0):
    return (np.random.default_rng(seed).random((n, 28, 28)) * 255).astype(np.uint8)


def test_probabilities_are_of_twelve_classes_and_sum_to_one(untrained):
    read = untrained.read(pictures(5))
    assert read.shape == (5, 12)
    assert read.dtype == np.float32
    assert np.allclose(read.sum(1), 1, atol=1e-5)
    assert untrained.read(pictures(0)).shape == (0, 12)


def test_one_view_is_the_picture_itself_and_many_are_the_mean_of_views(untrained):
    images = pictures(7)
    alone = evaluation.predict(untrained.model, images[:, None])
    assert np.allclose(untrained.read(images, views=1), alone, atol=1e-5)
    by_view = [
        evaluation.predict(
            untrained.model,
            recognise.warp(images[:, None], np.repeat(view_maps(6)[i : i + 1], 7, axis=0)),
        )
        for i in range(6)
    ]
    assert np.allclose(untrained.read(images, views=6), np.mean(by_view, 0), atol=1e-5)


def test_how_many_are_read_together_changes_nothing(untrained, monkeypatch):
    images = pictures(9)
    together = untrained.read(images)
    monkeypatch.setattr(recognise, "_AT_ONCE", 2)
    assert np.allclose(untrained.read(images), together, atol=1e-6)


def test_views_differ_and_the_first_is_the_picture():
    maps = view_maps(16)
    assert np.array_equal(maps[0], [[1, 0, 0], [0, 1, 0]])
    assert len({m.tobytes() for m in maps}) == 16
    assert np.abs(maps[1:] - maps[0]).max() < 1.3
    assert np.array_equal(view_maps(4), maps[:4])


def test_a_temperature_changes_how_sure_it_is_and_not_what_it_reads():
    p = np.random.default_rng(1).dirichlet(np.ones(12), 50).astype(np.float32)
    softer, harder = sharpened(p, 2.0), sharpened(p, 0.5)
    assert np.array_equal(p.argmax(1), softer.argmax(1))
    assert np.array_equal(p.argmax(1), harder.argmax(1))
    assert np.all(softer.max(1) <= p.max(1) + 1e-6)
    assert np.all(harder.max(1) >= p.max(1) - 1e-6)
    assert np.allclose(sharpened(p, 1.0), p, atol=1e-6)
    logits = np.log(p.astype(np.float64)) / 2
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert np.allclose(softer, expected, atol=1e-5)


def test_confidence_counts_no_digit_as_rarer_than_in_the_training_set():
    p = np.zeros((3, 12), np.float32)
    p[0, 4] = 1
    p[1, 4], p[1, 9] = 0.6, 0.4
    p[2, 4], p[2, NONE], p[2, SEVERAL] = 0.3, 0.5, 0.2
    sure = confidences(p)
    assert sure[:2] == pytest.approx([1.0, 0.6])
    assert 0.3 < sure[2] < 1
    # Odds of 3 : 7 at a prior of 7 : 3 are odds of 3 : 7 times 49 : 1 over 7 : 3 at one of 49 : 1.
    assert sure[2] / (1 - sure[2]) == pytest.approx(49 * (3 / 7) * (3 / 7), rel=1e-4)


@pytest.mark.parametrize(
    "wrong", [np.zeros((28, 28), np.uint8), np.zeros((2, 28, 28)), np.zeros((2, 20, 20), np.uint8)]
)
def test_other_arrays_are_refused(untrained, wrong):
    with pytest.raises(ShapeError, match="28"):
        untrained.read(wrong)
    with pytest.raises(InputError, match="views"):
        untrained.read(pictures(1), views=0)


def test_the_model_in_the_package_is_small_and_calibrated():
    assert recognise.MODEL.stat().st_size <= 1_000_000
    found = Recogniser.load()
    assert found.model.card.classes == CLASSES
    assert 0.2 < found.temperature < 3
    assert 0.05 < found.threshold < 0.95
    assert found.model.card.recipe["name"] == "reader"


def test_a_model_of_something_else_is_no_reader(tmp_path):
    byhand.save(models.build("one_conv", np.random.default_rng(0)), tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="0 to 9, none and several"):
        Recogniser.load(tmp_path / "m.safetensors")
    with pytest.raises(DataError):
        Recogniser.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("broken", [{"temperature": "hot"}, "much", {"temperature": -1.0},
                                    {"threshold": float("nan")}])  # fmt: skip
def test_a_broken_calibration_is_told(tmp_path, broken):
    model = models.build("one_conv", np.random.default_rng(0), classes=CLASSES)
    model.card = replace(model.card, figures={"reader": broken})
    byhand.save(model, tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="calibration"):
        Recogniser.load(tmp_path / "m.safetensors")


def test_calibration_finds_the_temperature_that_was_put_in():
    """A network whose probabilities are right when its logits are divided by 2."""
    rng = np.random.default_rng(0)
    n = 4000
    logits = rng.normal(0, 3, (n, 12)).astype(np.float32)
    p = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    labels = np.array([rng.choice(12, p=row / row.sum()) for row in p.astype(np.float64)])

    class Fixed(Recogniser):
        def average(self, images, views=0):
            which = images[:, 0, 0].astype(int) + 256 * images[:, 0, 1].astype(int)
            return sharpened(np.exp(logits - logits.max(1, keepdims=True))[which], 1.0)

    images = np.zeros((n, 1, 28, 28), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.arange(n) % 256, np.arange(n) // 256
    part = data.Dataset(images, labels, CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("byhand.reader.calibrate.Recogniser", Fixed)
        found = calibrate(None, part)
    assert found.temperature == pytest.approx(2.0, abs=0.25)
    sure = confidences(p[labels < NONE])
    assert np.mean(sure < found.threshold) == pytest.approx(0.01, abs=0.01)
    assert found.pictures == n
