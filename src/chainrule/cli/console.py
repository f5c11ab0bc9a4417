"""Where the command line writes: results to stdout, everything else to stderr."""

import json
import math
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

__all__ = ["command", "new_console", "say_error", "say_json", "say_note"]


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


def say_json(found: Any, *, stderr: bool = False) -> None:
    """Write one JSON document, for programs; what is not finite is null in it."""
    text = json.dumps(_finite(found), indent=1, ensure_ascii=False, allow_nan=False)
    typer.echo(text, err=stderr)


def _finite(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {name: _finite(x) for name, x in item.items()}
    if isinstance(item, (list, tuple)):
        return [_finite(x) for x in item]
    return None if isinstance(item, float) and not math.isfinite(item) else item


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
