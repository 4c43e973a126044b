"""Atomic writes: a reader finds the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from byhand.errors import ByhandError, FileWriteError
from byhand.files import PARTIAL, atomic_write, jsonable, remove_partials, write_json, write_text


def listing(folder):
    return sorted(p.name for p in folder.iterdir())


def half_written(path, error):
    with atomic_write(path, "w") as file:
        file.write("half")
        raise error


def test_it_writes_bytes_and_text(tmp_path):
    with atomic_write(tmp_path / "a") as file:
        file.write(b"\x00\xff")
    write_text(tmp_path / "b", "5×5 …\n")
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_bytes() == "5×5 …\n".encode()
    assert listing(tmp_path) == ["a", "b"]


def test_it_makes_the_folders_on_the_way(tmp_path):
    write_text(tmp_path / "x" / "y" / "z", "deep")
    assert (tmp_path / "x" / "y" / "z").read_text() == "deep"


def test_until_the_block_ends_the_old_file_stands(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")
    with atomic_write(path, "w") as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
        (partial,) = (n for n in listing(tmp_path) if n != "a")
        assert partial.startswith(".")
        assert partial.endswith(PARTIAL)
    assert path.read_text() == "new"
    assert listing(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_in_the_block_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "a"
    write_text(path, "old")
    with pytest.raises(type(error)):
        half_written(path, error)
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["a"]


def test_an_exception_where_there_was_no_file_leaves_none(tmp_path):
    with pytest.raises(ValueError, match="no"):
        half_written(tmp_path / "a", ValueError("no"))
    assert listing(tmp_path) == []


@pytest.mark.parametrize("where", ["fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_disk_is_one_sentence_and_leaves_the_old_file(
    tmp_path, monkeypatch, where, number
):
    path = tmp_path / "a"
    write_text(path, "old")

    def fail(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, where, fail)
    with pytest.raises(FileWriteError) as error:
        write_text(path, "new")
    assert isinstance(error.value, ByhandError)
    text = str(error.value)
    assert str(path) in text
    assert os.strerror(number) in text
    assert "\n" not in text
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["a"]


def test_a_folder_in_the_files_place_is_one_sentence(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(FileWriteError, match="cannot write"):
        write_text(tmp_path / "a", "new")
    assert listing(tmp_path) == ["a"]


def test_a_file_in_the_folders_place_is_one_sentence(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FileWriteError, match="cannot write"):
        write_text(tmp_path / "a" / "b", "new")
    assert (tmp_path / "a").read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="modes of Unix")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_files_mode_follows_the_umask(tmp_path, umask):
    """In a process of its own, as the mask belongs to the whole process."""
    code = (
        "import os, sys; os.umask(int(sys.argv[2])); from byhand.files import write_text; "
        "write_text(sys.argv[1], 'x'); print(os.umask(0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a"), str(umask)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask
    assert int(done.stdout) == umask, "the process's mask was changed"


def test_many_writers_and_readers_see_whole_files_only(tmp_path):
    path = tmp_path / "a"
    texts = [str(i) * 50_000 for i in range(4)]
    write_text(path, texts[0])
    seen, errors = set(), []
    done = threading.Event()

    def read():
        while not done.is_set():
            seen.add(path.read_text())

    def write(text):
        try:
            for _ in range(10):
                write_text(path, text)
        except Exception as error:  # told in the main thread
            errors.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert errors == []
    assert seen <= set(texts)
    assert listing(tmp_path) == ["a"]


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    for name in (f".a.x1{PARTIAL}", f".b.y2{PARTIAL}", "a", ".hidden", f"mine{PARTIAL}"):
        (tmp_path / name).write_text("x")
    remove_partials(tmp_path)
    assert listing(tmp_path) == [".hidden", "a", f"mine{PARTIAL}"]
    remove_partials(tmp_path / "nowhere")


def test_json_takes_what_records_hold(tmp_path):
    value = {
        "array": np.arange(4, dtype=np.int64).reshape(2, 2),
        "scalar": np.float32(0.5),
        "whole": np.int64(3),
        "yes": np.bool_(True),
        "tuple": (1, "a", None),
        "path": tmp_path,
        "nan": [float("nan"), float("inf"), -np.inf, np.float64("nan")],
        "nans": np.array([np.nan, 1.0]),
        3: "key",
    }
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "array": [[0, 1], [2, 3]],
        "scalar": 0.5,
        "whole": 3,
        "yes": True,
        "tuple": [1, "a", None],
        "path": str(tmp_path),
        "nan": [None] * 4,
        "nans": [None, 1.0],
        "3": "key",
    }


def test_floats_go_through_json_to_the_last_bit():
    values = np.random.default_rng(0).normal(size=100).tolist()
    assert json.loads(json.dumps(jsonable(values))) == values


def test_what_json_cannot_say_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a", {"x": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a", {"x": object()})
    assert json.loads((tmp_path / "a").read_text()) == {"x": 1}
    assert listing(tmp_path) == ["a"]


def test_a_file_written_over_keeps_its_mode(tmp_path):
    path = tmp_path / "model"
    for mode in (0o600, 0o640, 0o444):
        path.write_text("old")
        path.chmod(mode)
        write_text(path, "new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert path.read_text() == "new"
        path.chmod(0o600)


def test_a_link_stays_and_its_target_is_written(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for target in (folder / "old", folder / "not there yet"):
        link = tmp_path / f"link to {target.name}"
        link.symlink_to(target)
        write_text(link, "new")
        assert link.is_symlink()
        assert target.read_text() == "new"
    assert {p.name for p in folder.iterdir()} == {"old", "not there yet"}


def test_a_loop_of_links_is_named_and_stays(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(FileWriteError, match="loop"):
        write_text(loop, "new")
    assert loop.is_symlink()


@pytest.mark.parametrize("name", ["a" * 243, "a" * 255, "ü" * 127, "😀" * 63])
def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path, name):
    write_text(tmp_path / name, "new")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "new")
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
