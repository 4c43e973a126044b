"""Small sets in files, a mirror on this machine, and what a good error message looks like."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from byhand.data import IDX_FILES, encode_idx


def small_set(n_train=30, n_test=10, size=6, seed=0):
    """Pictures (N, H, W) and labels (N,) to train on and to test on, all uint8."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in (n_train, n_test):
        parts += [
            rng.integers(256, size=(n, size, size), dtype=np.uint8),
            np.arange(n, dtype=np.uint8) % 10,
        ]
    return tuple(parts)


def idx_bytes(arrays=None):
    """The four decompressed IDX files of a small set, by name."""
    arrays = small_set() if arrays is None else arrays
    return {name: encode_idx(array) for name, array in zip(IDX_FILES, arrays, strict=True)}


def write_idx_files(folder, arrays=None, compress=True):
    """Write the four IDX files of a small set into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in idx_bytes(arrays).items():
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
        else:
            (folder / name).write_bytes(data)
    return folder


class Mirror:
    """A server on 127.0.0.1 that gives files and counts how often each was asked for.

    `behaviour` says how: well, or in one of the ways that servers fail in.
    """

    def __init__(self, bodies, behaviour="well"):
        self.counts = Counter()
        self.leaving = threading.Event()
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                name = Path(self.path).name
                mirror.counts[name] += 1
                with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
                    mirror.answer(self, bodies.get(name), behaviour)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/some/folder/"

    def answer(self, handler, body, behaviour):
        if body is None or behaviour == "gone":
            handler.send_error(404)
            return
        handler.send_response(200)
        if behaviour == "endless":
            handler.end_headers()
            while not self.leaving.is_set():
                handler.wfile.write(body)
            return
        handler.send_header("Content-Length", str(len(body)))
        if behaviour == "slow":
            self.leaving.wait(0.3)
        handler.end_headers()
        if behaviour == "stalls":
            handler.wfile.write(body[:10])
            handler.wfile.flush()
            self.leaving.wait()
        elif behaviour == "drips":
            step = len(body) // 10 + 1
            for place in range(0, len(body), step):
                handler.wfile.write(body[place : place + step])
                handler.wfile.flush()
                self.leaving.wait(0.1)
        else:
            handler.wfile.write(body[: len(body) // 2] if behaviour == "truncated" else body)

    def close(self):
        self.leaving.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class MirrorSet:
    """A small set, its hashes, and mirrors that serve it well or badly."""

    def __init__(self):
        self.files = idx_bytes()
        self.hashes = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        self.bodies = {f"{name}.gz": gzip.compress(data) for name, data in self.files.items()}
        self.mirrors = []

    def start(self, behaviour="well", bodies=None):
        mirror = Mirror(self.bodies if bodies is None else bodies, behaviour)
        self.mirrors.append(mirror)
        return mirror


@pytest.fixture
def mirror_set(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    mirrors = MirrorSet()
    yield mirrors
    for mirror in mirrors.mirrors:
        mirror.close()


@pytest.fixture
def sets():
    """The makers of small sets above."""

    class Makers:
        small = staticmethod(small_set)
        idx = staticmethod(write_idx_files)

    return Makers


@pytest.fixture
def sentence():
    """Check that an error's message is one sentence with a remedy that names all of `names`."""

    def check(error, *names):
        text = str(error)
        assert "\n" not in text
        assert not text.endswith(".")
        assert ". " not in text
        assert ": " in text or "; " in text or ", but it must be " in text, "no remedy"
        for name in names:
            assert str(name) in text
        assert "Traceback" not in text

    return check


@pytest.fixture(autouse=True)
def _no_mirrors_named(monkeypatch):
    """The user's own mirrors are no test's business."""
    monkeypatch.delenv("BYHAND_MIRRORS", raising=False)
