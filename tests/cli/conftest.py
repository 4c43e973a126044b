"""Running the command line in this process or in one of its own, on blobs, and a trained model."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import blobs
from byhand.cli import main

# A run of one_conv that learns the blobs in well under a second.
SHORT = ("--set", "epochs=2", "--set", "batch_size=10")
PYTHON = (sys.executable, "-m", "byhand")


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """A folder of its own, one thread, no data by accident and no mirror that answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BYHAND_THREADS", "1")
    monkeypatch.setenv("BYHAND_MIRRORS", "http://127.0.0.1:9/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("BYHAND_DEBUG", "")  # --debug sets it; put back afterwards
    monkeypatch.delenv("BYHAND_DATA", raising=False)
    # What an earlier command in this process was told.
    monkeypatch.setattr(sys.modules["byhand.kernels.threads"], "_threads", None)


@pytest.fixture(scope="session")
def blob_data(tmp_path_factory):
    """A folder with IDX files of blobs, 12x12; to be read only."""
    return blobs.write_idx(tmp_path_factory.mktemp("blobs"), 80, 40)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, blob_data):
    """The folder of a finished run of one_conv on `blob_data`, undrawn; to be read only."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    quietly(["train", "one_conv", *SHORT, "--data", str(blob_data), "--out", str(folder)])
    return folder


def quietly(given):
    """Run the program well, without a report and without a word."""
    with (
        pytest.MonkeyPatch.context() as patched,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as said,
    ):
        # A session's fixtures come before `_alone`; bits are the same for one number of threads.
        patched.setenv("BYHAND_THREADS", "1")
        patched.setattr("byhand.plots.write_report", lambda folder: folder / "report.html")
        assert main(given) == 0, said.getvalue()


@pytest.fixture
def cli(capsys):
    """Run the program here: status, out, err, and `json()` of the last line of standard output."""

    def call(*arguments):
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return SimpleNamespace(status=status, out=out, err=err, json=lambda: _only_json(out))

    return call


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the drawing, which takes most of a short run's time."""
    monkeypatch.setattr("byhand.plots.write_report", lambda folder: folder / "report.html")


@pytest.fixture
def refused(cli):
    """Run the program and see it refuse: the status, and one sentence that names `names`."""

    def call(*arguments, status=2, names=()):
        done = cli(*arguments)
        assert done.status == status, done.err
        assert done.out == ""
        lines = done.err.splitlines()
        assert "Traceback" not in done.err
        assert "byhand: unexpected" not in done.err
        assert lines[-1].startswith("byhand: ")
        assert len([line for line in lines if line.startswith("byhand: ")]) == 1
        for name in names:
            assert str(name) in lines[-1]
        return lines[-1]

    return call


@pytest.fixture
def spawn(tmp_path):
    """Start the program in a process of its own."""
    started = []

    def start(*arguments, command=PYTHON, **how):
        env = {**os.environ, "OMP_NUM_THREADS": "1", **how.pop("env", {})}
        process = subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=env,
            **how,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def run_quietly():
    return quietly


@pytest.fixture
def short():
    return SHORT


def _only_json(out):
    """Standard output is one line, and that is one JSON object."""
    assert out.endswith("\n")
    assert len(out.splitlines()) == 1, out
    value = json.loads(out, parse_constant=pytest.fail)
    assert isinstance(value, dict)
    return value
