"""Progress of a training run: bars on a terminal, plain lines elsewhere, on standard error."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from byhand.cli.output import note


class Display(Protocol):
    """What shows a run's progress."""

    def step(self, record: Any) -> None:
        """A step was done."""

    def epoch(self, record: Any) -> None:
        """An epoch was done."""

    def say(self, text: str) -> None:
        """Something to be read."""

    def close(self) -> None:
        """The run is over."""


def new_display(prepared: Any, splits: Any, layout: str, ranks: int = 1) -> Display:
    """Bars where standard error is a terminal, plain lines where not; tells what is trained."""
    from rich.console import Console

    from byhand import kernels

    recipe, model, n = prepared.recipe, prepared.model, len(prepared.train)
    per_epoch = -(-n // recipe.batch_size)
    steps = [s for s in (recipe.steps, recipe.epochs and recipe.epochs * per_epoch) if s]
    held = "" if prepared.validation is None else f" ({len(prepared.validation):,} held out)"
    layout = kernels.resolve_layout(layout)
    on = f" on {kernels.instruction_set()}" if layout == "lanes" else ""
    arithmetic = f"{layout} arithmetic{on}, threads: {kernels.threads()}"
    if ranks > 1:
        arithmetic += f" in each of {ranks} ranks"
    note(
        f"{recipe.name}: {model.flat.size:,} parameters, {n:,} training pictures{held} of "
        f"{splits.name} from {splits.source}; {arithmetic}"
    )
    for sentence in prepared.notes:
        note(sentence)
    console = Console(stderr=True)
    if console.is_terminal:
        return Bars(console, min(steps), per_epoch, recipe.batch_size)
    return Lines(min(steps), per_epoch)


def epoch_line(record: Any) -> str:
    """An epoch in a line."""
    parts = [
        f"epoch {record.epoch:3d}",
        f"loss {record.train_loss:.4f}",
        f"accuracy {record.train_accuracy:.2%}",
    ]
    for name in ("validation", "test"):
        accuracy = getattr(record, f"{name}_accuracy")
        if accuracy is not None:
            parts.append(f"{name} {accuracy:.2%}")
    parts += [f"rate {record.learning_rate:.2g}", f"{record.images_per_second:,.0f} images/s"]
    return "  ".join(parts)


class Told:
    """Which epochs get a line: all of few, about `LINES` of many, the first and the last."""

    LINES = 20

    def __init__(self, total_steps: int, per_epoch: int) -> None:
        self.epochs = -(-total_steps // per_epoch)
        self._every = -(-self.epochs // self.LINES)

    def __contains__(self, epoch: int) -> bool:
        return epoch % self._every == 0 or epoch in (1, self.epochs)


class Lines:
    """A line an epoch, and one every half minute in long epochs."""

    EVERY = 30.0  # seconds

    def __init__(self, total_steps: int, per_epoch: int) -> None:
        self._total = total_steps
        self._told = Told(total_steps, per_epoch)
        self._started = self._last = time.monotonic()
        self._first: int | None = None

    def step(self, record: Any) -> None:
        """Now and then a line."""
        if self._first is None:
            self._first = record.step - 1
        now = time.monotonic()
        if now - self._last > self.EVERY:
            self._last = now
            left = (now - self._started) / (record.step - self._first) * (self._total - record.step)
            note(
                f"epoch {record.epoch:3d}  step {record.step}/{self._total}  "
                f"loss {record.loss:.4f}  {_minutes(left)} left"
            )

    def epoch(self, record: Any) -> None:
        """A line."""
        if record.epoch in self._told:
            self._last = time.monotonic()
            note(epoch_line(record))

    def say(self, text: str) -> None:
        """As it is."""
        note(text)

    def close(self) -> None:
        """Nothing to close."""


class Bars:
    """A bar for the whole run, with loss, accuracy, images/s and time left; a line an epoch."""

    def __init__(self, console: Any, total_steps: int, per_epoch: int, batch_size: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = console
        self._loss: float | None = None
        self._accuracy = 0.0
        self._times: list[tuple[float, int]] = []
        self._shown = 0.0
        # A narrow terminal has room for less, on one line.
        figures = "loss {task.fields[loss]}  accuracy {task.fields[accuracy]}"
        figures = figures if console.width >= 70 else "{task.fields[accuracy]}"
        self._bars = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn(figures),
            *([TextColumn("{task.fields[speed]}")] if console.width >= 80 else []),
            TimeRemainingColumn(),
            console=console,
            expand=True,
            transient=True,
        )
        self._batch_size = batch_size
        self._told = Told(total_steps, per_epoch)
        self._task = self._bars.add_task(
            "train", total=total_steps, epoch="1", loss="-", accuracy="-", speed=""
        )
        self._bars.start()

    def step(self, record: Any) -> None:
        """Move the bar; loss and accuracy are smoothed over about 50 steps."""
        keep = 0.0 if self._loss is None else 0.98
        self._loss = keep * (self._loss or 0.0) + (1 - keep) * record.loss
        self._accuracy = keep * self._accuracy + (1 - keep) * record.accuracy
        now = time.monotonic()
        if now - self._shown < 0.1:
            return
        self._shown = now
        self._times = [*self._times[-30:], (now, record.step)]
        (t0, s0), (t1, s1) = self._times[0], self._times[-1]
        images = (s1 - s0) * self._batch_size
        speed = f"{images / (t1 - t0):,.0f} images/s" if t1 > t0 else ""
        self._bars.update(
            self._task,
            completed=record.step,
            epoch=f"{record.epoch}/{self._told.epochs}",
            loss=f"{self._loss:.4f}",
            accuracy=f"{self._accuracy:.1%}",
            speed=speed,
        )

    def epoch(self, record: Any) -> None:
        """A line above the bar, which stays."""
        if record.epoch in self._told:
            self._console.print(epoch_line(record), highlight=False)

    def say(self, text: str) -> None:
        """Above the bar, marked."""
        self._console.print(text, style="yellow", highlight=False, markup=False)

    def close(self) -> None:
        """Take the bar away."""
        self._bars.stop()
        sys.stderr.flush()


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
