"""The program as a whole: help, version, statuses, pipes, and how little it imports to start."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

import byhand

COMMANDS = [[], ["train"], ["evaluate"], ["read"], ["inspect"], ["data"], ["data", "fetch"],
            ["data", "info"], ["doctor"]]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(cli, command, flag):
    done = cli(*command, flag)
    assert done.status == 0
    assert "Usage" in done.out
    assert done.err == ""


def test_version(cli):
    done = cli("--version")
    assert (done.status, done.out) == (0, f"byhand {byhand.__version__}\n")


@pytest.mark.parametrize("given", [[], ["data"]])
def test_no_command_shows_the_help_and_is_a_usage_error(cli, given):
    done = cli(*given)
    assert done.status in (0, 2)
    assert "Usage" in done.out + done.err
    assert "Traceback" not in done.err


def test_a_command_that_is_none_is_named(refused):
    refused("bogus", names=["bogus", "byhand --help"])
    refused("data", "bogus", names=["bogus", "byhand data --help"])


# Says what the given arguments made Python import, after the program's own output.
IMPORTS = """
import sys
from byhand.cli import main
status = main(sys.argv[1:])
heavy = {"numpy", "matplotlib", "sklearn", "scipy", "PIL", "pooch", "requests", "torch",
         "safetensors", "jinja2"}
print("IMPORTED", status, *sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("given", [["--help"], ["train", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(spawn, given):
    process = spawn(*given, command=(sys.executable, "-c", IMPORTS))
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert out.splitlines()[-1] == "IMPORTED 0"


def test_import_byhand_imports_nothing_heavy():
    code = "import sys, byhand; print(sorted({'numpy','matplotlib','sklearn','typer','pooch'} "
    code += "& set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_program_exits_with_mains_status(spawn, tmp_path):
    process = spawn("train", "lenet6")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert re.fullmatch(r"byhand: there is no recipe 'lenet6'[^\n]*\n", err)
    process = spawn("train", "lenet6", "--debug")
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" in err
    assert "InputError" in err


def test_json_of_a_run_is_the_only_thing_on_standard_output(spawn, blob_data, short):
    """Also where warnings, bars or libraries would like to print: a process of its own."""
    given = ("train", "one_conv", *short, "--data", blob_data, "--out", "r", "--json")
    process = spawn(*given, env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    (line,) = out.splitlines()
    assert json.loads(line)["run"] == "r"
    assert "Traceback" not in err
    assert "Warning" not in err


@pytest.mark.parametrize("count", [1, 40])
def test_a_closed_pipe_is_no_error(spawn, trained, blob_data, count):
    """As with `byhand read ... | head -1`: the reader goes before the writer is done."""
    given = ("read", "--random", count, "--model", trained, "--data", blob_data)
    process = spawn(*given)
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert "Broken pipe" not in err
    assert process.returncode in (0, 1)


def test_a_training_whose_progress_nobody_reads_is_a_failure(spawn, blob_data, short):
    """As with `byhand train 2>&1 | head -1`: it stops before the end."""
    process = spawn("train", "one_conv", *short, "--data", blob_data, "--out", "r")
    process.stderr.close()
    process.stderr = None
    process.communicate(timeout=60)
    assert process.returncode == 1


def test_an_error_that_nobody_foresaw_is_one_line(cli, monkeypatch):
    from byhand.cli import doctor

    def broken():
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(doctor, "examine", broken)
    done = cli("doctor")
    assert done.status == 1
    assert done.err == (
        "byhand: unexpected RuntimeError: two lines; run it again with --debug for the details\n"
    )
    with pytest.raises(RuntimeError):
        cli("doctor", "--debug")


def test_an_interrupt_in_a_text_that_is_executed_ends_with_130_too(spawn, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import byhand.cli.app as app\n"
        "def interrupted(given, group=None):\n"
        "    exec('raise KeyboardInterrupt')\n"
        "app._run = interrupted\n"
    )
    process = spawn("doctor", env={"PYTHONPATH": str(tmp_path)})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert "byhand: interrupted" in err
