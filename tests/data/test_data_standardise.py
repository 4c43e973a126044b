"""Standardisation: fitted by channel or by column, applied the same to bytes and to floats."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from byhand.data import Dataset, Standardisation
from byhand.errors import InputError, ShapeError


@given(hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 5)] * 4)))
def test_channels_of_bytes_are_measured_as_numpy_measures_them(images):
    fitted = Standardisation.fit(images)
    pixels = images.astype(np.float64) / 255
    np.testing.assert_allclose(fitted.mean, pixels.mean(axis=(0, 2, 3)), atol=1e-12)
    std = pixels.std(axis=(0, 2, 3))
    std[images.min(axis=(0, 2, 3)) == images.max(axis=(0, 2, 3))] = 1
    np.testing.assert_allclose(fitted.std, std, atol=1e-12)


def test_long_sets_are_measured_in_parts_to_the_same_figures():
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(5000, 2, 3, 3), dtype=np.uint8)
    pixels = images / 255
    as_bytes, as_floats = Standardisation.fit(images), Standardisation.fit(pixels)
    np.testing.assert_allclose(as_bytes.mean, pixels.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(as_bytes.std, pixels.std(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(as_floats.mean, as_bytes.mean, rtol=1e-12)
    np.testing.assert_allclose(as_floats.std, as_bytes.std, rtol=1e-12)


def test_a_table_is_standardised_column_by_column():
    rng = np.random.default_rng(0)
    table = rng.normal([1e6, -3, 0.5], [2, 5, 0.1], size=(400, 3))
    table = np.column_stack([table, np.full(400, 0.1)])
    fitted = Standardisation.fit(table)
    assert fitted.std[3] == 1
    out = fitted.apply(table)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(out[:, :3].std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(out[:, 3], 0, atol=1e-6)


def test_a_data_set_is_fitted_by_its_pictures():
    images = np.arange(32, dtype=np.uint8).reshape(2, 1, 4, 4)
    assert Standardisation.fit(Dataset(images, np.zeros(2, int))) == Standardisation.fit(images)


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_and_floats_of_the_same_pictures_give_the_same(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(20, channels, 6, 6), dtype=np.uint8)
    before = images.copy()
    fitted = Standardisation.fit(images)
    from_bytes = fitted.apply(images)
    assert (from_bytes.dtype, from_bytes.shape) == (np.float32, images.shape)
    np.testing.assert_allclose(from_bytes, fitted.apply(images / 255), atol=1e-6)
    np.testing.assert_allclose(from_bytes.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(from_bytes.std(axis=(0, 2, 3)), 1, atol=1e-5)
    np.testing.assert_array_equal(images, before)


def test_unit_only_divides_by_255():
    images = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    expected = images.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(Standardisation.unit(1).apply(images), expected)


def test_the_figures_survive_json():
    fitted = Standardisation((0.1, 0.2), (0.3, 0.4))
    assert Standardisation.from_dict(json.loads(json.dumps(fitted.as_dict()))) == fitted


@pytest.mark.parametrize(
    ("mean", "std"),
    [((), ()), ((0,), (1, 1)), ((0,), (0,)), ((0,), (-1,)), ((float("nan"),), (1,)),
     ((0,), (float("inf"),)), ("0", (1,)), (("x",), (1,)), (0, 1), (None, None), ((True,), (1,))],
)  # fmt: skip
def test_figures_that_cannot_be_are_refused(sentence, mean, std):
    with pytest.raises(InputError) as caught:
        Standardisation(mean, std)
    sentence(caught.value)


@pytest.mark.parametrize("values", [{}, {"mean": [0]}, None, [], {"mean": "x", "std": [1]}])
def test_plain_values_that_are_no_standardisation_are_refused(values):
    with pytest.raises(InputError):
        Standardisation.from_dict(values)


def test_masked_pictures_are_refused():
    masked = np.ma.masked_array(np.zeros((2, 1, 4, 4)), np.eye(4)[None, None].repeat(2, 0))
    for door in (Standardisation.fit, Standardisation.unit().apply):
        with pytest.raises(InputError, match="masked"):
            door(masked)


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 3, 4, 4), np.uint8), np.zeros(5, np.uint8), np.zeros((2, 1, 4, 4), np.int64)],
)
def test_pictures_that_do_not_fit_are_refused(sentence, images):
    with pytest.raises(ShapeError) as caught:
        Standardisation.unit(1).apply(images)
    sentence(caught.value)


@pytest.mark.parametrize(
    "images", [np.zeros((0, 1, 4, 4), np.uint8), np.zeros(5), np.zeros((3, 2), np.int64)]
)
def test_what_cannot_be_measured_is_refused(sentence, images):
    with pytest.raises(ShapeError) as caught:
        Standardisation.fit(images)
    sentence(caught.value)
