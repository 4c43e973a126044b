"""`byhand evaluate`, `read`, `inspect`, `data` and `doctor` on a trained model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from byhand import data, nn, recipes

PNG = b"\x89PNG"


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A model that has learnt nothing and so makes mistakes."""
    import blobs

    path = tmp_path_factory.mktemp("untrained") / "model.safetensors"
    prepared = recipes.prepare(recipes.get("one_conv"), blobs.splits(40, 10), 0)
    nn.save(prepared.model, path)
    return path


@pytest.mark.parametrize("how", ["file", "folder"])
def test_evaluate_gives_all_figures(cli, trained, blob_data, how):
    model = trained if how == "folder" else trained / "model.safetensors"
    values = cli("evaluate", model, "--data", blob_data, "--json").json()
    assert set(values) >= {"n", "accuracy", "loss", "per_class", "confusion", "ece"}
    assert values["n"] == 40
    assert len(values["per_class"]) == len(values["confusion"]) == 10
    assert sum(map(sum, values["confusion"])) == 40
    hits = sum(values["confusion"][i][i] for i in range(10))
    assert values["accuracy"] == pytest.approx(hits / 40)
    record = json.loads((trained / "run.json").read_text())
    assert values["accuracy"] == record["result"]["test_accuracy"]
    assert values["loss"] == pytest.approx(record["result"]["test_loss"])


def test_evaluate_for_people(cli, trained, blob_data):
    done = cli("evaluate", trained, "--data", blob_data)
    assert done.status == 0
    assert "40 test pictures" in done.out
    assert "precision" in done.out


def test_evaluate_another_part(cli, refused, trained, blob_data):
    assert (
        cli("evaluate", trained, "--data", blob_data, "--part", "train", "--json").json()["n"] == 80
    )
    given = ("evaluate", trained, "--data", blob_data, "--part")
    refused(*given, "validation", names=["no part 'validation'", "test, train"])
    refused(*given, "middle", names=["no part 'middle'"])


def test_evaluate_draws_its_mistakes(cli, untrained, blob_data):
    given = ("evaluate", untrained, "--data", blob_data, "--mistakes", "--out", "m", "--json")
    values = cli(*given).json()
    assert values["accuracy"] < 1
    assert Path(values["mistakes"]).read_bytes().startswith(PNG)
    assert Path(values["mistakes"]).parent == Path("m")


def test_evaluate_without_a_mistake_still_works(cli, trained, blob_data):
    given = ("evaluate", trained, "--data", blob_data, "--mistakes", "--out", "m", "--json")
    done = cli(*given)
    assert done.status == 0, done.err
    assert done.json()["accuracy"] == 1.0, "the model of the tests makes mistakes"


def test_evaluate_on_scikit_learns_digits(cli, refused, tmp_path, trained):
    prepared = recipes.prepare(recipes.get("mlp"), data.open_digits(), 0)
    nn.save(prepared.model, tmp_path / "m.safetensors")
    values = cli("evaluate", "m.safetensors", "--dataset", "digits", "--json").json()
    assert values["n"] > 100
    refused("evaluate", "m.safetensors", "--dataset", "letters", names=["letters", "digits"])
    # A model for other pictures is an error of the user's
    refused("evaluate", trained, "--dataset", "digits", names=["28"])


def test_a_model_that_is_none_is_refused(refused, blob_data, tmp_path, trained):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").mkdir()
    half = (trained / "model.safetensors").read_bytes()[:500]
    (tmp_path / "half").write_bytes(half)
    for name in ("nowhere", "text", "empty", "half"):
        for command in ("evaluate", "inspect"):
            refused(command, name, "--data", blob_data, names=[name])
    refused("read", "--random", "--model", "text", "--data", blob_data, names=["text"])


def test_a_model_of_other_classes_than_the_data_is_refused(refused, tmp_path, blob_data):
    import blobs

    splits = blobs.splits(30, 10, classes=3)
    nn.save(recipes.prepare(recipes.get("one_conv"), splits, 0).model, tmp_path / "m")
    refused("evaluate", "m", "--data", blob_data)


def test_without_a_model_read_uses_the_latest_run(cli, trained, blob_data, tmp_path):
    os.makedirs(tmp_path / "runs")
    os.symlink(trained, tmp_path / "runs" / "one")
    done = cli("read", "--random", "--data", blob_data)
    assert done.status == 0
    assert "runs/one/model.safetensors" in done.err


@pytest.mark.parametrize(("given", "count"), [([], 1), (["3"], 3), (["1000"], 40)])
def test_read_random_pictures_as_text(cli, trained, blob_data, given, count):
    done = cli("read", "--random", *given, "--model", trained, "--data", blob_data)
    assert done.status == 0
    said = [line for line in done.out.splitlines() if line.startswith("test picture")]
    assert len(said) == count
    assert len(done.out.splitlines()) >= count * (6 + 1), "12 rows of pixels are 6 of text"
    assert "\x1b" not in done.out


