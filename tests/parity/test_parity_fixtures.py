"""The same cases against results that PyTorch once wrote: parity where PyTorch is absent."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import support
from parity.helper import TOLERANCE, Results, agree, arithmetics
from parity.make_fixtures import FOLDER
from parity.tables import CASES, TABLES

ALL = [(table, case) for table, cases in TABLES.items() for case in cases]
every_case = pytest.mark.parametrize(("table", "case"), ALL, ids=[repr(c) for _, c in ALL])


@functools.cache
def stored(table: str) -> dict[str, Results]:
    """A fixture file's results by case."""
    results: dict[str, Results] = {}
    with np.load(FOLDER / f"{table}.npz", allow_pickle=False) as file:
        for key in file.files:
            case, _, name = key.partition("/")
            results.setdefault(case, {})[name] = file[key]
    return results


@pytest.mark.parametrize(("case", "dtype", "layout"), arithmetics(CASES))
def test_a_case_agrees_with_the_fixture(case, dtype, layout):
    (table,) = (table for table, cases in TABLES.items() if case in cases)
    agree(case.ours(dtype, layout), stored(table)[case.name], TOLERANCE[dtype])


@every_case
def test_the_fixture_is_what_pytorch_gives_now(table, case):
    torch = support.require_torch()
    agree(case.theirs(torch, np.float64), stored(table)[case.name], TOLERANCE[np.float64])


@pytest.mark.parametrize("table", TABLES)
def test_the_fixture_holds_the_tables_cases_and_no_others(table):
    assert sorted(stored(table)) == sorted(case.name for case in TABLES[table])


def test_the_fixtures_are_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 250_000


def test_the_cases_need_no_pytorch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from parity.tables import CASES\n"
        "print(len([case.ours(np.float64) for case in CASES]))\n"
    )
    paths = [str(Path(__file__).parents[1]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(ALL)
