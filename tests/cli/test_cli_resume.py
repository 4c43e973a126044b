"""Stopped by hand or killed anywhere, a run goes on to the bits of one that never stopped."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

import blobs
from byhand import recipes
from byhand.errors import DataError
from byhand.nn.files import read_tensors, write_tensors
from byhand.recipes.engine import run
from byhand.recipes.engine.folder import alone_in

SETTINGS = (
    "--set", "epochs=4", "--set", "batch_size=10", "--set", "average=0.9",
    "--set", "clip_norm=0.5", "--set", "patience=3", "--set", "keep_best=true",
)  # fmt: skip

# Starts the program with a trap: byhand's checkpoint is saved after each step, and `when` says
# where in writing which one the process kills itself.
DRIVER = """
import os, signal, sys
import byhand.training.fit
import byhand.files
sys.modules["byhand.training.fit"].CHECKPOINT_SECONDS = -1.0
when, number = sys.argv[1], int(sys.argv[2])
written = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

real_replace, real_open, real_fdopen = os.replace, os.open, os.fdopen

def replace(source, target):
    global written
    if str(target).endswith("checkpoint.safetensors"):
        written += 1
        if written == number and when == "before":
            die()
        real_replace(source, target)
        if written == number and when == "after":
            die()
    else:
        real_replace(source, target)

class Half:
    def __init__(self, file):
        self.file = file
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return self.file.__exit__(*error)
    def __getattr__(self, name):
        return getattr(self.file, name)
    def write(self, data):
        if written + 1 == number:
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            die()
        return self.file.write(data)

names = {}
def open_file(name, *rest, **how):
    handle = real_open(name, *rest, **how)
    names[handle] = str(name)
    return handle

def fdopen(handle, *rest, **how):
    file = real_fdopen(handle, *rest, **how)
    return Half(file) if "checkpoint" in names.get(handle, "") else file

os.replace = replace
if when == "half":
    os.open = open_file
    os.fdopen = fdopen
from byhand.cli import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def straight(tmp_path_factory, blob_data, run_quietly):
    """The folder of the run of SETTINGS that was never stopped."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    given = ["train", "one_conv", *SETTINGS, "--data", str(blob_data), "--out", str(folder)]
    run_quietly(given)
    return folder


def tensors(folder):
    """The model's arrays as bytes: all of the file but the header, which holds times and paths."""
    values, _ = read_tensors(folder / "model.safetensors", "model file")
    return {name: value.tobytes() for name, value in values.items()}


