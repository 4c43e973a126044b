"""Faults planted for the tests of the harness: each case does what it has drawn."""

from __future__ import annotations

import os
import signal
import time
import warnings

import numpy as np

from byhand.errors import InputError
from fuzz.odd_values import pick

FINE = ("fine", "refuse")
FAULTS = {  # and what the harness calls them
    "divide": "ZeroDivisionError", "warn": "UserWarning", "say": "console",
    "kill": "killed by SIGKILL", "crash": "killed by SIGSEGV", "hang": "took too long",
    "grow": "memory", "silent": "InputError of no line, or of several",
}  # fmt: skip


class Planted:
    """Two doors: what was drawn, and then one that is fine."""

    def __init__(self, folder):
        self.folder = folder

    def close(self):
        """Nothing is left."""

    def case(self, rng):
        return {"way": pick((*FINE, *FAULTS), rng).encode()}

    def doors(self, case):
        yield getattr(self, case["way"].decode())
        yield self.fine

    def fine(self):
        return "fine"

    def refuse(self):
        raise InputError("it is spoilt; take another")

    def silent(self):
        raise InputError(" ")

    def divide(self):
        return 1 / 0

    def warn(self):
        warnings.warn("x", stacklevel=1)

    def say(self):
        os.write(2, b"a library's remark")

    def kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def crash(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self):
        time.sleep(600)

    def grow(self):
        np.ones(128 << 20, np.uint8)
