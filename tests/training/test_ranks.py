"""Training by the ranks that mpiexec starts: what comes out, and what a rank's end does to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import blobs
import support
from byhand.nn.files import read_tensors

CLOSE = 1e-5  # in float32, after 32 steps of Adam; see test_shared_training.py
SETTINGS = (
    "--set", "epochs=4", "--set", "batch_size=10", "--set", "average=0.9",
    "--set", "clip_norm=0.5", "--set", "augment=Augmentation()",
)  # fmt: skip

# The program, without the drawing, which saves after each step; one rank meets trouble at a step.
PROGRAM = """
import os, signal, sys, time
import byhand.training.fit
from byhand.training.trainer import Trainer
sys.modules["byhand.training.fit"].CHECKPOINT_SECONDS = -1.0
trouble, rank, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
train = Trainer.step

def step(self, batch):
    state = self.state
    if state.step == at and trouble == "interrupt":
        if self.group.rank == 0:
            print("waiting", file=sys.stderr, flush=True)
        time.sleep(60)  # for the signal that the test sends to mpiexec
    if state.step == at and os.environ.get("PMI_RANK") == rank:
        if trouble == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "exit":
            os._exit(3)
        if trouble == "raise":
            raise RuntimeError("broken on purpose")
        if trouble == "pipe":
            raise BrokenPipeError("as where standard error is closed")
    return train(self, batch)

Trainer.step = step
if trouble == "no watch":
    sys.executable = "/nowhere/python"
if trouble == "no mpi4py" and rank in ("all", os.environ.get("PMI_RANK")):
    sys.modules["mpi4py"] = None
if trouble == "write" and os.environ.get("PMI_RANK") == "0":
    def fail(*_):
        raise byhand.errors.FileWriteError("cannot write: no space left")
    sys.modules["byhand.training.fit"].save_checkpoint = fail
from byhand import plots
plots.write_report = lambda folder: folder / "report.html"
from byhand.cli import main
sys.exit(main(sys.argv[4:]))
"""

# `fit` called from Python on every rank, or alone; rank 0 keeps what came out.
SCRIPT = """
import contextlib, os, sys
import numpy as np
import blobs
from thread_ranks import EVERYTHING, network
from byhand import kernels, training
from byhand.training.mpi import MPIGroup

where, dtype, layout, sampling = sys.argv[1:]
kernels.set_threads(1)
shared = "PMI_RANK" in os.environ
with MPIGroup() if shared else contextlib.nullcontext(training.ALONE) as group:
    model = network(np.dtype(dtype))
    seen = training.fit(
        model, blobs.pictures(45), validation=blobs.pictures(30, seed=2), batch_size=10,
        rng=np.random.default_rng(7), sampling=sampling, layout=layout, group=group, **EVERYTHING,
    )
    losses = [r.loss if isinstance(r, training.StepRecord) else r.validation_loss for r in seen]
    mine = (model.flat.tobytes(), model.flat_buffers.tobytes(), losses)
    if group.broadcast(mine) != mine:
        raise ValueError("this rank has come to other bits than rank 0")
    if group.rank == 0:
        np.savez(where, flat=model.flat, buffers=model.flat_buffers, losses=losses,
                 ranks=group.size)
