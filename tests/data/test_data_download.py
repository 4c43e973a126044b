"""Downloads: from the next mirror when one fails, whole or not at all, once for all processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import byhand
from byhand.data import IDX_FILES, MIRRORS, fetch_mnist, open_idx
from byhand.errors import DownloadError, FileWriteError, InputError

FIRST = IDX_FILES[0]


@pytest.fixture
def dead_mirror():
    """An address where nobody listens: the port is taken, so that no one else gets it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def in_place(folder):
    """What is in `folder` beside the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def whole(mirror_set):
    return sorted(f"{name}.gz" for name in mirror_set.files)


def test_a_good_mirror_gives_all_files_once(tmp_path, mirror_set):
    mirror = mirror_set.start()
    for _ in range(2):  # the second time there is nothing left to do
        assert fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes) == ()
    assert in_place(tmp_path) == whole(mirror_set)
    assert len(open_idx(tmp_path, mirror_set.hashes).train) == 30
    assert mirror.counts == dict.fromkeys(mirror_set.bodies, 1)


def test_files_that_a_server_unpacked_on_the_way_are_packed_again(tmp_path, mirror_set):
    plain = {f"{name}.gz": data for name, data in mirror_set.files.items()}
    mirror = mirror_set.start(bodies=plain)
    fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes)
    assert (tmp_path / f"{FIRST}.gz").read_bytes()[:2] == b"\x1f\x8b"
    open_idx(tmp_path, mirror_set.hashes)


def bad_mirror(mirror_set, behaviour):
    if behaviour == "wrong bytes":
        bodies = {**mirror_set.bodies, f"{FIRST}.gz": mirror_set.bodies[f"{IDX_FILES[1]}.gz"]}
        return mirror_set.start(bodies=bodies)
    if behaviour == "a page":
        return mirror_set.start(bodies=dict.fromkeys(mirror_set.bodies, b"<html>sign in</html>"))
    if behaviour == "half a gzip":
        halves = {name: body[: len(body) // 2] for name, body in mirror_set.bodies.items()}
        return mirror_set.start(bodies=halves)
    return mirror_set.start(behaviour)


FAILURES = {
    "wrong bytes": "has the wrong bytes",
    "a page": "has the wrong bytes",
    "half a gzip": "ended early",
    "gone": "it answered 404",
    "truncated": "broke off",
    "stalls": "no answer in time",
    "endless": "larger than 20,000 bytes",
    "drips": "took longer than 0.5 seconds",
}
LIMITS = {"stalls": {"timeout": 0.5}, "drips": {"deadline": 0.5}}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_mirror_that_fails_is_passed_over_and_named(tmp_path, mirror_set, failure):
    bad, good = bad_mirror(mirror_set, failure), mirror_set.start()
    limits = {"largest": 20_000, **LIMITS.get(failure, {})}
    notes = fetch_mnist(tmp_path, mirrors=[bad.url, good.url], hashes=mirror_set.hashes, **limits)
    assert len(notes) == 1
    assert bad.url in notes[0]
    assert FAILURES[failure] in notes[0]
    assert in_place(tmp_path) == whole(mirror_set)
    open_idx(tmp_path, mirror_set.hashes)
    assert sum(bad.counts.values()) == 1, "a mirror that failed is not asked again"


@pytest.mark.parametrize("failure", FAILURES)
def test_when_all_mirrors_fail_each_reason_is_told_and_nothing_is_left(
    tmp_path, mirror_set, sentence, dead_mirror, failure
):
    bad = bad_mirror(mirror_set, failure)
    limits = {"largest": 20_000, **LIMITS.get(failure, {})}
    with pytest.raises(DownloadError) as caught:
        fetch_mnist(tmp_path, mirrors=[bad.url, dead_mirror], hashes=mirror_set.hashes, **limits)
    sentence(caught.value, FIRST, bad.url, FAILURES[failure], dead_mirror, "could not be reached")
    assert in_place(tmp_path) == []


@pytest.mark.parametrize("mirror", ["file:///etc/", "nonsense", "http://", "http://[::"])
def test_an_address_that_is_none_is_a_reason_like_any_other(tmp_path, mirror_set, sentence, mirror):
    with pytest.raises(DownloadError) as caught:
        fetch_mnist(tmp_path, mirrors=[mirror], hashes=mirror_set.hashes)
    sentence(caught.value, mirror)


def test_one_address_in_place_of_a_list_is_refused(tmp_path, mirror_set):
    with pytest.raises(InputError, match="give a list of addresses"):
        fetch_mnist(tmp_path, mirrors="http://127.0.0.1:9/", hashes=mirror_set.hashes)


def test_files_of_a_download_that_stopped_halfway_are_kept_and_the_rest_fetched(
    tmp_path, mirror_set
):
    two = {f"{name}.gz": mirror_set.bodies[f"{name}.gz"] for name in IDX_FILES[:2]}
    partial, good = mirror_set.start(bodies=two), mirror_set.start()
    with pytest.raises(DownloadError):
        fetch_mnist(tmp_path, mirrors=[partial.url], hashes=mirror_set.hashes)
    assert in_place(tmp_path) == sorted(two)
    fetch_mnist(tmp_path, mirrors=[good.url], hashes=mirror_set.hashes)
    assert set(good.counts) == {f"{name}.gz" for name in IDX_FILES[2:]}


@pytest.mark.parametrize("name", [f"{FIRST}.gz", FIRST])
def test_a_broken_file_in_the_folder_is_replaced(tmp_path, mirror_set, name):
    mirror = mirror_set.start()
    fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes)
    (tmp_path / name).write_bytes(b"\x1f\x8b broken")
    with pytest.raises(DownloadError):  # and stays until then
        fetch_mnist(tmp_path, mirrors=[], hashes=mirror_set.hashes)
    assert (tmp_path / name).read_bytes() == b"\x1f\x8b broken"
    fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes)
    assert in_place(tmp_path) == whole(mirror_set)
    open_idx(tmp_path, mirror_set.hashes)


def test_progress_is_told_by_file_up_to_the_last_byte(tmp_path, mirror_set):
    mirror, seen = mirror_set.start(), {}

    def progress(name, done, total):
        assert (done == 0) if name not in seen else done > seen[name][0]  # 0: it was asked
        seen[name] = (done, total)

    fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes, progress=progress)
    assert seen == {name: (len(body), len(body)) for name, body in mirror_set.bodies.items()}


def test_the_bar_goes_to_standard_error(tmp_path, mirror_set, capsys):
    mirror = mirror_set.start()
    fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{FIRST}.gz (waiting for an answer)" in err.replace("\n", "")


def test_no_space_left_is_told_and_nothing_half_written_stays(
    tmp_path, mirror_set, sentence, monkeypatch
):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    mirror = mirror_set.start()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileWriteError) as caught:
        fetch_mnist(tmp_path, mirrors=[mirror.url], hashes=mirror_set.hashes)
    sentence(caught.value, tmp_path / f"{FIRST}.gz", "No space left")
    assert in_place(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path, mirror_set, sentence):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileWriteError) as caught:
        fetch_mnist(tmp_path / "file" / "mnist", mirrors=[], hashes=mirror_set.hashes)
    sentence(caught.value, tmp_path / "file" / "mnist")


FETCH = """
import json, sys
from byhand.data import fetch_mnist
from byhand.errors import ByhandError
folder, url, hashes, limit = json.loads(sys.argv[1])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
sys.stdin.readline()
try:
    fetch_mnist(folder, mirrors=[url], hashes=hashes)
