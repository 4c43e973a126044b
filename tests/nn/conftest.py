"""A registry of layers of its own for tests that register some."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture
def own_registry(monkeypatch):
    """Forget after the test what it registered."""
    page = importlib.import_module("byhand.nn.registry")
    monkeypatch.setattr(page, "_LAYERS", dict(page._LAYERS))
