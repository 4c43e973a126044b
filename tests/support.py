"""What several tests share: finding MNIST, PyTorch and the like, or skipping with a reason."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _absent(what: str, reason: str) -> None:
    # Where BYHAND_REQUIRE names a thing, its absence is a failure and not a skip.
    if what in os.environ.get("BYHAND_REQUIRE", "").split(","):
        pytest.fail(f"BYHAND_REQUIRE names {what!r}, but {reason}")
    pytest.skip(reason)


def require_data() -> Path:
    """The folder that holds mnist/, from BYHAND_DATA; skips (or fails) where there is none."""
    folder = os.environ.get("BYHAND_DATA", "")
    if not folder:
        _absent("data", "BYHAND_DATA names no folder with MNIST")
    if not (Path(folder) / "mnist").is_dir():
        _absent("data", f"{folder} (BYHAND_DATA) has no folder mnist")
    return Path(folder)


def require_torch() -> ModuleType:
    """PyTorch; skips (or fails) where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        _absent("torch", "PyTorch is not installed")
        raise


def require_core() -> None:
    """The compiled core; skips (or fails) where byhand was installed without it."""
    from byhand.kernels import compiled

    if compiled.core is None:
        _absent("core", str(compiled.problem))


def require_mpi() -> str:
    """The mpiexec that belongs to mpi4py; skips (or fails) where one of the two is not there."""
    if importlib.util.find_spec("mpi4py") is None:
        _absent("mpi", "mpi4py is not installed")
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        _absent("mpi", "there is no mpiexec")
    if not _sets_pmi_rank(str(found)):
        _absent("mpi", f"{found} sets no PMI_RANK, by which these tests tell ranks apart")
    return str(found)


@functools.cache
def _sets_pmi_rank(mpiexec: str) -> bool:
    code = "import os, sys; sys.exit('PMI_RANK' not in os.environ)"
    return subprocess.run([mpiexec, "-n", "1", sys.executable, "-c", code]).returncode == 0


def benchmark(name: str) -> ModuleType:
    """The script benchmarks/NAME.py as a module."""
    path = Path(__file__).parent.parent / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip


def require_chromium() -> str:
    """Chromium's program, BYHAND_CHROMIUM or Debian's; skips (or fails) where there is none."""
    if importlib.util.find_spec("playwright") is None:
        _absent("chromium", "Playwright is not installed")
    found = os.environ.get("BYHAND_CHROMIUM", "/usr/bin/chromium")
    if not Path(found).is_file():
        _absent("chromium", f"there is no {found} (BYHAND_CHROMIUM names another)")
    return found