def epochs(folder):
    """What the log says, without what the clock said."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    timed = ("seconds", "images_per_second")
    return [{k: v for k, v in json.loads(x).items() if k not in timed} for x in lines]


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    ("when", "number"),
    [("half", 3), ("before", 13), ("after", 12), ("half", 20)],
    ids=lambda value: str(value),
)
def test_killed_while_writing_a_checkpoint(cli, spawn, straight, blob_data, when, number, tmp_path):
    """8 checkpoints an epoch: in the first, at the end of one, and in the middle of a later one."""
    import sys

    (tmp_path / "driver.py").write_text(DRIVER)
    given = ("train", "one_conv", *SETTINGS, "--data", blob_data, "--out", "r")
    process = spawn(when, number, *given, command=(sys.executable, "driver.py"))
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, err
    left = list(Path("r").glob(".*.partial"))
    assert len(left) == (0 if when == "after" else 1)
    assert not Path("r/model.safetensors").exists()
    done = cli("train", "--resume", "r", "--data", blob_data, "--json")
    assert done.status == 0, done.err
    assert done.json()["epochs"] == len(epochs(straight))
    assert tensors(Path("r")) == tensors(straight)
    assert epochs(Path("r")) == epochs(straight)
    assert not list(Path("r").glob(".*.partial"))


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
@pytest.mark.usefixtures("no_report")
def test_interrupted_by_hand_it_says_how_to_go_on(cli, spawn, tmp_path):
    data = blobs.write_idx(tmp_path / "data", 400, 40)
    settings = ("--set", "epochs=3000", "--set", "batch_size=20")
    process = spawn("train", "one_conv", *settings, "--data", data, "--out", "r", "--json")
    log = Path("r/log.jsonl")
    deadline = time.monotonic() + 60
    while not log.is_file() or len(log.read_text().splitlines()) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    (hint,) = [line for line in err.splitlines() if "--resume" in line]
    assert hint.endswith("byhand train --resume r")
    # Going on picks up the epochs that were done, and can be left again at once.
    state = json.loads(log.read_text().splitlines()[-1])
    from byhand.data import open_data

    plan, _ = run.resumed("r")
    events = run.run(plan, open_data(data), "r", resume=True)
    seen = [next(events) for _ in range(30)]
    events.close()
    first = next(r for r in seen if type(r).__name__ == "EpochRecord")
    # The checkpoint of an epoch is written before its line in the log.
    assert first.epoch - state["epoch"] in (1, 2)


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_interrupted_before_the_first_checkpoint_it_is_short(spawn, tmp_path):
    """Nothing to go on from: 130, no traceback, no promise of a resume."""
    data = blobs.write_idx(tmp_path / "data", 4000, 40)
    given = ("--set", "batch_size=1", "--set", "epochs=3", "--data", data, "--out", "r")
    process = spawn("train", "deep_convnet", *given)
    deadline = time.monotonic() + 60
    while not Path("r/run.json").is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert "byhand: interrupted" in err
    assert ("--resume" in err) is Path("r/checkpoint.safetensors").exists()


@pytest.mark.usefixtures("no_report")
def test_a_finished_run_resumes_to_the_same_model(cli, blob_data, short, tmp_path):
    given = ("train", "one_conv", *short, "--data", blob_data, "--out", "r", "--json")
    first = cli(*given).json()
    whole = tensors(tmp_path / "r")
    again = cli("train", "--resume", "r", "--data", blob_data, "--json").json()
    assert tensors(tmp_path / "r") == whole
    timed = ("train_seconds", "images_per_second")
    assert {k: v for k, v in again.items() if k not in timed} == {
        k: v for k, v in first.items() if k not in timed
    }


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of the finished run, to be spoilt."""
    import shutil

    shutil.copytree(trained, tmp_path / "r")
    return tmp_path / "r"


def test_other_data_is_refused(refused, copied, tmp_path):
    other = blobs.write_idx(tmp_path / "other", 90, 40)
    before = (copied / "log.jsonl").read_bytes()
    refused("train", "--resume", "r", "--data", other, names=["other data", "same data"])
    assert (copied / "log.jsonl").read_bytes() == before


@pytest.mark.parametrize("length", [0, 100, -1])
def test_a_checkpoint_cut_short_is_refused(refused, copied, blob_data, length):
    path = copied / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    refused("train", "--resume", "r", "--data", blob_data, names=["checkpoint", "cut short"])


def test_a_folder_without_a_checkpoint_is_refused(refused, copied, blob_data):
    (copied / "checkpoint.safetensors").unlink()
    refused("train", "--resume", "r", "--data", blob_data, names=["r", "no checkpoint.safetensors"])


def test_a_model_in_the_checkpoints_place_is_refused(refused, copied, blob_data):
    (copied / "model.safetensors").replace(copied / "checkpoint.safetensors")
    refused("train", "--resume", "r", "--data", blob_data, names=["not a checkpoint"])


def with_settings(folder, **changes):
    """Change settings in the checkpoint of a run."""
    path = folder / "checkpoint.safetensors"
    values, header = read_tensors(path, "checkpoint")
    header["settings"] |= changes
    write_tensors(path, values, header)


