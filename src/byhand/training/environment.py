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
    from threadpoolctl import threadpool_info

    blas = sorted(
        {
            f"{p['internal_api']} {p['version']}"
            for p in threadpool_info()
            if p["user_api"] == "blas"
        }
    )
    return {
        "byhand": byhand.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(blas) or "unknown",
    }


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
