"""Odd files and odd requests: each is listed or refused with its reason, and nothing else fails."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as serialise
from starlette.testclient import TestClient

import byhand
from app import pictures
from byhand import models, nn
from byhand.app import Settings, create_app, inside, networks, records, tasks
from byhand.app.problems import Problem
from byhand.errors import DataError
from png_file import chunk, png

JSON = {"content-type": "application/json"}
DEEP = '{"a":' * 20_000 + "1" + "}" * 20_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="names and files of POSIX")


def run_of(parent, name, record="{}", report=True):
    folder = parent / name
    folder.mkdir(parents=True)
    if record is not None:
        data = record if isinstance(record, bytes) else record.encode("utf-8", "surrogatepass")
        (folder / "run.json").write_bytes(data)
    if report:
        (folder / "report.html").write_text("<p>mine", encoding="utf-8")
    return folder


def by_name(found):
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    return {run["name"]: run for run in found}


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ('{"recipe": {"name": "\\ud800"}}', "no valid JSON"), (DEEP, "nested"), ("{", "JSON"),
        (b"\xff\xfe{}", "no valid JSON"), ('{"result": {"test_accuracy": "99"}}', "float"),
        ('{"result": {"test_accuracy": true}}', "float"), ("[1]", "object"), ("", "JSON"),
        ('{"result": {"test_accuracy": -1}}', "at least 0"), ('{"recipe": "lenet5"}', "object"),
        ('{"result": {"test_accuracy": 1e999}}', "JSON"), ('{"epochs": {"a": 1}}', "array"),
        (f'{{"result": {{"test_accuracy": {10**400}}}}}', "range"), ('{"dataset": 3}', "object"),
        ('{"dataset": {"name": ["mnist"]}}', "str"), ('{"recipe": 1, "recipe": 2}', "twice"),
    ],
)  # fmt: skip
def test_an_odd_record_is_listed_with_its_reason_and_hides_no_other(tmp_path, record, why):
    run_of(tmp_path, "good", '{"recipe": {"name": "tiny"}, "result": {"test_accuracy": 0.5}}')
    run_of(tmp_path, "odd", record)
    found = by_name(records.listed(tmp_path)[0])
    assert found["good"]["accuracy"] == 0.5
    assert found["good"]["problem"] is None
    assert why in found["odd"]["problem"]
    assert found["odd"]["report"] == "/runs/odd/report.html"


@posix
def test_what_is_no_file_is_listed_with_its_reason_and_not_waited_for(tmp_path):
    run_of(tmp_path, "good")
    pipe, loop = run_of(tmp_path, "pipe", None), run_of(tmp_path, "loop", None)
    os.mkfifo(pipe / "run.json")
    (loop / "run.json").symlink_to("run.json")
    (run_of(tmp_path, "device", None) / "run.json").symlink_to("/dev/zero")
    (run_of(tmp_path, "folder", None) / "run.json").mkdir()
    os.mkfifo(run_of(tmp_path, "report", report=False) / "report.html")
    (tmp_path / "around").symlink_to("around")
    (tmp_path / "nowhere").symlink_to("nothing")
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent)
    (tmp_path / "a file").write_text("no run", encoding="utf-8")
    (tmp_path / "no run").mkdir()
    found = by_name(records.listed(tmp_path)[0])
    assert found.pop("good")["problem"] is None
    odd = {"pipe", "loop", "device", "folder", "report", "around", "nowhere", "elsewhere"}
    assert set(found) == odd
    assert all(run["problem"] for run in found.values())


def test_a_record_without_end_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RECORD_BYTES", 2**20)
    run_of(tmp_path, "huge", b'{"a": "' + b"x" * 2**20 + b'"}')
    (run,) = records.listed(tmp_path)[0]
    assert "more than 1 MB" in run["problem"]


def test_folders_that_cannot_be_looked_into_are_listed_with_their_reason(tmp_path, monkeypatch):
    run_of(tmp_path, "good")
    run_of(tmp_path / "experiments", "inner")
    run_of(tmp_path, "closed")
    scan = os.scandir

    def closed(folder):
        if Path(folder).name in ("closed", "experiments"):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    assert "experiments/inner" in by_name(records.listed(tmp_path)[0])
    monkeypatch.setattr(os, "scandir", closed)
    found = by_name(records.listed(tmp_path)[0])
    assert found["good"]["problem"] is None
    assert "Permission denied" in found["closed"]["problem"]
    assert "Permission denied" in found["experiments"]["problem"]


def test_older_runs_than_can_be_listed_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MOST", 2)
    for name in "abc":
        run_of(tmp_path, name)
    found, older = records.listed(tmp_path)
    assert (len(found), older) == (2, 1)


@posix
@pytest.mark.parametrize(
    "name",
    ["a b", "a?b#c", "50%", "a%2fb", "%00", "..%2f", "a&b=c", 'a"b', "a'b", "a\\b", "零", "a\nb",
     "<b>", "a;b", b"\xff", b"\xed\xa0\x80", "~", "-", "...", "a" * 255],
)  # fmt: skip
def test_links_resolve_whatever_a_run_is_called(tmp_path, name):
    folder = run_of(tmp_path, os.fsdecode(name))
    (folder / "pictures").mkdir()
    (folder / "pictures" / os.fsdecode(b"\xff#?.png")).write_bytes(b"\x89PNG")
    shutil.copy(models.trained_files()["tiny"], folder / "model.safetensors")
    with TestClient(create_app(Settings(runs=tmp_path)), "http://127.0.0.1") as client:
        (run,) = client.get("/api/runs").json()["runs"]
        assert run["problem"] is None
        assert "mine" in client.get(run["report"]).text
        (picture,) = run["pictures"]
        assert client.get(picture).content == b"\x89PNG"
        place = client.portal.call(client.app.state.services.networks.get, run["model"])
        assert place.path == folder / "model.safetensors"


def evil_file(path, padding):
    """A model file of 1 kB whose first convolution pads its picture beyond all bounds."""
    byhand.save(
        nn.Sequential(
            nn.Conv2d(1, 1, 3, padding=1), nn.GlobalAvgPool(), nn.Linear(1, 10)
        ).init(np.random.default_rng(0)),
        path,
    )  # fmt: skip
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    said = header["__metadata__"]["byhand"]
    assert said.count('"padding": 1,') == 1
    header["__metadata__"]["byhand"] = said.replace('"padding": 1,', f'"padding": {padding},')
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data[8 + size :])


def large_file(path):
    """A model file of some kB that takes more than 1 GiB for a picture, layer upon layer."""
    layers = [nn.Conv2d(1, 1, 3, padding=96) for _ in range(32)]
    model = nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(1, 10))
    byhand.save(model.init(np.random.default_rng(0)), path)


@posix
def test_odd_networks_are_listed_with_their_reason_and_the_others_can_be_used(tmp_path):
    good = tmp_path / "good"
    for name in ("good", "evil", "large", "none", "text", "pipe", "other", "name"):
        (tmp_path / name).mkdir()
    shutil.copy(models.trained_files()["tiny"], good / "model.safetensors")
    evil_file(tmp_path / "evil" / "model.safetensors", 2**30 - 2)
    large_file(tmp_path / "large" / "model.safetensors")
    (tmp_path / "none" / "model.safetensors").write_bytes(b"")
    (tmp_path / "text" / "model.safetensors").write_bytes(b"\xff" * 1000)
    os.mkfifo(tmp_path / "pipe" / "model.safetensors")
    (tmp_path / "other" / "model.safetensors").write_bytes(serialise({"x": np.zeros(3)}, {}))
    model = nn.load(models.trained_files()["tiny"])
    model.card.figures["test_accuracy"] = 0.123456  # as long as the text that takes its place
    byhand.save(model, tmp_path / "name" / "model.safetensors")
    saved = (tmp_path / "name" / "model.safetensors").read_bytes()
    (tmp_path / "name" / "model.safetensors").write_bytes(saved.replace(b"0.123456", rb"\"high\""))
    with TestClient(create_app(Settings(runs=tmp_path)), "http://127.0.0.1") as client:
        found = {one["id"]: one["problem"] for one in client.get("/api/models").json()["models"]}
        assert found["runs/good"] is None
        assert found["lenet5"] is None
        for name in ("evil", "large", "none", "text", "pipe", "other", "name"):
            assert found[f"runs/{name}"], name
        assert "limit" in found["runs/large"]
        for name in ("evil", "large", "none", "pipe"):
            asked = {"model": f"runs/{name}", "picture": pictures.seen(1)}
            assert client.post("/api/trace", json=asked).status_code == 400
        asked = {"model": "runs/good", "picture": pictures.seen(1)}
        assert client.post("/api/trace", json=asked).status_code == 200


def test_a_higher_limit_of_memory_lets_a_larger_network_in(tmp_path):
    large_file(tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="memory-limit"):
        networks.describe(tmp_path / "model.safetensors", 2**30)
    assert networks.describe(tmp_path / "model.safetensors", 2**40)["problem"] is None


def test_a_network_that_ends_its_process_is_listed_so_and_asked_once(tmp_path, monkeypatch):
    (tmp_path / "evil").mkdir()
    shutil.copy(models.trained_files()["tiny"], tmp_path / "evil" / "model.safetensors")
    asked = []

    async def do(function, path, memory):
        asked.append(path)
        if path.parent.name == "evil":
            raise Problem(500, "the process that worked on this has ended (exit status -11)")
        return {"name": path.name, "problem": None}

    with TestClient(create_app(Settings(runs=tmp_path)), "http://127.0.0.1") as client:
        monkeypatch.setattr(client.app.state.services.quick, "do", do)
        for _ in range(2):
            found = {m["id"]: m["problem"] for m in client.get("/api/models").json()["models"]}
            assert "exit status -11" in found["runs/evil"]
            assert found["tiny"] is None
    assert len(asked) == len(set(asked))


def test_a_network_too_large_to_be_shown_is_refused_and_takes_no_answer(monkeypatch):
    model = nn.load(models.trained_files()["tiny"])
    seen = np.zeros((28, 28), np.uint8)
    inside.traced(model, seen, None)
    monkeypatch.setattr(inside, "MOST_VALUES", 100)
    with pytest.raises(Problem, match="too many to be shown"):
        inside.traced(model, seen, None)


def test_layers_have_the_numbers_of_their_names_where_batch_norm_is_folded(tmp_path):
    layers = [nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(),
              nn.Linear(1352, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 10)]  # fmt: skip
    model = nn.Sequential(*layers).init(np.random.default_rng(0))
    byhand.save(model, tmp_path / "model.safetensors")
    place = networks.Place("x", "x", "run", tmp_path / "model.safetensors")
    traced = tasks.look(inside.traced, place, 2**30, np.zeros((28, 28), np.uint8), None)
    named = {layer["name"]: layer for layer in traced["layers"]}
    assert list(named) == ["0", "1", "3", "4", "5", "7", "8"]
    weights = {name.partition(".")[0] for name in model.state_dict() if "weight" in name}
    assert {name for name, layer in named.items() if layer["parameters"]} <= weights


def test_a_network_is_listed_with_its_own_parameters_and_data(tmp_path):
    about = networks.describe(models.trained_files()["lenet5"], 2**30)
    assert (about["parameters"], about["dataset"]) == (44_426, "mnist")
    reader = networks.describe(networks.READER, 2**30)
    assert reader["parameters"] == nn.load(networks.READER).flat.size  # as everywhere else


@pytest.mark.parametrize("path", ["predict", "trace", "attention", "step", "training"])
@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"[" * 100_000, "deep"), (b'{"a":' * 100_000, "deep"), (b"\xff\xfe", "JSON"),
        (b'{"model": "\\ud800"}', "JSON"), (b'{"rate": NaN}', "NaN"), (b'{"rate": 1e999}', "JSON"),
        (b'{"model": "a", "model": "b"}', "twice"), (b'{"nothing": 1}', "nothing"),
        (b'{"label": ' + b"9" * 5000 + b"}", "JSON"), (b"null", "object"), (b"", "JSON"),
        ('{"model": "a"}'.encode("utf-16"), "JSON"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_plain_object_are_refused(client, path, body, word):
    answer = client.post(f"/api/{path}", content=body, headers=JSON)
    assert answer.status_code == 400
    assert word in answer.json()["detail"]


ODD = [None, True, "x", "", -1, 1.5, 10**400, 1e308, [], {}, [1], "\u0000", "零" * 1000]
WHOLE = {
    "predict": {"image": pictures.data_url(pictures.drawn(1))},
    "trace": {"model": "tiny", "picture": pictures.seen(1), "label": 1},
    "attention": {"model": "tiny", "picture": pictures.seen(1), "label": 1},
    "step": {"model": "tiny", "picture": pictures.seen(1), "label": 1, "optimiser": "SGD",
             "rate": 0.1, "steps": 1},
    "training": {"recipe": "none such", "settings": {"epochs": 1}, "seed": 0},
}  # fmt: skip


@pytest.mark.parametrize(("path", "field"), [(p, f) for p, body in WHOLE.items() for f in body])
def test_whatever_a_value_is_it_is_taken_or_refused_in_a_sentence(client, path, field):
    for odd in ODD:
        body = json.dumps({**WHOLE[path], field: odd})
        answer = client.post(f"/api/{path}", content=body, headers=JSON)
        assert answer.status_code in (200, 400, 404), (odd, answer.text)
        if answer.status_code != 200:
            detail = answer.json()["detail"]
            assert len(detail) < 1000
            assert "\n" not in detail


def part(disposition, body=b"1"):
    return b"--x\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + body + b"\r\n"


FILE = part(b'form-data; name="file"; filename="a.png"', pictures.png(pictures.drawn(3)))
END = b"--x--\r\n"
KIND = "multipart/form-data; boundary=x"


# Of a form that is cut short Starlette leaves the file, in memory, to be collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [
        ("multipart/form-data", FILE + END, "boundary"), (KIND, b"", "file"),
        (KIND, b"".join(part(b'form-data; name="f%d"' % i) for i in range(5000)) + END, "fields"),
        (KIND, FILE * 20 + END, "files"), (KIND, FILE[:-40], "whole"), (KIND, FILE, "whole"),
        (KIND, part(b'form-data; name="file"') + END, "file name"),
        (KIND, part(b'form-data; filename="a"') + END, "name"),
        (KIND, part(b'form-data; name="fi\nle"; filename="a\r\n.png"') + END, "form"),
        (KIND, b"--x\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n" + END, "form"),
        (KIND, FILE + part(b'form-data; name="grid"', b"9x9") * 2 + END, "twice"),
        (KIND, FILE + part(b'form-data; name="gird"', b"9x9") + END, "gird"),
        (KIND, FILE + part(b'form-data; name="\xff"') + END, "there is no"),
        (KIND, FILE + part(b'form-data; name="steps"', b"yes") + END, "steps"),
        (KIND, FILE + part(b'form-data; name="digits"', b"1_0") + END, "digits"),
        (KIND, FILE + part(b'form-data; name="grid"', b"9" * 2_000_000) + END, "form"),
        (f"{KIND}; charset=unicode_escape",
         part(b'form-data; name="file"; filename="\\ud800.png"') + END, "UTF-8"),
        (f"{KIND}; charset=undefined", FILE + END, "UTF-8"),
        (KIND, part(b'form-data; name="file"; filename="a"',
                    b'--y\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--y--') + END,
         "picture"),
    ],
)  # fmt: skip
def test_forms_that_are_not_plain_are_refused_in_a_sentence(client, kind, body, word):
    answer = client.post("/api/read", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert word in detail
    assert detail[0].islower()


def test_a_files_name_is_told_as_it_can_be_printed(client):
    odd = FILE.replace(b"a.png", b"C:\\x\\a\0\x1b[31m.png")
    answer = client.post("/api/read", content=odd + END, headers={"content-type": KIND})
    assert answer.json()["file"] == "a[31m.png"


@pytest.mark.parametrize("size", [(1, 100_000_000), (100_000_000, 1), (2**31 - 1, 2**31 - 1)])
def test_a_picture_with_a_side_beyond_all_bounds_is_refused_by_its_head(client, size):
    picture = png(*size, chunk(b"IDAT", zlib.compress(b"\0" * 1000)))
    answer = client.post("/api/read", files={"file": ("a.png", picture)})
    assert answer.status_code == 400
    assert "picture" in answer.json()["detail"]
