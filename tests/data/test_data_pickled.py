"""mnist.pkl.gz: pickles of every age are read, and nothing that one names is ever run."""

from __future__ import annotations

import gzip
import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from byhand.data import open_idx, open_pickled
from byhand.data.pickled import _of_fractions, load_arrays
from byhand.data.pixel_range import PixelRange
from byhand.errors import DataError


def pairs(scale=256, images_type=np.float32):
    rng = np.random.default_rng(0)
    parts = []
    for n in (30, 10, 10):
        k = rng.integers(256, size=(n, 36), dtype=np.uint8)
        images = k if images_type is np.uint8 else (k / scale).astype(images_type)
        parts.append((images, np.arange(n, dtype=np.int64) % 10))
    return tuple(parts)


def python2_pickle(parts):
    """The bytes that Python 2 wrote for pairs of arrays: protocol 2, strings for bytes."""
    out = [b"\x80\x02"]
    for pair in parts:
        for array in pair:
            code = array.dtype.str[1:].encode()
            data = array.tobytes()
            out += [
                b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01",
                b"(" + b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"t",
                b"cnumpy\ndtype\nU\x02" + code + b"K\x00K\x01\x87R",
                b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
                b"\x89T" + struct.pack("<i", len(data)) + data + b"tb",
            ]
        out.append(b"\x86")
    return b"".join([*out, b"\x87."])


def write(path, data):
    path.write_bytes(gzip.compress(data, mtime=0))
    return path


def test_what_python_2_wrote_is_read_and_its_pixels_restored(tmp_path):
    parts = pairs()
    splits = open_pickled(write(tmp_path / "mnist.pkl.gz", python2_pickle(parts)))
    for dataset, (images, labels) in zip(
        (splits.train, splits.validation, splits.test), parts, strict=True
    ):
        assert dataset.images.shape == (len(labels), 1, 6, 6)
        np.testing.assert_array_equal(dataset.images.reshape(len(labels), -1), images * 256)
        np.testing.assert_array_equal(dataset.labels, labels)
    assert splits.name == "mnist-like"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_this_python_is_read(protocol):
    expected = pairs()
    for got, want in zip(load_arrays(pickle.dumps(expected, protocol)), expected, strict=True):
        for a, b in zip(got, want, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("old", [b"numpy.core.", b"numpy._core."])
@pytest.mark.parametrize("protocol", [2, 5])
def test_numpy_s_old_and_new_module_names_are_read(old, protocol):
    data = pickle.dumps(pairs(), protocol)
    new = b"numpy._core." if b"numpy._core." in data else b"numpy.core."
    if protocol == 2:
        data = data.replace(new, old)
    else:  # names carry their length here
        for name in (b"multiarray", b"numeric"):
            before, after = new + name, old + name
            data = data.replace(
                b"\x8c" + bytes([len(before)]) + before, b"\x8c" + bytes([len(after)]) + after
            )
        # Frames carry theirs too; without them the rest is the same.
        data = data[:2] + data[11:] if data[2:3] == b"\x95" else data
    assert len(load_arrays(data)) == 3


def test_a_fortran_array_keeps_its_order():
    array = np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4))
    for protocol in (2, 5):
        (back,) = load_arrays(pickle.dumps([array], protocol))
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    ("scale", "kind"), [(256, np.float32), (255, np.float32), (255, np.float64), (1, np.uint8)]
)
def test_pixels_return_to_what_they_were(tmp_path, scale, kind):
    parts = pairs(scale, kind)
    splits = open_pickled(write(tmp_path / "mnist.pkl.gz", pickle.dumps(parts)))
    original = pairs(1, np.uint8)
    np.testing.assert_array_equal(splits.train.images.reshape(30, 36), original[0][0])


def test_the_same_pictures_have_the_same_hash_in_a_pickle_and_in_idx_files(tmp_path, sets):
    parts = pairs(1, np.uint8)
    images = np.concatenate([parts[0][0], parts[1][0]]).reshape(-1, 6, 6)
    labels = np.concatenate([parts[0][1], parts[1][1]]).astype(np.uint8)
    test = (parts[2][0].reshape(-1, 6, 6), parts[2][1].astype(np.uint8))
    idx = open_idx(sets.idx(tmp_path / "idx", (images, labels, *test)))
    pickled = open_pickled(write(tmp_path / "mnist.pkl.gz", python2_pickle(pairs())))
    assert pickled.sha256 == idx.sha256


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_hostile_pickle_is_named_and_nothing_of_it_runs(tmp_path, sentence, protocol):
    import os

    victim = tmp_path / "made_by_the_pickle"
    path = write(tmp_path / "mnist.pkl.gz", pickle.dumps(Evil(os.mkdir, str(victim)), protocol))
    with pytest.raises(DataError) as caught:
        open_pickled(path)
    sentence(caught.value, path, "posix.mkdir" if os.name == "posix" else "nt.mkdir")
    assert not victim.exists()


