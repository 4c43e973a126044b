"""`byhand train`: what it prints, what it leaves in the run's folder, and what it refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import blobs
from byhand import kernels, nn, recipes

PROMISED = {
    "recipe", "dataset", "n_train", "n_test", "seed", "layout", "threads", "parameters", "epochs",
    "train_loss", "validation_accuracy", "test_accuracy", "test_loss", "train_seconds",
    "images_per_second", "run", "model",
}  # fmt: skip


def test_json_is_one_object_with_all_that_is_promised(cli, blob_data, short, tmp_path):
    done = cli(
        "train", "one_conv", *short, "--data", blob_data, "--out", "r", "--seed", 3, "--json"
    )
    assert done.status == 0
    result = done.json()
    assert set(result) >= PROMISED
    assert result["recipe"] == "one_conv"
    assert result["seed"] == 3
    assert (result["n_train"], result["n_test"]) == (72, 40)
    assert (result["epochs"], result["threads"]) == (2, 1)
    assert result["layout"] == kernels.resolve_layout("auto")
    assert result["parameters"] == 8 * 26 + 128 * 10 + 10
    assert 0 <= result["test_accuracy"] <= 1
    assert result["train_seconds"] > 0
    assert result["run"] == "r"
    assert nn.load(tmp_path / result["model"]).card.figures["seed"] == 3


def test_run_json_says_what_was_run_on_what(trained, blob_data):
    record = json.loads((trained / "run.json").read_text())
    assert set(record) >= {
        "recipe", "settings", "seed", "versions", "machine", "threads", "layout", "dataset",
        "parameters", "operations", "layers", "epochs", "diagnoses", "result",
    }  # fmt: skip
    assert record["recipe"]["name"] == "one_conv"
    assert record["recipe"]["summary"]
    assert record["recipe"]["batch_size"] == 10
    assert record["settings"] == ["epochs=2", "batch_size=10"]
    assert set(record["dataset"]) >= {
        "name", "source", "sha256", "n_train", "n_validation", "n_test", "notes",
    }  # fmt: skip
    assert record["dataset"]["source"] == str(blob_data)
    assert re.fullmatch("[0-9a-f]{64}", record["dataset"]["sha256"])
    assert record["dataset"]["n_validation"] == 8
    assert sum(row["parameters"] for row in record["layers"]) == record["parameters"]
    assert set(record["versions"]) >= {"byhand", "python", "numpy"}
    assert set(record["result"]) >= PROMISED


def test_the_log_has_a_line_an_epoch_as_in_the_record(trained):
    lines = (trained / "log.jsonl").read_text().splitlines()
    record = json.loads((trained / "run.json").read_text())
    assert [json.loads(line) for line in lines] == record["epochs"]
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_a_run_for_people_with_all_that_its_folder_holds(cli, blob_data, short):
    done = cli("train", "one_conv", *short, "--data", blob_data, "--out", "r")
    assert done.status == 0
    assert "test pictures" in done.out
    assert os.path.join("r", "report.html") in done.out
    assert os.path.join("r", "model.safetensors") in done.out
    assert len([line for line in done.err.splitlines() if line.startswith("epoch ")]) == 2
    assert "epoch" not in done.out
    names = {p.relative_to("r").as_posix() for p in Path("r").rglob("*") if p.is_file()}
    assert names >= {
        "run.json", "log.jsonl", "checkpoint.safetensors", "model.safetensors", "evaluation.json",
        "evaluation.npz", "look.npz", "report.html",
    }  # fmt: skip
    assert any(re.match(r"pictures/.*\.png", name) for name in names)
    assert not [name for name in names if name.endswith(".partial")]
    # The report needs no other file and no network.
    page = Path("r/report.html").read_text()
    assert "data:image/" in page
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)""", page)
    assert not re.search(r"@import|url\((?!['\"]?data:)", page)


@pytest.mark.usefixtures("no_report")
def test_the_same_seed_writes_the_same_model(cli, blob_data, short, trained):
    for seed in (0, 1):
        given = ("--data", blob_data, "--out", f"r{seed}", "--seed", seed)
        assert cli("train", "one_conv", *short, *given).status == 0
    flats = [nn.load(f / "model.safetensors").flat for f in (Path("r0"), Path("r1"), trained)]
    assert np.array_equal(flats[0], flats[2])
    assert not np.array_equal(flats[0], flats[1])


