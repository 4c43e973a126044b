"""What a run ran on: versions and machine, as plain values for records."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

import byhand
from byhand import kernels


def versions() -> dict[str, str]:
    """Of byhand, Python, NumPy and the library of NumPy's matrix products."""
    return {
        "byhand": byhand.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(f"{p['internal_api']} {p['version']}" for p in _blas()) or "unknown",
    }


def arithmetic(layout: str, ranks: int = 1) -> dict[str, Any]:
    """All that the bits of a training depend on besides its recipe, seed and data."""
    blas = [
        f"{p['internal_api']} {p['version']} {p.get('architecture', '')}".strip() for p in _blas()
    ]
    return {
        "byhand": byhand.__version__,
        "numpy": np.__version__,
        "layout": layout,
        "instruction_set": kernels.instruction_set(),
        "threads": kernels.threads(),
        "ranks": ranks,
        "blas": ", ".join(blas) or "unknown",
        "blas_threads": max((p["num_threads"] for p in _blas()), default=1),
    }


def _blas() -> list[dict[str, Any]]:
    """The libraries of matrix products that are loaded."""
    from threadpoolctl import threadpool_info

    libraries = [p for p in threadpool_info() if p["user_api"] == "blas"]
    # SciPy brings one of its own, which is loaded later or not at all.
    ours = [p for p in libraries if "numpy" in p["filepath"]]
    return ours or libraries


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, and system."""
    return {
        "processor": _processor(),
        "cores": kernels.cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        import subprocess

        asked = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.strip():
            return asked.stdout.strip()
    return platform.processor() or platform.machine()
