"""What the reader's network learns from, put together: kinds, labels, seeds, what is held out."""

from __future__ import annotations

import numpy as np
import pytest

import blobs
from byhand import data, recipes
from byhand.data import Augmentation
from byhand.errors import DataError
from byhand.reader.examples import fonts, pens, training_set, variants
from byhand.reader.normalise import bounds, normalise

FEW = training_set.Amounts(variants=1, drawn=0.5, printed=0.5, letters=0.5, scribbles=0.25,
                           textures=0.25, parts=0.25, groups=0.5)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    """Forty digits drawn by strokes in place of MNIST's, and forty to test on."""
    rng = np.random.default_rng(0)
    inks, _ = zip(*((pens.draw(pens.WAYS[i % 10][0], rng), i) for i in range(80)), strict=True)
    images = np.stack([normalise(ink) for ink in inks])[:, None]
    labels = np.arange(80) % 10
    order = rng.permutation(np.tile(np.arange(40), 12))
    train = data.Dataset(images[order], labels[order])
    return data.Splits("drawn", train, data.Dataset(images[40:], labels[40:]), None, "tests", "0")


@pytest.fixture(scope="module")
def made(digits):
    return training_set.make_training_set(digits, 0, FEW, fonts.matplotlib_fonts())


def test_the_training_set_has_twelve_classes_and_all_kinds_in_the_asked_amounts(made):
    n = 440  # of 480, one in twelve is for validation
    share = 1 + 1 + 0.5 + 0.5 + 0.5 + 0.5 + 0.25 + 0.25 + 0.25
    assert made.train.classes == (*"0123456789", "none", "several")
    assert len(made.train) == pytest.approx(share * n, abs=8)
    assert set(made.train.labels.tolist()) == set(range(12))
    assert made.train.images.shape[1:] == (1, 28, 28)
    none = np.mean(made.train.labels >= 10)
    assert 0.2 < none < 0.5


def test_the_test_part_is_the_sets_own_normalised_and_nothing_else(made, digits):
    assert np.array_equal(made.test.labels, digits.test.labels)
    assert np.array_equal(made.test.images[3, 0], normalise(digits.test.images[3, 0]))
    assert 10 not in made.test.labels


def test_validation_is_made_of_digits_that_are_not_learnt_from(digits):
    """Every held-out digit is a blank of its own grey, so that it would be known again."""
    images = digits.train.images.copy()
    held = np.arange(len(images)) % training_set.HELD_OUT == training_set.HELD_OUT - 1
    images[held] = 0
    images[held, :, 5:25, 5:25] = 255  # a block, which no digit is
    marked = data.Splits(
        "drawn", data.Dataset(images, digits.train.labels), digits.test, None, "tests", "0"
    )
    only = training_set.Amounts(variants=0, drawn=0, printed=0, letters=0, scribbles=0, textures=0,
                                parts=0, groups=0)  # fmt: skip
    found = training_set.make_training_set(marked, 0, only, fonts.matplotlib_fonts())
    block = normalise(images[held][0, 0])
    assert len(found.validation) == held.sum()
    assert all(np.array_equal(image[0], block) for image in found.validation.images)
    assert not any(np.array_equal(image[0], block) for image in found.train.images)


def test_the_seed_decides_all_and_the_number_of_processes_nothing(digits, made, monkeypatch):
    faces = fonts.matplotlib_fonts()
    monkeypatch.setenv("BYHAND_THREADS", "1")
    again = training_set.make_training_set(digits, 0, FEW, faces)
    assert again.sha256 == made.sha256
    assert np.array_equal(again.train.images, made.train.images)
    assert np.array_equal(again.validation.labels, made.validation.labels)
    other = training_set.make_training_set(digits, 1, FEW, faces)
    assert other.sha256 != made.sha256


def test_other_pictures_than_digits_are_refused():
    with pytest.raises(DataError, match="28×28"):
        training_set.make_training_set(blobs.splits(), 0, FEW, fonts.matplotlib_fonts())


def test_the_recipe_prepares_its_training_set(digits, monkeypatch):
    monkeypatch.setattr(training_set, "training_fonts", fonts.matplotlib_fonts)
    recipe = recipes.apply(recipes.get("reader"), ["epochs=none", "steps=1", "batch_size=8"])
    prepared = recipes.prepare(recipe, digits, seed=0)
    assert prepared.train.classes == training_set.CLASSES
    assert prepared.validation is not None
    assert prepared.model.card.classes == training_set.CLASSES
    record = next(recipes.train(prepared, step_records=True))
    assert np.isfinite(record.loss)


def test_other_hands_move_digits_and_leave_ink(digits):
    images = digits.train.images[:60, 0]
    inks = variants.handwriting_variants(images, np.random.default_rng(0))
    assert len(inks) == 60
    before = images.sum(axis=(1, 2)) * 4.0  # twice as large
    after = np.array([ink.sum(dtype=float) for ink in inks])
    assert np.all(after > 0.4 * before)
    normal = np.stack([normalise(ink) for ink in inks]).astype(int)
    assert np.abs(normal - images).mean() > 8


def test_a_pen_that_would_break_the_digit_is_not_taken():
    thin = np.zeros((2, 28, 28), np.uint8)
    thin[:, 4:24, 14] = 255  # one pixel wide
    eroding = Augmentation(shift=0, rotate=0, scale=0, slant=0, stroke=6.0)
    for seed in range(6):
        for ink in variants.handwriting_variants(thin, np.random.default_rng(seed), eroding):
            assert ink.sum(dtype=float) > 0.5 * 4 * thin[0].sum(dtype=float)


def test_worn_pictures_have_few_pixels_and_still_ink():
    rng = np.random.default_rng(0)
    inks, _ = pens.drawn_digits(rng, 40)
    for ink in inks:
        scanned_poorly = variants.scanned_poorly(ink, rng)
        assert max(scanned_poorly.shape) <= 26
        assert scanned_poorly.max() > 100
    assert variants.scanned_poorly(np.zeros((9, 9), np.uint8), rng).shape == (9, 9)


@pytest.mark.parametrize("digit", range(10))
def test_every_way_of_writing_fills_its_picture_and_is_drawn_again_by_its_seed(digit):
    for way in pens.WAYS[digit]:
        one, again = (pens.draw(way, np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(one, again)
        _, _, width, height = bounds(one)
        assert max(width, height) >= pens.HEIGHT - 2
        assert one[[0, -1]].max() == 0  # nothing is cut off
        assert one[:, [0, -1]].max() == 0


def test_drawn_digits_are_of_all_kinds():
    inks, labels = pens.drawn_digits(np.random.default_rng(0), 300)
    assert len(inks) == 300
    assert set(labels.tolist()) == set(range(10))
