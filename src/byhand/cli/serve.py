"""`byhand serve`: the web page."""

from __future__ import annotations

from typing import Annotated

import typer

from byhand.cli.options import Data, MemoryLimit, option


def serve(
    host: Annotated[
        str,
        typer.Option(
            help="The address to listen on; on another than this machine's own, visitors need the "
            "token that is printed."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0: any that is free.")
    ] = 8028,
    model: Annotated[
        str | None, option("A reader's model file (default: the one in the package).")
    ] = None,
    data: Data = None,
    runs: Annotated[str, typer.Option(help="The folder of training runs and reports.")] = "runs",
    memory_limit: MemoryLimit = 1.0,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser/--no-browser",
            help="Open the page in the browser. Without a display, over SSH, in CI, and with "
            "--host for other machines it is never opened.",
        ),
    ] = True,
) -> None:
    """Serve a web page and open it: draw a digit, watch the network think, watch it learn.

    It needs nothing from the network, and is for this machine only unless --host says otherwise.
    """
    from byhand import checks
    from byhand.app.application import Settings
    from byhand.app.server import serve as run

    settings = Settings(
        host=host,
        model=None if model is None else checks.path("--model", model),
        data=data,
        runs=checks.path("--runs", runs),
        memory=round(memory_limit * 2**30),
    )
    run(settings, port, lambda line: print(line, flush=True), browser=browser)
