"""One thread and no user's settings in any test."""

from __future__ import annotations

import os

# Before NumPy is imported: workers of pytest-xdist share the cores already.
for _name in ("BYHAND_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def _no_user_cache(tmp_path, monkeypatch):
    """Keep tests out of the user's cache folder."""
    monkeypatch.setenv("BYHAND_CACHE", str(tmp_path / "cache"))
