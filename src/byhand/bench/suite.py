"""A whole benchmark: check, time, measure memory, compare, and one record of it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from byhand import kernels, training
from byhand.bench import agreement, convolutions, memory, peers
from byhand.bench.cases import CASES, MANY, Case
from byhand.bench.compare import compare
from byhand.bench.contestant import TIMING_RATE, Contestant
from byhand.bench.ours import INFERENCE_BATCH, Byhand, Reference
from byhand.bench.peak import fma_peak
from byhand.errors import InputError
from byhand.timing import Times, interleaved

# A peer's memory is that of its plain form.
MEMORY_PEERS = ("byhand", "torch", "jax")
# Of the highest peak in a run: where a quarter of the peaks are lower, the machine was not quiet.
QUIET = 0.8
# Of the highest peak: a plain convolution that is faster ran when the machine was quieter.
FASTEST = 1.03
REFERENCE_CASE = next(case for case in CASES if case.name == "deep_convnet")


class Figure(NamedTuple):
    """Something timed: its name in the record, what it is called, its unit in seconds."""

    key: str
    label: str
    unit: float
    latency: bool = False  # one call's time is meant, not that of many one after another


TRAIN = Figure("train_ms", "training", 1e-3)
INFER = Figure("infer_ms", f"{MANY:,} images", 1e-3)
BATCHED = Figure("infer_batched_ms", f"{MANY:,} images in batches", 1e-3)
ONE = Figure("one_us", "one image", 1e-6, latency=True)
FIGURES = (TRAIN, INFER, BATCHED, ONE)


@dataclass(frozen=True)
class Plan:
    """What to measure: cases, contestants beside byhand, threads, and how long.

    Raises:
        InputError: repeats or seconds are no such numbers.
    """

    cases: tuple[Case, ...] = CASES
    peers: tuple[type[Contestant], ...] = ()
    threads: int = 1
    repeats: int = 7
    seconds: float = 0.2  # of a slice
    with_kernels: bool = True
    with_memory: bool = True

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats is {self.repeats}, but it must be at least 1")
        if not 0 <= self.seconds < float("inf"):
            raise InputError(f"seconds is {self.seconds}, but it must be a length of time")


class Suite:
    """The benchmark of a plan: `for what in suite.run(): ...`, then `suite.record`.

    `run` says what comes next before it does it; there are `len(suite)` such steps. Where two
    contestants disagree it raises `Disagreement` before their network is timed.
    """

    def __init__(self, plan: Plan, notes: tuple[str, ...] = ()) -> None:
        self.plan = plan
        self.kinds: tuple[type[Contestant], ...] = (Byhand, *plan.peers)
        self._peaks: list[float] = []
        self._contestants: list[Contestant] = []
        self.record: dict[str, Any] = {
            "fma_peak_gflops": None,
            "fma_peak_method": None,
            "threads": plan.threads,
            "layout": kernels.resolve_layout("auto"),
            "isa": kernels.instruction_set(),
            "machine": training.machine(),
            "versions": {**training.versions(), **peers.versions(plan.peers)},
            "repeats": plan.repeats,
            "seconds": plan.seconds,
            "cases": {
                case.name: {
                    "network": case.network, "batch": case.batch, "optimiser": case.optimiser
                }
                for case in plan.cases
            },
            "networks": {case.name: {k.name: {} for k in self.kinds} for case in plan.cases},
            "against": {},
            "kernels": [],
            "kernel_shares": {},
            "import_seconds": None,
            "reference_ms": None,
            "quiet": None,
            "notes": list(notes),
        }  # fmt: skip
        self._stages = self._planned()

    def __len__(self) -> int:
        return len(self._stages)

    def run(self) -> Iterator[str]:
        """Measure; yields a description of each step before it is done."""
        kernels.set_threads(self.plan.threads)
        for what, stage in self._stages:
            yield what
            stage()

    def _planned(self) -> list[tuple[str, Callable[[], None]]]:
        plan = self.plan
        stages: list[tuple[str, Callable[[], None]]] = [
            ("import byhand", self._import),
        ]
        for case in plan.cases:
            stages.append((f"{case.name}: checking", partial(self._check, case)))
            stages += [
                (f"{case.name}: {figure.label}", partial(self._time, case, figure))
                for figure in FIGURES
            ]
            if plan.with_kernels and case.kernels:
                stages.append((f"{case.name}: convolutions", partial(self._convolutions, case)))
            if plan.with_memory:
                stages += [
                    (f"{case.name}: memory of {kind.name}", partial(self._memory, case, kind))
                    for kind in self.kinds
                    if kind.name in MEMORY_PEERS
                ]
        if REFERENCE_CASE in plan.cases:
            stages.append((f"{REFERENCE_CASE.name}: NumPy arithmetic", self._reference))
        stages.append(("comparing", self._compare))
        return stages

    def _import(self) -> None:
        self.record["import_seconds"] = memory.import_seconds()

    def _peak(self) -> None:
        peak = fma_peak(self.plan.seconds)
        self._peaks.append(peak.gflops)
        self.record["fma_peak_method"] = peak.method

    def _check(self, case: Case) -> None:
        differences_of = agreement.check(case, self.kinds, self.plan.threads)
        for name, differences in differences_of.items():
            self.record["networks"][case.name][name]["differences"] = differences
        model = case.model()
        self._contestants = [
            kind(case, model, self.plan.threads, TIMING_RATE) for kind in self.kinds
        ]

    def _time(self, case: Case, figure: Figure) -> None:
        calls = {
            contestant.name: prepared(contestant, case, figure)
            for contestant in self._contestants
            if contestant.trains or figure is not TRAIN
        }
        plan = self.plan
        self._peak()
        timed = interleaved(calls, plan.repeats, plan.seconds, latency=figure.latency)
        for name, figures in self.record["networks"][case.name].items():
            times = timed.get(name)
            figures[figure.key] = None if times is None else times.median / figure.unit
            figures[f"{figure.key}_quartiles"] = (
                None if times is None else [times.low / figure.unit, times.high / figure.unit]
            )

    def _convolutions(self, case: Case) -> None:
        self._peak()
        plan = self.plan
        self.record["kernels"] += convolutions.time_convolutions(case, plan.repeats, plan.seconds)

    def _memory(self, case: Case, kind: type[Contestant]) -> None:
        memory_use = memory.peak_of_training(kind.name, case.name, self.plan.threads)
        self.record["networks"][case.name][kind.name].update(memory_use)

    def _reference(self) -> None:
        case = REFERENCE_CASE
        reference = Reference(case, case.model(), self.plan.threads, TIMING_RATE)
        batch = reference.batch(*case.data())
        calls = {"reference": lambda: reference.step(batch)}
        times = interleaved(calls, self.plan.repeats, self.plan.seconds)["reference"]
        self.record["reference_ms"] = 1e3 * times.median

    def _compare(self) -> None:
        record = self.record
        # Nothing is faster than the peak, and only what disturbs makes it seem lower.
        peak = max(self._peaks)
        record["fma_peak_gflops"] = peak
        # Winograd's algorithm makes 3×3 convolutions faster than the peak of the plain sum.
        plain = [row["gflops"] for row in record["kernels"] if "3×3" not in row["shape"]]
        fastest = max(plain, default=0.0)
        lowered = fastest > FASTEST * peak and record["fma_peak_method"] == "fma"
        record["quiet"] = not lowered and Times.of(self._peaks).low >= QUIET * peak
        if not record["quiet"]:
            record["notes"].append(
                f"the peak was between {min(self._peaks):.0f} and {peak:.0f} GFLOP/s, the fastest "
                f"convolution at {fastest:.0f}: something else was running, and threads that wait "
                "busily for each other, as PyTorch's do, then take many times as long; measure "
                "again on a quiet machine"
            )
        record["kernel_shares"] = convolutions.shares(record["kernels"], peak)
        record["against"] = {
            case: compare(contestants) for case, contestants in record["networks"].items()
        }


def prepared(contestant: Contestant, case: Case, figure: Figure) -> Callable[[], Any]:
    """What is timed for a figure, as a function without arguments."""
    if figure is TRAIN:
        batch = contestant.batch(*case.data())
        return lambda: contestant.step(batch)
    x, _ = case.data(1 if figure is ONE else MANY)
    if figure is BATCHED:
        parts = [x[i : i + INFERENCE_BATCH] for i in range(0, MANY, INFERENCE_BATCH)]
        return lambda: [contestant.infer(part) for part in parts]
    return lambda: contestant.infer(x)
