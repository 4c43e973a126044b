"""Augmentation: pictures moved as the maps say, and drawn from the key alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from byhand import data, nn
from byhand.data.augment import Augmentation, warp, warp_in_numpy
from byhand.errors import InputError, ShapeError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (5, 2, 9, 12)).astype(np.uint8)
NOTHING = Augmentation(shift=0, rotate=0, scale=0, slant=0)


def test_no_amount_leaves_pictures_as_they_are():
    moved = NOTHING.apply(PICTURES, nn.Key(3))
    assert np.array_equal(moved, PICTURES)
    assert not np.shares_memory(moved, PICTURES)


def test_the_compiled_core_gives_the_same_but_for_rounding():
    maps = Augmentation(2, 25, 0.2, 0.3).maps(5, nn.Key(7))
    difference = warp(PICTURES, maps).astype(int) - warp_in_numpy(PICTURES, maps)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01  # where the sum lies between two numbers


def test_a_whole_shift_moves_pixels_and_brings_in_black():
    maps = np.tile(np.array([[1, 0, 1], [0, 1, -2]], np.float32), (5, 1, 1))  # from 1 down, 2 left
    moved = warp(PICTURES, maps)
    assert np.array_equal(moved[:, :, :-1, 2:], PICTURES[:, :, 1:, :-2])
    assert not moved[:, :, -1].any()
    assert not moved[:, :, :, :2].any()


def test_a_warp_is_that_of_scipy():
    maps = Augmentation(2, 25, 0.2, 0.3).maps(5, nn.Key(1, 2))
    moved = warp(PICTURES, maps)
    centre = np.array([(9 - 1) / 2, (12 - 1) / 2])
    for picture, got, m in zip(PICTURES, moved, maps.astype(np.float64), strict=True):
        matrix, shift = m[:, :2], m[:, 2]
        for plane, result in zip(picture, got, strict=True):
            # A black border, because scipy does not go halfway to what is outside.
            offset = centre + shift - matrix @ centre
            expected = ndimage.affine_transform(
                np.pad(plane.astype(np.float64), 3), matrix, offset + 3 - matrix @ [3, 3],
                order=1,
            )[3:-3, 3:-3]  # fmt: skip
            assert np.abs(result - expected).max() <= 0.51


def test_a_turn_is_by_so_many_degrees():
    maps = Augmentation(shift=0, rotate=30, scale=0, slant=0).maps(2000, nn.Key(0))
    angles = np.degrees(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 29 < np.abs(angles).max() <= 30
    assert abs(angles.mean()) < 3 * 30 / math.sqrt(3 * 2000)
    determinants = np.linalg.det(maps[:, :, :2])
    assert np.allclose(determinants, 1, atol=1e-6)


def test_amounts_stay_within_what_is_said():
    maps = Augmentation(shift=1.5, rotate=0, scale=0.2, slant=0.1).maps(1000, nn.Key(4))
    assert 1.4 < np.abs(maps[:, :, 2]).max() <= 1.5
    stretch = 1 / maps[:, 0, 0]
    assert 0.8 <= stretch.min() < 0.81
    assert 1.19 < stretch.max() <= 1.2
    assert np.abs(maps[:, 1, 0] * stretch).max() <= 0.1 + 1e-6


def test_what_is_drawn_depends_on_seed_step_and_place():
    a = Augmentation()
    first = a.maps(4, nn.Key(1, 2))
    assert np.array_equal(first, a.maps(4, nn.Key(1, 2)))
    assert np.array_equal(first[2:], a.maps(2, nn.Key(1, 2).shard(2)))
    for other in (nn.Key(1, 3), nn.Key(2, 2), nn.Key(1, 2).child(0)):
        assert not np.isclose(first, a.maps(4, other)).all(axis=(1, 2)).any()


def make_set():
    images = RNG.integers(0, 256, (10, 1, 6, 6)).astype(np.uint8)
    return data.Dataset(images, np.arange(10) % 3)


SET = make_set()


def test_batches_go_on_in_the_middle_of_an_epoch_with_the_same_pictures():
    how = {"augment": Augmentation(), "layout": "reference"}
    whole = list(data.batches(SET, 3, np.random.default_rng(1), key=nn.Key(5, 20), **how))
    rest = list(data.batches(SET, 3, np.random.default_rng(1), key=nn.Key(5, 20), skip=2, **how))
    assert len(whole) == len(rest) + 2
    for a, b in zip(whole[2:], rest, strict=True):
        assert np.array_equal(a.images, b.images)
    plain = list(data.batches(SET, 3, np.random.default_rng(1), layout="reference"))
    assert not any(np.array_equal(a.images, b.images) for a, b in zip(whole, plain, strict=True))
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(whole, plain, strict=True))


def test_augmentation_without_a_key_is_refused():
    with pytest.raises(InputError, match=r"nn\.Key"):
        data.batches(SET, 3, np.random.default_rng(0), augment=Augmentation())


@pytest.mark.parametrize("amount", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["shift", "rotate", "scale", "slant"])
def test_an_amount_that_makes_no_sense_is_refused(name, amount):
    with pytest.raises(InputError, match=name):
        Augmentation(**{name: amount})


def test_a_scale_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match="less than 1"):
        Augmentation(scale=1)


def test_what_is_no_picture_of_bytes_is_refused():
    with pytest.raises(ShapeError, match="float64"):
        NOTHING.apply(np.zeros((1, 1, 3, 3)), nn.Key(0))
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        NOTHING.apply(np.zeros((3, 3), np.uint8), nn.Key(0))
