"""The server's parts put together."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from byhand import kernels
from byhand.app import tasks
from byhand.app.guard import BODY, BODY_SECONDS, Guard
from byhand.app.networks import Networks
from byhand.app.problems import HANDLERS
from byhand.app.processes import Processes
from byhand.app.routes import ROUTES, Services
from byhand.app.threads import ThreadPool
from byhand.app.training import Training
from byhand.errors import DataError
from byhand.reader import Reader

LOCAL = ("127.0.0.1", "localhost", "::1")
MEMORY = 2**30  # bytes that a network may take for one picture
HEADROOM = 2 * 2**30  # that a process may take besides: a large photograph's, all layers' pictures
FILES_AT_ONCE = 2


@dataclass(frozen=True)
class Settings:
    """How the server is set up.

    Args:
        host: the address that it is bound to.
        token: what visitors must show; None for nobody but this machine.
        runs: the folder of training runs and reports.
        data: the folder of the data to train on; None for where every command finds it.
        model: a reader's model; None for the one in the package.
        body, body_seconds: a request's size and time at most.
        memory: bytes that a network may take for one picture.
        waiting: requests that may wait for a core.
        quick_seconds, slow_seconds: what a drawing may take, and a photograph.
        warm: start the processes that read drawings at once, not with the first drawing.
    """

    host: str = "127.0.0.1"
    token: str | None = None
    runs: Path = Path("runs")
    data: Path | None = None
    model: Path | None = None
    body: int = BODY
    body_seconds: float = BODY_SECONDS
    memory: int = MEMORY
    waiting: int = 256
    quick_seconds: float = 20.0
    slow_seconds: float = 60.0
    warm: bool = False


def create_app(settings: Settings | None = None) -> Starlette:
    """The server as an ASGI application.

    Raises:
        DataError: the reader's model cannot be loaded, or the folder of runs is none.
    """
    settings = settings or Settings()
    if settings.runs.exists() and not settings.runs.is_dir():
        raise DataError(f"the folder of runs, {settings.runs}, is no folder: give another")
    cores = kernels.available_threads()
    reader = settings.model
    Reader.load(reader)  # what is wrong with it is said now
    # A request is one process's work: several are read side by side, each on a core.
    first, most = partial(tasks.warm, reader), settings.memory + HEADROOM
    waiting, quick_seconds, slow_seconds = (
        settings.waiting, settings.quick_seconds, settings.slow_seconds,
    )  # fmt: skip
    files = ThreadPool(FILES_AT_ONCE, waiting, quick_seconds)
    quick = Processes(cores, waiting, quick_seconds, most, first)
    slow = Processes(max(1, cores - 1), waiting // 8, slow_seconds, most, first)
    services = Services(
        reader=reader,
        networks=Networks(settings.runs, reader, settings.memory, quick, files),
        training=Training(settings.runs, settings.data),
        runs=settings.runs,
        memory=settings.memory,
        files=files,
        quick=quick,
        slow=slow,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if settings.warm:
            quick.warm()
        yield
        await services.training.close()
        for pool in (quick, slow, files):
            pool.close()

    everywhere = not is_local(settings.host)
    hosts = {
        *LOCAL,
        settings.host.lower(),
        *((socket.gethostname().lower(),) if everywhere else ()),
    }
    guard = Middleware(
        Guard,
        hosts=hosts,
        addresses=everywhere,
        token=settings.token,
        body=settings.body,
        body_seconds=settings.body_seconds,
    )
    app = Starlette(
        routes=ROUTES, middleware=[guard], exception_handlers=HANDLERS, lifespan=lifespan
    )
    app.state.services = services
    return app


def is_local(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    if host in LOCAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
