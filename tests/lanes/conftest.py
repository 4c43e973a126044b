"""The tests of Lanes need the compiled core."""

from __future__ import annotations

import pytest

import support


@pytest.fixture(autouse=True)
def _core():
    support.require_core()
