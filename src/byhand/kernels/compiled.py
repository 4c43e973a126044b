"""The compiled core, a module of C++ functions, where it was built; else the reason why not."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Before the core: NumPy refuses to be in a second interpreter of a process, as the core should.
import numpy  # noqa: F401

from byhand.errors import InputError

core: Any = None
problem: str | None  # why there is no core, or not the one asked for, in one sentence
try:
    core = import_module("byhand.kernels._compiled")
except ImportError as error:
    problem = (
        "the compiled core is not there"
        if error.name == "byhand.kernels._compiled"
        else f"the compiled core cannot be loaded ({error})"
    ) + "; install byhand where a C++ compiler is (pip install . says what it finds)"
else:
    problem = core.isa_problem()  # BYHAND_ISA; the best instruction set is used then


def need_core() -> Any:
    """The compiled core.

    Raises:
        InputError: it is not there.
    """
    if core is None:
        raise InputError(f"{problem}; or use --layout reference")
    return core


def instruction_set() -> str | None:
    """The instruction set that the core runs on ("avx512", "avx2", "baseline", "neon")."""
    return None if core is None else str(core.instruction_set())


def fma_peak(seconds: float = 0.2) -> float:
    """GFLOP/s of multiply-adds in registers on all threads in use: what kernels are measured by."""
    return float(need_core().fma_peak(seconds))
