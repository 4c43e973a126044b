"""How folders of pictures may lie: parts, archives, classes within classes."""

from __future__ import annotations

import os

import pytest

from byhand.data import open_data, open_folder
from byhand.errors import DataError
from data.picture_folders import draw, fill


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "DEV", "testing_set")])
def test_a_validation_part_of_its_own_is_taken_as_such(tmp_path, names):
    for name, n in zip(names, (4, 2, 3), strict=True):
        fill(tmp_path / name, n=n)
    splits = open_folder(tmp_path)
    counts = len(splits.train), len(splits.validation), len(splits.test)
    assert counts == (8, 4, 6)
    assert splits.notes == (f"{names[1]}/ is the validation part, to choose by",)


@pytest.mark.parametrize("name", ["valid", "validation", None])
def test_without_a_test_part_a_fifth_of_the_training_pictures_is_set_apart(tmp_path, name):
    fill(tmp_path / "Train")
    if name is not None:
        fill(tmp_path / name, n=3)
    splits = open_folder(tmp_path)
    assert (len(splits.train), len(splits.test)) == (8, 2)
    assert (splits.validation is None) == (name is None)
    assert "set apart for testing" in splits.notes[0]


def test_the_folder_of_an_archive_is_passed_through_and_said(tmp_path):
    fill(tmp_path / "digits-1.2" / "data" / "train")
    fill(tmp_path / "digits-1.2" / "data" / "test", n=1)
    for litter in ("__MACOSX/digits-1.2", ".git"):
        (tmp_path / litter).mkdir(parents=True)
    splits = open_data(tmp_path)
    assert (len(splits.train), len(splits.test)) == (10, 2)
    assert splits.notes == ("the pictures are in digits-1.2/data/",)


def test_a_part_that_was_unpacked_into_itself_is_read(tmp_path):
    fill(tmp_path / "train" / "train")
    fill(tmp_path / "test" / "test", n=2)
    splits = open_folder(tmp_path)
    assert (len(splits.train), len(splits.test), splits.train.classes) == (10, 4, ("0", "1"))


def test_what_is_left_alone_is_said(tmp_path):
    fill(tmp_path / "train")
    fill(tmp_path / "test")
    draw(tmp_path / "extra" / "0.png")
    (tmp_path / "labels.csv").write_text("0")
    (note,) = open_folder(tmp_path).notes
    assert note.endswith("labels.csv, extra/")


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        (("train", "training"), "both train/ and training/"),
        (("test", "val"), "nothing to train on"),
        (("0/train", "1/train"), "a part inside a class"),
    ],
)
def test_parts_that_make_no_set_are_named(tmp_path, sentence, layout, named):
    for place in layout:
        fill(tmp_path / place)
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, tmp_path, named)


def test_folders_in_a_class_s_folder_count_to_it_and_are_said(tmp_path):
    fill(tmp_path, n=4)
    draw(tmp_path / "1" / "writer 7" / "a.png", 250)
    splits = open_folder(tmp_path)
    assert len(splits.train) + len(splits.test) == 9
    assert "1 picture lies deeper in its class's folder" in splits.notes


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (("1", "01", "2"), "01 and 1"),
        (("caf\u00e9", "cafe\u0301"), "two folders for one class"),
        ((os.fsdecode(b"a\xff"), "b"), "no valid Unicode"),
    ],
)
def test_class_folders_that_cannot_be_told_apart_are_refused(tmp_path, sentence, names, named):
    try:
        fill(tmp_path, names)
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(DataError) as caught:
        open_folder(tmp_path)
    sentence(caught.value, named)
    str(caught.value).encode()


def test_class_folders_that_differ_in_case_alone_are_kept_apart_and_said(tmp_path):
    fill(tmp_path, ("A", "a"))
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system does not tell case apart")
    splits = open_folder(tmp_path)
    assert splits.train.classes == ("A", "a")
    assert any("differ in case alone" in note for note in splits.notes)


def test_a_class_of_one_picture_is_learned_and_said(tmp_path):
    fill(tmp_path, ("0", "1"))
    draw(tmp_path / "2" / "only.png")
    splits = open_folder(tmp_path)
    assert (splits.train.labels == 2).sum() == 1
    assert "too few pictures to test on: 2" in splits.notes


def test_a_single_class_is_said(tmp_path):
    splits = open_folder(fill(tmp_path, ("cat",)))
    assert any("one class to train on, cat" in note for note in splits.notes)
