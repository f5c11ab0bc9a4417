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
    _print(console, f"[bold red]error:[/] {escape(message)}")
    for note in notes:
        _print(console, escape(note))


def say_note(message: str) -> None:
    """Say on stderr something that the user should know."""
    _print(new_console(stderr=True), f"[yellow]note:[/] {escape(message)}")


def _print(console: Console, line: str) -> None:
    # Anywhere but on a terminal a message stays on one line, for grep.
    console.print(line, soft_wrap=not console.is_terminal)


def command(*words: str | Path) -> str:
    """A command of ours as it can be typed, with the program as it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("chainrule")
    if called.name != "chainrule" or (
        found and Path(found).resolve() == called.resolve()
    ):
        program = "chainrule"
    else:
        program = str(called)
    return shlex.join([program, *map(str, words)])
