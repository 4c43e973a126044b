"""The server on a real port: connections that send no head, or one without end, are closed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
import uvicorn

from byhand.app import Settings, create_app, server
from byhand.cli import main


@pytest.fixture
def port(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.5)
    app = create_app(Settings(runs=tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(app, log_level="error", http=server.Impatient, ws="none")
        running = server.Server(config, app)
        running.install_signal_handlers = lambda: None
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        running.should_exit = True
        thread.join(30)


def closed_within(connection, seconds):
    connection.settimeout(seconds)
    try:
        return connection.recv(1000) == b""
    except TimeoutError:
        return False


def test_a_silent_connection_is_closed(port):
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert closed_within(silent, 5)


def test_a_head_that_never_ends_is_given_up(port):
    with socket.create_connection(("127.0.0.1", port)) as dripping:
        dripping.sendall(b"GET / HTTP/1.1\r\n")
        begun = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - begun < 10:
                dripping.sendall(b"X: y\r\n")
                time.sleep(0.05)
        assert time.monotonic() - begun < 5


def test_a_connection_that_stays_open_can_ask_again(port):
    with socket.create_connection(("127.0.0.1", port)) as kept:
        kept.settimeout(10)
        for _ in range(3):
            kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = b""
            while b"}" not in answer:
                answer += kept.recv(4000)
            assert answer.startswith(b"HTTP/1.1 200")
            time.sleep(0.7)  # longer than a head may take: uvicorn waits for the next one itself


HERE = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("more", "host", "browser", "opens"),
    [
        (HERE, "127.0.0.1", True, True), ({"WAYLAND_DISPLAY": "w"}, "localhost", True, True),
        (HERE, "127.0.0.1", False, False), ({}, "127.0.0.1", True, False),
        ({**HERE, "SSH_CONNECTION": "1.2.3.4"}, "127.0.0.1", True, False),
        ({**HERE, "CI": "true"}, "127.0.0.1", True, False), (HERE, "0.0.0.0", True, False),
    ],
)  # fmt: skip
def test_the_page_is_opened_where_somebody_sits(monkeypatch, more, host, browser, opens):
    for name in ("CI", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(server.sys, "platform", "linux")
    opened, said = threading.Event(), []
    monkeypatch.setattr(server.webbrowser, "open", lambda address: opened.set())
    monkeypatch.setattr(server.Server, "run", lambda self, sockets: None)
    server.serve(Settings(host=host), 0, said.append, browser=browser)
    assert opened.wait(5 if opens else 0) == opens
    assert said[-1].endswith("Ctrl-C ends it)" if opens else "open it in a browser")


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--runs", "", "--runs"), ("--model", " ", "--model"), ("--runs", "a file", "no folder"),
        ("--host", "", "listen"), ("--host", "\udcff", "listen"), ("--host", "[::1]", "listen"),
        ("--memory-limit", "nan", "--memory-limit"), ("--memory-limit", "0", "--memory-limit"),
    ],
)  # fmt: skip
def test_an_option_that_is_none_is_one_sentence(tmp_path, monkeypatch, capsys, option, value, word):
    (tmp_path / "a file").touch()
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--no-browser", "--port", "0", option, value]) == 2
    said = capsys.readouterr().err
    assert said.startswith("byhand: ")
    assert word in said
    assert said.count("\n") == 1


def test_serve_says_in_its_help_when_the_page_is_opened():
    done = subprocess.run(
        [sys.executable, "-m", "byhand", "serve", "--help"], capture_output=True, text=True
    )
    assert "--no-browser" in done.stdout
    assert "--memory-limit" in done.stdout
