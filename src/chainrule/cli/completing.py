"""What the shell offers for a word that is begun: names, columns, runs."""

import csv
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import typer

__all__ = ["columns", "complete_at_once", "names_of", "runs"]

_HEAD: Final = 1 << 16
_DEEPEST: Final = 8
_TEXT: Final = (".csv", ".tsv", ".txt")


def names_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Offers some of these names."""

    def offer(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return offer


def columns(context: typer.Context, incomplete: str) -> list[str]:
    """Offers the columns of the table, where that is a text file.

    After a comma, more of them.
    """
    # While an option has no value yet, arguments have not been told apart.
    given = [context.params.get("table"), *context.args]
    table = next((word for word in given if word and Path(word).is_file()), None)
    if table is None:
        return []
    before, comma, begun = incomplete.rpartition(",")
    start = f"{before}{comma}"
    found = [start + name for name in _header(Path(table)) if name.startswith(begun)]
    return _for_the_shell(found)


def _for_the_shell(found: Iterable[str]) -> list[str]:
    """As the shell that asks has to be told; names in files may hold anything.

    Bash inserts what it is offered as it is. Zsh evaluates it, in double quotes, and
    typer does not escape all that means something there: what is written behind a
    backslash would even be run.
    """
    shell = os.environ.get("_CHAINRULE_COMPLETE", "").rpartition("_")[2]
    plain = [words for words in found if words.isprintable()]
    if shell == "bash":
        return [re.sub(r"([^\w.,/=-])", r"\\\1", words) for words in plain]
    if shell == "zsh":
        return [words for words in plain if not set(words) & set("\\\"'")]
    return plain


def runs(incomplete: str) -> list[str]:
    """Offers runs, and the folders on the way to them.

    Behind a lone offer the shell puts a space. So of a lone folder on the way, what is
    in it is offered instead; or nothing, and the shell offers files.
    """
    found = sorted(_runs(incomplete))
    for _ in range(_DEEPEST):  # a link may lead back to its folder
        if len(found) != 1 or not found[0].endswith("/"):
            break
        found = sorted(_runs(found[0]))
    return _for_the_shell(found)


def _runs(incomplete: str) -> Iterator[str]:
    parent = Path(f"{incomplete}x").parent
    try:
        found = [path for path in parent.iterdir() if path.is_dir()]
    except OSError:
        return
    for path in found:
        name = str(path)
        if name.startswith(incomplete) and not path.name.startswith("."):
            whole = any((path / mark).exists() for mark in ("model.json", "unfinished"))
            yield name if whole else f"{name}/"


def _header(path: Path) -> list[str]:
    """The names in the first line of a text file; none of any other."""
    if path.suffix.lower() not in _TEXT:
        return []
    try:
        with path.expanduser().open("rb") as file:
            line, _, _ = file.read(_HEAD).partition(b"\n")
        text = line.decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return []
    delimiter = max(",;\t|", key=text.count)
    try:
        cells = next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell for cell in cells if re.search(r"\S", cell)]


# Zsh calls the file itself, under its name, at the first Tab; typer's only says which
# function the second one calls.
_AT_ONCE: Final = """
if [[ $funcstack[1] == _chainrule ]]; then
  _chainrule_completion "$@"
fi
"""


def complete_at_once(options: Iterable[Any]) -> None:
    """Let what typer's options install for zsh complete from the first Tab on."""
    for option in options:
        if option.name in ("install_completion", "show_completion"):
            option.callback = _at_once(option.callback)


def _at_once(callback: Callable[..., Any] | None) -> Callable[..., Any]:
    """The callback of an option, which ends the program once it has done its work."""

    def called(context: Any, option: Any, value: Any) -> Any:
        if callback is None or not value:
            return value
        said = io.StringIO()
        try:
            with redirect_stdout(said):
                return callback(context, option, value)
        finally:
            sys.stdout.write(_mended(said.getvalue()))
            if option.name == "install_completion":
                _mend(Path.home() / ".zfunc" / "_chainrule")

    return called


def _mend(path: Path) -> None:
    """Mend the file that zsh completes by, if there is one."""
    if path.is_file():
        before = path.read_text(encoding="utf-8")
        if (after := _mended(before)) != before:
            path.write_text(after, encoding="utf-8")


def _mended(script: str) -> str:
    """A script for zsh that completes at the first Tab; any other text as it is."""
    if not script.startswith("#compdef chainrule") or "funcstack" in script:
        return script
    return f"{script.rstrip()}\n{_AT_ONCE}"
