"""How far training by several ranks comes from training alone, step by step.

    mpiexec -n 4 python benchmarks/ranks.py lenet5 --steps 422
    mpiexec -n 4 python benchmarks/ranks.py lenet5 --steps 150 --double     # in float64, on NumPy

Rank 0 trains the recipe alone, then all ranks train it together; printed is the distance of the
two networks' weights, divided by their length. Differences begin with rounding, at 10⁻⁸ in float32,
and grow, as small differences do where ReLU and pooling choose; those of float64 show how little of
it is the sharing.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import data, kernels, recipes, training
from byhand.data import Splits
from byhand.recipes.engine.prepare import prepare, train
from byhand.training.mpi import MPIGroup

MARKS = (1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 422, 1000, 2000, 5000, 10000)


def weights(
    name: str, splits: Splits, steps: int, double: bool, group: training.Group
) -> dict[int, NDArray[Any]]:
    """The weights after so many steps."""
    prepared = prepare(recipes.get(name), splits, 0)
    prepared.validation = None
    if double:
        prepared.model = prepared.model.copy(np.float64)
    found = {}
    for record in train(prepared, step_records=True, group=group):
        if isinstance(record, training.StepRecord) and record.step in (*MARKS, steps):
            found[record.step] = prepared.model.flat.astype(np.float64)
        if record.step >= steps:
            break
    return found


def main() -> None:
    """A line a mark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe", nargs="?", default="lenet5")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--double", action="store_true")
    args = parser.parse_args()
    with MPIGroup() as group:
        kernels.set_threads(group.cores)
        how = (args.recipe, data.open_data(), args.steps, args.double)
        alone = weights(*how, training.ALONE) if group.rank == 0 else {}
        group.broadcast(None)  # the others have nothing to do till then
        together = weights(*how, group)
        for step, flat in alone.items():
            apart = np.linalg.norm(together[step] - flat) / np.linalg.norm(flat)
            print(f"step {step:5d}  {group.size} ranks  {apart:.1e}")


if __name__ == "__main__":
    main()
