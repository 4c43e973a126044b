"""What dropout promises in training, where no other library draws the same mask."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn


def dropped(rate, key, n=64, features=(3, 5, 7), dtype=np.float64):
    layer = nn.Dropout(rate)
    x = np.random.default_rng(0).uniform(0.5, 2.0, (n, *features)).astype(dtype)
    y, cache = layer.forward(x, train=True, key=key)
    return layer, x, y, cache


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_a_value_is_dropped_or_enlarged_and_its_gradient_likewise(rate, dtype):
    layer, x, y, cache = dropped(rate, nn.Key(1), dtype=dtype)
    kept = y != 0
    scale = dtype(1 / (1 - rate))
    assert y.dtype == dtype
    assert np.array_equal(y, np.where(kept, x * scale, 0))
    dy = np.random.default_rng(1).standard_normal(y.shape).astype(dtype)
    dx = layer.backward(dy, cache, nn.NamedVector((), dtype))
    assert dx.dtype == dtype
    assert np.array_equal(dx, np.where(kept, dy * scale, 0))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_as_many_values_are_dropped_as_the_rate_says(rate):
    _, _, y, _ = dropped(rate, nn.Key(2), n=1000)
    deviation = np.sqrt(rate * (1 - rate))
    assert abs((y == 0).mean() - rate) < 4 * deviation / np.sqrt(y.size)
    # and in every feature and every image alike
    assert np.abs((y == 0).mean(axis=0) - rate).max() < 5 * deviation / np.sqrt(1000)
    assert np.abs((y == 0).mean(axis=(1, 2, 3)) - rate).max() < 5 * deviation / np.sqrt(105)


def test_the_mask_depends_on_seed_step_and_layer_and_on_nothing_else():
    def mask(key):
        return dropped(0.5, key)[2] != 0

    key = nn.Key(3, step=4).child(2)
    assert np.array_equal(mask(key), mask(nn.Key(3, step=4).child(2)))
    for other in (nn.Key(5, step=4).child(2), nn.Key(3, step=5).child(2), nn.Key(3, 4).child(1)):
        share = (mask(key) == mask(other)).mean()
        assert 0.45 < share < 0.55  # half of independent masks agree by chance


def test_the_mask_of_a_shard_is_its_part_of_the_whole_batchs():
    key = nn.Key(6).child(0)
    x = np.ones((10, 4, 3))
    whole, _ = nn.Dropout(0.5).forward(x, train=True, key=key)
    part, _ = nn.Dropout(0.5).forward(x[6:], train=True, key=key.shard(6))
    assert np.array_equal(part, whole[6:])


def test_each_layer_of_a_container_has_its_own_mask():
    model = nn.Sequential(nn.Sequential(nn.Dropout(0.5)), nn.Dropout(0.5))
    x = np.ones((8, 100))
    _, ((inner, second), _) = model.forward(x, train=True, key=nn.Key(7))
    ((first,), _) = inner
    assert 0.4 < (first.kept == second.kept).mean() < 0.6


def test_dropout_is_nothing_in_evaluation():
    x = np.random.default_rng(8).standard_normal((5, 4))
    y, cache = nn.Dropout(0.5).forward(x, train=False, key=nn.Key(1))
    assert np.array_equal(y, x)
    dx = nn.Dropout(0.5).backward(x, cache, nn.NamedVector((), x.dtype))
    assert np.array_equal(dx, x)
