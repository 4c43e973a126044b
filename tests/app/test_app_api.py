"""Every address of the server: what it gives, and how it refuses what is none."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from starlette.routing import Route

import byhand
from app import pictures
from byhand import kernels, models, nn
from byhand.app import inside, records
from byhand.app.routes import ROUTES, STATIC
from byhand.data import Standardisation

RUN = "runs/tiny-seed0"


@pytest.fixture
def refused(client):
    """Ask, and see that it is refused with a status and one sentence as problem+json."""

    def ask(status, method, path, *words, **more):
        answer = client.request(method, path, **more)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert "\n" not in problem["detail"]
        for word in words:
            assert word in problem["detail"]
        return problem

    return ask


def test_it_says_that_it_is_there(client):
    assert client.get("/healthz").json() == {"status": "ok", "version": byhand.__version__}


def test_the_networks_are_listed(client):
    found = {model["id"]: model for model in client.get("/api/models").json()["models"]}
    assert {"one_conv", "two_conv", "tiny", "lenet5", "deep_convnet", "reader", RUN} <= set(found)
    assert found["lenet5"]["accuracy"] > 0.985
    assert found["lenet5"]["source"] == "package"
    assert found[RUN]["source"] == "run"
    assert found["reader"]["classes"][-2:] == ["none", "several"]


def test_the_recipes_are_listed_but_for_the_readers(client):
    found = {recipe["name"]: recipe for recipe in client.get("/api/recipes").json()["recipes"]}
    assert "one_conv" in found
    assert "reader" not in found
    assert found["one_conv"]["epochs"] == 10


def test_a_drawing_is_read(client):
    read = client.post("/api/predict", json={"image": pictures.data_url(pictures.drawn(5, 7))})
    assert read.status_code == 200
    body = read.json()
    assert body["text"] == "57"
    for digit, value in zip(body["digits"], "57", strict=True):
        assert digit["value"] == value
        assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-4)
        assert len(digit["seen"]) == 1048
        assert digit["confidence"] >= body["threshold"]


def test_what_is_no_digit_is_told_with_what_it_would_be(client):
    scribble = np.full((100, 160), 255, np.uint8)
    scribble[20:80:6, 10:150] = 0
    body = client.post("/api/predict", json={"image": pictures.data_url(scribble)}).json()
    assert body["text"] == ""
    assert all(digit["value"] is None for digit in body["digits"])
    blank = pictures.data_url(np.full((50, 50), 255, np.uint8))
    assert client.post("/api/predict", json={"image": blank}).json()["digits"] == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "data URL"), ({"image": 3}, "data URL"), ({"image": "http://x/y.png"}, "data URL"),
        ({"image": "data:image/png;base64,***"}, "base64"),
        ({"image": "data:image/png;base64,aGVsbG8="}, "picture"),
    ],
)  # fmt: skip
def test_a_drawing_that_is_none_is_refused(refused, body, word):
    refused(400, "POST", "/api/predict", word, json=body)


@pytest.mark.parametrize("path", ["predict", "trace", "attention", "step", "training"])
def test_a_body_that_is_no_json_object_is_refused(refused, path):
    json_kind = {"content-type": "application/json"}
    refused(415, "POST", f"/api/{path}", "JSON", content=b"{}", headers={"content-type": "text/x"})
    refused(400, "POST", f"/api/{path}", "JSON", content=b"{", headers=json_kind)
    refused(400, "POST", f"/api/{path}", "deep", content=b"[" * 100_000, headers=json_kind)
    refused(400, "POST", f"/api/{path}", "object", content=b"[1]", headers=json_kind)


def test_a_photograph_is_read(client):
    page = pictures.png(np.pad(pictures.drawn(2, 0, 8, gap=30), 40, constant_values=255))
    fields = {"choices": "2", "steps": "1", "preview": "1"}
    body = client.post("/api/read", files={"file": ("a/../b.png", page)}, data=fields).json()
    assert body["file"] == "b.png"
    assert [line["text"] for line in body["lines"]] == ["208"]
    assert len(body["lines"][0]["digits"][0]["choices"]) == 2
    assert body["csv"].splitlines()[1].startswith("b.png,1,208")
    assert body["preview"].startswith("data:image/jpeg;base64,")
    assert [step["name"] for step in body["steps"]][:2] == ["picture", "ink"]
    assert all(step["picture"].startswith("data:image/png") for step in body["steps"])
    plain = client.post("/api/read", files={"file": page}).json()
    assert "preview" not in plain
    assert "steps" not in plain


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"grid": "9"}, "grid"), ({"grid": "0x4"}, "grid"), ({"digits": "x"}, "digits"),
        ({"digits": "-1"}, "digits"), ({"threshold": "nan"}, "threshold"),
        ({"threshold": "2"}, "threshold"),
        ({"choices": "11"}, "choices"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(refused, data, word):
    page = pictures.png(pictures.drawn(3))
    refused(400, "POST", "/api/read", word, files={"file": page}, data=data)


def test_forms_without_a_picture_are_refused(refused):
    refused(400, "POST", "/api/read", "file", data={"grid": "auto"})
    refused(400, "POST", "/api/read", "empty", files={"file": b""})
    refused(400, "POST", "/api/read", "picture", files={"file": b"hello"})
    broken = {"content-type": "multipart/form-data; boundary=x"}
    refused(400, "POST", "/api/read", content=b"--y\r\nnonsense", headers=broken)


def test_a_network_is_traced_as_python_traces_it(client, runs):
    asked = {"model": RUN, "picture": pictures.seen(4), "label": 4}
    body = client.post("/api/trace", json=asked).json()
    model = nn.load(runs / "tiny-seed0" / "model.safetensors")
    x = (model.card.standardisation or Standardisation.unit(1)).apply(
        np.frombuffer(base64.b64decode(asked["picture"]), np.uint8).reshape(1, 1, 28, 28)
    )
    trace = nn.trace(model, x, np.array([4]))
    assert body["loss"] == pytest.approx(trace.loss)
    assert [layer["kind"] for layer in body["layers"]] == [layer.kind for layer in trace]
    for sent, layer in zip(body["layers"], trace, strict=True):
        np.testing.assert_array_equal(pictures.array(sent["output"]), layer.output[0])
        np.testing.assert_array_equal(pictures.array(sent["dx"]), layer.dx[0])
        assert set(sent["gradients"]) == set(layer.grads)
        for name, values in layer.grads.items():
            np.testing.assert_array_equal(pictures.array(sent["gradients"][name]), values)
    probabilities, _ = kernels.softmax(trace.output)
    np.testing.assert_allclose(pictures.array(body["probabilities"]), probabilities[0])
    forward = client.post("/api/trace", json={**asked, "label": None}).json()
    assert forward["loss"] is None
    assert forward["layers"][0]["dx"] is None


@pytest.mark.parametrize("model", ["lenet5", "deep_convnet", "reader"])
def test_the_networks_of_the_package_can_be_looked_into(client, model):
    body = client.post("/api/trace", json={"model": model, "picture": pictures.seen(3)}).json()
    probabilities = pictures.array(body["probabilities"])
    assert body["classes"][int(probabilities.argmax())] == "3"
    assert all(isinstance(layer["settings"].get("padding", 0), int) for layer in body["layers"])


def test_a_step_lowers_the_loss_and_changes_nobodys_network(client):
    asked = {"model": RUN, "picture": pictures.seen(6), "label": 6, "rate": 0.01, "steps": 5}
    look = {name: asked[name] for name in ("model", "picture", "label")}
    before = client.post("/api/trace", json=look).json()
    body = client.post("/api/step", json=asked).json()
    losses = [step["loss"] for step in body["steps"]]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert body["moved"] > 0
    assert client.post("/api/trace", json=look).json() == before
    far = client.post("/api/step", json={**asked, "rate": 100, "optimiser": "SGD"}).json()
    assert json.dumps(far, allow_nan=False)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"label": None}, "label"), ({"label": 10}, "label"), ({"label": True}, "label"),
        ({"rate": 0}, "rate"), ({"rate": "x"}, "rate"), ({"rate": 1e9}, "rate"),
        ({"steps": 0}, "steps"), ({"steps": 51}, "steps"), ({"steps": 1.5}, "steps"),
        ({"optimiser": "Magic"}, "SGD"), ({"picture": "AAAA"}, "784"),
        ({"picture": None}, "base64"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_taken_is_refused(refused, changed, word):
    asked = {"model": RUN, "picture": pictures.seen(6), "label": 6, **changed}
    refused(400, "POST", "/api/step", word, json=asked)


@pytest.mark.parametrize("model", [None, "", "../x", "runs/../x", "/etc/passwd", "runs/", 3])
def test_a_network_is_had_by_its_name_in_the_list_only(refused, model):
    asked = {"model": model, "picture": pictures.seen(1)}
    refused(404, "POST", "/api/trace", "api/models", json=asked)


def test_where_a_network_looks(client):
    asked = {"model": "lenet5", "picture": pictures.seen(3)}
    body = client.post("/api/attention", json=asked).json()
    assert body["label"] == 3
    saliency, occlusion = (pictures.array(body[name]) for name in ("saliency", "occlusion"))
    assert saliency.shape == occlusion.shape == (28, 28)
    assert saliency.min() >= 0
    assert saliency.max() > 0


def test_runs_are_listed_with_their_reports(client):
    (run,) = client.get("/api/runs").json()["runs"]
    assert (run["name"], run["title"], run["epochs"]) == ("tiny-seed0", "tiny", 2)
    assert run["model"] == RUN
    report = client.get(run["report"])
    assert "A report" in report.text
    assert "sandbox" in report.headers["content-security-policy"]
    assert client.get(run["pictures"][0]).headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    [
        "/runs/tiny-seed0/model.safetensors", "/runs/tiny-seed0/../../secret.html",
        "/runs/../secret.html", "/runs/%2e%2e/secret.html",
        "/runs/tiny-seed0/%2e%2e/%2e%2e/secret.html",
        "/runs/tiny-seed0//etc/hostname", "/runs/tiny-seed0/none.html", "/runs/x/report.html",
        "/runs/tiny-seed0/report.html%00.png", "/no/such/thing", "/static/../application.py",
        "/%2e%2e/application.py",
    ],
)  # fmt: skip
def test_no_other_file_can_be_had(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert "mine" not in answer.text


def test_a_method_that_is_not_for_it_is_refused(refused):
    refused(405, "GET", "/api/predict")
    refused(405, "DELETE", "/api/models")
    refused(404, "GET", "/api/nothing")


def test_a_mistake_of_ours_tells_nothing_of_the_inside(application, monkeypatch):
    from starlette.testclient import TestClient

    async def broken():
        raise RuntimeError("the secret")

    monkeypatch.setattr(application.state.services.networks, "listed", broken)
    client = TestClient(application, "http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/api/models")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def every_route(routes, before=""):
    for route in routes:
        if isinstance(route, Route):
            yield before, route
        elif route.routes:
            yield from every_route(route.routes, before + route.path)


def test_the_description_names_every_address(client):
    described = client.get("/api/openapi.json").json()["paths"]
    ours = {
        (f"{before}{route.path}".replace(":any", ""), method.lower())
        for before, route in every_route(ROUTES)
        for method in route.methods - {"HEAD"}
    } - {("/api/openapi.json", "get")}
    assert ours == {(path, method) for path, methods in described.items() for method in methods}


def test_every_text_is_there_in_every_language_and_every_key_is_used():
    texts = {path.stem: json.loads(path.read_text("utf-8")) for path in STATIC.glob("texts/*.json")}
    assert set(texts) == {"en", "zh"}
    assert set(texts["en"]) == set(texts["zh"])
    sources = [*STATIC.rglob("*.js"), STATIC / "index.html"]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    for language in texts.values():
        assert all(text.strip() for text in language.values())
    for key, text in texts["en"].items():
        holes = {part.split("}")[0] for part in text.split("{")[1:]}
        assert holes == {part.split("}")[0] for part in texts["zh"][key].split("{")[1:]}, key
        stem = key.rpartition(".")[0]
        assert f'"{key}"' in code or f"`{stem}.${{" in code, f"nobody says {key}"


def test_the_page_asks_for_nothing_from_elsewhere():
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http:" not in text, path
            assert "https:" not in text, path
            assert "//cdn" not in text, path
    assert Path(STATIC, "index.html").read_text("utf-8").count("<script") == 1


@pytest.mark.parametrize(
    "record",
    ['{"result": {"test_accuracy": NaN}}', '{"recipe": "x"}', '{"result": [1]}', "[1]", "{"],
)
def test_a_run_with_a_strange_record_does_not_hide_the_others(tmp_path, record):
    for name, text in (("good", "{}"), ("strange", record)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text, encoding="utf-8")
    found, _ = records.listed(tmp_path)
    assert {run["name"]: bool(run["problem"]) for run in found} == {"good": False, "strange": True}
    json.dumps(found, allow_nan=False)


def test_a_network_that_has_diverged_can_be_looked_at():
    model = nn.load(models.trained_files()["lenet5"])
    seen = np.full((28, 28), 200, np.uint8)
    for scale in (1e5, 1e12, 1e30):
        large = model.copy()
        large.flat[...] *= np.float32(scale)
        with np.errstate(all="ignore"):
            json.dumps(inside.traced(large, seen, 3), allow_nan=False)
            json.dumps(inside.stepped(large, seen, 3, "SGD", 0.1, 3), allow_nan=False)


def test_numbers_and_names_beyond_all_bounds_are_refused(refused):
    asked = {"model": RUN, "picture": pictures.seen(6), "label": 6}
    huge = json.dumps({**asked, "rate": 10**400}).encode()
    kind = {"content-type": "application/json"}
    refused(400, "POST", "/api/step", "rate", content=huge, headers=kind)
    page = pictures.png(pictures.drawn(3))
    grid = "9" * 5000 + "x9"
    refused(400, "POST", "/api/read", "grid", files={"file": page}, data={"grid": grid})
    refused(404, "GET", f"/runs/{'a' * 300}/a.html")
    refused(413, "POST", "/api/step", "2 MB", content=b'{"a": "' + b"x" * 3_000_000, headers=kind)
