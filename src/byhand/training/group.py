"""Who trains together: one process alone, or several ranks that share each batch.

Every rank holds the whole model and draws the same batches. It takes its own part of each batch,
divides by the size of the whole one, and the gradients are added up: what comes out does not
depend on how many ranks there are, but for rounding.
"""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray

from byhand import kernels

Array = NDArray[Any]
T = TypeVar("T")


class Group:
    """The ranks that train one model, seen from one of them; this one is alone.

    `rank` counts from 0 to `size` - 1, and rank 0 is the one that writes files. `sum` and
    `broadcast` are collective: every rank calls the same ones in the same order. `mpi.MPIGroup` is
    the group of several.
    """

    rank: int = 0
    size: int = 1

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rank {self.rank} of {self.size})"

    @property
    def cores(self) -> int:
        """The cores that this rank may keep busy."""
        return kernels.cores()

    def part(self, n: int) -> slice:
        """Which of n images are this rank's: as many as the others', but for one.

        Fewer images than ranks are all rank 0's: so either no part is empty or all but one are.
        """
        if n < self.size:
            return slice(0, n if self.rank == 0 else 0)
        return slice(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def sum(self, array: Array) -> Array:
        """Add `array`, of one shape everywhere, up over all ranks, in place; gives it back."""
        return array

    def broadcast(self, value: T) -> T:
        """What rank 0 gives as `value`; that of the others does not count."""
        return value


ALONE = Group()