@pytest.mark.parametrize(
    "name",
    ["builtins eval", "builtins getattr", "numpy load", "numpy.core.multiarray scalar",
     "numpy.core.multiarray fromfile", "_codecs decode", "copyreg _reconstructor",
     "numpy.testing _private.utils.runstring", "numpy dtype.__class__"],
)  # fmt: skip
def test_nothing_but_arrays_names_is_admitted(tmp_path, sentence, name):
    module, attribute = name.split()
    data = f"c{module}\n{attribute}\n(S'1'\ntR.".encode()
    path = write(tmp_path / "mnist.pkl.gz", data)
    with pytest.raises(DataError) as caught:
        open_pickled(path)
    sentence(caught.value, f"{module}.{attribute}")


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
TRICKS = {
    "a call of ndarray for a huge array": b"cnumpy\nndarray\n(\x8a\x08" + b"\0" * 7 + b"\x7ftR.",
    "a huge shape": RECONSTRUCT + b"(cnumpy\nndarray\n(I9999999999\ntS'b'\ntR.",
    "an index far into the memo": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "state for a name": RECONSTRUCT + b"}S'kind'\nS'encode'\nsb.",
    "state for a class": b"cnumpy\nndarray\n}S'__setstate__'\nI1\nsb.",
    "an object made past its maker": b"cnumpy\nndarray\n)\x81.",
    "an array of objects": pickle.dumps(np.array([{}, []], dtype=object), 2),
    "a list that holds itself": b"(lp0\ng0\na.",
    "a text where arrays belong": b"S'hello'\n.",
    "an end in the middle": python2_pickle(pairs())[:500],
    "an empty file": b"",
    "no pickle": b"<html>not found</html>",
    "a long promise": b"\x8e" + b"\xff" * 7 + b"\x7f",
    "a persistent name": b"Pname\n.",
    "an extension": b"\x82\x01.",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_pickle_that_is_no_set_is_refused_in_one_sentence(tmp_path, sentence, trick):
    path = write(tmp_path / "mnist.pkl.gz", TRICKS[trick])
    with pytest.raises(DataError) as caught:
        open_pickled(path)
    sentence(caught.value, path)
    # and the next honest one is read as ever
    assert len(load_arrays(python2_pickle(pairs()))) == 3


def changed(part, place, value):
    parts = [list(pair) for pair in pairs()]
    parts[part][place] = value
    return parts


SETS = {
    "two pairs": (pairs()[:2], "three pairs"),
    "no pairs": ([a for pair in pairs() for a in pair], "three pairs"),
    "labels out of range": (changed(1, 1, np.full(10, 11)), "label 11"),
    "labels below zero": (changed(1, 1, np.full(10, -1)), "label -1"),
    "fewer labels": (changed(2, 1, np.zeros(9, np.int64)), "9 labels"),
    "labels that are no integers": (changed(0, 1, np.full(30, 0.5)), "label 0.5 at position 0"),
    "no square": (changed(0, 0, np.zeros((30, 35), np.float32)), "(30, 35)"),
    "standardised": (changed(0, 0, np.full((30, 36), -0.42, np.float32)), "below zero"),
    "not a number": (changed(0, 0, np.full((30, 36), np.nan, np.float32)), "no numbers"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", SETS)
def test_a_set_with_a_fault_is_refused_in_one_sentence(tmp_path, sentence, case):
    parts, fault = SETS[case]
    path = write(tmp_path / "mnist.pkl.gz", pickle.dumps(parts))
    with pytest.raises(DataError) as caught:
        open_pickled(path)
    sentence(caught.value, path, fault)


@pytest.mark.parametrize("odd", [np.inf, np.nan, np.finfo(np.float64).max])
def test_pixels_beyond_all_numbers_are_no_fractions_and_give_no_warning(odd):
    assert _of_fractions(np.array([[odd, 0.5]])) is None
    assert PixelRange(0, 1).to_bytes(np.array([[np.finfo(np.float64).max, 0]])).tolist() == [
        [255, 0]
    ]


def test_bytes_that_a_pickle_only_claims_take_no_memory(tmp_path):
    whole = pickle.dumps(bytearray(range(200)), 5)
    place = whole.index(pickle.BYTEARRAY8) + 1
    path = tmp_path / "mnist.pkl"
    path.write_bytes(whole[:place] + struct.pack("<Q", 10**8) + whole[place + 8 :])
    tracemalloc.start()
    with pytest.raises(DataError, match="no pickle of arrays"):
        open_pickled(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7