def test_read_draws_the_same_again_by_seed(cli, trained, blob_data):
    given = ("read", "--random", "5", "--model", trained, "--data", blob_data, "--json", "--seed")
    first, again, other = (cli(*given, n).json() for n in (1, 1, 2))
    assert first == again != other
    assert len(first["readings"]) == 5
    for reading in first["readings"]:
        assert set(reading) >= {"index", "label", "value", "confidence"}
        assert 0 < reading["confidence"] <= 1
    assert all(r["value"] == r["label"] for r in first["readings"])
    assert len({r["index"] for r in first["readings"]}) == 5


def test_read_into_a_picture(cli, trained, blob_data, tmp_path):
    given = ("read", "--random", "4", "--model", trained, "--data", blob_data, "--out", "r.png")
    done = cli(*given)
    assert done.status == 0
    assert done.out.splitlines()[-1] == "r.png"
    assert (tmp_path / "r.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize("count", ["0", "-3", "1.5", "many", "²", "", "1 2"])
def test_read_wants_a_count(refused, trained, blob_data, count):
    refused("read", "--random", *count.split(" "), "--model", trained, "--data", blob_data)


def test_inspect_says_what_a_model_is_made_of(cli, trained, blob_data):
    values = cli("inspect", trained, "--data", blob_data, "--out", "p", "--json").json()
    assert set(values) >= {"layers", "parameters", "operations", "norms", "pictures"}
    assert sum(row["parameters"] for row in values["layers"]) == values["parameters"]
    assert len(values["pictures"]) >= 3
    assert all(Path(p).read_bytes().startswith(PNG) for p in values["pictures"])
    assert set(values["norms"]) == {"0.weight", "0.bias", "4.weight", "4.bias"}


def test_inspect_for_people_without_data(cli, trained):
    done = cli("inspect", trained, "--out", "p")
    assert done.status == 0, done.err
    assert "Conv2d" in done.out
    assert "no feature maps" in done.err


def test_inspect_a_picture_that_is_not_there(refused, trained, blob_data):
    given = ("inspect", trained, "--data", blob_data, "--out", "p", "--index")
    refused(*given, "40", names=["40"])
    refused(*given, "-1", names=["--index"])


def test_data_info(cli, blob_data):
    values = cli("data", "info", "--data", blob_data, "--json").json()
    assert set(values) >= {"name", "source", "sha256", "n_train", "n_test", "classes"}
    assert (values["n_train"], values["n_test"]) == (80, 40)
    assert values["image_shape"] == [1, 12, 12]
    assert sum(values["train_per_class"]) == 80
    done = cli("data", "info", "--data", blob_data)
    assert done.status == 0
    assert str(blob_data) in done.out


def test_data_augment_draws_a_sheet_that_the_seed_alone_decides(cli, blob_data, tmp_path):
    given = ("data", "augment", "--data", blob_data, "--json")
    values = cli(*given).json()
    assert values["out"] == "augment.png"
    assert set(values["rows"]) == set(data.AUGMENTATION_EXAMPLES)
    assert len(set(values["indices"])) == len(values["rows"])
    assert (tmp_path / "augment.png").read_bytes().startswith(PNG)
    again = cli(*given, "--out", "again.png").json()
    assert again["indices"] == values["indices"]
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "augment.png").read_bytes()
    done = cli("data", "augment", "--data", blob_data, "--out", "other.png", "--seed", 1)
    assert (done.status, done.out) == (0, "other.png\n")
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "augment.png").read_bytes()


def test_data_that_cannot_be_had_is_a_failure_with_the_reason(refused, tmp_path):
    refused("data", "info", status=2, names=["downloading is off"])  # it never downloads
    refused("data", "fetch", status=1, names=["127.0.0.1:9"])
    assert not list(Path(os.environ["BYHAND_CACHE"]).rglob("*ubyte*"))


def test_doctor_says_what_it_runs_on(cli, blob_data, monkeypatch):
    values = cli("doctor", "--json").json()
    assert set(values) >= {
        "version", "arithmetic", "instruction_set", "threads", "lane_width", "data", "extras",
    }  # fmt: skip
    assert values["data"] is None
    assert values["threads"] == 1
    monkeypatch.setenv("BYHAND_DATA", str(blob_data))
    assert cli("doctor", "--json").json()["data"] == str(blob_data)
    done = cli("doctor")
    assert done.status == 0
    assert str(blob_data) in done.out


@pytest.mark.parametrize("threads", ["none", "0", "-1", "²"])
def test_a_thread_count_that_is_none_is_refused(refused, monkeypatch, threads):
    monkeypatch.setenv("BYHAND_THREADS", threads)
    refused("doctor", "--json", names=["BYHAND_THREADS", threads])
