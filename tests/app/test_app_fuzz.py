"""Mutated records, model files and requests, by a seed: byhand's own errors and no others.

`BYHAND_FUZZ=20000 python -m pytest tests/app/test_app_fuzz.py` tries so many of each.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress

import pytest

from app import pictures
from byhand import models
from byhand.app import networks, records
from byhand.errors import ByhandError

MANY = int(os.environ.get("BYHAND_FUZZ", "2000"))
ODD = [
    b'"\\ud800"',
    b"NaN",
    b"1e999",
    b"[" * 4,
    b'{"a":' * 500,
    b"null",
    b"true",
    b"9" * 5000,
    b"",
    b"\xff",
    b'""',
    b"-1",
    b"{}",
    b"[]",
    b'"x"',
    b"\0",
    b",",
    b"1e308",
    b'"\\u0000"',
]
RECORD = {"recipe": {"name": "tiny"}, "epochs": [{"loss": 1.5}], "dataset": {"name": "mnist"},
          "result": {"test_accuracy": 0.5}}  # fmt: skip
LOOKED = {"model": "tiny", "picture": pictures.seen(1), "label": 1}
BODIES = {
    "predict": {"image": pictures.data_url(pictures.drawn(1))},
    "trace": LOOKED,
    "attention": LOOKED,
    "step": {**LOOKED, "optimiser": "Adam", "rate": 0.1, "steps": 2},
    "training": {"recipe": "none such", "settings": {"epochs": 1}, "seed": 0},
}
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="grid"\r\n\r\n2x2\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n',
    pictures.png(pictures.drawn(3)) + b"\r\n--x--\r\n",
)


def mutated(rng, data):
    """The bytes with a few of them changed, left out, cut off, or something odd in their place."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.randrange(12))
        how = rng.randrange(4)
        if how == 0 and data:
            data[min(start, len(data) - 1)] = rng.randrange(256)
        elif how == 3:
            del data[start:]
        else:
            data[start:end] = b"" if how == 1 else rng.choice(ODD)
    return bytes(data)


def with_an_odd_value(rng, values):
    """The object as JSON, with something odd in the place of one value, at any depth."""
    names = list(values)
    name = rng.choice(names)
    parts = []
    for key, value in values.items():
        if key == name and isinstance(value, dict) and value and rng.random() < 0.7:
            text = with_an_odd_value(rng, value)
        else:
            text = rng.choice(ODD) if key == name else json.dumps(value).encode()
        parts.append(json.dumps(key).encode() + b": " + text)
    return b"{" + b", ".join(parts) + b"}"


def odd_json(rng, values):
    if rng.random() < 0.5:
        return with_an_odd_value(rng, values)
    return mutated(rng, json.dumps(values).encode())


def test_odd_records_are_listed_and_can_be_sent(tmp_path):
    rng, run = random.Random(0), tmp_path / "run"
    run.mkdir()
    problems = 0
    for _ in range(MANY):
        (run / "run.json").write_bytes(odd_json(rng, RECORD))
        found, _ = records.listed(tmp_path)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
        problems += found[0]["problem"] is not None
    assert MANY / 2 < problems < MANY


def test_odd_model_files_are_described_or_refused(tmp_path):
    rng, path = random.Random(1), tmp_path / "model.safetensors"
    whole = models.trained_files()["tiny"].read_bytes()
    size = int.from_bytes(whole[:8], "little")
    for _ in range(MANY // 4):
        if rng.random() < 0.8:
            head = mutated(rng, whole[8 : 8 + size])
            path.write_bytes(len(head).to_bytes(8, "little") + head + whole[8 + size :])
        else:
            path.write_bytes(mutated(rng, whole))
        with suppress(ByhandError):
            about = networks.describe(path, 2**30)
            json.dumps(about, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of cut forms
def test_odd_requests_are_answered_or_refused(client):
    rng = random.Random(2)
    for _ in range(MANY // 4):
        path = rng.choice([*BODIES, "read"])
        if path == "read":
            head, tail = FORM
            body = mutated(rng, head) + tail if rng.random() < 0.7 else head + mutated(rng, tail)
            kind = "multipart/form-data; boundary=x"
        else:
            body, kind = odd_json(rng, BODIES[path]), "application/json"
        answer = client.post(f"/api/{path}", content=body, headers={"content-type": kind})
        assert answer.status_code in (200, 400, 404), (path, body, answer.text)
        if answer.status_code != 200:
            assert "\n" not in answer.json()["detail"]
