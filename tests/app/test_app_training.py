"""Training in a process of its own: started, followed, paused, stopped, kept; one at a time."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from starlette.testclient import TestClient

import blobs
from byhand.app import Settings, create_app, worker
from byhand.app.training import Training
from byhand.errors import FileWriteError
from byhand.recipes.engine import run as runs

QUICK = {"recipe": "one_conv", "settings": {"epochs": 2, "batch_size": 20}, "seed": 1}
LONG = {"recipe": "one_conv", "settings": {"epochs": 100000, "batch_size": 20}, "seed": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return blobs.write_idx(tmp_path_factory.mktemp("data"), 400, 40)


@pytest.fixture
def client(tmp_path, data):
    with TestClient(
        create_app(Settings(runs=tmp_path / "runs", data=data)), "http://127.0.0.1"
    ) as client:
        yield client


def until(client, *statuses, seconds=60):
    """Wait for one of these statuses."""
    end = time.monotonic() + seconds
    while (state := client.get("/api/training").json())["status"] not in statuses:
        assert time.monotonic() < end, state
        time.sleep(0.05)
    return state


def events(client):
    """What has been told so far, as a page that is opened now is told it."""
    training = client.app.state.services.training

    async def read():
        told = []
        async for text in training.events(0):
            told += [
                json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")
            ]
            if told and told[-1]["id"] == training._events[-1]["id"]:
                break
        return told

    return client.portal.call(read)


def test_a_training_is_followed_to_its_end_and_its_network_can_be_used(client, tmp_path):
    assert client.get("/api/training").json()["status"] == "idle"
    started = client.post("/api/training", json=QUICK)
    assert started.status_code == 201
    assert started.json()["status"] == "starting"
    until(client, "finished")
    told = events(client)
    kinds = [event["event"] for event in told]
    assert kinds[0] == "starting"
    assert kinds[1] == "started"
    assert kinds[-1] == "finished"
    assert kinds.count("epoch") == 2
    assert {"kernels", "mistakes", "step"} <= set(kinds)
    assert [event["id"] for event in told] == sorted({event["id"] for event in told})
    run = told[-1]["run"]
    assert (tmp_path / "runs" / run / "report.html").is_file()
    models = {model["id"]: model for model in client.get("/api/models").json()["models"]}
    assert f"runs/{run}" in models
    (listed,) = client.get("/api/runs").json()["runs"]
    assert listed["name"] == run
    assert listed["accuracy"] is not None
    assert client.post("/api/training", json=QUICK).status_code == 201  # and another may begin
    until(client, "finished")


def test_a_report_that_cannot_be_written_is_told_with_the_result(
    data, tmp_path, monkeypatch, capsys
):
    def full(folder):
        raise FileWriteError(f"cannot write {folder}: no space is left")

    monkeypatch.setattr(runs, "_report", full)
    monkeypatch.setattr(worker.kernels, "set_threads", lambda count: None)  # this process goes on
    order = {"recipe": "one_conv", "settings": ["epochs=1"], "seed": 0}
    worker.train({**order, "runs": tmp_path, "data": str(data)}, worker.Orders())
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["result"]["n_test"]) == ("finished", 40)
    assert "no space is left" in last["problem"]


def test_two_at_once_are_refused_and_one_can_be_paused_resumed_and_stopped(client, tmp_path):
    assert client.post("/api/training/stop").status_code == 409
    client.post("/api/training", json=LONG)
    second = client.post("/api/training", json=QUICK)
    assert second.status_code == 409
    assert "stop it first" in second.json()["detail"]
    until(client, "running")
    assert client.post("/api/training/pause").status_code == 200
    until(client, "paused")
    steps = client.get("/api/training").json()["step"]
    time.sleep(0.5)
    assert client.get("/api/training").json()["step"] == steps
    client.post("/api/training/resume")
    until(client, "running")
    assert client.post("/api/training/fly").status_code == 404
    client.post("/api/training/stop")
    until(client, "stopped")
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "model.safetensors").is_file()
    models = {model["id"] for model in client.get("/api/models").json()["models"]}
    assert f"runs/{run.name}" in models


@pytest.mark.parametrize(
    ("order", "word"),
    [
        ({"recipe": "magic"}, "magic"), ({"recipe": None}, "recipe"), ({"seed": "x"}, "seed"),
        ({"seed": -1}, "seed"), ({"settings": {"epochz": 3}}, "epochz"),
        ({"settings": {"epochs": "many"}}, "epochs"), ({"settings": [1]}, "settings"),
        ({"settings": {"epochs": {"a": 1}}}, "settings"),
    ],
)  # fmt: skip
def test_an_order_that_is_none_is_refused_before_anything_is_started(client, order, word):
    answer = client.post("/api/training", json={**QUICK, **order})
    assert answer.status_code == 400
    assert word in answer.json()["detail"]
    assert client.get("/api/training").json()["status"] == "idle"


def test_a_training_without_its_data_fails_with_the_reason(tmp_path):
    app = create_app(Settings(runs=tmp_path / "runs", data=tmp_path / "nothing"))
    with TestClient(app, "http://127.0.0.1") as client:
        client.post("/api/training", json=QUICK)
        until(client, "failed")
        assert "nothing" in events(client)[-1]["detail"]


def test_when_the_server_ends_the_training_ends_and_its_run_is_kept(tmp_path, data):
    with TestClient(
        create_app(Settings(runs=tmp_path / "runs", data=data)), "http://127.0.0.1"
    ) as client:
        client.post("/api/training", json=LONG)
        until(client, "running")
        process = client.app.state.services.training._process
    assert process.returncode == 0
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "model.safetensors").is_file()


def test_a_process_that_dies_is_told_of(client):
    client.post("/api/training", json=LONG)
    until(client, "running")
    client.app.state.services.training._process.kill()
    until(client, "failed")
    assert "ended early" in events(client)[-1]["detail"]


def test_events_are_sent_as_a_stream_from_where_a_page_has_them(client):
    client.post("/api/training", json=QUICK)
    until(client, "finished")
    last = events(client)[-1]["id"]
    training = client.app.state.services.training

    async def first(after):
        stream = training.events(after)
        assert await anext(stream) == "retry: 1000\n\n"
        text = await anext(stream)
        await stream.aclose()
        return text

    assert client.portal.call(first, last - 1).startswith(f"id: {last}\ndata: {{")
    assert client.get("/api/training/events", params={"after": "x"}).status_code == 400


def test_old_steps_are_forgotten_where_there_are_many_and_the_rest_is_not(tmp_path, monkeypatch):
    from byhand.app import training as page

    monkeypatch.setattr(page, "MOST_EVENTS", 20)

    async def main():
        training = Training(tmp_path)
        await training._add({"event": "started"})
        for step in range(100):
            await training._add({"event": "step", "step": step})
            await training._add({"event": "epoch", "epoch": step})
            await training._add({"event": "kernels", "step": step})
        return training._events

    kept = asyncio.run(main())
    assert len(kept) <= 22
    assert kept[0]["event"] == "started"
    assert [event["step"] for event in kept if event["event"] == "kernels"] == [99]
    assert [event["step"] for event in kept if event["event"] == "step"][-1] == 99
    assert [event["epoch"] for event in kept if event["event"] == "epoch"][-1] == 99


def test_a_stop_that_comes_before_the_process_is_heard(client):
    client.post("/api/training", json=QUICK)
    client.post("/api/training/stop")
    until(client, "stopped")


def test_whatever_goes_wrong_in_the_process_is_told_and_it_ends():
    worker = [sys.executable, "-m", "byhand.app.worker"]
    with subprocess.Popen(
        worker, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write('{"recipe": "one_conv"}\n')
        process.stdin.flush()  # and it stays open, as the server keeps it
        told = json.loads(process.stdout.readline())
        assert process.wait(30) == 0
        assert "KeyError" in process.stderr.read()
    assert told["event"] == "failed"
    assert "KeyError" in told["detail"]


def test_not_more_listen_than_can_be_served(client, monkeypatch):
    from byhand.app import training as page

    monkeypatch.setattr(page, "LISTENERS", 0)
    assert client.get("/api/training/events").status_code == 503


def test_ctrl_c_ends_the_server_and_its_training_and_keeps_the_run(tmp_path, data):
    command = [sys.executable, "-m", "byhand", "serve", "--port", "0", "--data", str(data),
               "--no-browser", "--runs", str(tmp_path / "runs")]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        address = re.search(r"http://[^/]+", server.stdout.readline())[0]

        def ask(path, body=None):
            request = urllib.request.Request(
                address + path,
                None if body is None else json.dumps(body).encode(),
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        ask("/api/training", LONG)
        end = time.monotonic() + 60
        while ask("/api/training")["status"] != "running":
            assert time.monotonic() < end
            time.sleep(0.1)
        # A page that listens does not hold up the end.
        listening = urllib.request.urlopen(address + "/api/training/events", timeout=30)
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
        listening.close()
    assert server.returncode == 130
    assert said.splitlines() == ["byhand: interrupted"]
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "model.safetensors").is_file()
    assert (run / "checkpoint.safetensors").is_file() or json.loads(
        (run / "run.json").read_text("utf-8")
    )


def test_on_another_address_a_token_is_made_and_printed(tmp_path):
    command = [
        sys.executable,
        "-m",
        "byhand",
        "serve",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--no-browser",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        warned, told = server.stdout.readline(), server.stdout.readline()
        server.terminate()
        server.wait(30)
    assert "token" in warned
    assert len(re.search(r"\?token=([\w-]+)", told)[1]) >= 32


def test_an_address_that_cannot_be_had_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "byhand", "serve", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("byhand: cannot listen on '127.0.0.1' port")
