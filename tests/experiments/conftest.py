"""A lab on blobs, in this process."""

from __future__ import annotations

import pytest

import blobs
from byhand.experiments import SMOKE, Lab, Workers


@pytest.fixture
def splits():
    return blobs.splits(120, 40)


@pytest.fixture
def lab(splits, tmp_path):
    with Workers(splits, tmp_path / "trainings", jobs=1) as workers:
        yield Lab(splits, workers, tmp_path / "experiment", SMOKE)
