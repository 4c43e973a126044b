"""The one training that the page can have under way, in a process of its own, and its events."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from byhand import recipes
from byhand.app.problems import Problem

ENDED = ("finished", "stopped", "failed")
STOP_SECONDS = 20.0  # a step, an epoch's evaluation and a file; then the process is ended
MOST_EVENTS = 4000  # kept for who comes later; then every other step is forgotten
LISTENERS = 32
BEAT_SECONDS = 15.0
_LINE = 2**22  # bytes of an event at most


class Training:
    """Starts, follows and stops the process that trains.

    Args:
        runs: the folder where runs go.
        data: the folder of the data, or None for where every command finds it.
    """

    def __init__(self, runs: Path, data: Path | None = None) -> None:
        self._runs, self._data = runs, data
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None
        self._events: list[dict[str, Any]] = []
        # Beyond those of a server that was here before, whose pages may ask for what comes after.
        self._number = int(time.time() * 10)
        self._more = asyncio.Condition()
        self._listeners = 0
        self._closing = False
        self.status = "idle"
        self.order: dict[str, Any] = {}

    def state(self) -> dict[str, Any]:
        """What is going on, as plain values."""
        latest = {event["event"]: event for event in self._events}
        return {
            "status": self.status,
            "order": {k: v for k, v in self.order.items() if k not in ("runs", "data")} or None,
            "started": latest.get("started"),
            "step": latest.get("step"),
            "epoch": latest.get("epoch"),
        }

    async def start(self, recipe: Any, settings: Any, seed: Any) -> dict[str, Any]:
        """Begin a training.

        Raises:
            Problem: one is under way, or the order is none.
            InputError: there is no such recipe or setting.
        """
        if not isinstance(settings, dict) or not all(
            isinstance(v, str | int | float | bool) for v in settings.values()
        ):
            raise Problem(400, "settings must be an object of fields and their values")
        if not isinstance(recipe, str) or isinstance(seed, bool) or not isinstance(seed, int):
            raise Problem(400, "give the recipe's name and a seed, a whole number")
        if not 0 <= seed < 2**32:
            raise Problem(400, f"the seed is {seed}, but it must be from 0 to 4294967295")
        pairs = [f"{name}={value}" for name, value in settings.items()]
        recipes.apply(recipes.get(recipe), pairs)  # whatever is wrong with them is said now
        if self.is_under_way:
            raise Problem(409, "a training is under way; stop it first, or wait for its end")
        self.status = "starting"  # before anything is awaited: nobody else gets here
        self._process = None
        self.order = {
            "recipe": recipe, "settings": pairs, "seed": seed, "runs": str(self._runs),
            "data": None if self._data is None else str(self._data),
        }  # fmt: skip
        self._events.clear()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "byhand.app.worker",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, limit=_LINE,
                start_new_session=True,  # Ctrl-C is the server's, which says stop
            )  # fmt: skip
            await self._say(json.dumps(self.order))
            if self.status == "stopping":  # which was said before there was anybody to hear it
                await self._say("stop")
        except (OSError, asyncio.CancelledError) as error:
            self.status = "failed"
            if isinstance(error, asyncio.CancelledError):
                await self.close()
                raise
            raise Problem(500, f"the training cannot be started: {error}") from error
        await self._add({"event": "starting", "order": self.state()["order"]})
        self._following = asyncio.create_task(self._follow(self._process))
        return self.state()

    @property
    def is_under_way(self) -> bool:
        """Whether a training has begun and not ended."""
        return self.status not in ("idle", *ENDED)

    @property
    def is_full(self) -> bool:
        """Whether nobody else can listen."""
        return self._listeners >= LISTENERS

    async def tell(self, word: str) -> dict[str, Any]:
        """Say "pause", "resume" or "stop" to the training.

        Raises:
            Problem: there is none.
        """
        if not self.is_under_way:
            raise Problem(409, "no training is under way")
        if word == "stop":
            self.status = "stopping"
        if self._process is not None:
            await self._say(word)
        return self.state()

    async def events(self, after: int) -> AsyncIterator[str]:
        """The events after number `after` as server-sent events, and those to come."""
        self._listeners += 1
        try:
            yield "retry: 1000\n\n"
            while not self._closing:
                news = [event for event in self._events if event["id"] > after]
                if not news:
                    try:
                        async with asyncio.timeout(BEAT_SECONDS), self._more:
                            if not self._closing:
                                await self._more.wait()
                    except TimeoutError:
                        yield ": still here\n\n"
                    continue
                for event in news:
                    yield f"id: {event['id']}\ndata: {json.dumps(event)}\n\n"
                after = news[-1]["id"]
        finally:
            self._listeners -= 1

    async def hush(self) -> None:
        """End the streams of events: the server is about to end."""
        self._closing = True
        async with self._more:
            self._more.notify_all()

    async def close(self) -> None:
        """Stop what is under way, the run kept, and wait for its end."""
        await self.hush()
        if self._process is not None and self._process.returncode is None:
            await self._say("stop")
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
        if self._following is not None:
            await asyncio.gather(self._following, return_exceptions=True)

    async def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has just ended, which `_follow` tells

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(process.stderr.read())
        try:
            async for line in process.stdout:
                await self._add(json.loads(line))
        except ValueError:  # no event, or one that is much too long
            process.kill()
        messages = (await errors).decode(errors="replace").strip().splitlines()
        await process.wait()
        if self.is_under_way:
            why = messages[-1] if messages else f"exit status {process.returncode}"
            await self._add({"event": "failed", "detail": f"the training ended early: {why}"})

    async def _add(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind in ENDED:
            self.status = kind
        elif kind == "paused":
            self.status = "paused"
        elif kind in ("started", "resumed") and self.status != "stopping":
            self.status = "running"
        self._number += 1
        if kind in ("kernels", "mistakes"):  # of these the latest counts
            self._events = [e for e in self._events if e["event"] != kind]
        self._events.append({**event, "id": self._number, "status": self.status})
        if len(self._events) > MOST_EVENTS:
            # Every other step and epoch, from the second on; never the newest.
            gone: set[int] = set()
            for thinned in ("step", "epoch"):
                ids = [e["id"] for e in self._events if e["event"] == thinned]
                gone.update(ids[1:-1:2])
            self._events = [e for e in self._events if e["id"] not in gone]
        async with self._more:
            self._more.notify_all()
