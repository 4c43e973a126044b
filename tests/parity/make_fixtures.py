"""Write PyTorch's results of all cases into fixtures, for checking parity without PyTorch.

    python tests/parity/make_fixtures.py

One .npz a table, float64, an array named "case/result". Inputs are not in them: `helper.draw` makes
them from the cases' names. Run it again when a table changes; a test says when that was forgotten.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "fixtures"


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest's settings do
    import torch

    from parity.tables import TABLES

    FOLDER.mkdir(exist_ok=True)
    for table, cases in TABLES.items():
        arrays = {
            f"{case.name}/{name}": value
            for case in cases
            for name, value in case.theirs(torch, np.float64).items()
        }
        path = FOLDER / f"{table}.npz"
        np.savez_compressed(path, **arrays)
        print(f"{path.name}: {len(cases)} cases, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
