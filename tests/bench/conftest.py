"""A small case that is checked and timed in no time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from byhand.bench import CASES


@pytest.fixture(scope="session")
def small():
    """The network with every kind of layer, in batches of three."""
    return replace(next(c for c in CASES if c.name == "deep_convnet"), batch=3)


@pytest.fixture(scope="session")
def tiny():
    """The smallest network, in batches of two."""
    return next(c for c in CASES if c.name == "tiny")
