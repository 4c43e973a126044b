"""What README says of the experiments is what was measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from byhand import experiments

ROOT = Path(__file__).parents[2]


@pytest.fixture
def measured():
    return json.loads((ROOT / "benchmarks/results/experiments.json").read_text("utf-8"))


@pytest.fixture
def section():
    text = (ROOT / "README.md").read_text("utf-8")
    return text.split("## Experiments\n")[1].split("\n## ")[0]


def test_the_full_run_on_mnist_has_every_experiment(measured):
    assert set(measured) == set(experiments.names())
    for page in measured.values():
        assert page["about"]["scale"] == "full"
        assert page["about"]["dataset"]["name"] == "mnist"


def test_every_difference_in_the_table_is_that_of_a_claim(measured, section):
    evidence = " ".join(c["evidence"] for page in measured.values() for c in page["claims"])
    evidence = evidence.replace("\u00a0", " ")
    told = re.findall(r"([+−]\d\.\d\d)(?: points)? \(([+−]\d\.\d\d to [+−]\d\.\d\d)", section)
    assert len(told) >= 8
    for difference, interval in told:
        assert f"{difference} points (95 % interval {interval}" in evidence


def test_the_count_and_the_time_are_those_of_the_run(measured, section):
    seconds = sum(page["about"]["task_seconds"] for page in measured.values())
    pages, minutes = re.search(r"(\d+) pages, (\d+) minutes of one core", section).groups()
    assert int(pages) == len(measured)
    assert int(minutes) == round(seconds / 60)


def test_the_seeds_that_stay_at_chance_are_those_of_the_run(measured, section):
    said = measured["seeds"]["conclusions"][0].replace("\u00a0", " ")
    assert "1 of 10 seeds never left chance" in said
    assert "one of 10 never leaves chance" in section
    claims = {c["said"]: c for c in measured["seeds"]["claims"]}
    assert claims["The seeds that leave chance end at about the same loss."]["holds"] is False
