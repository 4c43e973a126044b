"""Whatever is spoilt ends in one of byhand's own errors: some cases of every kind.

`python benchmarks/fuzz.py` tries many more (CI some thousands), and says which case it was.
"""

from __future__ import annotations

import pytest

from fuzz import harness

CASES = 100


@pytest.mark.parametrize("kind", harness.KINDS)
def test_nothing_but_byhands_own_errors(kind, tmp_path):
    report = harness.run(kind, 0, 0, CASES, tmp_path)
    assert report.cases == CASES
    assert not report.faults, f"python benchmarks/fuzz.py --kind {kind}: {report}"
    # Spoilt too little, or too much, it would find nothing.
    good = report.ends["fine"] + report.ends["200"]
    assert good > CASES / 20
    assert report.ends.total() - good > CASES / 20
