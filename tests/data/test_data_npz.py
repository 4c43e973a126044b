"""mnist.npz: read as Keras writes it, refused with a sentence otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from byhand.data import open_idx, open_npz
from byhand.errors import DataError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def test_a_set_is_read_and_is_the_same_as_in_idx_files(tmp_path, sets):
    arrays = sets.small()
    path = tmp_path / "mnist.npz"
    np.savez_compressed(path, **dict(zip(KEYS, arrays, strict=True)))
    splits, idx = open_npz(path), open_idx(sets.idx(tmp_path / "idx", arrays))
    np.testing.assert_array_equal(splits.train.images, idx.train.images)
    np.testing.assert_array_equal(splits.test.labels, idx.test.labels)
    assert (splits.sha256, splits.name) == (idx.sha256, "mnist-like")
    assert splits.train.labels.dtype == np.int64


FAULTS = {
    "an array missing": (lambda a: a.pop("y_test"), "no array y_test"),
    "two types": (lambda a: a.update(x_train=a["x_train"] / 255), "float64 and uint8"),
    "signed": (lambda a: a.update(x_train=a["x_train"] / -1, x_test=a["x_test"] / 1), "below zero"),
    "flat pictures": (lambda a: a.update(x_test=a["x_test"].reshape(10, -1)), "(10, 36)"),
    "fewer labels": (lambda a: a.update(y_train=a["y_train"][:-1]), "29 labels"),
    "labels out of range": (lambda a: a.update(y_test=a["y_test"] + 1), "label 10"),
    "labels as floats": (lambda a: a.update(y_test=a["y_test"] / 2), "label 0.5 at position 1"),
    "objects": (lambda a: a.update(y_test=np.array([{}] * 10)), "allow_pickle"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_named_in_one_sentence(tmp_path, sets, sentence, case):
    change, fault = FAULTS[case]
    arrays = dict(zip(KEYS, sets.small(), strict=True))
    change(arrays)
    path = tmp_path / "mnist.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as caught:
        open_npz(path)
    sentence(caught.value, path, fault)


def test_a_truncated_file_and_no_npz_and_no_file_are_named(tmp_path, sets, sentence):
    path = tmp_path / "mnist.npz"
    np.savez(path, **dict(zip(KEYS, sets.small(), strict=True)))
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"no npz", b"", None):
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(DataError) as caught:
            open_npz(path)
        sentence(caught.value, path)
