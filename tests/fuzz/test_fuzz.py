"""Whatever is spoilt ends in one of byhand's own errors: a few thousand cases of every kind.

`python benchmarks/fuzz.py` tries many more, and says which case it was.
"""

from __future__ import annotations

import pytest

from fuzz import harness

# Of each kind: so many processes, each with so many cases.
CHUNKS = {
    "pictures": (2, 1000), "models": (2, 1000), "checkpoints": (2, 1000), "data": (2, 1000),
    "records": (2, 200), "requests": (2, 1000),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "chunk"), [(kind, chunk) for kind, (n, _) in CHUNKS.items() for chunk in range(n)]
)
def test_nothing_but_byhands_own_errors(kind, chunk, tmp_path):
    size = CHUNKS[kind][1]
    report = harness.run(kind, 0, chunk * size, size, tmp_path)
    assert report.cases == size
    assert not report.faults, f"python benchmarks/fuzz.py --kind {kind}: {report}"
    # Spoilt too little, or too much, it would find nothing.
    good = report.ends["fine"] + report.ends["200"]
    assert good > size / 20
    assert report.ends.total() - good > size / 20
