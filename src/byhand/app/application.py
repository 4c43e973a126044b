"""The server's parts put together."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from byhand import kernels
from byhand.app.guard import BODY, BODY_SECONDS, Guard
from byhand.app.networks import Networks
from byhand.app.problems import HANDLERS
from byhand.app.readers import Readers
from byhand.app.routes import ROUTES, House
from byhand.app.training import Training
from byhand.app.work import Work
from byhand.reader import Reader

LOCAL = ("127.0.0.1", "localhost", "::1")


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
    waiting: int = 256
    quick_seconds: float = 20.0
    slow_seconds: float = 60.0
    warm: bool = False


def create_app(settings: Settings | None = None) -> Starlette:
    """The server as an ASGI application.

    Raises:
        DataError: the reader's model cannot be loaded.
    """
    settings = settings or Settings()
    # A request is one thread's work: several are read side by side, each on a core.
    cores = kernels.available_threads()
    kernels.set_threads(1)
    house = House(
        reader=Reader.load(settings.model),
        readers=Readers(cores, settings.waiting, settings.quick_seconds, settings.model),
        networks=Networks(settings.runs, settings.model),
        training=Training(settings.runs, settings.data),
        runs=settings.runs,
        quick=Work(cores, settings.waiting, settings.quick_seconds),
        slow=Work(max(1, cores - 1), settings.waiting // 8, settings.slow_seconds),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if settings.warm:
            house.readers.warm()
        yield
        await house.training.close()
        house.readers.close()
        house.quick.close()
        house.slow.close()

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
    app.state.house = house
    return app


def is_local(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    if host in LOCAL:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
