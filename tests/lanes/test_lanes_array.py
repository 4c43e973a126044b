"""The array itself: packing and unpacking, views, copies, gathering, and what it refuses."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from byhand import kernels
from byhand.errors import InputError, ShapeError
from byhand.kernels import LANES, Lanes
from lanes.helper import (
    COUNTS,
    SETS,
    THREADS,
    agree,
    counts,
    machine,
    machines,
    numbers,
    padding,
    seeds,
    steady,
)

shapes = st.lists(st.integers(0, 7), max_size=4).map(tuple)


@steady
@given(st.one_of(st.just(0), counts), shapes, st.sampled_from(("f4", "f8", "f2")), machines)
def test_packing_and_unpacking_gives_the_same_numbers(n, features, dtype, where):
    x = numbers(1, (n, *features)).astype(dtype)
    with machine(*where):
        lanes = Lanes.pack(x)
        back = lanes.numpy()
    assert back.dtype == np.float32
    assert np.array_equal(back, x.astype(np.float32))
    assert (lanes.shape, lanes.ndim, lanes.size, len(lanes)) == (x.shape, x.ndim, x.size, n)
    assert lanes.dtype == np.float32
    assert not padding(lanes).any()


@pytest.mark.parametrize("n", COUNTS)
def test_lane_l_of_block_b_is_image_8b_plus_l(n):
    x = numbers(2, (n, 3, 2))
    data = Lanes.pack(x).data
    assert data.shape == (-(-n // LANES), 3, 2, LANES)
    assert data.ctypes.data % 64 == 0
    for i in range(n):
        assert np.array_equal(data[i // LANES, ..., i % LANES], x[i])


@pytest.mark.parametrize("isa", SETS)
def test_much_data_is_packed_by_several_threads(isa):
    x = numbers(3, (203, 16, 15, 13))
    for threads in THREADS:
        with machine(isa, threads):
            assert np.array_equal(Lanes.pack(x).numpy(), x)


def test_any_order_in_memory_is_packed():
    x = numbers(3, (12, 4, 5, 6))
    spread = np.zeros((24, 4, 5, 6), np.float32)
    spread[::2] = x
    upside = np.flip(x).copy()
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for other in (np.asfortranarray(x), spread[::2], np.flip(upside), channels_last,
                  x.astype(">f4")):  # fmt: skip
        assert np.array_equal(Lanes.pack(other).numpy(), x)
    assert np.array_equal(Lanes.pack(x[3:4, :, ::2]).numpy(), x[3:4, :, ::2])
    repeated = np.broadcast_to(x[:1], x.shape)
    assert np.array_equal(Lanes.pack(repeated).numpy(), repeated)


def test_data_is_the_array_itself_and_numpy_is_a_copy():
    lanes = Lanes.pack(numbers(1, (9, 2)))
    before = lanes.numpy()
    lanes.data[1, 0, 0] = 5
    assert lanes.numpy()[8, 0] == 5
    assert before[8, 0] != 5
    lanes.reshape(9, 2, 1).data[0, 1, 0, 3] = 7
    assert lanes.numpy()[3, 1] == 7


def test_the_numbers_outlive_the_array():
    data = Lanes.pack(numbers(1, (9, 2))).data
    kept = data.copy()
    for _ in range(20):  # memory of the same size, were it given back already
        Lanes.pack(np.zeros((9, 2), np.float32))
    assert np.array_equal(data, kept)


def test_an_array_is_made_of_data_that_lies_in_lanes():
    x = numbers(4, (9, 3))
    data = Lanes.pack(x).data.copy()
    lanes = Lanes(data, 9)
    assert np.array_equal(lanes.numpy(), x)
    data[...] = 0  # it was copied
    assert np.array_equal(lanes.numpy(), x)
    assert repr(lanes) == "Lanes(9, 3)"


@pytest.mark.parametrize(
    ("shape", "n"), [((2, 3, 7), 9), ((2, 3, 8), 8), ((2, 3, 8), 17), ((8,), 8), ((0, 8), 1)]
)
def test_data_that_does_not_lie_in_lanes_is_refused(shape, n):
    with pytest.raises(ShapeError, match=f"{n} images") as caught:
        Lanes(np.zeros(shape, np.float32), n)
    assert str(shape) in str(caught.value)


def test_numpy_reads_it_and_copies_and_pickles_are_its_equals():
    x = numbers(5, (9, 3, 2))
    lanes = Lanes.pack(x)
    assert np.array_equal(np.asarray(lanes), x)
    assert np.asarray(lanes, np.float64).dtype == np.float64
    for other in (copy.copy(lanes), copy.deepcopy(lanes), pickle.loads(pickle.dumps(lanes))):
        assert np.array_equal(other.numpy(), x)
        other.data[...] = 0
        assert np.array_equal(lanes.numpy(), x)


@pytest.mark.parametrize("new", [(8, 6), (9, 5), (3, 3, 6), (54,), (9, 4, -1)])
def test_a_reshape_that_does_not_fit_is_refused(new):
    with pytest.raises(ShapeError) as caught:
        Lanes.pack(numbers(0, (9, 3, 2))).reshape(*new)
    assert "(9, 3, 2)" in str(caught.value)


def test_as_layout_goes_both_ways():
    x = numbers(6, (9, 2))
    for layout in ("auto", "lanes"):
        lanes = kernels.as_layout(x, layout)
        assert isinstance(lanes, Lanes)
        assert kernels.as_layout(lanes, layout) is lanes
    assert kernels.as_layout(x, "reference") is x
    assert np.array_equal(kernels.as_layout(lanes, "reference"), x)
    exact = x.astype(np.float64)
    assert kernels.as_layout(exact) is exact  # float64 stays where it can be held
    assert isinstance(kernels.as_layout(exact, "lanes"), Lanes)
    assert kernels.resolve_layout("auto") == "lanes"
    assert kernels.arithmetic()[0] == "lanes"
    assert kernels.instruction_set() in kernels.arithmetic()[1]


# Gathering ----------------------------------------------------------------------------------------


@steady
@given(st.one_of(st.just(0), counts), st.integers(1, 4), st.integers(1, 40), seeds, machines)
def test_gather_is_that_of_the_reference(n, channels, places, seed, where):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (30, channels, places, 2), dtype=np.uint8)
    index = rng.integers(0, 30, n)
    scale, shift = (rng.uniform(0.5, 1, channels).astype("f4") for _ in range(2))
    with machine(*where):
        lanes = kernels.gather(images, index, scale, shift, "lanes")
    assert isinstance(lanes, Lanes)
    assert lanes.shape == (n, *images.shape[1:])
    expected = kernels.gather(images, index, scale, shift, "reference")
    np.testing.assert_allclose(lanes.numpy(), expected, rtol=2.4e-7)  # an ulp: one rounding less
    assert not padding(lanes).any()


def test_gather_takes_pictures_and_indices_of_any_order_in_memory():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 3, 5, 4), dtype=np.uint8)
    index = rng.integers(0, 30, 40)[::2]
    scale, shift = np.ones(3, np.float32), np.zeros(3, np.float32)
    for some in (images[::2], images[:30].transpose(0, 1, 3, 2), images[:30]):
        lanes = kernels.gather(some, index, scale, shift, "lanes")
        assert np.array_equal(lanes.numpy(), some[index])


@pytest.mark.parametrize("wrong", [30, -1, 10**12])
def test_gather_refuses_an_index_without_a_picture(wrong):
    images = np.zeros((30, 1, 2, 2), np.uint8)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    with pytest.raises(ShapeError, match=f"{wrong}.*30"):
        kernels.gather(images, np.array([0, wrong]), one, zero, "lanes")


def test_gather_refuses_other_types_than_bytes():
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    with pytest.raises(ShapeError, match="uint8"):
        kernels.gather(np.zeros((3, 1, 2, 2), np.float32), np.array([0]), one, zero, "lanes")


def test_an_unknown_layout_is_named():
    for call in (
        lambda: kernels.as_layout(Lanes.pack(numbers(0, (2, 2))), "lane"),
        lambda: kernels.resolve_layout("lane"),
    ):
        with pytest.raises(InputError, match="auto, lanes, reference"):
            call()


def test_pictures_already_in_lanes_agree_with_those_gathered():
    images = np.arange(256, dtype=np.uint8).reshape(16, 1, 4, 4)
    scale, shift = np.array([1 / 255], "f4"), np.zeros(1, "f4")
    agree(kernels.gather(images, np.arange(16), scale, shift), images / 255)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "sigmoid", "softmax"])
def test_a_numpy_gradient_for_a_cache_of_lanes_is_refused(name):
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    _, cache = getattr(kernels, name)(kernels.Lanes.pack(x))
    with pytest.raises(ShapeError, match=f"{name}_backward got a NumPy array beside a Lanes"):
        getattr(kernels, f"{name}_backward")(x, cache)


def test_a_call_that_is_refused_holds_on_to_nothing():
    x = kernels.Lanes.pack(np.ones((3, 4), np.float32))
    weight = np.ones((5, 4))  # float64
    before = sys.getrefcount(weight)
    for _ in range(50):
        with pytest.raises(ShapeError):
            kernels.linear(x, weight, None)
    assert sys.getrefcount(weight) == before


def test_no_memory_of_an_impossible_size_is_given():
    core = importlib.import_module("byhand.kernels._compiled")
    with pytest.raises(MemoryError):
        core.Memory(2**64 - 1)


def test_the_shares_of_a_mean_belong_to_who_asked():
    losses = kernels.Lanes.pack(np.ones(5, np.float32))
    _, share = kernels.mean_loss(losses)
    share.data[...] = 7
    _, again = kernels.mean_loss(losses)
    assert np.array_equal(again.numpy(), np.full(5, 0.2, np.float32))