def _lines(path):
    return Path(path).read_text().splitlines()


@pytest.mark.usefixtures("no_report")
def test_a_run_without_a_name_gets_one_in_runs(cli, blob_data, short, tmp_path):
    done = cli("train", "one_conv", *short, "--data", blob_data, "--json")
    folder = done.json()["run"]
    assert re.fullmatch(r"runs/one_conv-seed0-\d{8}-\d{6}(-\d+)?", folder)
    assert (tmp_path / folder / "run.json").is_file()


@pytest.mark.usefixtures("no_report")
def test_two_runs_at_once_get_two_folders(tmp_path):
    """As two processes that start in the same second would ask, and train side by side."""
    from byhand.recipes.engine import run
    from byhand.recipes.engine.folder import new_folder

    folders = [new_folder("one_conv", 0, tmp_path) for _ in range(2)]
    assert len(set(folders)) == 2
    plan = run.Plan(recipes.apply(recipes.get("one_conv"), ["epochs=2", "batch_size=10"]))
    splits = blobs.splits(80, 40)
    for _ in zip(*(run.run(plan, splits, folder) for folder in folders), strict=True):
        pass
    assert all(len(_lines(folder / "log.jsonl")) == 2 for folder in folders)
    flats = [nn.load(folder / "model.safetensors").flat for folder in folders]
    assert np.array_equal(*flats)


@pytest.mark.usefixtures("no_report")
def test_test_figures_by_epoch_only_when_asked(cli, blob_data, short):
    given = ("train", "one_conv", *short, "--data", blob_data)
    assert cli(*given, "--track-test", "--out", "a").status == 0
    assert cli(*given, "--out", "b").status == 0
    logs = [[json.loads(x) for x in _lines(f"{f}/log.jsonl")] for f in "ab"]
    assert all(e["test_accuracy"] is not None for e in logs[0])
    assert all(e["test_accuracy"] is None for e in logs[1])
    assert [e["validation_loss"] for e in logs[0]] == [e["validation_loss"] for e in logs[1]]


@pytest.mark.usefixtures("no_report")
def test_a_folder_of_pictures_trains(cli, tmp_path, short):
    folder = blobs.write_folders(tmp_path / "fruit", 60)
    done = cli("train", "one_conv", *short, "--data", folder, "--out", "r", "--json")
    assert done.status == 0
    assert done.json()["dataset"] == "folder"
    assert nn.load("r/model.safetensors").card.classes == ("apple", "banana", "cherry")
    again = cli("evaluate", "r", "--data", folder, "--json")
    assert [c["class"] for c in again.json()["per_class"]] == ["apple", "banana", "cherry"]


@pytest.mark.usefixtures("no_report")
def test_from_a_model_with_other_classes(cli, tmp_path, short, trained):
    folder = blobs.write_folders(tmp_path / "fruit", 60)
    model = trained / "model.safetensors"
    done = cli("train", "one_conv", *short, "--data", folder, "--out", "r", "--from", model)
    assert done.status == 0
    assert "3 classes and not 10" in done.err


def test_from_another_network_is_refused(refused, blob_data, trained):
    model = trained / "model.safetensors"
    given = ("train", "mlp", "--data", blob_data, "--from", model, "--out", "r")
    refused(*given, names=[model, "one_conv", "mlp"])
    assert not os.path.exists("r")


@pytest.mark.usefixtures("no_report")
def test_from_a_runs_folder_takes_its_model(cli, blob_data, short, trained):
    done = cli("train", "one_conv", *short, "--data", blob_data, "--from", trained, "--out", "r")
    assert done.status == 0, done.err


def test_list_names_every_recipe(cli):
    done = cli("train", "--list")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines()] == list(recipes.names())


