"""README's figures of speed are those of the records in benchmarks/results."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
README = (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")


def page(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["speed_table", "recipe_times"])
def test_readmes_table_is_the_one_that_the_record_gives(name):
    script = page(name)
    record = json.loads(script.RESULT.read_text(encoding="utf-8"))
    assert script.table(record) in README


def test_readme_says_on_which_machine_and_how_many_targets_were_met():
    record = json.loads((BENCHMARKS / "results" / "bench.json").read_text(encoding="utf-8"))
    measured = [must for must in record["musts"] if must["measured"] is not None]
    met = sum(must["met"] for must in measured)
    assert f"{met} of {len(measured)}" in README
    assert record["machine"]["processor"] in README
    assert f"{record['fma_peak_gflops']:.0f} GFLOP/s" in README
