"""Ranges of pixels: as they are asked for, and as they are found."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.data import PixelRange, open_npz, range_asked
from byhand.data.pixel_range import set_to_bytes
from byhand.errors import DataError, InputError


@pytest.mark.parametrize(
    ("given", "black", "white"),
    [
        ("0-4095", 0, 4095), (" 0 - 1 ", 0, 1), ("-1-1", -1, 1), ("-2--1", -2, -1),
        ("0.5-1e3", 0.5, 1000), ("1e-3-1", 0.001, 1), ((0, 255), 0, 255),
        (np.array([-1, 1]), -1, 1), (PixelRange(0, 7), 0, 7),
    ],
)  # fmt: skip
def test_a_range_is_text_or_two_numbers(given, black, white):
    assert range_asked(given) == PixelRange(black, white)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_number_is_refused_in_whichever_part_it_is(place):
    parts = [np.ones((2, 3, 3)) for _ in range(3)]
    parts[place][1, 1, 1] = np.nan
    with pytest.raises(DataError, match="no numbers"):
        set_to_bytes(parts, None, "the pictures")


@pytest.mark.parametrize(
    "given",
    ["", "-", "255", "0-", "a-b", "255-0", "0-0", "nan-1", "0-inf", "0..1", (0,), (1, 0), (0, "x"),
     5, b"01", (0, np.nan), {0: 1}],
)  # fmt: skip
def test_what_is_no_range_is_refused(sentence, given):
    with pytest.raises(InputError) as caught:
        range_asked(given)
    sentence(caught.value)


def test_no_range_is_none():
    assert range_asked(None) is None


def test_scaling_is_exact_at_both_ends_and_cuts_off_outside():
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]])
    found = PixelRange(0, 1)
    np.testing.assert_array_equal(found.to_bytes(values), [[0, 0, 128, 255, 255]])
    assert found.outside(values) == 2


def test_a_range_that_the_type_of_the_values_does_not_reach_is_no_overflow():
    assert PixelRange(-1e5, 1e5).outside(np.array([0, 65504, np.inf], np.float16)) == 1


@pytest.mark.parametrize(
    ("scale", "kind"), [(1, np.uint16), (1, np.int64), (1 / 255, np.float32), (1, np.float64)]
)
@pytest.mark.parametrize("shape", [(-1, 6, 6), (-1, 1, 6, 6), (-1, 6, 6, 1)])
def test_an_npz_of_any_type_and_layout_is_the_same_set(tmp_path, sets, scale, kind, shape):
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), sets.small(), strict=True))
    np.savez(tmp_path / "bytes.npz", **arrays)
    for name in ("x_train", "x_test"):
        arrays[name] = (arrays[name] * scale).astype(kind).reshape(shape)
    np.savez(tmp_path / "other.npz", **arrays)
    splits = open_npz(tmp_path / "other.npz")
    assert splits.sha256 == open_npz(tmp_path / "bytes.npz").sha256
    assert "black to white" in splits.notes[0]
