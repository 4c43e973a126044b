"""Hostile requests, made from the description: every answer is one that it names."""

from __future__ import annotations

import json

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from byhand.app.routes import STATIC

DESCRIPTION = json.loads((STATIC / "openapi.json").read_text("utf-8"))
SENT = ("method", "url", "json", "data", "files", "params", "headers")
PATHS = DESCRIPTION["paths"]
# A stream without end; and what would train: test_app_training.py has its hostile orders.
LEFT_OUT = {("/api/training/events", "get"), ("/api/training", "post")}
ASKED = [
    (path, method, mode)
    for path in PATHS
    for method, described in PATHS[path].items()
    for mode in ("positive", "negative")
    if (path, method) not in LEFT_OUT
    # Any text is a run's name or a file's: nothing can be asked wrongly there.
    and (
        mode == "positive" or ({"requestBody", "parameters"} & set(described) and "run" not in path)
    )
]


@pytest.mark.parametrize(("path", "method", "mode"), ASKED)
def test_whatever_is_asked_the_answer_is_one_that_is_described(client, path, method, mode):
    operation = schemathesis.openapi.from_dict(DESCRIPTION)[path][method.upper()]
    described = {int(status) for status in PATHS[path][method]["responses"]} | {404, 405}

    @settings(
        max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def ask(case):
        asked = case.as_transport_kwargs(base_url="http://127.0.0.1")
        raw = requests.Request(**{name: asked.get(name) for name in SENT}).prepare()
        answer = client.request(raw.method, raw.url, content=raw.body, headers=dict(raw.headers))
        assert answer.status_code in described, answer.text
        if answer.status_code >= 400:
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert "\n" not in problem["detail"]

    ask()
