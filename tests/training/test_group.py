"""Who trains together, which pictures are whose, and batch norm over the shards of a batch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import blobs
import support
import thread_ranks
from byhand import kernels, nn
from byhand.data import Augmentation, batches
from byhand.errors import ByhandError, ShapeError
from byhand.kernels.reference.norm import whole_statistics
from byhand.training import ALONE, Group

SIZES = [2, 3, 4, 7]


# A group -----------------------------------------------------------------------------------------


def test_alone_everything_is_ones_own():
    values = np.arange(3.0)
    assert (ALONE.rank, ALONE.size) == (0, 1)
    assert ALONE.part(7) == slice(0, 7)
    assert ALONE.sum(values) is values
    assert values.tolist() == [0, 1, 2]
    assert ALONE.broadcast(values) is values
    assert ALONE.cores == kernels.cores()


@pytest.mark.parametrize("size", [1, *SIZES])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 10, 64, 1000])
def test_the_parts_are_the_whole_in_order_and_none_is_empty_or_all_but_one(n, size):
    groups = []
    for rank in range(size):
        group = Group()
        group.rank, group.size = rank, size
        groups.append(group)
    parts = [range(n)[group.part(n)] for group in groups]
    assert list(itertools.chain(*parts)) == list(range(n))
    if n < size:
        assert list(map(len, parts)) == [n] + [0] * (size - 1)
    else:
        assert [part.start for part in parts] == [rank * n // size for rank in range(size)]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("sampling", ["shuffle", "in_order", "with_replacement"])
@pytest.mark.parametrize("size", SIZES)
def test_the_shards_of_a_batch_are_its_pictures_moved_as_in_the_whole(sampling, size):
    """45 pictures in batches of 10: the last has 5, fewer than 7 ranks."""

    def all_of(part):
        return list(
            batches(
                blobs.pictures(45), 10, np.random.default_rng(3), sampling=sampling, part=part,
                layout="reference", augment=Augmentation(), key=nn.Key(1),
            )
        )  # fmt: skip

    whole = all_of(None)
    group = Group()
    group.size = size
    shards = []
    for rank in range(size):
        group.rank = rank
        shards.append(all_of(group.part))
    for i, batch in enumerate(whole):
        own = [shard[i] for shard in shards]
        assert np.array_equal(np.concatenate([s.images for s in own]), batch.images)
        assert np.array_equal(np.concatenate([s.labels for s in own]), batch.labels)
        assert all(np.array_equal(s.indices, batch.indices) for s in own)


# Batch normalisation -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(11, 3), (11, 3, 4), (11, 3, 4, 2), (4, 3), (4, 3, 1, 1)])
@pytest.mark.parametrize(
    ("layout", "dtype", "close"),
    [
        ("reference", np.float64, 1e-12),
        ("reference", np.float32, 2e-6),
        ("lanes", np.float32, 2e-6),
    ],
)
def test_batch_norm_of_shards_is_that_of_the_batch(together, shape, layout, dtype, close):
    """The mean is far from 0, where sums of squares would cancel; a shard may be one image."""
    if layout == "lanes":
        support.require_core()
    rng = np.random.default_rng(0)
    x = rng.normal(50, 3, shape).astype(dtype)
    dy = rng.standard_normal(shape).astype(dtype)

    def run(group):
        kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
        layer = kind(3).init(np.random.default_rng(1), dtype)
        layer.flat[...] = [0.7, -1.2, 2.0, 0.3, 0.1, -0.4]
        part = group.part(len(x))
        used = layer if group.size == 1 else layer.synchronised(group.sum)
        y, cache = used.forward(kernels.as_layout(x[part], layout), train=True)
        grads = layer.new_grads()
        dx = used.backward(kernels.as_layout(dy[part], layout), cache, grads)
        group.sum(grads.flat)
        used.commit(cache)
        return kernels.as_numpy(y), kernels.as_numpy(dx), grads.flat, layer.flat_buffers

    expected = run(ALONE)
    found = together(4, run)
    for i in (0, 1):  # y and dx
        joined = np.concatenate([shard[i] for shard in found])
        np.testing.assert_allclose(joined, expected[i], rtol=close, atol=10 * close)
    for grads, buffers in (shard[2:] for shard in found):
        np.testing.assert_allclose(grads, expected[2], rtol=close, atol=10 * close)
        np.testing.assert_allclose(buffers, expected[3], rtol=close)
        assert np.array_equal(buffers, found[0][3])


def test_statistics_of_shards_of_unlike_size_and_mean_are_combined_exactly(together):
    shards = [np.arange(2.0), 1e6 + np.arange(5.0), np.array([-3e5])]

    def run(group):
        own = shards[group.rank][:, None]
        return whole_statistics(own.shape, own.mean(axis=0), own.var(axis=0), group.sum)

    whole = np.concatenate(shards)
    for m, mean, var in together(3, run):
        assert m == 8
        np.testing.assert_allclose(mean, whole.mean(), rtol=1e-14)
        np.testing.assert_allclose(var, whole.var(), rtol=1e-14)


def test_a_batch_of_one_value_a_channel_is_refused_in_shards_too():
    layer = nn.BatchNorm1d(2).init(np.random.default_rng(0)).synchronised(lambda array: array)
    with pytest.raises(ShapeError, match="at least two images"):
        layer.forward(np.ones((1, 2), np.float32), train=True)


def test_a_shared_model_is_another_that_has_the_same_parameters():
    model = thread_ranks.network()
    shared = model.synchronised(lambda array: array)
    assert shared is not model
    assert shared.flat is model.flat
    assert shared[1].weight is model[1].weight
    assert shared[0] is model[0], "a layer that sees each image by itself stays"
    assert all("_total" not in vars(layer) for layer in model)
    plain = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    assert plain.synchronised(lambda array: array) is plain


def test_batch_norm_is_found_in_containers_and_in_layers_of_ones_own():
    class Own(nn.Layer):
        def __init__(self):
            self.inner = nn.BatchNorm1d(2)

    class Hidden(nn.Layer):
        def __init__(self):
            self.parts = [nn.BatchNorm1d(2)]

        def children(self):
            return {"first": self.parts[0]}

    def total(array):
        return array

    own = Own()
    model = nn.Sequential(nn.Concat(nn.BatchNorm1d(2), nn.Residual(nn.BatchNorm1d(2))), own)
    shared = model.synchronised(total)
    found = (shared[0][0], shared[0][1].body, shared[1].inner)
    assert all(vars(layer)["_total"] is total for layer in found)
    assert "_total" not in vars(own.inner)
    with pytest.raises(ByhandError, match=r"Hidden .*_with_children"):
        nn.Sequential(Hidden()).synchronised(total)
