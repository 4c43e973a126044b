"""The counter-based generator: known answers, addresses, and that it looks random."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from byhand import kernels
from byhand.errors import InputError
from byhand.kernels import Key

# Random123, examples/kat_vectors: philox 4x32 with 10 rounds.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_answers(counter, key, words):
    assert kernels.philox(counter, key) == words


def test_philox_on_arrays_gives_the_published_answers_too():
    for counter, key, words in KNOWN:
        arrays = tuple(np.array([c, c], np.uint64) for c in counter)
        for got, word in zip(kernels.philox(arrays, key), words, strict=True):
            assert got.tolist() == [word, word]


def test_the_words_of_an_image_are_philox_of_its_column_and_place():
    key = Key(seed=7, step=3, path=(2, 1))
    bits = key.bits(3, 6)
    for image, block in itertools.product(range(3), range(2)):
        words = kernels.philox((block, image, 0, 0), key.words())
        columns = bits[image, 4 * block : 4 * block + 4]
        assert columns.tolist() == list(words)[: len(columns)]


def test_a_seed_may_have_all_64_bits():
    for seed in (2**62 + 1, 2**63, 2**64 - 1):
        assert Key(seed).words() != Key(seed - 1).words()
    with pytest.raises(InputError, match="a number of a key"):
        Key(2**64).words()


def test_the_same_address_has_the_same_bits():
    a, b = Key(5, 2).child(3), Key(5, 2).child(3)
    assert a == b
    assert np.array_equal(a.bits(8, 30), b.bits(8, 30))
    assert a.bits(8, 30).dtype == np.uint32


def test_addresses_that_differ_anywhere_have_different_bits():
    keys = [
        Key(0), Key(1), Key(2**32), Key(2**40 + 1), Key(0, 1), Key(0, 2), Key(0, 2**32), Key(1, 1),
        Key(0).child(0), Key(0).child(1), Key(0).child(0).child(0), Key(0).child(0).child(1),
        Key(0).child(1).child(0), Key(0, 1).child(0), Key(1).child(0), Key(0).shard(1),
        Key(0).shard(100), Key(0, path=(2,)),
    ]  # fmt: skip
    drawn = [key.bits(1, 4).tobytes() for key in keys]
    assert len(set(drawn)) == len(keys)


def test_more_features_or_images_do_not_change_those_that_were_there():
    small, large = Key(4).bits(2, 5), Key(4).bits(6, 11)
    assert np.array_equal(small, large[:2, :5])


@pytest.mark.parametrize("start", [1, 3, 7])
def test_a_shard_sees_the_bits_of_its_own_images_in_the_whole_batch(start):
    key = Key(9, 4).child(2)
    whole = key.bits(8, 13)
    assert np.array_equal(key.shard(start).bits(8 - start, 13), whole[start:])
    assert np.array_equal(key.shard(1).shard(start - 1).bits(8 - start, 13), whole[start:])
    # The order of naming the layer and the shard does not matter.
    assert Key(9, 4).shard(start).child(2) == key.shard(start)


@pytest.mark.parametrize(("n", "features"), [(0, 5), (3, 0), (1, 1), (2, 4), (2, 5)])
def test_bits_have_the_shape_that_is_asked_for(n, features):
    assert Key(0).bits(n, features).shape == (n, features)


def test_bits_are_roughly_uniform_and_unrelated():
    bits = Key(1).bits(400, 100)
    uniform = bits / 2**32
    assert abs(uniform.mean() - 0.5) < 0.01
    counts = np.histogram(uniform, bins=20, range=(0, 1))[0]
    expected = bits.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 45  # chi squared of 19 degrees: p < 0.001
    each_bit = [(bits >> shift & 1).mean() for shift in range(32)]
    assert np.abs(np.array(each_bit) - 0.5).max() < 0.015
    for other in (
        bits[1:],
        Key(1, 1).bits(400, 100),
        Key(2).bits(400, 100),
        Key(1).child(0).bits(400, 100),
    ):
        n = len(other)
        assert abs(np.corrcoef(uniform[:n].ravel(), other.ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(uniform[:, 1:].ravel(), uniform[:, :-1].ravel())[0, 1]) < 0.03


def test_dropout_keeps_about_one_minus_rate_and_enlarges_what_it_keeps():
    x = np.random.default_rng(0).uniform(1, 2, (100, 200))
    for rate in (0.1, 0.5, 0.9):
        y, cache = kernels.dropout(x, rate, Key(3))
        kept = y != 0
        assert abs(kept.mean() - (1 - rate)) < 0.01
        np.testing.assert_allclose(y[kept], x[kept] / (1 - rate), rtol=1e-12)
        dy = np.random.default_rng(1).standard_normal(x.shape)
        dx = kernels.dropout_backward(dy, cache)
        np.testing.assert_allclose(dx, np.where(kept, dy / (1 - rate), 0), rtol=1e-12)


def test_dropout_drops_the_same_values_in_float32_and_float64():
    x = np.ones((20, 3, 5, 5))
    y64, _ = kernels.dropout(x, 0.3, Key(8, 1))
    y32, _ = kernels.dropout(x.astype(np.float32), 0.3, Key(8, 1))
    assert y32.dtype == np.float32
    assert np.array_equal(y32 == 0, y64 == 0)


def test_dropout_of_a_shard_is_the_shard_of_the_dropout():
    x = np.random.default_rng(0).standard_normal((10, 4, 3))
    whole, _ = kernels.dropout(x, 0.5, Key(2, 7))
    parts = [kernels.dropout(x[a:b], 0.5, Key(2, 7).shard(a))[0] for a, b in ((0, 3), (3, 10))]
    assert np.array_equal(np.concatenate(parts), whole)


def test_dropout_depends_on_a_values_place_and_not_on_the_shape_around_it():
    flat, _ = kernels.dropout(np.ones((4, 12)), 0.5, Key(6))
    folded, _ = kernels.dropout(np.ones((4, 3, 2, 2)), 0.5, Key(6))
    assert np.array_equal(flat, folded.reshape(4, 12))
