"""What the shell offers for a word that is begun: names, columns, runs."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import typer

__all__ = ["columns", "names_of", "runs"]

_HEAD: Final = 1 << 16
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
    return [_quoted(words) for words in found]


def _quoted(words: str) -> str:
    """As it has to be typed; bash inserts what it is offered as it is."""
    in_bash = os.environ.get("_CHAINRULE_COMPLETE", "").endswith("bash")
    return re.sub(r"([^\w.,/=-])", r"\\\1", words) if in_bash else words


def runs(incomplete: str) -> list[str]:
    """Offers runs, and the folders on the way to them."""
    parent = Path(f"{incomplete}x").parent
    return sorted(_runs(parent, incomplete))


def _runs(parent: Path, incomplete: str) -> Iterator[str]:
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
