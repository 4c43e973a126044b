"""Does sharing a batch among threads or processes pay, and does it change what comes out?

A step's time is the median from one to the next, the first four left out, in processes that had the
machine to themselves. Ranks have one thread each. byhand may use {cores} of this machine's cores:
more threads or ranks than that cannot be faster, and ranks that wait for each other keep a core
busy. Threads divide the work inside each operation; ranks divide the batch, and add up the gradient
after each step, so that they work on several machines too. Either way sums are made in another
order, which may change their last bits, and steps can make such a difference larger: where the rate
is high, and with Adam, which divides even the smallest gradient by its own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels, plots
from byhand.errors import ByhandError
from byhand.experiments.data_parallel.shared_steps import WARM, mpiexec, train_apart
from byhand.experiments.lab import Experiment, Lab, Record, studies
from byhand.experiments.lab.statistics import counted, say
from byhand.experiments.lab.train import as_plain

# (recipe, pictures in a batch, steps)
CASES = (("lenet5", 64, 300), ("lenet5", 512, 100), ("deep_convnet", 100, 100))
RANKS = (2, 4)
# Numbers of 32 bits are 1e-7 apart, relative to themselves; losses are sums of thousands of them.
ROUNDING = 1e-5


def measure(lab: Lab) -> Record:
    """Train each case alone on the machine, with 1, 2, ... threads and with 2 and 4 ranks."""
    cases = [(r, b, lab.pick(s, s // 5, 6)) for r, b, s in lab.pick(CASES, CASES[::2], CASES[:1])]
    jobs = []
    for name, batch, steps in cases:
        recipe = lab.recipe(name, batch_size=batch, epochs=None, steps=steps + WARM + 1)
        # Enough for each step to have pictures of its own, but not all: they go through a file.
        n = min(lab.pick(20_000, 10_000, 300), len(lab.splits.train))
        recipe = replace(recipe, train_limit=n, validation_fraction=0.0, keep_best=False)
        jobs.append(as_plain(recipe))
    given = {"jobs": jobs, "seed": 0, "repeats": lab.pick(3, 2, 1)}
    cores = lab.workers.threads
    threads = sorted({1, 2, *(n for n in (4, 8, 16, 32) if n <= cores), cores})
    ways = [(n, 1) for n in threads]
    several = lab.pick(RANKS, RANKS, RANKS[:1])
    problem = ""
    results = lab.each(
        train_apart, [{**given, "threads": n, "ranks": 1} for n in threads],
        what="timings", alone=True,
    )  # fmt: skip
    try:
        mpiexec()
        for ranks in several:
            job = {**given, "threads": 1, "ranks": ranks}
            results += lab.each(train_apart, [job], what="timings", alone=True)
            ways.append((1, ranks))
    except ByhandError as error:
        problem = str(error)
    return {
        "cases": [list(case) for case in cases],
        "ways": [list(way) for way in ways],  # (threads, ranks)
        "cores": kernels.cores(),
        "repeats": given["repeats"],
        "problem": problem,  # why these numbers of ranks are missing among the ways
        "missing": [ranks for ranks in several if (1, ranks) not in ways],
        **compared(results, [batch for _, batch, _ in cases]),
    }


def compared(results: Sequence[dict[str, Any]], batches: Sequence[int]) -> Record:
    """What each way, of which the first is one thread, makes of each case.

    Returns:
        [case][way]: `rates`, pictures a second in each repetition; the largest distance from the
        first way's of a weight after the first step, `first_apart`, and at the end, `last_apart`,
        and of the loss of each step, `loss_apart`; `same`, whether repetitions gave the same bits.
        And [case]: `loss`, that of the first way's second step.
    """
    one, cases = results[0], range(len(batches))
    apart = {
        f"{when}_apart": [
            [_apart(of[f"{when}_{i}"], one[f"{when}_{i}"]).max() for of in results] for i in cases
        ]
        for when in ("first", "last")
    }
    losses = [[_apart(of["losses"][i], one["losses"][i]) for of in results] for i in cases]
    return {
        "rates": [[[batches[i] / s for s in of["seconds"][i]] for of in results] for i in cases],
        **apart,
        "loss_apart": losses,
        "loss": [one["losses"][i][1] for i in cases],
        "same": [[of["same"][i] for of in results] for i in cases],
    }


def _apart(a: Any, b: Any) -> NDArray[np.float64]:
    return np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64))


def speed_ups(record: Record, case: int) -> list[float]:
    """How many times as fast as one thread each way is, by the medians of the repetitions."""
    middles = [float(np.median(rates)) for rates in record["rates"][case]]
    return [middle / middles[0] for middle in middles]


def agrees(record: Record) -> bool:
    """Whether the loss after one step is the same in all ways, but for rounding."""
    return _loss_apart(record, 1) <= ROUNDING * min(record["loss"])


def faster(ours: Sequence[float], theirs: Sequence[float]) -> bool | None:
    """Whether every repetition of ours is faster than every one of theirs; None where mixed."""
    if len(ours) < 2:
        return None
    return True if min(ours) > max(theirs) else False if max(ours) < min(theirs) else None


def report(record: Record, page: plots.Page) -> None:
    """Speed and efficiency of each way, and how close the results are."""
    ways, cases = record["ways"], record["cases"]
    names = [_way(*way) for way in ways]
    for i, (name, batch, _) in enumerate(cases):
        times = speed_ups(record, i)
        others = ", ".join(f"{n} {t:.2f}" for n, t in zip(names[1:], times[1:], strict=True))
        page.conclude(
            f"{name}, batches of {batch}, in times the speed of one thread "
            f"({np.median(record['rates'][i][0]):,.0f} pictures a second): {others}."
        )
    second = _loss_apart(record, 1)
    most = max(max(of) for case in record["loss_apart"] for of in case)
    rounding = "a difference that rounding makes" if agrees(record) else "more than rounding makes"
    page.conclude(
        "Every way ends with the same bits."
        if max(map(max, record["last_apart"])) == 0
        else f"The loss after one step is within {second:.1e} of one thread's, whichever way it "
        f"was made: {rounding}; at any step it is within {most:.1e}."
    )
    if record["problem"]:
        missing = " and ".join(map(str, record["missing"]))
        page.conclude(f"{missing} MPI ranks were not measured: {record['problem']}.")
    _claims(record, page)
    _figures(record, page, names)
    rows: list[list[object]] = []
    for i, (name, batch, _) in enumerate(cases):
        for j, speed in enumerate(speed_ups(record, i)):
            n = max(ways[j])
            rows.append([
                f"{name}, {batch}", names[j], f"{np.median(record['rates'][i][j]):,.0f}",
                f"{speed:.2f}", f"{speed / n:.0%}", f"{record['first_apart'][i][j]:.1e}",
                f"{record['last_apart'][i][j]:.1e}", f"{max(record['loss_apart'][i][j]):.1e}",
                "yes" if record["same"][i][j] else "no",
            ])  # fmt: skip
    page.table(
        ["recipe, batch", "way", "pictures a second", "speed-up", "efficiency",
         "weights apart, 1 step", "at the end", "losses apart", "the same again"],
        rows,
        "Efficiency is the speed-up divided by the number of threads or ranks. Apart: the largest "
        "difference from one thread.",
    )  # fmt: skip
    page.listing("\n".join(
        [f"byhand train lenet5 --threads {max(n for n, _ in ways)}",
         *(f"mpiexec -n {r} byhand train lenet5 --threads 1" for _, r in ways if r > 1)]
    ))  # fmt: skip


def _claims(record: Record, page: plots.Page) -> None:
    """Of the most ranks that have a core each, whether they are faster than one thread."""
    ways, rates = record["ways"], record["rates"]
    chosen = [j for j, (_, ranks) in enumerate(ways) if 1 < ranks <= record["cores"]]
    for i, (name, batch, _) in enumerate(record["cases"] if chosen else ()):
        j = max(chosen, key=lambda j: ways[j][1])
        page.claim(
            f"Several processes train faster than one: {_way(*ways[j])}, {name}, batches of "
            f"{batch}.",
            faster(rates[i][j], rates[i][0]),
            f"{speed_ups(record, i)[j]:.2f} times as fast; pictures a second "
            f"{say(rates[i][j], 0, False)} against {say(rates[i][0], 0, False)} in "
            f"{counted(record['repeats'], 'repetition')}",
        )


def _figures(record: Record, page: plots.Page, names: Sequence[str]) -> None:
    for i, (name, batch, _) in enumerate(record["cases"]):
        one = float(np.median(record["rates"][i][0]))
        values = {
            way: [rate / one for rate in rates]
            for way, rates in zip(names, record["rates"][i], strict=True)
        }
        ax = plots.compare(
            values, xlabel="speed, one thread is 1", title=f"{name}, batches of {batch}",
            dot="repetition",
        )  # fmt: skip
        page.figure(f"{name}_{batch}", ax)
    series = {}
    for i, (name, batch, _) in enumerate(record["cases"]):
        # Of all ways, from the second step: before the first all weights are the same.
        apart = np.asarray(record["loss_apart"][i])[:, 1:].max(axis=0)
        series[f"{name}, {batch}"] = np.arange(2, len(apart) + 2), apart
    ax = plots.xy(series, plots.new_axes(8.0, 4.6), xlabel="step",
                  ylabel="largest difference of the loss", log_y=True)  # fmt: skip
    page.figure("apart", ax)


def _loss_apart(record: Record, step: int) -> float:
    """The largest distance of the loss of a step (0 is the first) from one thread's."""
    return max(of[step] for case in record["loss_apart"] for of in case)


def _way(threads: int, ranks: int) -> str:
    return f"{ranks} ranks" if ranks > 1 else counted(threads, "thread")


EXPERIMENT = Experiment(
    "data_parallel",
    "Is training faster on several threads or processes, and is the result the same?",
    measure, report, __doc__, f"{studies.ONE_CONV}, its training on a chosen number of processes",
)  # fmt: skip
