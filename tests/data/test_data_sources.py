"""The order in which data is looked for, and what is said when it is not there."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from byhand.data import (
    IDX_FILES,
    MIRRORS,
    cache_folder,
    find_data,
    mirrors_in_use,
    open_data,
    open_digits,
)
from byhand.errors import DataError, DownloadError, FileWriteError, InputError

NOWHERE = "http://127.0.0.1:9/"  # the discard port: nothing answers


@pytest.fixture(autouse=True)
def _no_named_data(monkeypatch):
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def pictures(folder):
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (6, 6), number).save(folder / name / f"{number}.png")
    return folder


def npz(folder, sets):
    folder.mkdir(exist_ok=True)
    keys = ("x_train", "y_train", "x_test", "y_test")
    np.savez(folder / "mnist.npz", **dict(zip(keys, sets.small(), strict=True)))
    return folder / "mnist.npz"


def pickled(folder, sets):
    folder.mkdir(exist_ok=True)
    x_train, y_train, x_test, y_test = sets.small()
    pairs = [(x_train[:20], y_train[:20]), (x_train[20:], y_train[20:]), (x_test, y_test)]
    (folder / "mnist.pkl.gz").write_bytes(pickle.dumps(pairs))
    return folder / "mnist.pkl.gz"


def test_a_named_folder_may_hold_the_set_in_every_form(tmp_path, sets):
    hashes = {
        open_data(place).sha256
        for place in (
            sets.idx(tmp_path / "idx"),
            sets.idx(tmp_path / "holder" / "mnist").parent,
            sets.idx(tmp_path / "torch" / "MNIST" / "raw").parents[1],
            tmp_path / "idx" / f"{IDX_FILES[2]}.gz",
            npz(tmp_path / "npz", sets).parent,
            npz(tmp_path / "npz", sets),
            pickled(tmp_path / "pickle", sets).parent,
            pickled(tmp_path / "pickle", sets),
        )
    }
    assert len(hashes) == 1
    assert open_data(tmp_path / "pickle").validation is not None


def test_a_named_folder_may_hold_pictures(tmp_path):
    splits = open_data(pictures(tmp_path))
    assert (splits.name, splits.train.classes) == ("folder", ("a", "b"))


def test_what_is_named_goes_before_the_environment_and_that_before_the_cache(
    tmp_path, sets, monkeypatch
):
    for number, place in enumerate(("named", "environment/mnist", "cache/mnist")):
        sets.idx(tmp_path / place, sets.small(seed=number))
    named = open_data(tmp_path / "named", cache=tmp_path / "cache")
    monkeypatch.setenv("BYHAND_DATA", str(tmp_path / "environment"))
    assert open_data(tmp_path / "named", cache=tmp_path / "cache").sha256 == named.sha256
    from_environment = open_data(cache=tmp_path / "cache")
    assert from_environment.source == str(tmp_path / "environment" / "mnist")
    assert from_environment.sha256 != named.sha256


@pytest.mark.parametrize("allow_bundled", [False, True])
def test_what_was_named_and_is_not_there_is_an_error_and_nothing_else_is_taken(
    tmp_path, sets, sentence, monkeypatch, mirror_set, allow_bundled
):
    mirror = mirror_set.start()
    how = {"allow_bundled": allow_bundled, "mirrors": [mirror.url], "hashes": mirror_set.hashes}
    (tmp_path / "empty").mkdir()
    part = sets.idx(tmp_path / "part")
    (part / f"{IDX_FILES[3]}.gz").unlink()
    (tmp_path / "file.txt").write_text("hello")
    for name in ("nowhere", "empty", "part", "file.txt"):
        with pytest.raises(DataError) as caught:
            open_data(tmp_path / name, **how)
        sentence(caught.value, tmp_path / name)
        monkeypatch.setenv("BYHAND_DATA", str(tmp_path / name))
        with pytest.raises(DataError) as caught:
            open_data(**how)
        sentence(caught.value, tmp_path / name)
        monkeypatch.delenv("BYHAND_DATA")
    assert not mirror.counts


def test_the_environment_s_folder_is_not_taken_for_pictures(tmp_path, sentence, monkeypatch):
    monkeypatch.setenv("BYHAND_DATA", str(pictures(tmp_path)))
    with pytest.raises(DataError) as caught:
        open_data()
    sentence(caught.value, tmp_path, "BYHAND_DATA", "mnist/")


def test_a_download_fills_the_cache_and_the_next_time_needs_no_network(tmp_path, mirror_set):
    mirror = mirror_set.start()
    how = {"cache": tmp_path / "user", "hashes": mirror_set.hashes}
    first = open_data(mirrors=[mirror.url], **how)
    again = open_data(mirrors=[NOWHERE], download=False, **how)
    assert first.sha256 == again.sha256
    assert first.source == str(tmp_path / "user" / "mnist")
    assert first.notes == ()
    assert sum(mirror.counts.values()) == 4


def test_a_mirror_that_was_passed_over_is_in_the_notes(tmp_path, mirror_set):
    mirror = mirror_set.start()
    splits = open_data(
        mirrors=[NOWHERE, mirror.url], cache=tmp_path / "user", hashes=mirror_set.hashes
    )
    assert len(splits.notes) == 1
    assert NOWHERE in splits.notes[0]


def test_a_spoilt_cache_is_mended_by_a_download_and_told_without_one(
    tmp_path, mirror_set, sentence
):
    mirror = mirror_set.start()
    how = {"mirrors": [mirror.url], "cache": tmp_path / "user", "hashes": mirror_set.hashes}
    sha256 = open_data(**how).sha256
    path = tmp_path / "user" / "mnist" / f"{IDX_FILES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError) as caught:
        open_data(download=False, **how)
    sentence(caught.value, path)
    assert open_data(**how).sha256 == sha256
    # whole, but another set's
    path.write_bytes((tmp_path / "user" / "mnist" / f"{IDX_FILES[2]}.gz").read_bytes())
    with pytest.raises(DataError) as caught:
        open_data(download=False, **how)
    sentence(caught.value, path, "SHA-256")
    assert open_data(**how).sha256 == sha256


def test_without_network_and_cache_the_error_says_why_for_each_mirror(tmp_path, sentence):
    mirrors = [NOWHERE, f"{NOWHERE}other/"]
    with pytest.raises(DownloadError) as caught:
        open_data(mirrors=mirrors, cache=tmp_path / "user")
    sentence(caught.value, *mirrors, "--data", "BYHAND_DATA")


def test_without_leave_to_download_the_error_says_so(tmp_path, sentence):
    with pytest.raises(DataError) as caught:
        open_data(download=False, cache=tmp_path / "user")
    sentence(caught.value, tmp_path / "user", "--data")
    assert not (tmp_path / "user").exists()


def test_the_bundled_digits_stand_in_when_allowed_and_say_why(tmp_path):
    splits = open_data(mirrors=[NOWHERE], cache=tmp_path / "user", allow_bundled=True)
    assert (splits.name, splits.sha256) == ("digits", open_digits().sha256)
    (note,) = splits.notes
    assert "scikit-learn's 1,797 small digits stand in for MNIST" in note
    assert NOWHERE in note
    assert "byhand data fetch" in note
    assert note.count("--data") == 1, "what to do is told twice"


def test_a_cache_that_cannot_be_written_is_told_or_leads_to_the_bundled_digits(tmp_path, sentence):
    (tmp_path / "user").write_text("in the way")
    with pytest.raises(FileWriteError) as caught:
        open_data(mirrors=[NOWHERE], cache=tmp_path / "user")
    sentence(caught.value, tmp_path / "user")
    splits = open_data(mirrors=[NOWHERE], cache=tmp_path / "user", allow_bundled=True)
    assert str(tmp_path / "user") in splits.notes[0]


def test_digits_by_name_ask_nobody_and_a_named_folder_goes_first(tmp_path, sets, monkeypatch):
    monkeypatch.setenv("BYHAND_DATA", str(tmp_path / "nowhere"))
    assert open_data(dataset="digits").sha256 == open_digits().sha256
    sets.idx(tmp_path / "named")
    assert open_data(tmp_path / "named", dataset="digits").name != "digits"
    with pytest.raises(InputError, match="mnist, digits"):
        open_data(dataset="letters")


def test_the_environment_may_name_mirrors_and_the_cache(tmp_path, monkeypatch, sentence):
    assert mirrors_in_use() == MIRRORS
    monkeypatch.setenv("BYHAND_MIRRORS", f" {NOWHERE}a/ ,{NOWHERE}b/,")
    monkeypatch.setenv("BYHAND_CACHE", str(tmp_path / "elsewhere"))
    assert mirrors_in_use() == (f"{NOWHERE}a/", f"{NOWHERE}b/")
    assert cache_folder() == tmp_path / "elsewhere"
    with pytest.raises(DownloadError) as caught:
        open_data()
    sentence(caught.value, f"{NOWHERE}a/", f"{NOWHERE}b/")


def test_a_tilde_is_the_user_s_folder_in_arguments_and_variables(tmp_path, sets, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    sets.idx(tmp_path / "sets" / "mnist")
    assert open_data("~/sets").source == str(tmp_path / "sets" / "mnist")
    assert find_data("~/sets") == tmp_path / "sets" / "mnist"
    monkeypatch.setenv("BYHAND_CACHE", "~/kept")
    assert cache_folder() == tmp_path / "kept"
    assert find_data(cache="~/sets") == tmp_path / "sets" / "mnist"
    monkeypatch.setenv("BYHAND_DATA", "~/sets")
    assert open_data().source == str(tmp_path / "sets" / "mnist")


@pytest.mark.parametrize("given", ["", "  ", b"data", 7, "a\0b", "~nobody-of-that-name/x"])
def test_what_is_no_path_is_refused(given):
    for door in (open_data, find_data, lambda path: open_data(cache=path, download=False)):
        with pytest.raises(InputError) as caught:
            door(given)
        assert str(caught.value).startswith(("the data folder is ", "the cache folder is "))


def test_an_empty_variable_is_as_one_that_is_not_set(tmp_path, monkeypatch):
    unset = cache_folder() if monkeypatch.delenv("BYHAND_CACHE", raising=False) is None else None
    for name in ("BYHAND_DATA", "BYHAND_CACHE", "BYHAND_MIRRORS"):
        monkeypatch.setenv(name, " ")
    assert (cache_folder(), mirrors_in_use()) == (unset, MIRRORS)
    with pytest.raises(DataError, match="downloading is off"):
        open_data(download=False, cache=tmp_path)


def test_the_cache_is_the_platform_s_where_nothing_is_said(monkeypatch):
    monkeypatch.delenv("BYHAND_CACHE")
    assert "byhand" in str(cache_folder())


def test_data_is_found_without_being_read(tmp_path, sets, monkeypatch):
    assert find_data(cache=tmp_path / "user") is None
    sets.idx(tmp_path / "user" / "mnist")
    assert find_data(cache=tmp_path / "user") == tmp_path / "user" / "mnist"
    sets.idx(tmp_path / "named" / "mnist")
    assert find_data(tmp_path / "named") == tmp_path / "named" / "mnist"
    assert find_data(tmp_path / "nowhere") is None
    monkeypatch.setenv("BYHAND_DATA", str(tmp_path / "nowhere"))
    assert find_data(cache=tmp_path / "user") is None
    assert find_data(pictures(tmp_path / "drawn")) == tmp_path / "drawn"