REFUSED = [
    (["train", "lenet6"], ["no recipe 'lenet6'", "lenet5"]),
    (["train", "--set", "epoch=3"], ["no field 'epoch'", "did you mean epochs?"]),
    (["train", "--set", "epochs=many"], ["epochs is 'many'", "whole number"]),
    (["train", "--set", "epochs"], ["field=value"]),
    (["train", "--set", "optimiser=Adagrat"], ["Adagrat", "AdaGrad"]),
    (["train", "--seed", "-1"], ["--seed"]),
    (["train", "--seed", "x"], ["--seed"]),
    (["train", "--threads", "0"], ["--threads"]),
    (["train", "--layout", "sideways"], ["sideways", "reference"]),
    (["train", "--data", "nowhere"], ["nowhere", "does not exist", "train-images-idx3-ubyte"]),
    (["train", "--data", "."], ["holds no data"]),
    (["train", "--resume", "nowhere"], ["nowhere", "no checkpoint"]),
    (["train", "--resume", ".", "--set", "epochs=3"], ["leave out"]),
    (["train", "one_conv", "--from", "nowhere"], ["nowhere"]),
    (["train", "a", "b"], ["byhand train --help"]),
    (["train", "--fast"], ["--fast", "byhand train --help"]),
    (["trane"], ["trane"]),
    (["--nonsense"], ["--nonsense"]),
]


@pytest.mark.parametrize(("given", "names"), REFUSED, ids=[" ".join(g) for g, _ in REFUSED])
def test_what_the_user_got_wrong_is_one_sentence(refused, blob_data, given, names):
    if "--data" not in given and "train" in given:
        given = [*given, "--data", blob_data]
    refused(*given, names=names)
    assert not os.path.exists("runs")


def test_data_of_the_environment_that_is_not_there_is_refused(refused, monkeypatch):
    monkeypatch.setenv("BYHAND_DATA", "/nowhere/at/all")
    refused("train", "one_conv", names=["/nowhere/at/all", "BYHAND_DATA"])
    assert not os.path.exists("runs")


def test_pictures_too_small_for_the_network_are_refused(refused, tmp_path):
    folder = blobs.write_folders(tmp_path / "small", 30, size=6)
    refused("train", "lenet5", "--data", folder, "--out", "r", names=["6×6", "lenet5"])
    assert not os.path.exists("r")


def test_a_folder_with_a_run_is_not_overwritten(refused, blob_data, trained):
    before = (trained / "run.json").read_bytes()
    refused("train", "one_conv", "--data", blob_data, "--out", trained, names=[trained, "already"])
    assert (trained / "run.json").read_bytes() == before


