"""Runs the page's server until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from dataclasses import replace

import uvicorn

from byhand.app.application import Settings, create_app, is_local
from byhand.errors import InputError

CONNECTIONS = 512  # open at a time; more are answered with 503
IDLE_SECONDS = 30


def serve(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Serve the page.

    Args:
        settings: host and limits. On an address that others can reach a token is made.
        port: to listen on; 0 for any that is free.
        say: told the address.

    Raises:
        InputError: the address cannot be had.
        KeyboardInterrupt: Ctrl-C, after all has ended in order.
    """
    open_to_others = not is_local(settings.host)
    if open_to_others and settings.token is None:
        settings = replace(settings, token=secrets.token_urlsafe(24))
    settings = replace(settings, warm=True)
    listening = _listen(settings.host, port)
    app = create_app(settings)
    found = listening.getsockname()
    name = f"[{found[0]}]" if ":" in found[0] else found[0]
    if found[0] in ("0.0.0.0", "::"):
        name = socket.gethostname()
    address = f"http://{name}:{found[1]}/"
    if open_to_others:
        say(f"{settings.host} can be reached from other machines: only who has the token gets in")
        address += f"?token={settings.token}"
    say(f"byhand is at {address} (Ctrl-C ends it)")
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=16 * 1024,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        kind = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # With its protocol named, asyncio sends at once what is written (no Nagle's algorithm).
        listening = socket.socket(kind[0], socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(kind[4])
        listening.listen(128)
    except OSError as error:
        raise InputError(
            f"cannot listen on {host} port {port} ({error.strerror or error}): "
            "choose another with --host and --port"
        ) from error
    return listening
