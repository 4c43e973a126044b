"""IDX files: whole ones come back as they went in, broken ones are named."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from byhand.data import IDX_FILES, encode_idx, open_idx, parse_idx, read_idx
from byhand.errors import DataError, ShapeError

IMAGES, LABELS = IDX_FILES[0], IDX_FILES[1]


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6)))
def test_an_array_comes_back_from_idx_as_it_went_in(array):
    back = parse_idx(encode_idx(array), array.ndim, "bytes")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)),
    st.data(),
)
def test_no_shortened_or_lengthened_idx_is_read(array, data):
    whole = encode_idx(array)
    short = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for broken in (short, whole + b"\0"):
        with pytest.raises(DataError, match="the file in question"):
            parse_idx(broken, 3, "the file in question")


def test_gzip_is_told_by_its_bytes_and_not_by_the_name(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "plain.gz").write_bytes(encode_idx(array))
    (tmp_path / "packed").write_bytes(gzip.compress(encode_idx(array)))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz", 3), array)
    np.testing.assert_array_equal(read_idx(tmp_path / "packed", 3), array)


def test_only_bytes_can_be_written_as_idx():
    with pytest.raises(ShapeError, match="float64"):
        encode_idx(np.zeros(3))


@pytest.mark.parametrize("compress", [True, False])
def test_a_set_of_four_files_is_read(tmp_path, sets, compress):
    x_train, y_train, x_test, y_test = arrays = sets.small()
    splits = open_idx(sets.idx(tmp_path, arrays, compress))
    np.testing.assert_array_equal(splits.train.images[:, 0], x_train)
    np.testing.assert_array_equal(splits.test.images[:, 0], x_test)
    np.testing.assert_array_equal(splits.train.labels, y_train)
    np.testing.assert_array_equal(splits.test.labels, y_test)
    assert splits.train.labels.dtype == np.int64
    assert splits.train.classes == tuple("0123456789")
    assert (splits.name, splits.validation, splits.source) == ("mnist-like", None, str(tmp_path))


def test_the_hash_is_over_the_four_decompressed_files(tmp_path, sets):
    import hashlib

    sets.idx(tmp_path, compress=False)
    whole = b"".join((tmp_path / name).read_bytes() for name in IDX_FILES)
    assert open_idx(tmp_path).sha256 == hashlib.sha256(whole).hexdigest()


def test_names_with_a_dot_before_idx_are_found(tmp_path, sets):
    sets.idx(tmp_path)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(open_idx(tmp_path).train) == 30


def packed(data):
    return gzip.compress(data, mtime=0)


GOOD_IMAGES = encode_idx(np.zeros((30, 6, 6), np.uint8))
GOOD_LABELS = encode_idx(np.zeros(30, np.uint8))
BROKEN = {
    "empty": (IMAGES, b"", "is empty"),
    "wrong magic": (IMAGES, packed(GOOD_LABELS), "starts with 0x00000801"),
    "pictures for labels": (LABELS, packed(GOOD_IMAGES), "starts with 0x00000803"),
    "another type": (IMAGES, packed(b"\0\0\x0a\x03" + GOOD_IMAGES[4:]), "0x00000a03"),
    "no idx at all": (IMAGES, b"<html>not found</html>", "0x3c68746d"),
    "truncated header": (IMAGES, packed(GOOD_IMAGES[:9]), "truncated"),
    "truncated": (IMAGES, packed(GOOD_IMAGES[:-1]), "truncated"),
    "trailing bytes": (LABELS, packed(GOOD_LABELS + b"x"), "too many"),
    "a promise without end": (
        IMAGES,
        packed(b"\0\0\x08\x03" + struct.pack(">3I", *[2**32 - 1] * 3)),
        "truncated",
    ),
    "no pictures": (IMAGES, packed(encode_idx(np.zeros((0, 6, 6), np.uint8))), "is empty"),
    "no columns": (IMAGES, packed(encode_idx(np.zeros((30, 6, 0), np.uint8))), "is empty"),
    "gzip that ends early": (IMAGES, packed(GOOD_IMAGES)[:-12], "ends early"),
    "gzip of nothing": (IMAGES, packed(GOOD_IMAGES)[:2], "ends early"),
    "corrupt gzip": (
        IMAGES,
        packed(GOOD_IMAGES)[:-8] + b"\0" * 8,
        "broken",
    ),
    "garbage after the gzip": (LABELS, packed(GOOD_LABELS) + b"garbage", "broken"),
    "labels out of range": (LABELS, packed(encode_idx(np.full(30, 10, np.uint8))), "label 10"),
    "fewer labels": (LABELS, packed(encode_idx(np.zeros(29, np.uint8))), "29 labels"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named_in_one_sentence(tmp_path, sets, sentence, case):
    name, data, fault = BROKEN[case]
    sets.idx(tmp_path)
    path = tmp_path / f"{name}.gz"
    path.write_bytes(data)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError) as caught:
        open_idx(tmp_path)
    sentence(caught.value, path, fault)
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_file_is_named(tmp_path, sets, sentence):
    sets.idx(tmp_path)
    (tmp_path / f"{LABELS}.gz").unlink()
    with pytest.raises(DataError) as caught:
        open_idx(tmp_path)
    sentence(caught.value, tmp_path, f"no {LABELS}")


def test_a_file_that_cannot_be_read_is_named(tmp_path, sentence):
    with pytest.raises(DataError) as caught:
        read_idx(tmp_path / "nowhere", 3)
    sentence(caught.value, tmp_path / "nowhere")


def test_training_and_test_pictures_of_two_sizes_are_refused(tmp_path, sets, sentence):
    small, large = sets.small(size=6), sets.small(size=7)
    sets.idx(tmp_path, (*small[:2], *large[2:]))
    with pytest.raises(DataError) as caught:
        open_idx(tmp_path)
    sentence(caught.value, tmp_path, "(1, 6, 6)", "(1, 7, 7)")


def test_a_gzip_that_holds_too_much_is_refused(tmp_path, sentence):
    from byhand.data.compressed import read_bytes

    path = tmp_path / "bomb.gz"
    path.write_bytes(packed(bytes(3_000_000)))
    assert len(read_bytes(path, 3_000_000)) == 3_000_000
    with pytest.raises(DataError) as caught:
        read_bytes(path, 2_999_999)
    sentence(caught.value, path, "2,999,999")
