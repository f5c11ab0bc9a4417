"""The program: its commands, and what is said when one of them fails.

`commands` holds their options; what they do is in the modules beside this one, which
are imported when a command runs, so that `--help` does not wait for pyarrow.
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from chainrule.cli.commands.graph import EXAMPLES as GRAPH_EXAMPLES
from chainrule.cli.commands.graph import graph
from chainrule.cli.commands.look import (
    COMPARE_EXAMPLES,
    EXPORT_EXAMPLES,
    INFO_EXAMPLES,
    compare,
    export,
    info,
)
from chainrule.cli.commands.train import EXAMPLES as TRAIN_EXAMPLES
from chainrule.cli.commands.train import USAGES as TRAIN_USAGES
from chainrule.cli.commands.train import train
from chainrule.cli.commands.use import (
    EVALUATE_EXAMPLES,
    PREDICT_EXAMPLES,
    evaluate,
    predict,
)
from chainrule.cli.completing import complete_at_once
from chainrule.cli.console import say_error, say_json
from chainrule.cli.errors import KINDS, Failure
from chainrule.cli.help import Group, with_examples
from chainrule.cli.options import UsageError

__all__ = ["app", "run"]


class Program(Group):
    """`chainrule` itself."""

    examples = (
        ("chainrule train table.csv --target price", "train on a table"),
        ("chainrule graph 'z*(2*x + y)' x=3 y=-4 z=5", "see the chain rule at work"),
    )


app = typer.Typer(
    name="chainrule",
    cls=Program,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=with_examples(*TRAIN_EXAMPLES, usages=TRAIN_USAGES))(train)
app.command(cls=with_examples(*PREDICT_EXAMPLES))(predict)
app.command(cls=with_examples(*EVALUATE_EXAMPLES))(evaluate)
app.command(cls=with_examples(*INFO_EXAMPLES))(info)
app.command(cls=with_examples(*COMPARE_EXAMPLES))(compare)
app.command(cls=with_examples(*EXPORT_EXAMPLES))(export)
app.command(
    cls=with_examples(*GRAPH_EXAMPLES),
    context_settings={"ignore_unknown_options": True},  # a formula may begin with -
)(graph)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    _accept_all_letters()
    details = bool(os.environ.get("CHAINRULE_TRACEBACK")) or "--traceback" in arguments
    try:
        return _run([a for a in arguments if a != "--traceback"])
    except BrokenPipeError:
        return _nobody_reads()
    except UsageError as error:
        failure = _usage_failure(error)
    except Failure as error:
        failure = error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
        failure = _bug(error, details=details)
    if details and failure.code != 2:
        traceback.print_exception(failure.__cause__ or failure)
    return _say(failure, as_json="--json" in arguments)


def _say(failure: Failure, *, as_json: bool) -> int:
    """Say what went wrong, to people or to programs; the exit code."""
    if not as_json:
        say_error(failure.message, failure.notes)
        return failure.code
    told = {"kind": KINDS[failure.code], "message": failure.message}
    notes = [note.strip() for note in failure.notes]
    say_json({"error": {**told, "notes": notes, "code": failure.code}}, stderr=True)
    return failure.code


def _nobody_reads() -> int:
    """End quietly where whoever read what we write has gone, as after `| head`."""
    # Python would complain while it ends, when it writes what is left.
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the end
    return 141


def _run(arguments: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    complete_at_once(command.params)
    try:
        code = command.main(
            list(arguments), prog_name="chainrule", standalone_mode=False
        )
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer makes it a 1
            raise end.__context__ from None
        raise
    except ImportError as error:
        if (error.name or "").startswith("chainrule"):
            raise
        raise Failure(str(error)) from error
    if code == 130:  # also what typer makes of Ctrl-C, without a word
        raise Failure("stopped", code=130)
    return code if isinstance(code, int) else 0


def _accept_all_letters() -> None:
    """Write a question mark where a terminal does not know a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _usage_failure(error: Exception) -> Failure:
    message: str = error.format_message()  # type: ignore[attr-defined]  # see UsageError
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "chainrule"
    return Failure(message.rstrip("."), f"See {path} --help", code=2)


def _bug(error: Exception, *, details: bool) -> Failure:
    kind = type(error).__name__
    advice = () if details else ("Please report it with what --traceback shows.",)
    message = f"this is a bug in chainrule, not your mistake: {kind}: {error}"
    failure = Failure(message, *advice, code=70)
    failure.__cause__ = error
    return failure


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chainrule {version('chainrule')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback",
            help="Show where in the code an error arose (also: CHAINRULE_TRACEBACK=1).",
        ),
    ] = False,
) -> None:
    """Train neural networks on tables, and see how they learn."""
    del version, traceback
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
