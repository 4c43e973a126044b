"""The command line: `byhand train`, `evaluate`, `read`, `inspect`, `data`, `doctor`.

A page a command; app.py joins them and turns errors into one sentence, output.py prints. Commands
import what they need when they run, so that `byhand --help` is quick.
"""

from byhand.cli.app import main

__all__ = ["main"]
