"""What commands print arrives whatever the console, and a result whatever the disk."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path

import pytest

from byhand import nn
from byhand.cli import console
from byhand.errors import FileWriteError


@pytest.mark.parametrize("encoding", ["cp1251", "cp1252", "cp437", "ascii"])
def test_what_an_encoding_lacks_is_written_otherwise(encoding):
    codecs.register_error("byhand", console._otherwise)
    said = "5×5 → 98 % ± 0.1 − “né” 零 \udcff █".encode(encoding, "byhand").decode(encoding)
    for whole, plain in (("×", "x"), ("→", "->"), ("±", "+-"), ("−", "-"), ("█", "#"), ("é", "e")):
        assert whole in said or plain in said
    assert r"\u96f6 \udcff" in said
    assert "?" not in said


@pytest.mark.parametrize("encoding", ["cp1251", "cp437", "ascii"])
def test_a_list_arrives_in_any_encoding(spawn, encoding):
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": f"{encoding}:strict"}
    process = spawn("train", "--list", env=env, encoding=encoding)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert "8 5x5 kernels" in out or "8 5×5 kernels" in out


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of Unix")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_closed_stream_loses_what_is_written_to_it_and_nothing_else(spawn, closed):
    sh = ("sh", "-c", f'exec "$0" -m byhand "$@" {closed}')
    process = spawn("doctor", command=(*sh, sys.executable))
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    assert ("arithmetic" in out) is (not closed.startswith(">"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_one_sentence(spawn):
    sh = ("sh", "-c", 'exec "$0" -m byhand "$@" >/dev/full', sys.executable)
    process = spawn("train", "--list", command=sh)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err.splitlines() == ["byhand: cannot write: No space left on device; free some space"]


def test_the_result_is_told_and_the_model_kept_where_the_report_fails(
    cli, blob_data, short, monkeypatch
):
    def fails(folder):
        raise FileWriteError(f"cannot write {folder}/report.html: the disk is full")

    monkeypatch.setattr("byhand.plots.write_report", fails)
    for json in ((), ("--json",)):
        out = f"r{len(json)}"
        done = cli("train", "one_conv", *short, "--data", blob_data, "--out", out, *json)
        assert done.status == 1
        assert "test_accuracy" in done.out if json else "test pictures correctly" in done.out
        assert "report  " not in done.out
        assert done.err.splitlines()[-1].startswith("byhand: cannot write")
        assert nn.load(f"{out}/model.safetensors").card.figures["epochs"] == 2
        assert Path(out, "run.json").is_file()


def test_the_result_is_told_where_nothing_can_be_written_any_more(
    cli, blob_data, short, monkeypatch, no_report
):
    def fails(model, path):
        raise FileWriteError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("byhand.nn.save", fails)
    done = cli("train", "one_conv", *short, "--data", blob_data, "--out", "r")
    assert done.status == 1
    assert "test pictures correctly" in done.out
    assert "model   " not in done.out
    assert "model.safetensors" in done.err.splitlines()[-1]


@pytest.mark.skipif(os.name == "nt", reason="names are of bytes on Unix")
def test_data_whose_name_is_no_utf8_are_trained_on_to_the_end(cli, blob_data, short, monkeypatch):
    monkeypatch.setattr("byhand.plots.report.draw_run", lambda *_: {})
    os.symlink(blob_data, b"bad\xff")
    named = os.fsdecode(b"bad\xff")
    done = cli("train", "one_conv", *short, "--data", named, "--out", "r")
    assert done.status == 0, done.err
    assert r"bad\udcff" in Path("r/report.html").read_text(encoding="utf-8")
    assert cli("evaluate", "r", "--data", named).status == 0


@pytest.mark.parametrize("option", ["--out", "--data", "--resume", "--from"])
def test_a_path_of_nothing_is_refused_by_its_option(refused, option):
    refused("train", option, "", names=[option, "names no file or folder"])


@pytest.mark.parametrize(
    "given",
    [("train", ""), ("train", "--layout", ""), ("train", "--set", ""), ("read", ""),
     ("evaluate", ""), ("inspect", ""), ("read", "--model", "", "x.png"),
     ("train", "--seed", "-1"), ("train", "--seed", "9" * 30), ("train", "--threads", "9" * 30)],
)  # fmt: skip
def test_values_of_nothing_and_of_too_much_are_refused(refused, given):
    refused(*given)


def test_the_users_own_folder_may_begin_a_path(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    refused("evaluate", "~/nix.safetensors", names=[tmp_path / "nix.safetensors"])
    refused("train", "--data", "~/nix", names=[tmp_path / "nix"])


def test_without_a_run_the_network_of_the_package_is_shown(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "byhand.plots.write_inspection", lambda _, folder, *rest: (folder / "report.html", [])
    )
    small = ("--seed", "3")
    done = cli("read", "--random", *small, "--json")
    assert done.status == 0, done.err
    assert "comes with byhand" in done.err
    assert len(done.json()["readings"]) == 1
    done = cli("evaluate", "--json")
    assert done.status == 0, done.err
    assert done.json()["n"] == 359
    done = cli("inspect", "--json")
    assert done.status == 0, done.err
    assert Path(done.json()["report"]).resolve().is_relative_to(tmp_path), "not into the package"


def test_a_network_is_held_to_the_limit_that_is_given(cli, refused, trained, blob_data):
    where = (trained, "--data", blob_data)
    assert cli("evaluate", *where, "--memory-limit", 1, "--json").status == 0
    refused("evaluate", *where, "--memory-limit", "nan")