def test_a_file_where_the_folder_should_be_is_refused(refused, blob_data, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in ("file", "file/run"):
        given = ("train", "one_conv", "--data", blob_data, "--out", out)
        refused(*given, status=1, names=[out])
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_may_not_be_written_is_refused(refused, blob_data, tmp_path):
    (tmp_path / "shut").mkdir(mode=0o555)
    given = ("train", "one_conv", "--data", blob_data, "--out", "shut/run")
    refused(*given, status=1, names=["shut/run", "Permission denied"])


def test_a_full_disk_while_training_is_one_sentence(refused, blob_data, short, monkeypatch):
    import errno

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = os.fsync
    count = iter(range(100))
    # The first two files (log and record) still fit, the checkpoint does not.
    monkeypatch.setattr(os, "fsync", lambda fd: real(fd) if next(count) < 2 else full())
    given = ("train", "one_conv", *short, "--data", blob_data, "--out", "r")
    refused(*given, status=1, names=["checkpoint.safetensors", "No space left", "free some space"])
    assert not [name for name in os.listdir("r") if name.endswith(".partial")]


def test_a_full_disk_under_the_log_is_one_sentence_too(
    refused, blob_data, short, monkeypatch, tmp_path
):
    """/dev/full is a file on a full disk."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    from byhand.recipes.engine import run

    (tmp_path / "r").mkdir()
    real = run.write_text

    def linked(path, text):
        if path.name == run.LOG:
            path.symlink_to("/dev/full")
        else:
            real(path, text)

    monkeypatch.setattr(run, "write_text", linked)
    given = ("train", "one_conv", *short, "--data", blob_data, "--out", "r")
    refused(*given, status=1, names=["log.jsonl", "No space left"])


def test_a_loss_that_is_not_finite_is_a_failure_with_a_report(cli, blob_data):
    settings = ("--set", "optimiser=SGD()", "--set", "schedule=Step(0.01, 1e30, 12)",
                "--set", "batch_size=10", "--set", "epochs=9")  # fmt: skip
    with np.errstate(all="ignore"):
        done = cli("train", "one_conv", *settings, "--data", blob_data, "--out", "r", "--json")
    assert done.status == 1
    assert done.out == ""
    assert "the loss became" in done.err.splitlines()[-1]
    assert "learning rate" in done.err.splitlines()[-1]
    record = json.loads(Path("r/run.json").read_text())
    assert [d["kind"] for d in record["diagnoses"]] == ["diverged"]
    assert [e["epoch"] for e in record["epochs"]] == [1]
    assert "the loss became" in Path("r/report.html").read_text().lower()
    assert os.path.isfile("r/checkpoint.safetensors")
    assert not os.path.exists("r/model.safetensors")


def test_a_loss_that_is_not_finite_in_the_first_epoch_has_a_report_too(cli, blob_data):
    settings = ("--set", "optimiser=SGD()", "--set", "schedule=Constant(1e30)")
    with np.errstate(all="ignore"):
        done = cli("train", "one_conv", *settings, "--data", blob_data, "--out", "r")
    assert done.status == 1
    assert "the loss became" in done.err.splitlines()[-1]
    assert os.path.isfile("r/report.html")


def test_debug_shows_the_traceback(cli, blob_data):
    from byhand.errors import InputError

    for given in (["--debug", "train", "lenet6"], ["train", "lenet6", "--debug"]):
        with pytest.raises(InputError, match="lenet6"):
            cli(*given)


@pytest.mark.usefixtures("no_report")
def test_without_mnist_the_bundled_digits_serve_and_the_reason_is_told(cli):
    small = ("--set", "epochs=1", "--set", "train_limit=100", "--set", "test_limit=50")
    done = cli("train", "one_conv", *small, "--out", "r", "--json")
    assert done.status == 0, done.err
    assert done.json()["dataset"] == "digits"
    assert "scikit-learn" in done.err
    assert "127.0.0.1:9" in done.err
    assert "byhand train digits suits these" in done.err
    record = json.loads(Path("r/run.json").read_text())
    assert record["dataset"]["name"] == "digits"
    assert any("127.0.0.1:9" in note for note in record["dataset"]["notes"])
    assert record["recipe"]["dataset"] == "digits"
    assert record["settings"][-1] == "dataset=digits", "the run cannot be done again as it was"


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("named", [(), ("digits",)])
def test_a_first_run_without_mnist_learns_the_digits_as_suits_them(cli, monkeypatch, named):
    small = ("--set", "epochs=30", "--set", "train_limit=20", "--set", "test_limit=9")
    done = cli("train", *named, *small, "--out", "r")
    assert done.status == 0, done.err
    assert done.out.startswith("digits reads ")
    assert ("asking for it" in done.err) is (named == ()), "a set by name asks no mirror"
    told = [line.split()[1] for line in done.err.splitlines() if line.startswith("epoch ")]
    assert told == ["1", *map(str, range(2, 31, 2))], "of many epochs some get a line"
    record = json.loads(Path("r/run.json").read_text())
    assert record["recipe"]["name"] == "digits"
    # The commands of the last lines work as they stand.
    called = [line.split("  ")[-1].split(" opens ")[0].split(" reads a ")[0].strip()
              for line in done.out.splitlines() if line.startswith(("look", "read"))]  # fmt: skip
    assert called[0] == "byhand serve"
    done = cli(*called[1].split()[1:])
    assert done.out.split() == ["31415926535", "2718281828", "0123456789"]


def test_the_program_is_called_again_as_it_was_found(tmp_path, monkeypatch):
    from byhand.cli.output import program

    script = tmp_path / "byhand"
    script.touch()
    monkeypatch.setenv("PATH", "")
    for called, again in (
        (script, str(script)), ("/x/byhand/__main__.py", "python -m byhand"), ("pytest", "byhand"),
    ):  # fmt: skip
        monkeypatch.setattr("sys.argv", [str(called)])
        assert program() == again
