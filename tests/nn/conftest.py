"""A registry of layers of its own for tests that register some."""

from __future__ import annotations

import importlib

import pytest

from byhand import nn
from nn.model_files import network


@pytest.fixture
def own_registry(monkeypatch):
    """Forget after the test what it registered."""
    page = importlib.import_module("byhand.nn.registry")
    monkeypatch.setattr(page, "_LAYERS", dict(page._LAYERS))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def saved(path):
    nn.save(network(), path)
    return path
