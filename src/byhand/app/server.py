"""Runs the page's server until Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import replace

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from byhand.app.application import Settings, create_app, is_local
from byhand.checks import quoted
from byhand.errors import InputError

CONNECTIONS = 512  # open at a time; more are answered with 503
IDLE_SECONDS = 30
HEADER_SECONDS = 10  # in which the head of a request must have come


class Impatient(H11Protocol):
    """HTTP on a connection that is closed where the head of a request does not come in time."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._late = self.loop.call_later(HEADER_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        """Wait for the next head from its first byte on; uvicorn waits for that byte itself."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._no_more_waiting()
        elif self._late is None:
            self._late = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._no_more_waiting()
        super().connection_lost(exc)

    def _no_more_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Server(uvicorn.Server):
    """Ends the streams of events first, so that an open page does not hold up the end."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order."""
        await self._app.state.services.training.hush()
        await super().shutdown(sockets)


def serve(settings: Settings, port: int, say: Callable[[str], None], browser: bool = False) -> None:
    """Serve the page.

    Args:
        settings: host and limits. On an address that others can reach a token is made.
        port: to listen on; 0 for any that is free.
        say: told the address.
        browser: open the page in the browser, where somebody sits before this machine.

    Raises:
        InputError: the address cannot be had.
        KeyboardInterrupt: Ctrl-C, after all has ended in order.
    """
    open_to_others = not is_local(settings.host)
    if open_to_others and settings.token is None:
        settings = replace(settings, token=secrets.token_urlsafe(24))
    settings = replace(settings, warm=True)
    with _listen(settings.host, port) as listening:
        app = create_app(settings)
        bound = listening.getsockname()
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        if bound[0] in ("0.0.0.0", "::"):
            name = socket.gethostname()
        address = f"http://{name}:{bound[1]}/"
        if open_to_others:
            host = settings.host
            say(f"{host} can be reached from other machines: only who has the token gets in")
            address += f"?token={settings.token}"
        opens = browser and not open_to_others and somebody_is_here()
        say(f"byhand is at {address} (Ctrl-C ends it){'' if opens else '; open it in a browser'}")
        if opens:  # it may take its time; what it asks is answered as soon as the server runs
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        # What is wrong with a form is told to who sent it; the log is not for others to write in.
        logging.getLogger("python_multipart").addHandler(logging.NullHandler())
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            http=Impatient,
            ws="none",
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=16 * 1024,
        )
        Server(config, app).run(sockets=[listening])


def somebody_is_here() -> bool:
    """Whether a browser that is opened now is seen by somebody: no CI, no SSH, and a display."""
    if any(os.environ.get(name) for name in ("CI", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _listen(host: str, port: int) -> socket.socket:
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With its protocol named, asyncio sends at once what is written (no Nagle's algorithm).
        listening = socket.socket(kind[0], socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(kind[4])
        listening.listen(128)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(
            f"cannot listen on {quoted(host)} port {port} ({why}): "
            "choose another with --host and --port"
        ) from error
    return listening
