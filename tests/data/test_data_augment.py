"""Augmentation: pictures moved as maps and fields say, and drawn from the key alone."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from byhand import data, nn, recipes
from byhand.data.augment import Augmentation
from byhand.data.elastic import smooth_field
from byhand.errors import InputError, ShapeError
from byhand.kernels import warp

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (5, 2, 9, 12)).astype(np.uint8)
STILL = {"shift": 0, "rotate": 0, "scale": 0, "slant": 0}
NOTHING = Augmentation(**STILL)
ALL = Augmentation(elastic=1.2, stroke=1.3, noise=30)


def test_no_amount_leaves_pictures_as_they_are():
    moved = NOTHING.apply(PICTURES, nn.Key(3))
    assert np.array_equal(moved, PICTURES)
    assert not np.shares_memory(moved, PICTURES)


def test_the_compiled_core_gives_the_same_but_for_rounding():
    maps = Augmentation(2, 25, 0.2, 0.3).maps(5, nn.Key(7))
    difference = warp(PICTURES, maps).astype(int) - warp.definition(PICTURES, maps)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01  # where the sum lies between two numbers


def test_the_compiled_core_gives_the_same_with_a_field():
    how = Augmentation(2, 25, 0.2, 0.3, elastic=1.5)
    maps, field = how.maps(5, nn.Key(7)), how.field(5, 9, 12, nn.Key(7))
    moved = warp(PICTURES, maps, field)
    # The sums of a place are rounded differently, by which a value may fall to the next grey level.
    difference = moved.astype(int) - warp.definition(PICTURES, maps, field)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01
    assert not np.array_equal(moved, warp(PICTURES, maps))


@pytest.mark.parametrize("move", [warp, warp.definition], ids=["compiled", "definition"])
def test_a_field_of_whole_numbers_takes_each_pixel_from_there(move):
    to = RNG.integers(-4, 5, (5, 2, 9, 12))
    still = NOTHING.maps(5, nn.Key(0))
    moved = move(PICTURES, still, to.astype(np.float32))
    rows = np.arange(9)[:, None] + to[:, 0] + 4  # in the padded picture
    columns = np.arange(12) + to[:, 1] + 4
    padded = np.pad(PICTURES, ((0, 0), (0, 0), (4, 4), (4, 4)))
    expected = [p[:, r, c] for p, r, c in zip(padded, rows, columns, strict=True)]
    assert np.array_equal(moved, expected)


@pytest.mark.parametrize("move", [warp, warp.definition], ids=["compiled", "definition"])
def test_no_picture_is_moved_to_no_picture(move):
    assert move(PICTURES[:0], ALL.maps(0, nn.Key(0))).shape == (0, 2, 9, 12)
    assert ALL.apply(PICTURES[:0], nn.Key(0)).shape == (0, 2, 9, 12)


def test_a_whole_shift_moves_pixels_and_brings_in_black():
    maps = np.tile(np.array([[1, 0, 1], [0, 1, -2]], np.float32), (5, 1, 1))  # from 1 down, 2 left
    moved = warp(PICTURES, maps)
    assert np.array_equal(moved[:, :, :-1, 2:], PICTURES[:, :, 1:, :-2])
    assert not moved[:, :, -1].any()
    assert not moved[:, :, :, :2].any()


@pytest.mark.parametrize("move", [warp, warp.definition], ids=["compiled", "definition"])
@pytest.mark.parametrize("shape", [(1, 1, 70_001, 1), (1, 1, 1, 70_001)])
def test_far_outside_a_long_picture_is_black(move, shape):
    """Where float32 has no numbers between the border and what is behind it."""
    away = np.array([[[1, 0, 1e6], [0, 1, 1e6]]], np.float32)
    assert not move(np.full(shape, 255, np.uint8), away).any()


def test_what_is_no_number_is_the_same_place_for_the_compiled_core():
    maps = NOTHING.maps(5, nn.Key(0))
    maps[:, 0, 2] = [math.nan, math.inf, -math.inf, 0, 0]
    maps[:, 1, 0] = [0, 0, 0, math.inf, math.nan]
    moved = warp.definition(PICTURES, maps)
    assert not moved[0].any()
    assert np.array_equal(moved, warp(PICTURES, maps))


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


def test_without_the_new_parts_the_draws_are_those_they_always_were():
    # Written down before elastic distortion, strokes and noise came.
    expected = [
        [[1.0571213, -0.1357713, -0.6401765], [0.247016, 1.0092111, 0.4631514]],
        [[1.0161477, -0.1321621, 1.3739442], [0.2506625, 0.9742187, -1.034659]],
    ]
    assert np.allclose(Augmentation().maps(2, nn.Key(1, 2)), expected, rtol=0, atol=1e-6)
    for how in (Augmentation(), Augmentation(elastic_smoothness=2.0), NOTHING):
        maps = how.maps(5, nn.Key(1, 2))
        assert np.array_equal(how.apply(PICTURES, nn.Key(1, 2)), warp(PICTURES, maps))
    assert np.array_equal(ALL.maps(5, nn.Key(1, 2)), Augmentation().maps(5, nn.Key(1, 2)))


@pytest.mark.parametrize("how", [
    Augmentation(**STILL, elastic=1.2), Augmentation(**STILL, stroke=1.3),
    Augmentation(**STILL, noise=30), ALL,
], ids=["elastic", "stroke", "noise", "all"])  # fmt: skip
def test_pictures_are_the_same_whatever_the_batch_is_cut_into(how):
    pictures, key = RNG.integers(0, 256, (7, 2, 9, 11)).astype(np.uint8), nn.Key(5, 6)
    before = pictures.copy()
    whole = how.apply(pictures, key)
    assert np.array_equal(pictures, before)
    for cuts in ((0, 7), (0, 3, 7), tuple(range(8))):
        parts = [how.apply(pictures[a:b], key.shard(a)) for a, b in pairwise(cuts)]
        assert np.array_equal(np.concatenate(parts), whole)
    for other in (nn.Key(5, 7), nn.Key(6, 6), key.shard(1)):
        again = how.apply(pictures, other)
        assert not any(np.array_equal(a, b) for a, b in zip(again, whole, strict=True))


def test_displacements_are_as_large_and_as_smooth_as_is_said():
    sigma, n = 2.5, 3000
    field = Augmentation(**STILL, elastic=1.5, elastic_smoothness=sigma).field(n, 12, 9, nn.Key(0))
    assert field.shape == (n, 2, 12, 9)
    assert field.dtype == np.float32
    mean_squares = (field.astype(np.float64) ** 2).mean(axis=0)  # (2, H, W)
    # Five standard errors of a mean of n squares, at each pixel, the corners too.
    assert np.abs(mean_squares / 1.5**2 - 1).max() < 5 * (2 / n) ** 0.5
    assert np.abs(field.mean(axis=0)).max() < 5 * 1.5 / n**0.5
    unit = field / 1.5
    for apart in (1, 3, 6):
        expected = np.exp(-(apart**2) / (4 * sigma**2))
        down = (unit[:, :, apart:] * unit[:, :, :-apart]).mean(axis=(0, 1))
        across = (unit[..., apart:] * unit[..., :-apart]).mean(axis=(0, 1))
        for got in (down, across):
            assert np.abs(got - expected).max() < 5 / n**0.5
    assert abs((unit[:, 0] * unit[:, 1]).mean()) < 0.02  # down and across are drawn apart


def test_a_field_is_smoothed_noise_on_a_lattice():
    # One node a sigma, and no farther than three sigmas: by loops.
    height, width, sigma, key = 5, 4, 2.0, nn.Key(3)
    field = smooth_field(1, height, width, sigma, key)
    nodes = [[s * sigma for s in range(-4, 5)]] * 2  # 3 sigmas and more beyond both borders
    words = key.bits(1, 81).astype(np.int64)[0]
    numbers = np.stack([words % 65536, words // 65536], axis=1).ravel().reshape(2, 9, 9)
    noise = (numbers - 32767.5) / 32768 * math.sqrt(3)
    for i in range(height):
        for j in range(width):
            y, x = i - (height - 1) / 2, j - (width - 1) / 2
            weights = np.array([
                [math.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * sigma**2))
                 * (abs(y - a) <= 3 * sigma and abs(x - b) <= 3 * sigma) for b in nodes[1]]
                for a in nodes[0]
            ])  # fmt: skip
            expected = (noise * weights).sum(axis=(1, 2)) / math.sqrt((weights**2).sum())
            assert np.allclose(field[0, :, i, j], expected, atol=1e-5)


def test_noise_is_normal_of_a_deviation_drawn_evenly():
    grey = np.full((400, 1, 20, 20), 127, np.uint8)
    noise = Augmentation(**STILL, noise=30).apply(grey, nn.Key(2)).astype(float) - 127
    deviations = noise.std(axis=(1, 2, 3))
    assert deviations.min() < 1
    assert 28 < deviations.max() < 32
    assert abs(deviations.mean() - 15) < 5 * 30 / math.sqrt(12 * 400)
    strong = noise[deviations > 10]  # so that rounding to whole numbers counts for little
    unit = strong / strong.std(axis=(1, 2, 3), keepdims=True)
    for limit, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert abs((np.abs(unit) < limit).mean() - share) < 0.01
    assert abs(noise.mean()) < 5 * 30 / math.sqrt(noise.size)
    # Neighbours and pictures know nothing of each other.
    assert abs((unit[..., 1:] * unit[..., :-1]).mean()) < 0.02
    assert abs((unit[1:] * unit[:-1]).mean()) < 0.02


def test_noise_is_cut_off_at_black_and_white():
    for level in (0, 255):
        flat = np.full((50, 1, 9, 9), level, np.uint8)
        noisy = Augmentation(**STILL, noise=60).apply(flat, nn.Key(2)).astype(int)
        assert np.abs(noisy - level).max() > 60  # and not once around
        assert 0.4 < (noisy == level).mean() < 0.7


def test_strokes_are_changed_evenly_either_way_within_the_amount():
    edge = np.zeros((600, 1, 7, 16), np.uint8)
    edge[..., :8] = 255
    changed = Augmentation(**STILL, stroke=2.5).apply(edge, nn.Key(8))
    # How far out the edge is, away from the picture's own, where black comes in too.
    moved = changed[:, 0, 3, 3:].sum(axis=1) / 255 - 5
    assert -2.5 <= moved.min() < -2.4
    assert 2.4 < moved.max() <= 2.5
    assert abs(moved.mean()) < 5 * 2.5 / math.sqrt(3 * 600)
    assert abs((np.abs(moved) < 1.25).mean() - 0.5) < 0.1


def test_what_is_off_is_not_said():
    assert repr(Augmentation()) == "Augmentation(shift=1.5, rotate=10.0, scale=0.1, slant=0.15)"
    assert str(Augmentation(1, 2, 0.5, 0)) == "Augmentation(shift=1, rotate=2, scale=0.5, slant=0)"
    assert repr(Augmentation(elastic=1.0)).endswith(
        "slant=0.15, elastic=1.0, elastic_smoothness=4.0)"
    )
    assert repr(Augmentation(noise=9)).endswith("slant=0.15, noise=9)")


@pytest.mark.parametrize("how", [
    Augmentation(), NOTHING, ALL, Augmentation(elastic_smoothness=3), Augmentation(stroke=0.5),
    *data.AUGMENTATION_EXAMPLES.values(),
], ids=str)  # fmt: skip
def test_a_recipe_reads_back_what_is_said(how):
    recipe = recipes.apply(recipes.get("one_conv"), [f"augment={how}"])
    assert recipe.augment == how
    again = recipes.from_dict(recipes.get("one_conv"), recipe.as_dict())
    assert again.augment == how


def test_examples_are_the_original_and_its_copies():
    rows = data.augmentation_examples(PICTURES, nn.Key(1), copies=3)
    assert list(rows) == list(data.AUGMENTATION_EXAMPLES)
    for number, (name, row) in enumerate(rows.items()):
        assert row.shape == (4, 2, 9, 12)
        original = PICTURES[number % len(PICTURES)]
        assert np.array_equal(row[0], original)
        expected = data.AUGMENTATION_EXAMPLES[name].apply(np.stack([original] * 3), nn.Key(1))
        assert np.array_equal(row[1:], expected)
        assert len({picture.tobytes() for picture in row}) == 4


def test_each_example_but_the_last_shows_one_kind_alone():
    *alone, (last, together) = data.AUGMENTATION_EXAMPLES.items()
    assert last == "all"
    kinds = set(vars(together)) - {"elastic_smoothness"}
    assert [name for name, _ in alone] == [name for name in vars(together) if name in kinds]
    for name, how in alone:
        assert {kind for kind in kinds if getattr(how, kind)} == {name}
    assert all(getattr(together, kind) for kind in kinds)


def test_examples_of_nothing_are_refused():
    with pytest.raises(InputError, match="at least one"):
        data.augmentation_examples(PICTURES[:0], nn.Key(0))
    with pytest.raises(InputError, match="copies is 0"):
        data.augmentation_examples(PICTURES, nn.Key(0), copies=0)


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


@pytest.mark.parametrize("amount", [-0.1, math.nan, math.inf, 1e300, "1", None, True, 1j])
@pytest.mark.parametrize("name", list(vars(Augmentation())))
def test_an_amount_that_makes_no_sense_is_refused(name, amount):
    with pytest.raises(InputError, match=name):
        Augmentation(**{name: amount})


def test_a_scale_that_leaves_nothing_is_refused():
    with pytest.raises(InputError, match="less than 1"):
        Augmentation(scale=1)


@pytest.mark.parametrize("sigma", [0, 0.5])
def test_a_smoothness_of_less_than_a_pixel_is_refused(sigma):
    with pytest.raises(InputError, match=rf"elastic_smoothness .* is {sigma}, .* at least 1 "):
        Augmentation(elastic=1, elastic_smoothness=sigma)


def test_what_is_no_picture_of_bytes_is_refused():
    with pytest.raises(ShapeError, match="float64"):
        NOTHING.apply(np.zeros((1, 1, 3, 3)), nn.Key(0))
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        NOTHING.apply(np.zeros((3, 3), np.uint8), nn.Key(0))
