"""All tables of cases together, by the name of the fixture file that holds PyTorch's results."""

from __future__ import annotations

from parity.layer_cases import LAYERS
from parity.network_cases import BLOCKS
from parity.other_cases import LOSSES, OPTIMISERS, SCHEDULES

TABLES = {
    "layers": LAYERS,
    "losses": LOSSES,
    "optimisers": OPTIMISERS,
    "schedules": SCHEDULES,
    "training": BLOCKS,
}
CASES = [case for table in TABLES.values() for case in table]
