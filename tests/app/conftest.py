"""The server in the test's own process, and a small trained network among its runs."""

from __future__ import annotations

import numpy as np
import pytest
from starlette.testclient import TestClient

import byhand
from byhand import models
from byhand.app import Settings, create_app


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with a run: a model that was never trained, a report and a picture."""
    folder = tmp_path_factory.mktemp("runs")
    run = folder / "tiny-seed0"
    (run / "pictures").mkdir(parents=True)
    byhand.save(models.build("tiny", np.random.default_rng(0)), run / "model.safetensors")
    (run / "report.html").write_text("<!doctype html><title>A report</title>", encoding="utf-8")
    (run / "pictures" / "curve.png").write_bytes(b"\x89PNG")
    (run / "run.json").write_text(
        '{"recipe": {"name": "tiny"}, "epochs": [1, 2]}', encoding="utf-8"
    )
    (folder.parent / "secret.html").write_text("mine", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def application(runs):
    return create_app(Settings(runs=runs))


@pytest.fixture(scope="session")
def client(application):
    """Asks the server as its own page does."""
    with TestClient(application, base_url="http://127.0.0.1:8028") as client:
        yield client