"""

# Every rank leaves by itself.
LEAVING = """
import sys
from byhand.training.mpi import MPIGroup
with MPIGroup() as group:
    sys.exit(int(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the programs and data."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "program.py").write_text(PROGRAM)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "leaving.py").write_text(LEAVING)
    blobs.write_idx(folder / "data", 80, 40)
    return folder


@pytest.fixture(scope="module")
def start(place):
    """Start a command under mpiexec, or without it where there are no ranks; killed at the end."""
    command = support.require_mpi()
    env = {**os.environ, "BYHAND_THREADS": "1", "PYTHONPATH": str(Path(blobs.__file__).parent)}
    for name in ("BYHAND_DATA", "BYHAND_DEBUG"):
        env.pop(name, None)
    started = []

    def run(ranks, *arguments):
        front = [command, "-n", str(ranks)] if ranks else []
        process = subprocess.Popen(
            [*front, sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place, env=env,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def done(start):
    """Run a command to its end: status, out, err, and the lines that byhand says of its end."""

    def run(ranks, *arguments):
        process = start(ranks, *arguments)
        out, err = process.communicate(timeout=60)
        said = [line for line in err.splitlines() if line.startswith("byhand: ")]
        return SimpleNamespace(status=process.returncode, out=out, err=err, said=said)

    return run


@pytest.fixture(scope="module")
def byhand(done):
    """Run `byhand train` with a trouble."""

    def run(ranks, *arguments, trouble="none", rank=0, at=0):
        given = () if "--resume" in arguments else SETTINGS
        return done(ranks, "program.py", trouble, rank, at, "train", *arguments, *given,
                    "--data", "data")  # fmt: skip

    return run


@pytest.fixture(scope="module")
def alone(byhand, place):
    """A run by one process: what the program said, and its folder."""
    ended = byhand(0, "one_conv", "--out", "alone", "--threads", "2", "--json")
    assert ended.status == 0, ended.err
    return SimpleNamespace(result=json.loads(ended.out), folder=place / "alone")


@pytest.fixture(scope="module")
def killed(byhand, place):
    """A run by four ranks, one of which was killed in the middle of the second epoch."""
    begun = time.monotonic()
    ended = byhand(4, "one_conv", "--out", "killed", trouble="kill", rank=2, at=13)
    ended.seconds = time.monotonic() - begun
    ended.folder = place / "killed"
    return ended


def tensors(folder):
    return read_tensors(folder / "model.safetensors", "model file")[0]


def assert_close(ours, theirs):
    for name, value in tensors(theirs).items():
        np.testing.assert_allclose(tensors(ours)[name], value, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize(
    ("dtype", "layout", "close"),
    [("float64", "reference", 1e-11), ("float32", "auto", 1e-6)],
)
@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_two_and_four_ranks_come_to_the_same_as_none(
    done, tmp_path, dtype, layout, close, sampling
):
    """Batch norm, dropout, augmentation, clipping, averaged weights; the last batch has 5."""
    found = {}
    for ranks in (0, 1, 2, 4):
        path = tmp_path / f"{ranks}.npz"
        ended = done(ranks, "script.py", path, dtype, layout, sampling)
        assert (ended.status, ended.out, ended.said) == (0, "", []), ended.err
        with np.load(path) as arrays:
            found[ranks] = dict(arrays)
        assert found[ranks].pop("ranks") == max(ranks, 1)
    for name, alone in found[0].items():
        assert np.array_equal(found[1][name], alone), "one rank gives the same bits"
        for ranks in (2, 4):
            np.testing.assert_allclose(found[ranks][name], alone, rtol=close, atol=close)


def test_the_program_trains_the_same_and_rank_0_alone_prints_and_writes(byhand, alone, tmp_path):
    folder = tmp_path / "shared"
    shared = byhand(4, "one_conv", "--out", folder, "--json")
    assert shared.status == 0, shared.err
    ours, theirs = json.loads(shared.out), alone.result
    assert (ours["ranks"], ours["threads"], theirs["ranks"]) == (4, 1, 1)
    for figure in ("train_loss", "test_loss"):
        assert ours[figure] == pytest.approx(theirs[figure], rel=CLOSE)
    assert ours["test_accuracy"] == theirs["test_accuracy"]
    assert_close(folder, alone.folder)
    assert {p.name for p in folder.iterdir()} == {p.name for p in alone.folder.iterdir()}
    assert json.loads((folder / "run.json").read_text())["ranks"] == 4
    assert len((folder / "log.jsonl").read_text().splitlines()) == 4
    assert sum(line.startswith("epoch") for line in shared.err.splitlines()) == 4
    assert "threads: 1 in each of 4 ranks" in shared.err


def test_a_killed_rank_is_named_and_ends_the_run(killed):
    assert killed.seconds < 30
    assert killed.status != 0
    (said,) = killed.said
    assert said.startswith("byhand: rank 2 of 4 (process ")
    assert "died" in said
    assert "Traceback" not in killed.err


@pytest.mark.parametrize("ranks", [0, 1, 2])
def test_any_number_of_ranks_goes_on_with_a_run(byhand, alone, killed, ranks, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(killed.folder, folder)
    again = byhand(ranks, "--resume", folder)
    assert again.status == 0, again.err
    assert f"(ranks 4, then {max(ranks, 1)}" in again.err
    assert_close(folder, alone.folder)


def test_ranks_that_go_on_with_a_run_do_not_take_its_threads(byhand, alone, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(alone.folder, folder)
    again = byhand(2, "--resume", folder)
    assert again.status == 0, again.err
    assert "threads: 1 in each of 2 ranks" in again.err


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_goes_without_a_word_is_named(byhand, rank, tmp_path):
    """As when a library calls C's exit."""
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", trouble="exit", rank=rank, at=9)
    assert ended.status != 0
    (said,) = ended.said
    assert said.startswith(f"byhand: rank {rank} of 2 (process ")


@pytest.mark.parametrize("rank", [0, 2])
def test_an_exception_on_a_rank_is_told_with_the_rank_and_ends_all(byhand, rank, tmp_path):
    ended = byhand(3, "one_conv", "--out", tmp_path / "run", trouble="raise", rank=rank, at=9)
    assert ended.status == 1
    (said,) = ended.said
    assert said.startswith(f"byhand: rank {rank} of 3: unexpected RuntimeError: broken on purpose")
    assert "Traceback" not in ended.err


def test_with_debug_the_ranks_traceback_is_shown(byhand, tmp_path):
    ended = byhand(
        2, "one_conv", "--out", tmp_path / "run", "--debug", trouble="raise", rank=1, at=1
    )
    assert ended.status == 1
    assert ended.err.count("Traceback") == 1
    assert ended.said[-1].startswith("byhand: rank 1 of 2: ")


def test_a_disk_that_is_full_for_rank_0_ends_all(byhand, tmp_path):
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", trouble="write")
    assert ended.status == 1
    assert ended.said == ["byhand: rank 0 of 2: cannot write: no space left"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("lenet6",), "byhand: there is no recipe 'lenet6'"),
        (("--resume", "nowhere"), "byhand: nowhere holds no checkpoint.safetensors"),
        (("one_conv", "--sett"), "byhand: No such option: --sett"),
    ],
)
def test_what_is_wrong_for_all_ranks_is_said_once(byhand, arguments, sentence):
    ended = byhand(3, *arguments)
    assert (ended.status, ended.out) == (2, "")
    (said,) = ended.said
    assert said.startswith(sentence)
    assert ended.err == said + "\n"


def test_without_mpi4py_it_is_said_once_what_to_install(byhand, tmp_path):
    ended = byhand(3, "one_conv", "--out", tmp_path / "run", trouble="no mpi4py", rank="all")
    assert ended.status == 2
    (said,) = ended.said
    assert said.startswith("byhand: training by several ranks")
    assert "pip install 'byhand[mpi]'" in said


@pytest.mark.parametrize(("rank", "name"), [(0, ""), (1, "rank 1 of 2: ")])
def test_a_rank_that_lacks_mpi4py_alone_says_so_and_ends_all(byhand, tmp_path, rank, name):
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", trouble="no mpi4py", rank=rank)
    assert ended.status != 0
    (said,) = ended.said
    assert said.startswith(f"byhand: {name}training by several ranks needs mpi4py")


def test_ranks_train_unwatched_where_the_watch_does_not_start(byhand, tmp_path):
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", trouble="no watch")
    assert ended.status == 0, ended.err
    (said,) = ended.said
    assert said.startswith("byhand: this run is not watched (")


def test_a_reader_of_rank_0s_output_that_goes_ends_all(byhand, tmp_path):
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", trouble="pipe", at=9)
    assert ended.status == 1
    (said,) = ended.said
    assert said.startswith("byhand: rank 0 of 2: stopped before the end")


@pytest.mark.parametrize("status", [0, 7])
def test_a_script_that_exits_has_its_status_and_no_traceback(done, status):
    ended = done(2, "leaving.py", status)
    assert (ended.status, ended.said) == (status, [])
    assert "Traceback" not in ended.err


def test_a_run_that_diverges_is_told_once(byhand, tmp_path):
    more = ("schedule=Constant(1e30)", "optimiser=SGD()", "clip_norm=none")
    more = [word for setting in more for word in ("--set", setting)]
    ended = byhand(2, "one_conv", "--out", tmp_path / "run", *more)
    assert ended.status == 1
    (said,) = ended.said
    assert "at step" in said
    assert "rank" not in said


def test_the_list_of_recipes_is_printed_once(done):
    ended = done(3, "program.py", "none", 0, 0, "train", "--list", "--json")
    assert ended.status == 0
    assert len(ended.out.splitlines()) == 1


def test_an_interrupt_keeps_the_last_checkpoint_and_says_how_to_go_on(start, tmp_path):
    given = ("program.py", "interrupt", 0, 9, "train", "one_conv", *SETTINGS, "--data", "data")
    process = start(2, *given, "--out", tmp_path / "run")
    for line in process.stderr:
        if line == "waiting\n":
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"stopped; go on with: byhand train --resume {tmp_path / 'run'}\n" in err
    assert "byhand: interrupted\n" in err
    assert "Traceback" not in err
    assert (tmp_path / "run/checkpoint.safetensors").is_file()