def test_a_checkpoint_of_somebody_elses_run_is_refused(refused, copied, blob_data):
    """One written by `training.fit` from Python has other settings than a run's."""
    path = copied / "checkpoint.safetensors"
    values, header = read_tensors(path, "checkpoint")
    write_tensors(path, values, {**header, "settings": {}})
    refused("train", "--resume", "r", "--data", blob_data, names=["checkpoint.safetensors"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recipe", {}), ("recipe", {"name": "gone"}), ("recipe", {"name": "settings"}),
        ("recipe", {"name": ["one_conv"]}), ("recipe", "one_conv"),
        ("recipe", {"name": "one_conv", "epochs": -1}),
        ("recipe", {"name": "one_conv", "batch_size": [1]}),
        ("recipe", {"name": "one_conv", "optimiser": "-" * 3000 + "1"}),
        ("recipe", {"name": "one_conv", "what": 1}),
        ("seed", -1), ("seed", "0"), ("seed", 1.5), ("seed", 2**64), ("settings", "epochs=2"),
        ("settings", [1]), ("track_test", 1), ("from_model", 3), ("layout", "sometimes"),
        ("layout", None), ("threads", 0), ("threads", "2"), ("data", 1), ("sha256", None),
        ("arithmetic", "lanes"), ("arithmetic", {"layout": "lanes"}),
    ],
)  # fmt: skip
def test_settings_of_a_checkpoint_that_make_no_run_are_refused(copied, name, value):
    with_settings(copied, **{name: value})
    with pytest.raises(DataError) as error:
        run.resumed(copied)
    assert "\n" not in str(error.value)
    assert str(copied / "checkpoint.safetensors") in str(error.value)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("how", [("--out", "r", "one_conv"), ("--resume", "r")], ids=lambda h: h[0])
def test_a_folder_that_another_process_trains_in_is_refused(refused, copied, blob_data, how):
    before = (copied / "log.jsonl").read_bytes()
    with alone_in(copied):
        refused("train", *how, "--data", blob_data, names=["another process trains in r"])
    assert (copied / "log.jsonl").read_bytes() == before


@pytest.mark.usefixtures("no_report")
def test_a_resume_with_another_number_of_threads_says_that_bits_differ(cli, copied, blob_data):
    """On the screen and in run.json, also when it is resumed once more with the same."""
    other = str(json.loads((copied / "run.json").read_text())["threads"] + 1)
    for _ in range(2):
        done = cli("train", "--resume", "r", "--data", blob_data, "--threads", other)
        assert done.status == 0, done.err
        assert "its bits are not those of a run that was never stopped" in " ".join(
            done.err.split()
        )
        record = json.loads((copied / "run.json").read_text())
        assert [c["threads"] for c in record["arithmetic"]] == [int(other) - 1, int(other)]
        assert any(f"threads {int(other) - 1}, then {other}" in note for note in record["notes"])


@pytest.mark.usefixtures("no_report")
def test_a_resume_with_the_same_arithmetic_says_nothing(cli, copied, blob_data):
    threads = json.loads((copied / "run.json").read_text())["threads"]
    assert cli("train", "--resume", "r", "--data", blob_data, "--threads", threads).status == 0
    record = json.loads((copied / "run.json").read_text())
    assert len(record["arithmetic"]) == 1
    assert record["notes"] == []
    for name in ("layout", "instruction_set", "threads", "blas", "blas_threads", "numpy"):
        assert name in record["arithmetic"][0]


@pytest.mark.usefixtures("no_report")
def test_a_start_from_a_model_resumes_without_that_model(cli, blob_data, copied, short, tmp_path):
    """The weights are in the checkpoint by then; the file may be gone."""
    model = tmp_path / "start.safetensors"
    (copied / "model.safetensors").replace(model)
    given = ("--data", blob_data, "--out", "s", "--from", model)
    assert cli("train", "one_conv", *short, *given).status == 0
    whole = tensors(tmp_path / "s")
    model.unlink()
    done = cli("train", "--resume", "s", "--data", blob_data)
    assert done.status == 0, done.err
    assert tensors(tmp_path / "s") == whole


def test_what_is_resumed_is_the_plan_of_the_checkpoint(trained):
    plan, _ = run.resumed(trained)
    wanted = recipes.apply(recipes.get("one_conv"), ["epochs=2", "batch_size=10"])
    assert plan.recipe == wanted
    assert plan.settings == ("epochs=2", "batch_size=10")
    assert (plan.seed, plan.track_test, plan.from_model) == (0, False, None)


def test_data_that_is_named_to_resume_is_kept_by_its_whole_path(
    cli, copied, blob_data, monkeypatch, no_report
):
    """So that the next resume finds it from any folder."""
    seen = []
    begin = run.run

    def watched(plan, *given, **how):
        seen.append(plan.data)
        return begin(plan, *given, **how)

    monkeypatch.setattr(run, "run", watched)
    monkeypatch.chdir(blob_data.parent)
    assert cli("train", "--resume", copied, "--data", blob_data.name).status == 0
    assert seen == [str(blob_data)]
