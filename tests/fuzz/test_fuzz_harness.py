"""The harness tells every kind of fault, by its case, and goes on after it."""

from __future__ import annotations

import sys
from collections import defaultdict

import numpy as np
import pytest

from fuzz import harness, odd_values, trees, worker
from fuzz.planted import FAULTS, FINE, Planted

PLACE, SEED = "fuzz.planted:Planted", 8


@pytest.mark.skipif(sys.platform != "linux", reason="memory and signals are told as Linux does")
def test_every_fault_is_told_by_its_case(tmp_path):
    count, expected = 22, defaultdict(list)
    kind = Planted(tmp_path)
    for number in range(count):
        way = kind.case(worker.generator(PLACE, SEED, number))["way"].decode()
        expected[FAULTS.get(way, way)].append(number)
    assert set(expected) == {*FAULTS.values(), *FINE}  # this seed draws them all
    begun = []
    report = harness.run(
        PLACE, SEED, 0, count, tmp_path, seconds=3, memory=64 << 20, told=begun.append
    )
    found = defaultdict(list)
    for (what, _), (numbers, _) in report.faults.items():
        found[what] += numbers
    assert {**found} == {what: numbers for what, numbers in expected.items() if what not in FINE}
    assert begun == list(range(count))
    assert report.cases == count
    assert report.ends["InputError"] == len(expected["refuse"]) + len(expected[FAULTS["silent"]])


def test_a_case_is_the_same_whatever_was_tried_before_it(tmp_path):
    harness.write_case(PLACE, SEED, 7, tmp_path)
    drawn = Planted(tmp_path).case(worker.generator(PLACE, SEED, 7))
    assert (tmp_path / "way").read_bytes() == drawn["way"]


def test_values_are_spoilt_everywhere_and_the_original_is_kept():
    value = {"a": [1, {"b": "x"}], "c": 2.5, "d": None}
    kept, changed = repr(value), defaultdict(set)
    for number in range(300):
        spoilt = odd_values.spoilt(value, np.random.default_rng(number))
        assert isinstance(odd_values.text(spoilt, np.random.default_rng(number)), bytes)
        for name in value:
            if isinstance(spoilt, dict) and repr(spoilt.get(name)) != repr(value[name]):
                changed[name].add(repr(spoilt.get(name)))
    assert repr(value) == kept
    assert min(len(changed[name]) for name in value) > 20


def test_trees_are_written_and_disturbed(tmp_path):
    tree = {"a/b": b"x", "a/link": "..", "c": None}
    trees.write(tmp_path / "tree", tree)
    assert (tmp_path / "tree" / "a" / "b").read_bytes() == b"x"
    assert (tmp_path / "tree" / "a" / "link").is_symlink()
    assert (tmp_path / "tree" / "c").is_dir()
    for number in range(200):  # names that no file can have are left out
        trees.write(tmp_path / "tree", trees.disturbed(tree, np.random.default_rng(number)))
