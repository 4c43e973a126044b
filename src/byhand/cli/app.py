"""The program: its commands, and what it says when something goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from byhand.cli import (
    bench,
    console,
    data,
    doctor,
    evaluate,
    experiment,
    inspect,
    ranks,
    read,
    serve,
    train,
)
from byhand.errors import ByhandError
from byhand.files import FULL

app = typer.Typer(
    name="byhand",
    help="Convolutional networks written by hand, for digits written by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130


def _version(asked: bool) -> None:
    if asked:
        from byhand import __version__

        print(f"byhand {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options of every command."""
    if debug:
        os.environ["BYHAND_DEBUG"] = "1"


app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("read")(read.read)
app.command("serve")(serve.serve)
app.command("experiment")(experiment.experiment)
app.command("inspect")(inspect.inspect)
app.command("bench")(bench.bench)
app.add_typer(data.app, name="data")
app.command("doctor")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; gives its exit status.

    2 for what the user gave, 1 for a failure, 130 for an interrupt; the reason is one sentence on
    standard error.
    """
    console.prepare()
    given = list(sys.argv[1:] if arguments is None else arguments)
    # --debug may stand anywhere, as people add it to the end of a command that failed.
    if "--debug" in given and given[0] != "--debug":
        given.remove("--debug")
        given.insert(0, "--debug")
    here = ranks.started(given)
    if here is not None:
        if given[0] == "--debug":  # which only rank 0 reads
            os.environ["BYHAND_DEBUG"] = "1"
        return ranks.run(here, lambda group: _run(given, group), _explain)
    try:
        return _run(given)
    except (Exception, KeyboardInterrupt) as error:
        failure = _explain(error)
        if failure.traced:
            raise
        ranks.say(failure, error)
        return failure.status


def _run(given: Sequence[str], group: Any = None) -> int:
    """Run the command; in a `group` of several ranks, for all of them."""
    command = typer.main.get_command(app)
    try:
        status = command.main(given, prog_name="byhand", standalone_mode=False, obj=group)
        sys.stdout.flush()
    except BrokenPipeError:
        if group is not None:  # the other ranks have to be ended
            raise
        # The reader of our output has gone (`byhand ... | head`): nothing is wrong here.
        ranks.forget(sys.stdout)
        return 0
    if status == INTERRUPTED:  # the parser of the command line caught it
        raise KeyboardInterrupt
    return status if isinstance(status, int) else 0


def _explain(error: BaseException) -> ranks.Failure:
    """What to say of an error, with which status to end, and whether --debug shows where it was."""
    debug = bool(os.environ.get("BYHAND_DEBUG"))
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return ranks.Failure("interrupted", INTERRUPTED, False)
    if isinstance(error, ByhandError):
        return ranks.Failure(str(error), error.exit_status, debug)
    told = getattr(error, "format_message", None)
    if callable(told):  # a usage error, from the parser of the command line
        return ranks.Failure(_usage(error, str(told())), 2, False)
    if isinstance(error, OSError) and error.errno in FULL:
        where = f" {error.filename}" if error.filename else ""
        return ranks.Failure(f"cannot write{where}: {error.strerror}; free some space", 1, debug)
    message = (
        f"unexpected {type(error).__name__}: {error}; run it again with --debug for the details"
    )
    return ranks.Failure(message, 1, debug)


def _usage(error: Any, message: str) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "byhand"
    return f"{message.strip().rstrip('.')}; see {path} --help"