except ByhandError as error:
    sys.exit(f"{type(error).__name__} {error}")
"""


def start_fetch(folder, mirror, hashes, limit=0):
    arguments = json.dumps([str(folder), mirror.url, hashes, limit])
    where = str(Path(byhand.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": where},
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_at_once_download_once(tmp_path, mirror_set):
    mirror = mirror_set.start("slow")
    processes = [start_fetch(tmp_path / "mnist", mirror, mirror_set.hashes) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
    assert in_place(tmp_path / "mnist") == whole(mirror_set)
    assert mirror.counts == dict.fromkeys(mirror_set.bodies, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are Unix's")
def test_a_disk_that_takes_only_a_part_of_a_file_keeps_none_of_it(tmp_path, mirror_set, sentence):
    mirror = mirror_set.start()
    process = start_fetch(tmp_path, mirror, mirror_set.hashes, limit=300)
    _, errors = process.communicate("go\n", timeout=60)
    assert process.returncode == 1
    assert errors.startswith("FileWriteError")
    sentence(errors.strip(), f"{FIRST}.gz")
    assert in_place(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is Unix's")
def test_a_killed_download_leaves_nothing_half_written_and_no_lock(tmp_path, mirror_set):
    stalled, good = mirror_set.start("stalls"), mirror_set.start()
    process = start_fetch(tmp_path, stalled, mirror_set.hashes)
    process.stdin.write("go\n")
    process.stdin.flush()
    give_up = time.monotonic() + 60
    while not stalled.counts and time.monotonic() < give_up:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (tmp_path / f".{FIRST}.gz.abc.partial").write_bytes(b"what a killed writer leaves")
    assert not list(tmp_path.glob("*.gz"))
    fetch_mnist(tmp_path, mirrors=[good.url], hashes=mirror_set.hashes, deadline=30)
    assert in_place(tmp_path) == whole(mirror_set)


def test_the_lock_is_waited_for_and_then_given_up_with_a_sentence(tmp_path, mirror_set, sentence):
    import filelock

    with filelock.FileLock(tmp_path / ".lock"), pytest.raises(DownloadError) as caught:
        fetch_mnist(tmp_path, mirrors=[], hashes=mirror_set.hashes, deadline=0.2)
    sentence(caught.value, tmp_path, "another process")


def test_mnist_s_mirrors_are_two_and_encrypted():
    assert len(MIRRORS) == 2
    assert all(mirror.startswith("https://") for mirror in MIRRORS)
