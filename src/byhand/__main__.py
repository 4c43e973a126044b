"""`python -m byhand` is `byhand`."""

import atexit
import os
import sys

from byhand.cli import main
from byhand.cli.app import INTERRUPTED

if __name__ == "__main__":
    status = main()
    if status == INTERRUPTED:
        # Where the interrupt fell into an `exec` (a dataclass being made), `python -m` would
        # end by the signal although it was answered.
        atexit._run_exitfuncs()
        os._exit(status)
    sys.exit(status)
