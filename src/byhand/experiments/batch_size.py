"""How large should a batch be? The noise of its gradient, what a step costs, and what is learnt.

one_conv with SGD and momentum 0.9 at a constant rate, 0.01 for 64 pictures (with 0.02, the first
that was tried, batches of 2 diverged in a quick run), on {pictures:,} pictures less a tenth for
validation. The noise is that of {draws} batches of each size, drawn with replacement, for a model
after one epoch, against the gradient of all training pictures. The speed is the median over the
steps of a training that had the machine to itself. The scaled rates begin at once: Goyal et al. let
theirs grow over the first epochs, and need that for their largest batches. The study gives no
figures; it has batches of 100.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import optim, plots
from byhand.data import Batch, Splits, batches
from byhand.experiments.lab import Experiment, Lab, Record, outcomes, studies
from byhand.experiments.lab.statistics import NBSP, counted, difference, judge, mean, say
from byhand.experiments.lab.train import as_plain, from_plain
from byhand.losses import loss_backward, loss_forward
from byhand.nn.layer import backward, forward
from byhand.recipes import Prepared, Recipe, prepare, train

SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
# The batch that RATE is for. RATE is half of the first that was tried, 0.02, with which batches of
# 2 diverged in a quick run; no other was looked at.
USUAL, RATE = 64, 0.01
# How the rate grows with the batch, as a power of it.
RULES = {"the same rate": 0.0, "rate ∝ √batch": 0.5, "rate ∝ batch": 1.0}
SAME, _, LINEAR = RULES


def measure(lab: Lab) -> Record:
    """The gradient's noise, the time of a step alone, and trainings with each batch and rule."""
    sizes = lab.pick(SIZES, (2, 8, 32, 64, 256, 1024), (2, 64, 256))
    base = lab.recipe(
        "one_conv", optimiser=optim.SGD(momentum=0.9), schedule=optim.Constant(RATE),
        batch_size=USUAL, epochs=5, train_limit=12_000,
    )  # fmt: skip
    draws = lab.pick(100, 40, 10)
    plain = as_plain(replace(base, epochs=1))
    given = [{"recipe": plain, "seed": s, "sizes": list(sizes), "draws": draws}
             for s in lab.seeds(5)]  # fmt: skip
    noise = lab.each(gradient_noise, given, what="gradients")
    steps = {size: max(10, lab.pick(40_000, 10_000, 500) // (size + 50)) for size in sizes}
    alone = replace(base, validation_fraction=0.0, epochs=None)
    timed = [
        {"recipe": as_plain(replace(alone, batch_size=size, steps=steps[size]))} for size in sizes
    ]
    seconds = lab.each(step_seconds, timed, what="timings", alone=True)
    runs = {
        rule: lab.train([_recipe(base, size, power) for size in sizes], seeds=5)
        for rule, power in RULES.items()
    }
    classes = len(lab.splits.train.classes)
    return {
        "sizes": list(sizes),
        "seeds": list(lab.seeds(5)),
        "epochs": base.epochs,
        "draws": draws,
        "pictures": min(base.train_limit or 0, len(lab.splits.train)),
        "noise": np.array([of["noise"] for of in noise]),  # (seeds, sizes)
        "cosine": np.array([of["cosine"] for of in noise]),
        "seconds": [of["seconds"] for of in seconds],  # of one step
        "threads": lab.workers.threads,
        "accuracy": {
            rule: [outcomes.accuracies(row, classes, "validation_accuracy") for row in rows]
            for rule, rows in runs.items()
        },
        "diverged": {
            rule: [sum(bool(run.diverged) for run in row) for row in rows]
            for rule, rows in runs.items()
        },
    }


def step_seconds(splits: Splits, folder: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The median time from one step of training to the next, drawing the batch included."""
    steps = train(prepare(from_plain(recipe), splits, 0), step_records=True)
    at = [time.perf_counter() for _ in steps]
    return {"seconds": float(np.median([b - a for a, b in pairwise(at[3:])]))}


def gradient_noise(
    splits: Splits, folder: Path, recipe: Mapping[str, Any], seed: int, sizes: Sequence[int],
    draws: int,
) -> dict[str, Any]:  # fmt: skip
    """How far the gradients of batches lie from that of all pictures, for one model.

    The model is trained as the recipe says, since the gradient of a new one is not that of most
    steps. Batches are drawn with replacement.

    Returns:
        For each size `noise`, the root mean square of |g - G| / |G| over `draws` batches, and
        `cosine`, the mean cosine of the angle between g and G.
    """
    prepared = prepare(from_plain(recipe), splits, seed)
    for _ in train(prepared):
        pass
    rng = np.random.default_rng([seed, 1])
    whole = np.zeros(prepared.model.flat.shape)
    for batch in batches(prepared.train, 1000, rng, sampling="in_order",
                         standardisation=prepared.model.card.standardisation):  # fmt: skip
        whole += len(batch.labels) / len(prepared.train) * gradient(prepared, batch)
    spreads = [
        spread([gradient(prepared, b) for b in islice(_batches(prepared, size, rng), draws)], whole)
        for size in sizes
    ]
    return {"noise": [n for n, _ in spreads], "cosine": [c for _, c in spreads]}


def spread(gradients: Sequence[ArrayLike], whole: NDArray[np.float64]) -> tuple[float, float]:
    """Root mean square of |g - G| / |G|, and mean cosine of the angle between g and G."""
    g = np.asarray(gradients, np.float64)  # (draws, P)
    length = np.linalg.norm(whole)
    away = np.linalg.norm(g - whole, axis=1) / length
    cosine = g @ whole / (np.linalg.norm(g, axis=1) * length)
    return float(np.sqrt(np.mean(away**2))), float(cosine.mean())


def slope(sizes: ArrayLike, noise: ArrayLike) -> float:
    """The power of the batch that the noise follows: the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(np.asarray(sizes)), np.log(np.asarray(noise)), 1)[0])


def gradient(prepared: Prepared, batch: Batch) -> NDArray[np.float64]:
    """The gradient of the batch's mean loss by all parameters, (P,)."""
    model, loss = prepared.model, prepared.recipe.loss
    grads = model.new_grads()
    outputs, cache = forward(model, batch.images, True, None)
    _, loss_cache = loss_forward(loss, outputs, loss.targets(batch.labels, outputs.shape[1]))
    backward(model, loss_backward(loss, loss_cache, outputs), cache, grads, need_dx=False)
    return np.asarray(grads.flat, np.float64)


def _batches(prepared: Prepared, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end, drawn with replacement."""
    by = prepared.model.card.standardisation
    return chain.from_iterable(
        batches(prepared.train, size, rng, sampling="with_replacement", standardisation=by)
        for _ in count()
    )


def report(record: Record, page: plots.Page) -> None:
    """Noise, speed, what is learnt, and which of the study's remarks hold."""
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    seconds, first, last = record["seconds"], record["sizes"][0], record["sizes"][-1]
    slopes = [slope(sizes, row) for row in noise]
    off = difference([-0.5] * len(slopes), slopes)
    page.conclude(
        f"The noise of a batch's gradient goes from {mean(noise[:, 0]):.2g} times the length of "
        f"the gradient of all pictures with {first} pictures to {mean(noise[:, -1]):.2g} with "
        f"{last:,}: as the batch to the power {say(slopes, 3, percent=False)}, which the seeds "
        + (f"tell from −0.5, that is 1/√batch: {off.say(3, False)}." if off.sign
           else "do not tell from −0.5, that is 1/√batch.")
    )  # fmt: skip
    rates = [size / s for size, s in zip(sizes, seconds, strict=True)]
    page.conclude(
        f"On {counted(record['threads'], 'thread')} a step takes {_time(seconds[0])} with {first} "
        f"and {_time(seconds[-1])} with {last:,} pictures: {rates[0]:,.0f} and {rates[-1]:,.0f} "
        "pictures a second."
    )
    best = {rule: int(np.argmax([mean(row) for row in of])) for rule, of in accuracy.items()}
    page.conclude(
        f"After {counted(record['epochs'], 'epoch')} the validation accuracy is highest "
        + "; ".join(
            f"with {sizes[i]:,} pictures for {rule}, {say(accuracy[rule][i])}"
            for rule, i in best.items()
        )
        + "."
    )
    page.conclude(_scaling(record))
    judge(page, "A batch's gradient is noisy, and the smaller the batch the more.",
          f"noise with {first} pictures less that with {last:,}, in lengths of the gradient",
          noise[:, -1], noise[:, 0], percent=False)  # fmt: skip
    i = best[SAME]
    worse = difference(accuracy[SAME][i], accuracy[SAME][0])
    page.claim(
        "Too much noise keeps training from converging.",
        None if i == 0 else worse.is_less,
        f"at the same rate, validation accuracy with {first} pictures less that with {sizes[i]:,}, "
        f"the best: {worse.say()}",
    )
    page.claim(
        "The fewer pictures in a batch, the less a step costs.",
        seconds[0] < seconds[-1],
        f"a step takes {_time(seconds[0])} with {first} and {_time(seconds[-1])} with {last:,} "
        f"pictures; for each picture that is {_time(seconds[0] / first)} and "
        f"{_time(seconds[-1] / last)}",
    )
    _figures(record, page, rates)


def _scaling(record: Record) -> str:
    """Whether a rate in proportion to the batch leaves the accuracy as it is."""
    accuracy = dict(zip(record["sizes"], record["accuracy"][LINEAR], strict=True))
    usual = accuracy.pop(USUAL)
    changes = {size: difference(usual, row) for size, row in accuracy.items()}
    differ = ", ".join(f"{size:,}" for size, change in changes.items() if change.sign)
    largest = max(changes, key=lambda size: abs(changes[size].mean))
    return (
        "With a rate in proportion to the batch the accuracy should stay as it is (Goyal et al., "
        f"2017). Against {USUAL} pictures the seeds tell a difference for "
        f"{differ or 'no other size'}; the largest, with {largest:,}, is {changes[largest].say()}."
    )


def _figures(record: Record, page: plots.Page, rates: Sequence[float]) -> None:
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    page.heading("Noise")
    straight = mean(noise[:, 0]) * np.sqrt(sizes[0] / np.asarray(sizes))
    ax = plots.xy(
        {"measured": (sizes, noise.mean(axis=0)), "1/√batch from the first": (sizes, straight)},
        xlabel="pictures in a batch", ylabel="noise ÷ length of the gradient",
        log_x=True, log_y=True,
    )  # fmt: skip
    page.figure("noise", ax, caption="At 1 the error of a batch's gradient is as long as the "
                "gradient of all pictures.")  # fmt: skip
    page.heading("Speed")
    ax = plots.xy(
        {"": (sizes, rates)}, xlabel="pictures in a batch",
        ylabel="pictures learnt from a second", log_x=True, log_y=True,
    )  # fmt: skip
    page.figure("speed", ax)
    page.heading("What is learnt")
    ax = plots.curves_over_runs(
        sizes, {rule: np.asarray(of, np.float64).T for rule, of in accuracy.items()},
        plots.new_axes(8.0, 4.6), xlabel="pictures in a batch", ylabel="validation accuracy",
        percent=True, log_x=True,
    )  # fmt: skip
    page.figure("accuracy", ax)
    page.table(
        ["batch", "noise", "cosine to the whole gradient", "steps a second", *RULES, "diverged"],
        [
            [f"{size:,}", say(noise[:, i], 2, False), say(record["cosine"][:, i], 2, False),
             f"{1 / record['seconds'][i]:,.0f}", *(say(accuracy[rule][i]) for rule in RULES),
             ", ".join(str(record["diverged"][rule][i]) for rule in RULES)]
            for i, size in enumerate(sizes)
        ],
    )  # fmt: skip
    page.note(
        f"Mean ± standard deviation over {counted(len(record['seeds']), 'seed')}. Diverged: how "
        "many of them, rule by rule; they count as reading no better than a guess."
    )


def _recipe(base: Recipe, size: int, power: float) -> Recipe:
    rate = float(f"{RATE * (size / USUAL) ** power:.4g}")
    return replace(base, batch_size=size, schedule=optim.Constant(rate))


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.0f}{NBSP}µs" if seconds < 1e-3 else f"{1e3 * seconds:.2g}{NBSP}ms"


EXPERIMENT = Experiment(
    "batch_size", "How large should a batch be: noise, speed and what is learnt?",
    measure, report, __doc__, study=f"{studies.DEEP_CONVNET}, its remarks on mini-batches",
)  # fmt: skip
