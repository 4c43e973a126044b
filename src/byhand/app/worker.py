"""The process that trains for the page: told what to do by lines of JSON, telling what it did.

    python -m byhand.app.worker

The first line of standard input is the order, {"recipe", "settings", "seed", "runs", "data"}; later
lines are "pause", "resume" and "stop". Standard output has an event a line. It ends on its own, on
"stop", and when standard input ends, as it does when the server is gone; the run is kept.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from byhand import evaluation, kernels, nn, recipes, training
from byhand.app.arrays import encode
from byhand.data import Dataset, open_data
from byhand.errors import ByhandError
from byhand.files import jsonable
from byhand.recipes.engine import run as runs
from byhand.recipes.engine.folder import new_folder
from byhand.recipes.engine.prepare import Prepared

STEPS_A_SECOND = 5  # step events at most
KERNELS_A_SECOND = 1
LOOKED_AT, MISTAKES = 1000, 24  # validation pictures read after an epoch, and mistakes shown


class Orders:
    """What the server has said since the start, listened to by a thread."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def listen(self) -> None:
        """Follow standard input to its end, which means stop."""
        for line in sys.stdin:
            word = line.strip()
            if word == "pause":
                self.go.clear()
            elif word == "resume":
                self.go.set()
            elif word == "stop":
                break
        self.stop.set()
        self.go.set()


def tell(event: str, **values: Any) -> None:
    """Write an event; whoever read them may have gone."""
    with suppress(BrokenPipeError):
        print(json.dumps(jsonable({"event": event, **values}), allow_nan=False), flush=True)


def main() -> None:
    """Do what the first line says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the server, which says stop
    order = json.loads(sys.stdin.readline())
    orders = Orders()
    threading.Thread(target=orders.listen, daemon=True).start()
    try:
        train(order, orders)
    except training.Diverged as error:
        tell("failed", detail=str(error), diagnosis=str(error.diagnosis))
    except ByhandError as error:
        tell("failed", detail=str(error))
    except BaseException as error:  # whatever it is, the server has to hear of it
        traceback.print_exc()
        tell("failed", detail=f"unexpected {type(error).__name__}: {error}")
    finally:
        # The listening thread may be in the middle of reading, which an orderly end waits for.
        os._exit(0)


def train(order: dict[str, Any], orders: Orders) -> None:
    """Train, and tell about it."""
    plan = runs.Plan(
        recipe=recipes.apply(recipes.get(order["recipe"]), order["settings"]),
        seed=order["seed"],
        settings=tuple(order["settings"]),
        data=order["data"],
    )
    # One core is left for the page, where there are more.
    kernels.set_threads(max(1, kernels.available_threads() - 1))
    data = None if plan.data is None else Path(plan.data)
    splits = open_data(
        data, dataset=plan.recipe.dataset, allow_bundled=plan.data is None, range=plan.range
    )
    folder = new_folder(plan.recipe.name, plan.seed, order["runs"])
    events = runs.run(plan, splits, folder)
    began, told, shown = monotonic(), 0.0, 0.0
    with closing(events):
        started = next(events)
        assert isinstance(started, runs.Started)
        prepared = started.prepared
        tell(
            "started",
            run=folder.name,
            recipe=plan.recipe.name,
            dataset=splits.name,
            notes=[*splits.notes, *prepared.notes],
            parameters=int(prepared.model.flat.size),
            n_train=len(prepared.train),
            epochs=plan.recipe.epochs,
            steps=plan.recipe.steps,
            batch_size=plan.recipe.batch_size,
        )
        images = 0
        for event in events:
            now = monotonic()
            if isinstance(event, training.StepRecord):
                images += plan.recipe.batch_size
                if now - told >= 1 / STEPS_A_SECOND:
                    tell(
                        "step", step=event.step, epoch=event.epoch, loss=event.loss,
                        accuracy=event.accuracy, learning_rate=event.learning_rate,
                        images_per_second=images / max(now - began, 1e-9),
                    )  # fmt: skip
                    told = now
                if now - shown >= 1 / KERNELS_A_SECOND:
                    _tell_kernels(prepared.model, event.step)
                    shown = now
            elif isinstance(event, training.EpochRecord):
                tell("epoch", **event.as_dict())
                _tell_kernels(prepared.model, event.step)
                _tell_mistakes(prepared, event.epoch)
            elif isinstance(event, runs.Finished):
                problem = None if event.failure is None else str(event.failure)
                tell("finished", result=event.result, run=folder.name, problem=problem)
                return
            if not orders.go.is_set():
                tell("paused")
                orders.go.wait()
                if not orders.stop.is_set():
                    tell("resumed")
            if orders.stop.is_set():
                break
    _keep(prepared, plan, folder)
    tell("stopped", run=folder.name)


def _tell_kernels(model: nn.Layer, step: int) -> None:
    weights, name = evaluation.first_weights(model, model.card.image_shape)
    if weights is not None and np.isfinite(weights).all():
        tell("kernels", step=step, name=name, weights=encode(weights.mean(axis=1)[:32]))


def _tell_mistakes(prepared: Prepared, epoch: int) -> None:
    part: Dataset | None = prepared.validation
    if part is None:
        return
    part = part.first(LOOKED_AT)
    read = evaluation.predict(prepared.model, part.images)
    wrong = np.flatnonzero(read.argmax(axis=1) != part.labels)
    worst = wrong[np.argsort(-read[wrong].max(axis=1), kind="stable")][:MISTAKES]
    tell(
        "mistakes",
        epoch=epoch,
        of=len(part),
        wrong=len(wrong),
        pictures=[
            {
                "seen": encode(part.images[i, 0]),
                "label": prepared.model.card.classes[int(part.labels[i])],
                "read": prepared.model.card.classes[int(read[i].argmax())],
                "probability": float(read[i].max()),
            }
            for i in worst
        ],
    )


def _keep(prepared: Prepared, plan: runs.Plan, folder: Path) -> None:
    """The model as it stands, so that a run that was stopped can be used."""
    model = prepared.model
    if np.isfinite(model.flat).all():
        model.card = replace(model.card, recipe=plan.recipe.as_dict(), figures={"stopped": True})
        nn.save(model, folder / runs.MODEL)


if __name__ == "__main__":
    main()
