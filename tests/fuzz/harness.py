"""Runs cases in processes of their own, so that a crash, a hang or too much memory is told too."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import byhand

WORKER = Path(__file__).with_name("worker.py")
SECONDS = 60  # that a case may take, on a busy machine
MEMORY = 2 << 30  # bytes that it may take: twice what a model may, for what reads and holds it
KINDS = {
    "pictures": "fuzz.pictures:Pictures",
    "models": "fuzz.models:Models",
    "checkpoints": "fuzz.checkpoints:Checkpoints",
    "data": "fuzz.data_files:DataFiles",
    "records": "fuzz.records:Records",
    "requests": "fuzz.requests:Requests",
}


@dataclass
class Report:
    """What became of the cases of one kind.

    Args:
        cases: how many were tried.
        ends: how often a door ended in what: "fine", or one of byhand's errors.
        faults: what should not have been, by (what, file and line): the numbers of its cases, and
            what the first was told.
    """

    cases: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: dict[tuple[str, str], tuple[list[int], str]] = field(default_factory=dict)

    def add(self, number: int, what: str, where: str, said: str) -> None:
        """Note a fault."""
        self.faults.setdefault((what, where), ([], said))[0].append(number)

    def __str__(self) -> str:
        lines = [
            f"{self.cases:,} cases; " + ", ".join(f"{k} {n:,}" for k, n in self.ends.most_common())
        ]
        for (what, where), (numbers, said) in sorted(
            self.faults.items(), key=lambda f: -len(f[1][0])
        ):
            some = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
            lines.append(f"  {what} at {where}, {len(numbers)} cases ({some}): {said}")
        return "\n".join(lines)


def run(kind, seed, first, count, folder, seconds=SECONDS, memory=MEMORY, told=lambda number: None):
    """Try `count` cases of `kind` from number `first` on, each drawn from the seed and its number.

    Args:
        kind: one of KINDS, or the address of a class as there.
        folder: where the processes work.
        seconds: how long a case may take.
        memory: how many bytes it may take.
        told: called with the number of each case as it begins.
    """
    report, end, folder = Report(), first + count, Path(folder)
    while first < end:
        command = _command(kind, seed, first, end, seconds, memory, folder)
        first = _process(report, command, folder, first, end, told)
    return report


def write_case(kind, seed, number, folder):
    """Write the files of a case into the new folder `folder`."""
    with tempfile.TemporaryDirectory() as place:
        command = _command(kind, seed, number, number, SECONDS, MEMORY, place)
        subprocess.run(command, check=True)
        shutil.copytree(Path(place) / "case", folder, symlinks=True, dirs_exist_ok=True)


def _command(kind, *arguments):
    return [sys.executable, str(WORKER), KINDS.get(kind, kind), *map(str, arguments)]


def _process(report, command, folder, first, end, told):
    """Cases from `first` on, until the process ends; gives the number to go on from."""
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / "trace.txt"
    for name in ("trace.txt", "said.txt"):
        (folder / name).write_text("", encoding="utf-8")
    number = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            event = json.loads(line)
            if "begin" in event:
                number = event["begin"]
                told(number)
                continue
            report.cases += 1
            report.ends.update(event["ends"])
            for what, where, said in event["faults"]:
                report.add(event["end"], what, where, said)
            number = None
    if process.returncode == 0:
        return end
    said = trace.read_text(encoding="utf-8", errors="replace")
    if number is None or (process.returncode > 0 and not said):
        console = (folder / "said.txt").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{command} failed at case {number}: {console}")
    report.cases += 1
    report.add(number, _death(process.returncode), _where(said), said.partition("\n")[0])
    return number + 1


def _death(status):
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return "took too long"


def _where(trace):
    """The innermost line of byhand's in what faulthandler wrote."""
    here = str(Path(byhand.__file__).parent)
    lines = [line for line in trace.splitlines() if line.lstrip().startswith('File "')]
    ours = [line for line in lines if here in line]
    if not lines:
        return "?"
    return (ours or lines)[0].strip().replace(here + "/", "").replace('File "', "").replace('"', "")
