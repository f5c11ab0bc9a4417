"""Where the command line writes: results to stdout, everything else to stderr."""

import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

__all__ = ["command", "new_console", "say_error", "say_note"]


def new_console(*, stderr: bool = False) -> Console:
    """A console that colours nothing by itself, and nothing at all where asked so.

    `NO_COLOR` and what is no terminal are respected.
    """
    return Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=False)


def say_error(message: str, notes: tuple[str, ...] = ()) -> None:
    """Say on stderr what went wrong."""
    console = new_console(stderr=True)
    console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    for note in notes:
        console.print(escape(note), soft_wrap=True)


def say_note(message: str) -> None:
    """Say on stderr something that the user should know."""
    console = new_console(stderr=True)
    console.print(f"[yellow]note:[/] {escape(message)}", soft_wrap=True)


def command(*words: str | Path) -> str:
    """A command of ours as it can be typed, with the program as it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("chainrule")
    if called.name != "chainrule" or (found and Path(found).samefile(called)):
        program = "chainrule"
    else:
        program = str(called)
    return shlex.join([program, *map(str, words)])
