"""The program: its commands, and what it says when something goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from byhand.cli import bench, data, doctor, evaluate, experiment, inspect, read, train
from byhand.errors import ByhandError

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
    given = list(sys.argv[1:] if arguments is None else arguments)
    # --debug may stand anywhere, as people add it to the end of a command that failed.
    if "--debug" in given and given[0] != "--debug":
        given.remove("--debug")
        given.insert(0, "--debug")
    command = typer.main.get_command(app)
    try:
        status = command.main(given, prog_name="byhand", standalone_mode=False)
        sys.stdout.flush()
        if status == INTERRUPTED:  # the parser of the command line caught it
            return _say("interrupted", INTERRUPTED)
        return status if isinstance(status, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone (`byhand ... | head`): nothing is wrong here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ByhandError as error:
        if os.environ.get("BYHAND_DEBUG"):
            raise
        return _say(str(error), error.exit_status)
    except Exception as error:
        told = getattr(error, "format_message", None)
        if callable(told):  # a usage error, from the parser of the command line
            return _say(_usage(error, str(told())), 2)
        if os.environ.get("BYHAND_DEBUG"):
            raise
        kind = type(error).__name__
        return _say(f"unexpected {kind}: {error}; run it again with --debug for the details", 1)


def _usage(error: Any, message: str) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "byhand"
    return f"{message.strip().rstrip('.')}; see {path} --help"


def _say(message: str, status: int) -> int:
    sys.stdout.flush()
    print("byhand: " + " ".join(message.split()), file=sys.stderr)
    return status
