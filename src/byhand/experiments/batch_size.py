"""How large should a batch be? The noise of its gradient, what a step costs, and what is learnt."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from byhand import optim, plots, recipes
from byhand.data import Batch, Splits, batches
from byhand.experiments import studies
from byhand.experiments.experiment import Experiment, Record
from byhand.experiments.lab import Lab
from byhand.experiments.statistics import NBSP, difference, mean, say
from byhand.experiments.train import Trained
from byhand.experiments.ways import verdict
from byhand.losses import loss_backward, loss_forward
from byhand.nn.layer import backward, forward
from byhand.plots import Page
from byhand.recipes.settings import FIXED, from_dict

SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
USUAL, RATE = 64, 0.01  # the batch that RATE is for; neither was searched for
# How the rate grows with the batch, as a power of it.
RULES = {"the same rate": 0.0, "rate ∝ √batch": 0.5, "rate ∝ batch": 1.0}
SAME, _, LINEAR = RULES


def measure(lab: Lab) -> Record:
    """The gradient's noise, the time of a step alone, and trainings with each batch and rule."""
    sizes = lab.pick(SIZES, (2, 8, 32, 64, 256, 1024), (2, 64, 256))
    base = lab.recipe(
        "one_conv", optimiser=optim.SGD(momentum=0.9), schedule=optim.Constant(RATE),
        batch_size=USUAL, epochs=5, train_limit=20_000,
    )  # fmt: skip
    draws = lab.pick(100, 40, 10)
    plain = _plain(replace(base, epochs=1))
    given = [{"recipe": plain, "seed": s, "sizes": list(sizes), "draws": draws}
             for s in lab.seeds(5)]  # fmt: skip
    noise = lab.each(gradient_noise, given, what="gradients")
    steps = {size: max(10, lab.pick(40_000, 10_000, 500) // (size + 50)) for size in sizes}
    timed = [
        {"recipe": _plain(replace(base, batch_size=size, steps=steps[size], validation_fraction=0.0,
                                  epochs=None))}
        for size in sizes
    ]  # fmt: skip
    seconds = lab.each(step_seconds, timed, what="timings", alone=True)
    of = {
        rule: lab.train([_recipe(base, size, power) for size in sizes], seeds=5)
        for rule, power in RULES.items()
    }
    chance = 1 / len(lab.splits.train.classes)
    return {
        "sizes": list(sizes),
        "seeds": list(lab.seeds(5)),
        "epochs": base.epochs,
        "draws": draws,
        "noise": np.array([found["noise"] for found in noise]),  # (seeds, sizes)
        "cosine": np.array([found["cosine"] for found in noise]),
        "seconds": [found["seconds"] for found in seconds],  # of one step
        "threads": lab.workers.threads,
        # What diverged reads no better than a guess.
        "accuracy": {rule: [_accuracy(row, chance) for row in rows] for rule, rows in of.items()},
        "diverged": {
            rule: [sum(bool(run.diverged) for run in row) for row in rows]
            for rule, rows in of.items()
        },
    }


def gradient_noise(
    splits: Splits,
    folder: Path,
    recipe: Mapping[str, Any],
    seed: int,
    sizes: Sequence[int],
    draws: int,
) -> dict[str, Any]:
    """How far the gradients of batches lie from that of all pictures, for one model.

    The model is trained as the recipe says, since the gradient of a new one is not that of most
    steps. Batches are drawn with replacement.

    Returns:
        For each size `noise`, the root mean square of |g - G| / |G| over `draws` batches, and
        `cosine`, the mean cosine of the angle between g and G.
    """
    page = from_dict(recipes.get("one_conv"), recipe)
    prepared = recipes.prepare(page, splits, seed)
    for _ in recipes.train(prepared):
        pass
    rng = np.random.default_rng([seed, 1])
    whole = np.zeros(prepared.model.flat.shape)
    for batch in batches(prepared.train, 1000, rng, sampling="in_order",
                         standardisation=prepared.model.card.standardisation):  # fmt: skip
        whole += len(batch.labels) / len(prepared.train) * gradient(prepared, batch)
    found = [
        spread([gradient(prepared, b) for b in islice(_drawn(prepared, size, rng), draws)], whole)
        for size in sizes
    ]
    return {"noise": [n for n, _ in found], "cosine": [c for _, c in found]}


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


def gradient(prepared: recipes.Prepared, batch: Batch) -> NDArray[np.float64]:
    """The gradient of the batch's mean loss by all parameters, (P,)."""
    model, loss = prepared.model, prepared.recipe.loss
    grads = model.new_grads()
    outputs, cache = forward(model, batch.images, True, None)
    _, loss_cache = loss_forward(loss, outputs, loss.targets(batch.labels, outputs.shape[1]))
    backward(model, loss_backward(loss, loss_cache, outputs), cache, grads, need_dx=False)
    return np.asarray(grads.flat, np.float64)


def step_seconds(splits: Splits, folder: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The median time from one step of training to the next, drawing the batch included."""
    page = from_dict(recipes.get("one_conv"), recipe)
    steps = recipes.train(recipes.prepare(page, splits, 0), step_records=True)
    at = [time.perf_counter() for _ in steps]
    return {"seconds": float(np.median([b - a for a, b in pairwise(at[3:])]))}


def report(record: Record, page: Page) -> None:
    """Noise, speed, what is learnt, and which of the study's remarks hold."""
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    slopes = [slope(sizes, row) for row in noise]
    off = difference([-0.5] * len(slopes), slopes)
    expected = (
        f"which the seeds tell from −0.5, that is 1/√batch: {off.say(3, False)}"
        if off.sign
        else "which the seeds do not tell from −0.5, that is 1/√batch"
    )
    page.conclude(
        f"The noise of a gradient goes from {mean(noise[:, 0]):.2g} times its length with "
        f"{sizes[0]} pictures to {mean(noise[:, -1]):.2g} with {sizes[-1]:,}: as the batch to the "
        f"power {say(slopes, 3, percent=False).replace('-', '−')}, {expected}."
    )
    rates = [size / s for size, s in zip(sizes, record["seconds"], strict=True)]
    page.conclude(
        f"On {record['threads']} thread{'s' if record['threads'] > 1 else ''} a step takes "
        f"{_time(record['seconds'][0])} with {sizes[0]} and {_time(record['seconds'][-1])} with "
        f"{sizes[-1]:,} pictures, so {sizes[-1] // sizes[0]:,} times the pictures go "
        f"{rates[-1] / rates[0]:.2g} times as fast, {rates[0]:,.0f} and {rates[-1]:,.0f} a second."
    )
    best = {
        rule: max(range(len(sizes)), key=lambda i: mean(of[i])) for rule, of in accuracy.items()
    }
    page.conclude(
        f"After {_epochs(record)} the validation accuracy is highest "
        + "; ".join(
            f"with {sizes[i]:,} pictures for {rule}, {say(accuracy[rule][i])}"
            for rule, i in best.items()
        )
        + "."
    )
    _claims(record, page, rates)
    _figures(record, page, rates)


def _claims(record: Record, page: Page, rates: Sequence[float]) -> None:
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    less = difference(noise[:, -1], noise[:, 0])
    page.claim(
        "A batch's gradient is noisy, and the smaller the batch the more.",
        verdict(less),
        f"noise with {sizes[0]} pictures less that with {sizes[-1]:,}: {less.say(2, False)} times "
        "the gradient's length",
    )
    i = max(range(len(sizes)), key=lambda i: mean(accuracy[SAME][i]))
    worse = difference(accuracy[SAME][i], accuracy[SAME][0])
    page.claim(
        "Too much noise keeps training from converging.",
        None if i == 0 else verdict(worse, -1),
        f"at the same rate, validation accuracy with {sizes[0]} pictures less that with "
        f"{sizes[i]:,}, the best: {worse.say()}",
    )
    page.claim(
        "The fewer pictures in a batch, the less a step costs.",
        record["seconds"][0] < record["seconds"][-1],
        f"a step takes {_time(record['seconds'][0])} with {sizes[0]} and "
        f"{_time(record['seconds'][-1])} with {sizes[-1]:,} pictures; for each picture that is "
        f"{_time(record['seconds'][0] / sizes[0])} and "
        f"{_time(record['seconds'][-1] / sizes[-1])}",
    )
    usual = sizes.index(USUAL)
    found = {
        size: difference(accuracy[LINEAR][usual], row)
        for size, row in zip(sizes, accuracy[LINEAR], strict=True)
        if size != USUAL
    }
    differ = [size for size, d in found.items() if d.sign]
    largest = max(found, key=lambda size: abs(found[size].mean))
    page.claim(
        "A rate that grows with the batch leaves the accuracy as it is (Goyal et al., 2017).",
        False if differ else None,
        f"against {USUAL} pictures the seeds tell a difference for "
        f"{', '.join(f'{s:,}' for s in differ) or 'no other size'}; the largest, with "
        f"{largest:,}, is {found[largest].say()}",
    )


def _figures(record: Record, page: Page, rates: Sequence[float]) -> None:
    sizes, accuracy, noise = record["sizes"], record["accuracy"], record["noise"]
    page.heading("Noise")
    straight = mean(noise[:, 0]) * np.sqrt(sizes[0] / np.asarray(sizes))
    ax = plots.xy(
        {"measured": (sizes, noise.mean(axis=0)), "1/√batch from the first": (sizes, straight)},
        plots.new_axes(), xlabel="pictures in a batch", ylabel="noise ÷ length of the gradient",
        log_x=True, log_y=True,
    )  # fmt: skip
    said = "; ".join(f"{b:,}: {n:.2g}" for b, n in zip(sizes, noise.mean(axis=0), strict=True))
    page.figure("noise", ax, f"Noise of the gradient by batch. {said}.",
                "At 1 the gradient of a batch is as far from that of all pictures as that one is "
                "long.")  # fmt: skip
    page.heading("Speed")
    ax = plots.xy(
        {"": (sizes, rates)}, plots.new_axes(), xlabel="pictures in a batch",
        ylabel="pictures learnt from a second", log_x=True, log_y=True,
    )  # fmt: skip
    said = "; ".join(f"{b:,}: {r:,.0f}" for b, r in zip(sizes, rates, strict=True))
    page.figure("speed", ax, f"Pictures a second by batch. {said}.")
    page.heading("What is learnt")
    ax = plots.curves_over_runs(
        sizes, {rule: np.asarray(of, np.float64).T for rule, of in accuracy.items()},
        plots.new_axes(8.0, 4.6), xlabel="pictures in a batch", ylabel="validation accuracy",
        percent=True, log_x=True,
    )  # fmt: skip
    said = " ".join(
        f"{rule}: " + "; ".join(f"{b:,} {say(row)}" for b, row in zip(sizes, of, strict=True)) + "."
        for rule, of in accuracy.items()
    )
    page.figure("accuracy", ax, f"Validation accuracy by batch after {_epochs(record)}. {said}")
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
        f"Mean ± standard deviation over {len(record['seeds'])} seeds. Diverged are so many of "
        "them for each rule in turn; they count as reading no better than a guess."
    )
    page.say(
        "The network is one_conv with SGD and momentum 0.9 at a constant rate, "
        f"{RATE:g} for {USUAL} pictures, on 20,000 pictures less a tenth for validation. Equally "
        "many epochs are equally many pictures seen, and the fewer steps the larger the batch. The "
        f"noise is that of {record['draws']} batches of each size for a model after one epoch, "
        "drawn with replacement, against the gradient of all training pictures. The speed is the "
        "median over the steps of a training that had the machine to itself. The scaled rates "
        "begin at once: Goyal et al. let theirs grow over the first epochs, and need that for "
        "their largest batches. The study gives no figures; it has batches of 100."
    )


def _recipe(base: recipes.Recipe, size: int, power: float) -> recipes.Recipe:
    rate = float(f"{RATE * (size / USUAL) ** power:.4g}")
    return replace(base, batch_size=size, schedule=optim.Constant(rate))


def _accuracy(runs: Sequence[Trained], chance: float) -> list[float]:
    return [chance if run.diverged else run.validation_accuracy for run in runs]


def _drawn(prepared: recipes.Prepared, size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Batches without end, drawn with replacement."""
    by = prepared.model.card.standardisation
    return chain.from_iterable(
        batches(prepared.train, size, rng, sampling="with_replacement", standardisation=by)
        for _ in count()
    )


def _plain(recipe: recipes.Recipe) -> dict[str, Any]:
    return {k: v for k, v in recipe.as_dict().items() if k not in FIXED}


def _time(seconds: float) -> str:
    return f"{1e6 * seconds:.0f}{NBSP}µs" if seconds < 1e-3 else f"{1e3 * seconds:.2g}{NBSP}ms"


def _epochs(record: Record) -> str:
    return f"{record['epochs']} epoch{'s' if record['epochs'] > 1 else ''}"


EXPERIMENT = Experiment(
    name="batch_size",
    question="How large should a batch be: noise, speed and what is learnt?",
    measure=measure,
    report=report,
    study=f"{studies.DEEP_CONVNET}, its remarks on mini-batches",
)
