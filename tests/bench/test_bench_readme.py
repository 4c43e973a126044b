"""README's figures of speed are those of the records in benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support import benchmark

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
README = (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["speed_table", "recipe_times"])
def test_readmes_table_is_the_one_that_the_record_gives(name):
    script = benchmark(name)
    record = json.loads(script.RESULT.read_text(encoding="utf-8"))
    assert script.table(record) in README


def test_readme_says_on_which_machine_and_how_many_targets_were_met():
    record = json.loads((BENCHMARKS / "results" / "bench.json").read_text(encoding="utf-8"))
    met = [t.met for t in benchmark("targets").judge(record) if t.met is not None]
    assert f"{sum(met)} of {len(met)}" in README
    assert record["machine"]["processor"] in README
    assert f"{record['fma_peak_gflops']:.0f} GFLOP/s" in README
